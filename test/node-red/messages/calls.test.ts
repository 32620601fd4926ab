import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CallChange } from '../../../o2g/calls/call';
import {
  catchAll,
  changed,
  completeOf,
  flow,
  node,
  o2gLink,
  o2gServer,
  probeIn,
  probeOut,
  type Flow,
} from '../../support/flow';
import { startNodeRed, stopAll, type Message, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { created, modified, removed, snapshot } from '../../o2g/calls/support';
import { DEVICES } from '../flows';

const OUTSIDE = '0390670000';
const PATIENCE = { timeoutMs: 30_000 };
const FIRST = Date.parse('2026-11-23T16:55:00Z');
const MONITORED = '70000-70009, 70120';

/** Events of the simulator go through `node-calls` to `changes`; messages of a test go there from `in`. */
function callsFlow(oxe: Simulator, properties: Record<string, unknown> = {}): Flow {
  return flow([
    o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password }),
    o2gLink({ oxeNode: '7', devices: MONITORED }),
    node(
      'node-events',
      'o2g-events',
      { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], snapshot: true, dynamic: false },
      ['node-calls', 'events'],
      'news',
    ),
    ...aloneNodes(properties),
    node('node-monitor', 'o2g-monitor', { link: 'link', action: '' }, 'monitored'),
    probeIn('monitor', 'node-monitor'),
    ...['events', 'news', 'monitored'].map((name) => probeOut(name)),
  ]);
}

/** The node with probes around it, and no server. */
const aloneNodes = (properties: Record<string, unknown>): Flow => [
  node('node-calls', 'o2g-calls', { name: '', devices: '', changes: [], ...properties }, 'changes'),
  probeIn('in', 'node-calls'),
  ...['changes', 'caught', 'completed'].map((name) => probeOut(name)),
  catchAll('caught', ['node-calls']),
  completeOf(['node-calls'], 'completed'),
];
const alone = (properties: Record<string, unknown> = {}): Flow => flow([aloneNodes(properties)]);

const line = ({ payload: { change, user, state, recovered } }: Message<CallChange>): string =>
  [user, change, state, ...(recovered ? ['recovered'] : [])].join(' ');

describe('the o2g-calls node on its own', () => {
  let red: NodeRed;

  before(async () => {
    red = await startNodeRed({ env: { DEVICE: '70130', CHANGES: 'started,ended' } });
  });
  after(stopAll);
  // Calls outlive a deploy, but not the node.
  beforeEach(async () => {
    await red.deploy(flow([probeIn('in')]));
  });

  /** Injects events, a second apart, and waits until the node is done with them; what it sent is there by then. */
  const play = async (
    events: readonly object[],
    extra: Record<string, unknown> = {},
  ): Promise<Message<CallChange>[]> => {
    const from = red.received('changes').length;
    const last = randomUUID();
    for (const [index, payload] of events.entries()) {
      red.inject('in', {
        payload,
        o2g: { receivedAt: FIRST + index * 1000 },
        ...(index === events.length - 1 && { last }),
        ...extra,
      });
    }
    await red.told('completed', (message) => message.last === last, PATIENCE);
    return red.received<CallChange>('changes').slice(from);
  };

  it('sends one message a change, with the other properties of the message, and the times of the events', async () => {
    await red.deploy(alone());
    const told = await play(
      [
        created('A', 'RINGING_INCOMING'),
        modified('A', 'ACTIVE'),
        modified('A', 'ACTIVE'),
        modified('A', 'RELEASING'),
        removed('A'),
      ],
      { keep: { me: 1 } },
    );
    const call = {
      id: 'A',
      callRef: 'A',
      user: 'oxe70120',
      devices: ['70120'],
      direction: 'incoming',
      external: true,
      parties: [{ number: OUTSIDE, type: 'EXTERNAL' }],
      startedAt: '2026-11-23T16:55:00.000Z',
    };
    const answeredAt = '2026-11-23T16:55:01.000Z';
    assert.deepEqual(
      told.map(({ payload }) => payload),
      [
        { change: 'started', state: 'ringing', ...call },
        { change: 'answered', state: 'talking', ...call, answeredAt, ringMs: 1000 },
        {
          change: 'ended',
          state: 'ended',
          ...call,
          answeredAt,
          endedAt: '2026-11-23T16:55:03.000Z',
          ringMs: 1000,
          talkMs: 2000,
        },
      ],
    );
    assert.deepEqual(
      told.map(({ topic, keep }) => [topic, keep]),
      ['started', 'answered', 'ended'].map((topic) => [topic, { me: 1 }]),
    );
  });

  it('sends the changes of one event in order, as messages of their own', async () => {
    await red.deploy(alone());
    const [, answered, held] = await play([created('A', 'RINGING_INCOMING'), modified('A', 'HELD')]);
    assert.deepEqual([answered?.payload.change, held?.payload.change], ['answered', 'held']);
    assert.equal(answered?._msgid, held?._msgid);
  });

  it('takes the present time for an event that does not say when it came', async () => {
    await red.deploy(alone());
    const from = Date.now();
    const [started] = await play([created('A', 'ACTIVE')], { o2g: { receivedAt: 'yesterday' } });
    const at = Date.parse(started?.payload.startedAt ?? '');
    assert.ok(at >= from && at <= Date.now(), started?.payload.startedAt);
  });

  it('makes nothing of other events and is done with them; what is no event is refused', async () => {
    await red.deploy(alone());
    assert.deepEqual(
      await play([
        { eventName: 'OnUserStateModified', loginName: 'oxe70120', state: 'BUSY' },
        { eventName: 'OnCtiLinkDown', nodeId: '7' },
        { eventName: 'OnCallCreated' },
      ]),
      [],
    );
    for (const payload of ['70120', 7, null, undefined, [], {}, { eventName: 7 }, { state: 'connected' }]) {
      red.inject('in', { payload });
      const { error } = await red.told('caught', () => true, PATIENCE);
      assert.equal(error?.code, 'INVALID_INPUT');
      assert.match(error.message, /payload/);
      assert.equal(
        (await red.doneOf('node-calls', (done) => done.error !== null, PATIENCE)).error?.code,
        'INVALID_INPUT',
      );
    }
  });

  it('tells only of calls that come to one of its devices, and of those to their end', async () => {
    await red.deploy(alone({ devices: '70000-70009; 70124' }));
    const legs = (...states: [string, string][]) => states.map(([deviceId, state]) => ({ deviceId, state }));
    const told = await play([
      created('A', 'RINGING_INCOMING'),
      created('B', 'RINGING_INCOMING', { of: 'oxe70009' }),
      // 70123 and 70124 ring, 70123 answers.
      created('C', 'RINGING_INCOMING', {
        of: 'oxe70123',
        fields: { legs: legs(['70123', 'RINGING_INCOMING'], ['70124', 'RINGING_INCOMING']) },
      }),
      modified('C', 'ACTIVE', {
        of: 'oxe70123',
        fields: { modifiedLegs: legs(['70123', 'ACTIVE']), removedLegs: [{ deviceId: '70124' }] },
      }),
      // 70123 alone rings, 70124 takes it later.
      created('D', 'RINGING_INCOMING', { of: 'oxe70123' }),
      modified('D', 'ACTIVE', {
        of: 'oxe70123',
        fields: { addedLegs: legs(['70124', 'ACTIVE']), modifiedLegs: legs(['70123', 'RELEASING']) },
      }),
      removed('A'),
      removed('B', { of: 'oxe70009' }),
      removed('C', { of: 'oxe70123' }),
      removed('D', { of: 'oxe70123' }),
    ]);
    assert.deepEqual(
      told.map(({ payload }) => `${payload.id} ${payload.change} ${payload.state} ${payload.devices.join()}`),
      [
        'B started ringing 70009',
        'C started ringing 70123,70124',
        'C answered talking 70123',
        'D started talking 70124',
        'B ended ended 70009',
        'C ended ended 70123',
        'D ended ended 70124',
      ],
    );
  });

  for (const [what, changes, names] of [
    ['a list', ['answered', 'ended'], ['answered', 'ended']],
    ['a text', 'answered, held', ['answered', 'held']],
    ['an environment variable', '${CHANGES}', ['started', 'ended']],
    ['blank', '', ['started', 'answered', 'held', 'retrieved', 'parties', 'ended']],
  ] as const) {
    it(`sends only the changes asked for by ${what}`, async () => {
      await red.deploy(alone({ changes }));
      const told = await play([
        created('A', 'RINGING_INCOMING'),
        modified('A', 'ACTIVE'),
        modified('A', 'HELD'),
        modified('A', 'ACTIVE'),
        modified('A', 'ACTIVE', { fields: { addedParticipants: [{ participantId: 'p' }] } }),
        removed('A'),
      ]);
      assert.deepEqual(
        told.map(({ topic }) => topic),
        names,
      );
    });
  }

  it('takes its devices from an environment variable', async () => {
    await red.deploy(alone({ devices: '${DEVICE}' }));
    const told = await play([created('A', 'ACTIVE'), created('B', 'ACTIVE', { of: 'oxe70130' })]);
    assert.deepEqual(
      told.map(({ payload }) => payload.id),
      ['B'],
    );
  });

  for (const [properties, field] of [
    [{ devices: '70099-70000' }, 'devices'],
    [{ changes: ['forgotten'] }, 'changes'],
  ] as const) {
    it(`says that its ${field} are wrong, when deployed and to every input`, async () => {
      await red.deploy(alone(properties));
      assert.equal((await red.statusOf('node-calls', ({ fill }) => fill === 'red', PATIENCE)).shape, 'ring');
      await red.printed(new RegExp(`${field}: .* is refused`), PATIENCE);
      red.inject('in', { payload: removed('A') });
      const { error } = await red.told('caught', () => true, PATIENCE);
      assert.equal(error?.code, 'INVALID_INPUT');
      assert.match(error.message, new RegExp(field));
    });
  }

  it('shows how many calls are in progress', async () => {
    await red.deploy(alone({ name: 'counting' }));
    assert.deepEqual(await red.statusOf('node-calls', ({ text }) => text === '0', PATIENCE), {
      fill: 'grey',
      shape: 'dot',
      text: '0',
    });
    red.inject('in', { payload: created('A', 'ACTIVE') });
    red.inject('in', { payload: created('B', 'ACTIVE') });
    assert.deepEqual(await red.statusOf('node-calls', ({ text }) => text === '2', PATIENCE), {
      fill: 'green',
      shape: 'dot',
      text: '2',
    });
    red.inject('in', { payload: snapshot('oxe70120', []) });
    await red.statusOf('node-calls', ({ text }) => text === '0', PATIENCE);
  });

  it('keeps the calls over every kind of deploy: none starts twice, each ends once', async () => {
    await red.deploy(alone({ name: 'kept' }));
    await play([created('A', 'RINGING_INCOMING')]);
    await red.deploy(alone({ name: 'kept on' }), { type: 'full' });
    await red.deploy(alone({ name: 'kept again' }), { type: 'nodes' });
    await red.deploy(alone({ name: 'kept', changes: ['answered', 'ended'] }), { type: 'flows' });
    await red.deploy([], { type: 'reload' });
    const { callRef, callData, legs, participants } = created('A', 'RINGING_INCOMING');
    const told = await play([
      snapshot('oxe70120', [{ callRef, callData, legs, participants }]),
      modified('A', 'ACTIVE'),
      removed('A'),
    ]);
    assert.deepEqual(
      told.map(({ topic }) => topic),
      ['answered', 'ended'],
    );
  });

  it('forgets the calls when it is removed', async () => {
    await red.deploy(alone());
    await play([created('A', 'RINGING_INCOMING')]);
    await red.deploy(flow([probeIn('in')]));
    await red.deploy(alone());
    assert.deepEqual((await play([modified('A', 'ACTIVE')])).map(line), ['oxe70120 started talking']);
  });
});

describe('the o2g-calls node behind o2g-events', () => {
  let oxe: Simulator;
  let red: NodeRed;

  beforeEach(async () => {
    oxe = await startSimulator({ devices: DEVICES });
  });
  afterEach(async () => {
    await red.stop();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  const start = async (version: '4.1' | '5.0' = '4.1'): Promise<void> => {
    red = await startNodeRed({ version, flows: callsFlow(oxe) });
    await oxe.once(() => oxe.monitored(7).length === 11, { what: 'the monitors' });
  };
  const toldOf = (user: string, change: string): Promise<Message<CallChange>> =>
    red.told<CallChange>(
      'changes',
      ({ payload }) => payload.user === user && payload.change === change,
      PATIENCE,
    );
  const lines = (): string[] => red.received<CallChange>('changes').map(line);

  for (const version of ['4.1', '5.0'] as const)
    it(`tells of a call from its ringing to its end, in Node-RED ${version}`, async () => {
      await start(version);
      const call = oxe.call({ from: OUTSIDE, to: '70120' });
      await call.answered();
      await call.hold();
      await call.retrieve();
      await call.hangUp();
      const { payload, o2g } = await toldOf('oxe70120', 'ended');
      assert.deepEqual(
        lines(),
        ['ringing', 'talking', 'held', 'talking', 'ended'].map(
          (state, index) =>
            `oxe70120 ${['started', 'answered', 'held', 'retrieved', 'ended'][index] ?? ''} ${state}`,
        ),
      );
      assert.deepEqual(
        [
          payload.external,
          payload.direction,
          payload.parties.map(({ number }) => number),
          payload.trunk !== undefined,
        ],
        [true, 'incoming', [OUTSIDE], true],
      );
      assert.equal(typeof (o2g as { receivedAt: unknown }).receivedAt, 'number');
    });

  it('begins with the calls that are in progress when Node-RED starts', async () => {
    const call = oxe.call({ from: OUTSIDE, to: '70120' });
    await call.answered();
    await start();
    assert.deepEqual(line(await toldOf('oxe70120', 'started')), 'oxe70120 started talking recovered');
    await call.hangUp();
    await toldOf('oxe70120', 'ended');
    assert.equal(lines().length, 2);
  });

  it('begins with the call of a device that is monitored while it is in one, and asks for it once', async () => {
    await start();
    const call = oxe.call({ from: OUTSIDE, to: '70050' });
    await call.answered();
    for (const round of [1, 2]) {
      red.inject('monitor', { action: 'start', payload: '70050', round });
      await red.told('monitored', (message) => message.round === round, PATIENCE);
    }
    assert.equal(line(await toldOf('oxe70050', 'started')), 'oxe70050 started talking recovered');
    await call.hangUp();
    await toldOf('oxe70050', 'ended');
    assert.equal(
      oxe
        .requests()
        .filter(
          ({ path, query }) => path.endsWith('/telephony/state/snapshot') && query.loginName === 'oxe70050',
        ).length,
      1,
    );
  });

  it('learns what happened while O2G was restarted', async () => {
    await start();
    const [gone, stays] = [
      oxe.call({ from: OUTSIDE, to: '70000' }),
      oxe.call({ from: OUTSIDE, to: '70001' }),
    ];
    await gone.answered();
    await stays.answered();
    await toldOf('oxe70001', 'answered');
    oxe.clearRequests();
    await oxe.down();
    await oxe.restart();
    await gone.hangUp();
    await oxe.up();
    assert.equal(line(await toldOf('oxe70000', 'ended')), 'oxe70000 ended ended recovered');
    await oxe.once(() => oxe.monitored(7).length === 11, { what: 'the monitors again' });
    await stays.hangUp();
    assert.equal(line(await toldOf('oxe70001', 'ended')), 'oxe70001 ended ended');
    assert.equal(lines().filter((told) => told.startsWith('oxe70001')).length, 3);
  });

  it('tells every end once, in whatever moment of a deploy it comes', async function deploys() {
    this.timeout(60_000);
    await start();
    const flows = callsFlow(oxe);
    const calls = 200;
    const calling = (async () => {
      for (let index = 0; index < calls; index += 1) {
        const call = oxe.call({ from: OUTSIDE, to: `7000${index % 10}` });
        await call.answered();
        await new Promise(setImmediate);
        await call.hangUp();
      }
    })();
    for (let round = 0; round < 6; round += 1) {
      await red.deploy(
        changed(flows, {
          'node-events': { name: `events ${round}` },
          'node-calls': { name: `calls ${round}` },
        }),
        { type: round % 2 ? 'nodes' : 'full' },
      );
    }
    await calling;
    await oxe.call({ from: OUTSIDE, to: '70120' }).hangUp();
    await toldOf('oxe70120', 'ended');
    const counts = new Map<string, number>();
    for (const {
      payload: { id, change },
    } of red.received<CallChange>('changes'))
      counts.set(`${id} ${change}`, (counts.get(`${id} ${change}`) ?? 0) + 1);
    assert.deepEqual(
      [...counts.values()].filter((count) => count !== 1),
      [],
    );
    assert.equal(counts.size, calls * 3 + 2);
  });
});
