import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { until } from '../../recorder/support';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { whenTestEnds } from '../../support/cleanup';
import { node, probeOut } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { moreSent, recorderFlow } from '../recording/recordings';

/** The other side of each call, as an editor user without `o2g.read` must never see it. */
const PARTY = '0390678912';
const PATIENCE = { timeoutMs: 60_000 };

/** Whatever Node-RED tells an editor of a user with these permissions. */
async function listen(red: NodeRed, permissions: string): Promise<() => string> {
  const frames: string[] = [];
  const socket = new WebSocket(`${red.url.replace('http', 'ws')}/comms`);
  whenTestEnds(() => {
    socket.close();
  });
  socket.on('message', (data: Buffer) => {
    frames.push(data.toString());
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ auth: red.token(permissions) }));
  await until('the answer of the comms', () => Promise.resolve(frames.length > 0));
  assert.deepEqual(JSON.parse(frames[0] ?? ''), { auth: 'ok' });
  // What was told before and is kept comes to whoever asks for its topic.
  for (const topic of ['status/#', 'notification/#', 'o2g/changed', 'debug'])
    socket.send(JSON.stringify({ subscribe: topic }));
  return () => frames.join('\n');
}

describe('an editor user who may only read statuses', function () {
  this.timeout(120_000);
  let oxe: Simulator;

  afterEach(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('sees which device is recorded, and of nobody in a call a number or a name; nor does the log', async () => {
    oxe = await startSimulator({ devices: ['70000-70019'] });
    const { flows } = await recorderFlow(oxe, { link: { devices: '70000-70009, 79999' } });
    const red = await startNodeRed({
      settings: { adminAuth: { type: 'credentials', users: [] } },
      flows: [
        ...flows.map((each) =>
          each.id === 'node-events' ? { ...each, wires: [['node-calls'], ['news']] } : each,
        ),
        { ...node('node-calls', 'o2g-calls', { devices: '', changes: [] }, 'changes'), z: 'tab' },
        { ...probeOut('changes'), z: 'tab' },
      ],
    });
    await oxe.once(() => oxe.monitored(7).length === 10 && oxe.channelCount() === 1, {
      what: 'the monitors',
      ...PATIENCE,
    });
    const told = await listen(red, 'status.read');
    red.inject('in-record', { action: 'start', payload: '70003' });
    await oxe.once(() => oxe.recorded(7).length === 1, { what: 'the recording', ...PATIENCE });
    const call = oxe.call({ from: PARTY, to: '70003' });
    await call.answered();
    await moreSent(oxe, '70003', 30);
    red.inject('in-record', { action: 'pause', payload: '70003' });
    await red.told('out', ({ payload }) => (payload as { paused?: boolean }).paused === true, PATIENCE);
    await call.hold();
    // A piece of an event, as it comes when something on its way cuts.
    oxe.writeRaw(
      `"participant":{"identity":{"id":{"phoneNumber":"${PARTY}"},"firstName":"Marguerite"}} ${PARTY}\r\n`,
    );
    await red.printed(/a line that is not JSON/, PATIENCE);
    await call.hangUp();
    await red.told('unsolicited', ({ topic }) => topic === 'finished', PATIENCE);
    red.inject('in-record', { action: 'start', payload: '79999' });
    await red.told('caught', ({ error }) => error?.code === 'NOT_FOUND', PATIENCE);
    await until('the device in a status', () =>
      Promise.resolve(/"topic":"status\/node-record".*70003/.test(told())),
    );
    for (const words of [told(), red.log()])
      assert.ok(!words.includes(PARTY) && !words.includes('Marguerite'), words);

    const status = async (path: string): Promise<number> =>
      (await red.admin(path, { headers: { authorization: `Bearer ${red.token('status.read')}` } })).status;
    assert.deepEqual(
      await Promise.all(['/o2g/overview', '/o2g/suggestions/devices', '/o2g/support', '/flows'].map(status)),
      [403, 403, 403, 401],
    );
  });
});
