import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import type { CallChange } from '../../../o2g/calls/call';
import { portRange, temporaryFolder } from '../../recorder/support';
import { openEditor } from '../../support/browser';
import type { Flow, FlowNode } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { ROOT } from '../../support/toolchain';
import { moreSent, type Finished } from '../recording/recordings';

const KEPT = join(ROOT, 'test', 'upgrades');
const PATIENCE = { timeoutMs: 60_000 };
const RECORDED = ['70000', '70001', '70002', '70003'];

/** A flow as a version exported it, but for what is of one machine: address, folder, ports; its debug nodes tell the test. */
async function kept(file: string, oxe: Simulator): Promise<Flow> {
  const [folder, ports] = [await temporaryFolder(), portRange(60)];
  return (JSON.parse(readFileSync(join(KEPT, file), 'utf8')) as Flow).map((each): FlowNode => {
    if (each.type === 'o2g-server')
      return { ...each, url: oxe.url, credentials: { login: oxe.login, password: oxe.password } };
    if (each.type === 'o2g-recorder') return { ...each, folder, ...ports };
    return each.type === 'debug' ? { ...each, type: 'probe-out' } : each;
  });
}

for (const version of ['4.1', '5.0'] as const) {
  for (const file of readdirSync(KEPT).sort()) {
    describe(`a flow that ${file.replace(/\.json$/, '')} exported, in Node-RED ${version}`, function () {
      this.timeout(120_000);
      let oxe: Simulator;
      let red: NodeRed;
      let flows: Flow;
      let printedBefore: number;

      before(async () => {
        oxe = await startSimulator({ devices: ['70000-70009', '70120'] });
        flows = await kept(file, oxe);
        red = await startNodeRed({ version });
        // What Node-RED says at its first start is its own.
        printedBefore = red.log().length;
        await red.deploy(flows);
      });
      after(async () => {
        assert.ok(red.alive());
        await stopAll();
        assert.deepEqual(oxe.violations(), []);
        await oxe.close();
      });
      const press = async (name: string): Promise<void> => {
        const { id } = flows.find((each) => each.type === 'inject' && each.name === name) ?? {};
        assert.equal((await red.admin(`/inject/${id ?? name}`, { method: 'POST' })).status, 200, name);
      };

      it('records a call into a file, follows it, and does what its nodes did', async () => {
        await oxe.once(
          () =>
            oxe.recorded(7).sort().join() === RECORDED.join() &&
            oxe.monitored(7).length === 7 &&
            oxe.channelCount() === 1,
          { what: 'all in force', ...PATIENCE },
        );
        const call = oxe.call({ from: '0390670000', to: '70000' });
        await call.answered();
        await moreSent(oxe, '70000', 50);
        await call.hangUp();
        for (const change of ['started', 'answered', 'ended'])
          await red.told<CallChange>('calls', ({ topic }) => topic === change, PATIENCE);
        for (const name of ['OnCallCreated', 'OnCallRemoved'])
          await red.told('events', ({ topic }) => topic === name, PATIENCE);
        await red.told('news', ({ topic }) => topic === 'connection', PATIENCE);
        const { payload } = await red.told<Finished>('told', ({ topic }) => topic === 'finished', PATIENCE);
        assert.deepEqual(
          [payload.deviceNumber, payload.calls?.length, payload.sha256.length],
          ['70000', 1, 64],
        );
        assert.ok(
          payload.channels.sent.packets > 40 && payload.channels.received.packets > 40,
          JSON.stringify(payload.channels),
        );

        await press('monitor');
        assert.deepEqual((await red.told('monitored', undefined, PATIENCE)).payload, {
          deviceNumber: '70006',
          userId: 'oxe70006',
          monitored: true,
        });
        await press('record in IP');
        assert.deepEqual((await red.told('recording', undefined, PATIENCE)).payload, {
          deviceNumber: '70120',
          recording: true,
          mode: 'ip',
          secure: false,
          ipRecorderAddr: '127.0.0.1',
          sentFlowPort: 20_000,
          receivedFlowPort: 20_002,
        });
        await press('beep');
        assert.deepEqual((await red.told('beeping', undefined, PATIENCE)).payload, {
          deviceNumber: '70120',
          beeping: true,
        });
        await press('ask');
        const coverage = (
          await red.told<{ deviceNumber: string; actual: string[] }[]>('coverage', undefined, PATIENCE)
        ).payload;
        assert.deepEqual(
          coverage
            .filter(({ actual }) => actual.includes('recorded'))
            .map(({ deviceNumber }) => deviceNumber)
            .sort(),
          [...RECORDED, '70120'],
        );
      });

      it('is valid in the editor, and nobody was told of an error or warned', async () => {
        const { page, problems } = await openEditor(red);
        assert.deepEqual(
          await page.evaluate(`(() => {
          const all = [...RED.nodes.filterNodes({})];
          RED.nodes.eachConfig((node) => { all.push(node); });
          return all.filter((node) => !node.valid || node.changed).map(({ type }) => type);
        })()`),
          [],
        );
        assert.deepEqual(
          [
            problems,
            red.received('error'),
            red
              .log()
              .slice(printedBefore)
              .split('\n')
              .filter((line) => /\[(?:warn|error)\]/.test(line)),
          ],
          [[], [], []],
        );
      });
    });
  }
}
