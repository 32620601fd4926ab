import assert from 'node:assert/strict';
import { changed, node, without, type Flow } from '../../support/flow';
import { startNodeRed, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { DEVICES, recordingRequests, TARGET, wholeFlow } from '../flows';

/** Tells what keeps the process busy: the kinds of handles and timers, counted, and the listeners for signals. */
const counter = {
  ...node(
    'counter',
    'function',
    {
      func: `const kinds = {};
      for (const kind of proc.getActiveResourcesInfo()) kinds[kind] = (kinds[kind] || 0) + 1;
      msg.payload = { timers: kinds.Timeout || 0, sockets: kinds.TCPSocketWrap || 0, signals: proc.listenerCount('SIGTERM') };
      return msg;`,
      outputs: 1,
      libs: [{ var: 'proc', module: 'process' }],
    },
    'counted',
  ),
  z: 'tab',
};
const counting = [
  { ...node('count', 'probe-in', { name: 'count' }, 'counter'), z: 'tab' },
  counter,
  { ...node('counted', 'probe-out', { name: 'counted' }), z: 'tab' },
];

interface Counts {
  timers: number;
  sockets: number;
  signals: number;
}

describe('deploys', () => {
  let oxe: Simulator;
  let red: NodeRed;
  let flows: Flow;

  beforeEach(async () => {
    oxe = await startSimulator({ devices: DEVICES });
    flows = [...wholeFlow(oxe, { link: { devices: '70000-70004' } }), ...counting];
    red = await startNodeRed({ flows, settings: { functionExternalModules: true } });
    await oxe.once(() => oxe.monitored(7).length === 5);
  });
  afterEach(async () => {
    await red.stop();
    assert.deepEqual(oxe.violations(), []);
    assert.deepEqual(
      [oxe.sessions(), oxe.links(), oxe.subscriptions()],
      [[], [], []],
      'nothing is left behind by the stop',
    );
    await oxe.close();
  });

  const count = async (): Promise<Counts> => {
    red.inject('count', {});
    return (await red.told<Counts>('counted')).payload;
  };

  it('500 in a row, full and partial, leave nothing over and cost the server no request', async function deploys() {
    this.timeout(240_000);
    // The first deploy after the start settles what the start left open (keep-alive sockets of the admin API).
    await red.deploy(flows);
    const before = await count();
    oxe.clearRequests();
    for (let round = 0; round < 500; round += 1) {
      const type = (['full', 'nodes', 'flows', 'reload'] as const)[round % 4] ?? 'full';
      const moved = changed(flows, {
        'node-events': { name: `events ${round}` },
        'node-monitor': { name: `monitor ${round}` },
      });
      await (type === 'reload' ? red.deploy([], { type }) : red.deploy(moved, { type }));
    }
    const after = await count();
    assert.deepEqual(
      oxe.requests().filter(({ method }) => method !== 'GET'),
      [],
    );
    assert.ok(
      after.timers <= before.timers + 2 && after.sockets <= before.sockets + 2,
      `${JSON.stringify(before)} became ${JSON.stringify(after)}`,
    );
    assert.equal(after.signals, before.signals);
    assert.deepEqual(
      [oxe.sessions().length, oxe.subscriptions().length, oxe.links().length, oxe.channelCount()],
      [1, 1, 1, 1],
    );
    assert.doesNotMatch(red.log(), /MaxListenersExceededWarning/);
  });

  it('lose no event: those that come while nodes are replaced go to the new ones', async function events() {
    this.timeout(60_000);
    const sending = (async () => {
      for (let index = 0; index < 400; index += 1) {
        await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef: String(index) });
        await new Promise(setImmediate);
      }
    })();
    for (let round = 0; round < 10; round += 1)
      await red.deploy(changed(flows, { 'node-events': { name: `events ${round}` } }), {
        type: round % 2 ? 'nodes' : 'full',
      });
    await sending;
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef: 'last' });
    await red.told('events', ({ payload }) => (payload as { callRef: string }).callRef === 'last');
    const refs = red
      .received<{ callRef?: string }>('events')
      .filter(({ topic }) => topic === 'OnCallRemoved')
      .map(({ payload }) => payload.callRef);
    assert.deepEqual(refs, [...Array.from({ length: 400 }, (_, index) => String(index)), 'last']);
  });

  it('a changed link registers anew, once, and keeps what flows asked of it', async () => {
    red.inject('in-record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } });
    await red.told('out');
    oxe.clearRequests();
    await red.deploy(changed(flows, { link: { devices: '70000-70001' } }), { type: 'nodes' });
    await oxe.once(() => oxe.monitored(7).length === 3 && oxe.recorded(7).length === 1, {
      what: 'the link as desired',
    });
    assert.deepEqual(oxe.monitored(7).sort(), ['70000', '70001', '70120']);
    assert.equal(recordingRequests(oxe).filter((request) => request.startsWith('POST  {"type"')).length, 1);
    assert.equal(oxe.links(7).length, 1);
  });

  it('a removed server closes link, subscription and session', async () => {
    await red.deploy(
      without(
        flows,
        'server',
        'link',
        'node-events',
        'node-monitor',
        'node-record',
        'node-beep',
        'node-status',
      ),
    );
    await oxe.once(() => oxe.sessions().length === 0, { what: 'the end of the session' });
    assert.deepEqual([oxe.links(), oxe.channelCount()], [[], 0]);
  });

  it('a changed server opens its new session after the old one is closed', async () => {
    oxe.clearRequests();
    await red.deploy(changed(flows, { server: { application: 'Another' } }), { type: 'full' });
    await oxe.once(
      () =>
        oxe.monitored(7).length === 5 && oxe.requests().some(({ path }) => path.endsWith('/authenticate')),
      { what: 'the new session' },
    );
    const order = oxe
      .requests()
      .map(
        ({ method, path }) =>
          `${method} ${path.replace(/.*\/rest(\/1\.0)?/, '').replace(/(link|subscriptions)\/[^/]+/, '$1/…')}`,
      );
    assert.ok(order.indexOf('DELETE /iprecord/7/link/…') < order.indexOf('DELETE /sessions'));
    assert.ok(order.indexOf('DELETE /sessions') < order.indexOf('GET /authenticate'));
    assert.equal(oxe.sessions().length, 1);
  });

  it('a node that is closed ends its pending inputs with CLOSED', async () => {
    oxe.thinkTime(60_000);
    red.inject('in-monitor', { action: 'start', payload: '70050' });
    await oxe.once(() => oxe.requests().some(({ body }) => JSON.stringify(body ?? null).includes('70050')), {
      what: 'the request',
    });
    await red.deploy(without(flows, 'node-monitor'), { type: 'nodes' });
    assert.equal((await red.told('caught')).error?.code, 'CLOSED');
    oxe.thinkTime(0);
    oxe.resetConnections();
  });
});
