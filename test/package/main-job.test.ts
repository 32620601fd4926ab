import assert from 'node:assert/strict';

import { startSimulator } from '../../simulator';
import { moreSent, probed, recorderFlow, type Finished } from '../node-red/recording/recordings';
import { DEVICES, recordingRequests, TARGET, wholeFlow } from '../node-red/flows';
import { whenTestEnds } from '../support/cleanup';
import { startNodeRed } from '../support/node-red';
import { userDirWithPalette } from '../support/tarball';
import { nodeBinary, NODE_VERSIONS } from '../support/toolchain';

for (const { version, major, got } of [
  { version: '4.1', major: 20, got: 14 },
  { version: '5.0', major: 24, got: 16 },
] as const) {
  describe(`the installed tarball in Node-RED ${version} under Node ${NODE_VERSIONS[major]}, with got ${got}`, function () {
    this.timeout(300_000);

    it('monitors a device, records it, stops, and leaves nothing behind', async () => {
      const oxe = await startSimulator({ devices: DEVICES });
      whenTestEnds(() => oxe.close());
      const palette = { tarballUserDir: await userDirWithPalette(major) };
      const nodeRed = await startNodeRed({
        version,
        node: nodeBinary(major),
        palette,
        flows: wholeFlow(oxe),
      });
      for (const [probe, msg] of [
        ['in-monitor', { action: 'start', payload: '70120' }],
        ['in-record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } }],
        ['in-record', { action: 'stop', payload: '70120' }],
      ] as const) {
        nodeRed.inject(probe, msg);
        const { error } = await Promise.race([nodeRed.told('out'), nodeRed.told('caught')]);
        assert.equal(error, undefined);
      }
      const { code } = await nodeRed.stop();
      assert.equal(code, 0);
      assert.deepEqual(
        recordingRequests(oxe).map((request) => request.split(' {')[0]?.trim()),
        ['POST', 'POST monitor', 'POST record', 'DELETE record/70120', 'DELETE'],
      );
      assert.deepEqual(oxe.violations(), []);
      assert.deepEqual(nodeRed.received('caught'), []);
    });

    it('records a call to a file that plays', async () => {
      const oxe = await startSimulator({ devices: DEVICES });
      whenTestEnds(() => oxe.close());
      const palette = { tarballUserDir: await userDirWithPalette(major) };
      const { flows } = await recorderFlow(oxe);
      const nodeRed = await startNodeRed({ version, node: nodeBinary(major), palette, flows });
      nodeRed.inject('in-record', { action: 'start', payload: '70120' });
      await nodeRed.told('out', undefined, { timeoutMs: 30_000 });
      const call = oxe.call({ from: '0390670000', to: '70120' });
      await call.answered();
      await moreSent(oxe, '70120', 50);
      await call.hangUp();
      const { payload } = await nodeRed.told<Finished>('unsolicited', ({ topic }) => topic === 'finished', {
        timeoutMs: 30_000,
      });
      assert.equal((await probed(payload.file)).channels, 2);
      await nodeRed.stop();
      assert.deepEqual(oxe.violations(), []);
    });
  });
}
