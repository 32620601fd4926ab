import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { FinishedRecording } from '../../recorder';
import { only, readWav, startRecorder, temporaryFolder, voice } from './support';

/*
 * The one sender at hand that nobody here wrote and that also does AES-256 and SRTP without a tag. These tests need GStreamer's tools and
 * its good and bad plugins; without them they fail.
 */

const KEYS = {
  128: '000102030405060708090a0b0c0d0e0f',
  256: '000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f',
} as const;
const SALT = '101112131415161718191a1b1c1d';
const AUDIO = voice(100);

/** `srtpenc`'s properties; undefined: clear. */
function encryption(bits: 128 | 256, authentication: 'hmac-sha1-80' | 'hmac-sha1-32' | 'null'): string[] {
  const cipher = `aes-${bits}-icm`;
  // RTCP without a tag isn't allowed; none is sent.
  return [
    'srtpenc',
    `key=${KEYS[bits]}${SALT}`,
    `rtp-cipher=${cipher}`,
    `rtp-auth=${authentication}`,
    `rtcp-cipher=${cipher}`,
    'rtcp-auth=hmac-sha1-80',
    '!',
  ];
}

/** Sends a headerless file of A-law in real time, 20 ms a packet. */
async function send(file: string, port: number, ...between: string[]): Promise<void> {
  const pipeline = [
    'filesrc',
    `location=${file}`,
    'blocksize=160',
    '!',
    'rawaudioparse',
    'format=alaw',
    'sample-rate=8000',
    'num-channels=1',
    '!',
    'rtppcmapay',
    'min-ptime=20000000',
    'max-ptime=20000000',
    '!',
    'application/x-rtp,ssrc=(uint)305419896',
    '!',
    ...between,
    'udpsink',
    'host=127.0.0.1',
    `port=${port}`,
    'sync=true',
  ];
  const child = spawn('gst-launch-1.0', ['-q', ...pipeline], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve, reject) => {
    child.once('exit', resolve).once('error', reject);
  });
  assert.equal(code, 0);
}

/** Both flows at once, into one file. */
async function record(
  keys: { key: string; salt: string } | undefined,
  ...between: string[]
): Promise<FinishedRecording> {
  const file = path.join(await temporaryFolder(), 'audio.raw');
  await writeFile(file, AUDIO);
  const { recorder } = await startRecorder();
  const { sentFlowPort, receivedFlowPort } = await recorder.arm('70120', { secure: keys !== undefined });
  if (keys) await recorder.setKeys('70120', keys);
  await Promise.all([sentFlowPort, receivedFlowPort].map((port) => send(file, port, ...between)));
  return only(await recorder.endConversation('70120'));
}

describe('with GStreamer as sender', () => {
  it('clear A-law arrives sample by sample', async () => {
    await arrivedWhole(await record(undefined));
  });

  for (const [bits, authentication] of [
    [128, 'hmac-sha1-80'],
    [128, 'hmac-sha1-32'],
    [128, 'null'],
    [256, 'hmac-sha1-80'],
    [256, 'null'],
  ] as const) {
    it(`SRTP of AES-${bits} with ${authentication === 'null' ? 'no tag' : authentication} arrives sample by sample`, async () => {
      await arrivedWhole(await record({ key: KEYS[bits], salt: SALT }, ...encryption(bits, authentication)));
    });
  }

  it('what a bad network loses and reorders is told, and the length stays right', async () => {
    const { file, channels, durationMs } = await record(
      undefined,
      'netsim',
      'drop-probability=0.15',
      'delay-probability=0.3',
      'min-delay=5',
      'max-delay=60',
      'allow-reordering=true',
      '!',
    );
    const { left, right, frames } = await readWav(file);
    // Two processes: neither begins when the other does.
    let latest = 0;
    for (const [side, { packets, lost, late }] of [
      [left, channels.sent],
      [right, channels.received],
    ] as const) {
      assert.ok(packets > 50 && packets < 100, `${packets} came`);
      assert.equal(late, 0);
      // Neither the first nor the last packet must have come: what lies between them is accounted for.
      assert.ok(packets + lost <= 100 && packets + lost >= 90, `${packets} came, ${lost} are missed`);
      const { count, offset } = heard(side);
      assert.equal(count, packets, 'packets of the audio at the places where they belong');
      latest = Math.max(latest, offset);
    }
    assert.ok(Math.abs(durationMs - frames / 8) <= 1);
    assert.ok(
      frames <= latest + AUDIO.length && frames >= latest + AUDIO.length - 10 * 160,
      `${frames} samples, ${AUDIO.length} were sent, the later ones from ${latest} on`,
    );
  });
});

async function arrivedWhole({ file, channels }: FinishedRecording): Promise<void> {
  const { left, right } = await readWav(file);
  for (const side of [left, right]) assert.ok(side.includes(AUDIO));
  for (const { packets, lost, late, undeciphered } of Object.values(channels))
    assert.deepEqual(
      { packets, lost, late, undeciphered },
      { packets: 100, lost: 0, late: 0, undeciphered: 0 },
    );
}

/** How many packets of the audio lie in a channel where the sender's time puts them, from the first one that came; and where its first one would be. */
function heard(side: Buffer): { count: number; offset: number } {
  const packet = (index: number): Buffer => AUDIO.subarray(index * 160, (index + 1) * 160);
  const first =
    Array.from({ length: 100 }, (_, index) => index).find((index) => side.includes(packet(index))) ?? 0;
  const offset = side.indexOf(packet(first)) - first * 160;
  let count = 0;
  for (let index = first; index < 100; index += 1)
    if (side.subarray(offset + index * 160, offset + (index + 1) * 160).equals(packet(index))) count += 1;
  return { count, offset };
}
