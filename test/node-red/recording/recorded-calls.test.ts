import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { PlacedCall } from '../../../o2g/calls/call-history';
import type { CallChange, ChangeName } from '../../../o2g/calls/call';
import { startSimulator, type SimulatorOptions } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { changed, node, probeOut } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { DEVICES } from '../flows';
import { moreSent, recorderFlow, type Finished, type RecorderProperties } from './recordings';

const OUTSIDE = '0390670000';
const TRUNK = { networkTimeslot: 3, trunkNeqt: [121] };
const PATIENCE = { timeoutMs: 60_000 };
/** The recorder's clock and that of the events are of one machine, rounded to milliseconds on the way. */
const ROUNDED_MS = 20;

type File = Omit<Finished, 'calls'> & { calls?: PlacedCall[] };

/** Whoever follows the events has a clock of its own. */
const withoutTimes = (call: object): object =>
  Object.fromEntries(
    Object.entries(call).filter(([name, value]) => value !== undefined && !/(At|Ms)$/.test(name)),
  );

describe('the calls in the metadata of a recording', function () {
  this.timeout(180_000);
  let oxe: Simulator;
  let red: NodeRed;

  afterEach(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  /** Some devices are kept recorded; what `o2g-calls` tells of calls comes out at `changes`. */
  const start = async (
    devices: string,
    properties: RecorderProperties = {},
    options: SimulatorOptions = {},
  ): Promise<void> => {
    oxe = await startSimulator({ devices: DEVICES, ...options });
    const { flows } = await recorderFlow(oxe, {
      ...properties,
      link: { devices, media: 'recorder', record: 'all' },
      record: { recorder: '' },
    });
    const followed = changed(flows, { 'node-events': { wires: [['node-calls'], ['news']] } });
    red = await startNodeRed({
      flows: [
        ...followed,
        { ...node('node-calls', 'o2g-calls', { name: '', devices: '', changes: [] }, 'changes'), z: 'tab' },
        { ...probeOut('changes'), z: 'tab' },
      ],
    });
    const count = devices.split(',').length;
    await oxe.once(() => oxe.recorded(7).length === count, { timeoutMs: 30_000, what: 'all recorded' });
  };

  /** Does a step. @returns when it began, and when Node-RED had been told, in ms since 1970 */
  const step = async (
    user: string,
    change: ChangeName,
    act: () => Promise<unknown>,
  ): Promise<{ change: ChangeName; from: number; to: number }> => {
    const from = Date.now();
    await act();
    await red.told<CallChange>(
      'changes',
      ({ payload }) => payload.user === user && payload.change === change,
      PATIENCE,
    );
    return { change, from, to: Date.now() };
  };

  const fileOf = async (deviceNumber: string): Promise<File> => {
    const { payload } = await red.told<File>(
      'unsolicited',
      ({ topic, payload: told }) => topic === 'finished' && told.deviceNumber === deviceNumber,
      PATIENCE,
    );
    const metadata = JSON.parse(await readFile(payload.metadata, 'utf8')) as File;
    assert.deepEqual(metadata.calls, payload.calls, 'the message and the file beside the audio say the same');
    return payload;
  };

  const namesOf = (call: PlacedCall | undefined): ChangeName[] =>
    call?.changes.map(({ change }) => change) ?? [];

  /** Each change is where it was on the recording's time line: not before its step began, not after it had been told. */
  const assertPlaced = (
    file: File,
    call: PlacedCall | undefined,
    steps: readonly { change: ChangeName; from: number; to: number }[],
  ): void => {
    for (const { change, from, to } of steps) {
      const placed = call?.changes.find((each) => each.change === change);
      const at = Date.parse(file.startedAt) + (placed?.atMs ?? NaN);
      assert.ok(
        at >= from - ROUNDED_MS && at <= to + ROUNDED_MS,
        `${change} at ${at}, ${at - from} ms after its step began, ${to - at} ms before it was told`,
      );
    }
  };

  it('are as o2g-calls tells them, each change at its time in the file: a hold, an enquiry, a transfer; the one who goes on has the rest', async () => {
    await start('70120,70130');
    const call = oxe.call({
      from: OUTSIDE,
      to: '70120',
      trunk: TRUNK,
      associateData: 'order 7',
      tags: [{ name: 'crm', value: '4711' }],
    });
    const answered = await step('oxe70120', 'answered', () => call.answered());
    await moreSent(oxe, '70120', 40);
    const held = await step('oxe70120', 'held', () => call.hold());
    const retrieved = await step('oxe70120', 'retrieved', () => call.retrieve());
    await moreSent(oxe, '70120', 20);
    const enquiry = await call.enquiry('70130');
    await step('oxe70130', 'answered', () => enquiry.answered());
    await moreSent(oxe, '70130', 40);
    const ended = await step('oxe70120', 'ended', () => call.transfer());
    const first = await fileOf('70120');
    await moreSent(oxe, '70130', 40);
    await call.hangUp();
    const second = await fileOf('70130');

    assert.equal(first.calls?.length, 2);
    const [incoming, outgoing] = first.calls;
    assert.deepEqual(namesOf(incoming), ['started', 'answered', 'held', 'retrieved', 'held', 'ended']);
    assertPlaced(first, incoming, [answered, held, retrieved, ended]);
    const told = red
      .received<CallChange>('changes')
      .map(({ payload }) => payload)
      .find(({ id, change }) => id === incoming?.id && change === 'ended');
    assert.ok(incoming && told);
    assert.deepEqual(
      withoutTimes({ ...incoming, changes: undefined }),
      withoutTimes({ ...told, change: undefined }),
    );
    assert.deepEqual(
      [incoming.direction, incoming.external, incoming.data, incoming.tags, incoming.trunk, incoming.cause],
      ['incoming', true, 'order 7', [{ name: 'crm', value: '4711' }], TRUNK, 'TRANSFERRED'],
    );
    assert.deepEqual(
      incoming.changes.map(({ parties, state }) => `${state} ${parties.map(({ number }) => number).join()}`),
      [
        `ringing ${OUTSIDE}`,
        `talking ${OUTSIDE}`,
        `held ${OUTSIDE}`,
        `talking ${OUTSIDE}`,
        `held ${OUTSIDE}`,
        `ended ${OUTSIDE}`,
      ],
    );
    assert.deepEqual(
      [
        outgoing?.direction,
        outgoing?.external,
        namesOf(outgoing),
        outgoing?.parties.map(({ number }) => number),
      ],
      ['outgoing', false, ['started', 'answered', 'ended'], ['70130']],
    );

    assert.equal(second.calls?.length, 1);
    const [transferred] = second.calls;
    assert.deepEqual(
      [transferred?.external, transferred?.user, transferred?.parties.map(({ number }) => number)],
      [true, 'oxe70130', [OUTSIDE]],
    );
    const others = transferred?.changes.find(({ change }) => change === 'parties');
    assert.deepEqual(
      others?.parties.map(({ number }) => number),
      [OUTSIDE],
    );
    assertPlaced(second, transferred, [{ ...ended, change: 'parties', to: Date.parse(second.endedAt) }]);
  });

  it('carry what the distribution of calls knows', async () => {
    await start(
      '70141',
      {},
      {
        devices: [
          ...DEVICES,
          '70141',
          { number: '70142', agent: { proAcdDeviceNumber: '70141', pgNumber: '32000' } },
        ],
      },
    );
    const call = oxe.call({ from: OUTSIDE, to: '60141', associateData: 'order 7' });
    await call.distribute();
    const answered = await step('oxe70141', 'answered', () => call.answered());
    await moreSent(oxe, '70141', 40);
    await call.hangUp();
    const file = await fileOf('70141');
    assert.equal(file.calls?.length, 1);
    const [told] = file.calls;
    assertPlaced(file, told, [answered]);
    assert.equal(told?.data, 'order 7');
    assert.equal(told.acd?.callInfo?.agentGroup, '32000');
  });

  it('have their ends, although these are told after the last packet: of a call that is given up while it is held, too', async () => {
    await start('70120');
    const call = oxe.call({ from: OUTSIDE, to: '70120' });
    await call.answered();
    await moreSent(oxe, '70120', 40);
    const held = await step('oxe70120', 'held', () => call.hold());
    const ended = await step('oxe70120', 'ended', () => call.hangUp());
    const file = await fileOf('70120');
    assert.deepEqual(file.calls?.map(namesOf), [['started', 'answered', 'held', 'ended']]);
    assert.equal(file.calls[0]?.state, 'ended');
    assertPlaced(file, file.calls[0], [held, ended]);
  });

  it('are known though the first recorder comes with a deploy, in the middle of a call', async () => {
    oxe = await startSimulator({ devices: DEVICES });
    const { flows } = await recorderFlow(oxe, { link: { devices: '70120' } });
    const withoutRecorder = flows.filter(({ id }) => id !== 'recorder' && id !== 'node-record');
    red = await startNodeRed({ flows: withoutRecorder });
    await oxe.once(() => oxe.monitored(7).length === 1, { timeoutMs: 30_000, what: 'monitored' });
    const call = oxe.call({ from: OUTSIDE, to: '70120' });
    await call.answered();
    await red.deploy(flows, { type: 'nodes' });
    red.inject('in-record', { action: 'start', payload: '70120' });
    await oxe.once(() => oxe.recorded(7).length === 1, { timeoutMs: 30_000, what: 'recorded' });
    // As the audit does every 30 s.
    assert.equal((await red.admin('/o2g/links/link/audit', { method: 'POST' })).status, 204);
    await oxe.once(
      () => oxe.requests().some(({ method, path }) => method === 'GET' && path.endsWith('/telephony/state')),
      { timeoutMs: 60_000, what: 'asked for the call' },
    );
    await moreSent(oxe, '70120', 40);
    await call.hangUp();
    const file = await fileOf('70120');
    assert.deepEqual(
      file.calls?.map(({ callRef, state }) => [callRef, state]),
      [[call.callRef, 'ended']],
    );
  });

  it('are those of the whole time when there is one file from start to stop', async () => {
    await start('70120', { recorder: { split: 'none' } });
    const ids: string[] = [];
    for (const from of [OUTSIDE, '70001']) {
      const call = oxe.call({ from, to: '70120' });
      ids.push(call.callRef);
      await call.answered();
      await moreSent(oxe, '70120', 40);
      await step('oxe70120', 'ended', () => call.hangUp());
    }
    red.inject('in-record', { action: 'stop', payload: '70120' });
    const file = await fileOf('70120');
    assert.deepEqual(
      file.calls?.map(({ id }) => id),
      ids,
    );
    assert.deepEqual(file.calls.map(namesOf), [
      ['started', 'answered', 'ended'],
      ['started', 'answered', 'ended'],
    ]);
    assert.equal(red.received('unsolicited').length, 1, 'one file');
  });
});
