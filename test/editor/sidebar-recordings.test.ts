import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';

import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { PACKET, rtp, voice } from '../recorder/support';
import { recorderFlow } from '../node-red/recording/recordings';
import { openEditor } from '../support/browser';
import { whenTestEnds } from '../support/cleanup';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { CACHE } from '../support/toolchain';
import { barriers } from './barriers';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const PATIENCE = { timeout: 60_000 };
const PACKET_MS = 20;

/** Somebody who sends to a port, and loses a packet in four, until the test ends. */
async function sendWithLoss(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const payload = voice(1);
  let number = 0;
  const timer = setInterval(() => {
    number += 1;
    if (number % 4 !== 0)
      socket.send(rtp(payload, { sequenceNumber: number, timestamp: number * PACKET }), port, '127.0.0.1');
  }, PACKET_MS);
  whenTestEnds(() => {
    clearInterval(timer);
    socket.close();
  });
}

for (const [version, dark] of tried<readonly [NodeRedVersion, boolean]>(
  [
    ['4.1', false],
    ['5.0', true],
  ],
  [['4.1', false]],
)) {
  describe(`recordings under way in the sidebar of Node-RED ${version}`, function () {
    this.timeout(180_000);
    let oxe: Simulator;
    let nodeRed: NodeRed;

    afterEach(async () => {
      assert.ok(nodeRed.alive());
      await stopAll();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    it('are shown with how loud both sides are, pauses, losses and alarms, without a barrier, and no more when they are over', async () => {
      oxe = await startSimulator({ devices: ['70000-70009'] });
      const { flows } = await recorderFlow(oxe, {
        link: { devices: '70001, 70002', media: 'recorder', record: 'all' },
        record: { recorder: '' },
      });
      nodeRed = await startNodeRed({ version, flows });
      await oxe.once(() => oxe.recorded(7).length === 2, { timeoutMs: 30_000, what: 'both recorded' });
      const { page, problems } = await openEditor(nodeRed, { dark });
      await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
      const sidebar = page.locator('.o2g-sidebar');
      const row = (device: string): Locator =>
        sidebar.locator('.o2g-recording').filter({ has: page.getByText(device, { exact: true }) });
      await sidebar
        .locator('.o2g-section')
        .filter({ hasText: /^Recordings under way\s*None\.$/ })
        .waitFor(PATIENCE);

      const call = oxe.call({ from: '0390670000', to: '70001' });
      await call.answered();
      await row('70001')
        .filter({ hasText: /since \d/ })
        .waitFor(PATIENCE);
      for (const side of ['says', 'hears']) {
        const meter = sidebar.getByRole('meter', { name: `70001: ${side}` });
        // In one look: a second later nothing may have come.
        const level = Number(
          await meter.and(page.locator('[aria-valuetext$=" dB"]')).getAttribute('aria-valuenow', PATIENCE),
        );
        assert.ok(level > -40 && level <= 0, `${level} dB`);
      }
      nodeRed.inject('in-record', { action: 'pause', payload: '70001' });
      await row('70001').filter({ hasText: 'paused' }).waitFor(PATIENCE);
      await sidebar
        .getByRole('meter', { name: '70001: says' })
        .and(page.locator('[aria-valuetext="nothing comes"]'))
        .waitFor(PATIENCE);

      const { sentFlowPort } = oxe
        .recordings(7)
        .find(({ deviceNumber }) => deviceNumber === '70002') as unknown as { sentFlowPort: number };
      await sendWithLoss(sentFlowPort);
      await row('70002')
        .filter({ hasText: /\d % lost/ })
        .waitFor(PATIENCE);
      await row('70002').filter({ hasText: 'one-way' }).waitFor(PATIENCE);
      assert.deepEqual(await barriers(page, '.o2g-sidebar'), []);

      await mkdir(join(CACHE, 'screenshots'), { recursive: true });
      await sidebar.screenshot({ path: join(CACHE, 'screenshots', `${version} sidebar recordings.png`) });

      await call.hangUp();
      await row('70001').waitFor({ state: 'detached', ...PATIENCE });
      nodeRed.inject('in-record', { action: 'stop', payload: '70002' });
      await row('70002').waitFor({ state: 'detached', ...PATIENCE });
      assert.deepEqual(problems, []);
    });
  });
}
