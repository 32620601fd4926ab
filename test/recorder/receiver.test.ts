import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';

import { systemFileSystem } from '../../recorder/disk/file-system';
import { currentOwner } from '../../recorder/files/owner';
import { Receiver } from '../../recorder/worker/receiver';
import type { RecordingMetadata } from '../../recorder/common/types';
import { whenTestEnds } from '../support/cleanup';
import { optionsIn } from './desk';
import { only, packetsOf, portRange, temporaryFolder, voice } from './support';

describe('the end of a conversation', () => {
  it('is told to a thread that was kept from running for six seconds: what lies unread belongs to it', async () => {
    const recorded: RecordingMetadata[] = [];
    // In this thread, not in a worker: while it sends, it doesn't read.
    const receiver = new Receiver('127.0.0.1', {
      options: optionsIn(await temporaryFolder()),
      fileSystem: systemFileSystem,
      owner: currentOwner('test'),
      onRecorded: (one) => {
        recorded.push(one);
      },
      onAlarm: () => undefined,
      onStarted: () => undefined,
    });
    whenTestEnds(() => receiver.close());
    const { portMin: port } = portRange();
    await receiver.arm('70120', {}, false, { sent: port, received: port + 2 });
    const phone = createSocket('udp4');
    whenTestEnds(() => {
      phone.close();
    });
    await new Promise<void>((resolve) => {
      phone.connect(port, '127.0.0.1', resolve);
    });
    for (const packet of packetsOf(voice(300))) phone.send(packet);
    await receiver.readPending('70120');
    await receiver.device('70120')?.endConversation('told', performance.now());
    assert.equal(only(recorded).channels.sent.packets, 300);
  });
});
