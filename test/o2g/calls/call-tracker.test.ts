import assert from 'node:assert/strict';
import type { O2GEvent } from '../../../o2g/spec/event';
import { CallTracker } from '../../../o2g/calls/call-tracker';
import { STORIES } from './stories';
import {
  at,
  changesOf,
  colleague,
  created,
  line,
  modified,
  outside,
  OUTSIDE,
  removed,
  secret,
  snapshot,
  START,
  USER,
} from './support';

/** oxe19140 calls oxe19141, who answers; 19140 hangs up. What a real server sent. */
const CAPTURE = [
  '{"eventName":"OnChannelInformation","text":"Chunk started"}',
  '{"eventName":"OnDeviceStateModified","loginName":"oxe19141","deviceStates":[{"deviceId":"19141","state":"IN_SERVICE"}]}',
  '{"eventName":"OnUserStateModified","loginName":"oxe19141","state":"FREE"}',
  '{"eventName":"OnCallCreated","loginName":"oxe19141","callRef":"a6aaea5b21000700","callData":{"initialCalled":{"id":{"phoneNumber":"19141"}},"state":"RINGING_INCOMING","tags":[],"capabilities":{"addMedias":[],"redirect":true,"pickedUp":true,"terminate":true}},"legs":[{"deviceId":"19141","media":"AUDIO","state":"RINGING_INCOMING","capabilities":{"answer":true}}],"participants":[{"participantId":"19140","identity":{"id":{"loginName":"oxe19140","phoneNumber":"19140"},"firstName":"SE19140","lastName":"SE19140","type":{"main":"USER"}},"medias":[],"mediaCapabilities":[{"type":"AUDIO"}]}],"deviceCapabilities":[{"deviceId":"19141","makeCall":true,"makeBusinessCall":true,"unParkCall":true}]}',
  '{"eventName":"OnCallModified","loginName":"oxe19141","callRef":"a6aaea5b21000700","callData":{"initialCalled":{"id":{"phoneNumber":"19141"}},"state":"ACTIVE","tags":[],"capabilities":{"addMedias":[],"terminate":true}},"modifiedLegs":[{"deviceId":"19141","media":"AUDIO","state":"ACTIVE","capabilities":{"drop":true,"hold":true}}],"addedLegs":[],"removedLegs":[],"modifiedParticipants":[],"addedParticipants":[],"removedParticipantIds":[],"deviceCapabilities":[]}',
  '{"eventName":"OnUserStateModified","loginName":"oxe19141","state":"BUSY"}',
  '{"eventName":"OnCallModified","loginName":"oxe19141","callRef":"a6aaea5b21000700","callData":{"initialCalled":{"id":{"phoneNumber":"19141"}},"state":"RELEASING","tags":[],"capabilities":{"addMedias":[],"terminate":true}},"modifiedLegs":[{"deviceId":"19141","media":"AUDIO","state":"RELEASING","capabilities":{"drop":true}}],"addedLegs":[],"removedLegs":[],"modifiedParticipants":[],"addedParticipants":[],"removedParticipantIds":["19140"],"deviceCapabilities":[]}',
  '{"eventName":"OnCallRemoved","loginName":"oxe19141","callRef":"a6aaea5b21000700","deviceCapabilities":[]}',
  '{"eventName":"OnUserStateModified","loginName":"oxe19141","state":"FREE"}',
].map((text) => JSON.parse(text) as O2GEvent);

describe('the calls that events tell of', () => {
  it('are those of the real capture, to the last field', () => {
    const call = {
      id: 'a6aaea5b21000700',
      callRef: 'a6aaea5b21000700',
      user: 'oxe19141',
      devices: ['19141'],
      direction: 'incoming',
      external: false,
      parties: [{ number: '19140', login: 'oxe19140', name: 'SE19140 SE19140', type: 'USER' }],
      initialCalled: '19141',
      startedAt: at(3),
    };
    assert.deepEqual(changesOf(CAPTURE), [
      { change: 'started', state: 'ringing', ...call },
      { change: 'answered', state: 'talking', ...call, answeredAt: at(4), ringMs: 1000 },
      {
        change: 'ended',
        state: 'ended',
        ...call,
        answeredAt: at(4),
        endedAt: at(6),
        ringMs: 1000,
        talkMs: 2000,
      },
    ]);
  });

  for (const { name, events, lines } of STORIES) {
    it(name, () => {
      assert.deepEqual(changesOf(events).map(line), lines);
    });
  }

  it('grow to a conference of 29 under one id, and shrink again', () => {
    const numbers = Array.from({ length: 28 }, (_, index) => String(70200 + index));
    const events = [
      created('A', 'ACTIVE', { with: [] }),
      ...numbers.map((number) =>
        modified('A', 'ACTIVE', { fields: { cause: 'CONFERENCED', addedParticipants: [colleague(number)] } }),
      ),
      ...numbers.map((number) =>
        modified('A', 'ACTIVE', { fields: { cause: 'PARTICIPANT_LEFT', removedParticipantIds: [number] } }),
      ),
    ];
    assert.deepEqual(
      changesOf(events).map(({ id, parties }) => `${id} ${parties.length}`),
      [
        'A 0',
        ...numbers.map((_, index) => `A ${index + 1}`),
        ...numbers.map((_, index) => `A ${27 - index}`),
      ],
    );
  });
});

describe('the times of a call', () => {
  it('count ringing, talking and holding apart; the first RELEASING ends it', () => {
    const calls = new CallTracker();
    const story: [number, O2GEvent][] = [
      [0, created('A', 'RINGING_INCOMING')],
      [3, modified('A', 'ACTIVE')],
      [10, modified('A', 'HELD')],
      [30, modified('A', 'ACTIVE')],
      [35, modified('A', 'RELEASING')],
      [36, modified('A', 'RELEASING')],
      [40, removed('A')],
    ];
    const told = story.flatMap(([second, event]) => calls.follow(event, START + second * 1000));
    assert.deepEqual(
      told.map(({ change, ringMs, talkMs, holdMs, answeredAt, endedAt }) => [
        change,
        ringMs,
        talkMs,
        holdMs,
        answeredAt,
        endedAt,
      ]),
      [
        ['started', undefined, undefined, undefined, undefined, undefined],
        ['answered', 3000, undefined, undefined, at(3), undefined],
        ['held', 3000, 7000, undefined, at(3), undefined],
        ['retrieved', 3000, 7000, 20000, at(3), undefined],
        ['ended', 3000, 12000, 20000, at(3), at(35)],
      ],
    );
  });

  it('end with OnCallRemoved when nothing was released, and a call never answered has no talk', () => {
    const ended = changesOf([created('A', 'RINGING_INCOMING'), removed('A')]).at(-1);
    assert.deepEqual(
      [
        ended?.endedAt,
        ended?.ringMs,
        Object.keys(ended ?? {}).filter((key) => /talk|hold|answered/.test(key)),
      ],
      [at(1), 1000, []],
    );
  });

  it('of a change in the midst of a conversation count up to it', () => {
    const [, parties] = changesOf([
      created('A', 'ACTIVE'),
      modified('A', 'ACTIVE', { fields: { addedParticipants: [colleague('70130')] } }),
    ]);
    assert.deepEqual([parties?.change, parties?.talkMs], ['parties', 1000]);
  });

  it('never run backwards when the clock of the host does', () => {
    const calls = new CallTracker();
    calls.follow(created('A', 'RINGING_INCOMING'), START);
    calls.follow(modified('A', 'ACTIVE'), START - 5000);
    const [ended] = calls.follow(removed('A'), START - 4000);
    assert.deepEqual(
      [ended?.startedAt, ended?.answeredAt, ended?.endedAt, ended?.ringMs, ended?.talkMs],
      [at(0), at(0), at(0), 0, 0],
    );
  });

  it('must be times', () => {
    for (const atMs of [NaN, Infinity, 8.64e15 + 1])
      assert.throws(() => new CallTracker().follow(removed('A'), atMs), { code: 'INVALID_INPUT' });
  });
});

describe('what a change says of a call', () => {
  const first = (event: O2GEvent) => changesOf([event])[0];

  it('devices: all that ring, then the one that answered, and it alone to the end', () => {
    const legs = (...states: string[]) =>
      states.map((state, index) => ({ deviceId: String(70123 + index), state }));
    const told = changesOf([
      created('A', 'RINGING_INCOMING', {
        fields: { legs: legs('RINGING_INCOMING', 'RINGING_INCOMING', 'RINGING_INCOMING') },
      }),
      modified('A', 'ACTIVE', {
        fields: { modifiedLegs: legs('RELEASING', 'ACTIVE'), removedLegs: [{ deviceId: '70125' }] },
      }),
      modified('A', 'HELD', { fields: { modifiedLegs: [{ deviceId: '70124', state: 'HELD' }] } }),
      modified('A', 'RELEASING', { fields: { modifiedLegs: [], removedLegs: [{ deviceId: '70124' }] } }),
      removed('A'),
    ]);
    assert.deepEqual(
      told.map(({ devices }) => devices),
      [['70123', '70124', '70125'], ['70124'], ['70124'], ['70124']],
    );
  });

  it('state: from the legs when callData does not tell it', () => {
    const without = (event: O2GEvent): O2GEvent => ({ ...event, callData: undefined });
    const told = changesOf(
      [
        created('A', 'RINGING_INCOMING'),
        modified('A', 'ACTIVE'),
        modified('A', 'HELD'),
        modified('A', 'RELEASING'),
        removed('A'),
      ].map(without),
    );
    assert.deepEqual(
      told.map(({ change, state, endedAt }) => [change, state, endedAt]),
      [
        ['started', 'ringing', undefined],
        ['answered', 'talking', undefined],
        ['held', 'held', undefined],
        ['ended', 'ended', at(3)],
      ],
    );
  });

  it('direction: by the state; first seen later, by the initiator, then by who was called first', () => {
    const called = (phoneNumber: string): O2GEvent =>
      created('A', 'ACTIVE', { data: { initialCalled: { id: { phoneNumber } } } });
    const by = (initiator: string): O2GEvent => created('A', 'ACTIVE', { fields: { initiator } });
    const directions = [
      created('A', 'RINGING_INCOMING'),
      created('A', 'RINGING_OUTGOING'),
      created('A', 'DIALING'),
      created('A', 'OFF_HOOK'),
      by(OUTSIDE),
      by('70120'),
      created('A', 'ACTIVE', {
        fields: { initiator: '70120', legs: [{ deviceId: '70124', state: 'ACTIVE' }] },
      }),
      called(OUTSIDE),
      called('70120'),
      called('70130'),
      created('A', 'ACTIVE'),
      created('A', 'ACTIVE', { data: { acdCallData: {} } }),
    ].map((event) => first(event)?.direction);
    assert.deepEqual(directions, [
      'incoming',
      'outgoing',
      'outgoing',
      'outgoing',
      'incoming',
      'outgoing',
      'outgoing',
      'outgoing',
      'incoming',
      'incoming',
      'outgoing',
      'incoming',
    ]);
  });

  it('external: a party outside, also a secret one on a trunk', () => {
    const trunk = { data: { trunkIdentification: { networkTimeslot: 1, trunkNeqt: [1021] } } };
    const external = [
      created('A', 'ACTIVE'),
      created('A', 'ACTIVE', { with: [colleague('70130')] }),
      created('A', 'ACTIVE', { with: [colleague('70130'), outside()] }),
      created('A', 'ACTIVE', { with: [secret('s')] }),
      created('A', 'ACTIVE', { with: [secret('s')], ...trunk }),
      created('A', 'ACTIVE', { with: [colleague('70130')], ...trunk }),
    ].map((event) => first(event)?.external);
    assert.deepEqual(external, [true, false, true, false, true, false]);
  });

  it('parties: number, login, name and type; nothing of one who wants to stay secret', () => {
    const party = (identity: object, fields: object = {}): object | undefined =>
      first(
        created('A', 'ACTIVE', {
          with: [{ participantId: 'p', identity: { id: { phoneNumber: '1' }, ...identity }, ...fields }],
        }),
      )?.parties[0];
    assert.deepEqual(
      [
        party({ firstName: 'Ελένη', lastName: 'Παπαδοπούλου', type: { main: 'USER' } }),
        party({ firstName: '', lastName: ' Ruiz ' }),
        party({ displayName: 'Desk' }),
        party({ id: {}, type: { main: 'SERVICE', subType: 'pbx' } }),
        party(
          { id: { loginName: 'oxe1', phoneNumber: '1' }, lastName: 'Brennan', type: { main: 'EXTERNAL' } },
          { anonymous: true },
        ),
      ],
      [
        { number: '1', name: 'Ελένη Παπαδοπούλου', type: 'USER' },
        { number: '1', name: 'Ruiz', type: 'UNKNOWN' },
        { number: '1', name: 'Desk', type: 'UNKNOWN' },
        { number: '', type: 'SERVICE' },
        { number: '', type: 'EXTERNAL' },
      ],
    );
  });

  it('acd, trunk, tags and correlator data: as told last, whole, under either name; an empty list of tags tells nothing', () => {
    const acdCallData = {
      callInfo: { queueWaitingTime: 12, globalWaitingTime: 15, agentGroup: '32000', local: true },
      queueData: { waitingTime: 20, saturated: false },
      pilotNumber: '60141',
      supervisedTransfer: false,
      pilotTransferInfo: { transferPossible: true, pilotStatus: 'OPEN' },
    };
    const tags = [{ name: 'lang', value: 'fr', visibilities: ['oxe70120'] }, { name: 'vip' }];
    const told = changesOf([
      created('A', 'RINGING_INCOMING', {
        data: {
          acdCallData,
          trunkIdentification: { networkTimeslot: 14, trunkNeqt: 1023 },
          associateData: 'order 7',
        },
      }),
      modified('A', 'ACTIVE', { data: { tags, associatedData: 'order 8' } }),
      modified('A', 'HELD', { data: { hexaBinaryAssociatedData: '6f39' } }),
    ]);
    const trunk = { networkTimeslot: 14, trunkNeqt: [1023] };
    assert.deepEqual(
      told.map((change) => [change.acd, change.trunk, change.tags, change.data]),
      [
        [acdCallData, trunk, undefined, 'order 7'],
        [acdCallData, trunk, tags, 'order 8'],
        [acdCallData, trunk, tags, '6f39'],
      ],
    );
  });

  it('initialCalled: the number, else the login; it may change with the composition of the call', () => {
    const called = (id: object) => ({ data: { initialCalled: { id } } });
    const told = changesOf([
      created('A', 'RINGING_INCOMING', called({ loginName: 'oxe70120', phoneNumber: '70120' })),
      modified('A', 'ACTIVE', called({ loginName: 'oxe70999' })),
      modified('A', 'HELD'),
      removed('A'),
    ]);
    assert.deepEqual(
      told.map(({ initialCalled }) => initialCalled),
      ['70120', 'oxe70999', 'oxe70999', 'oxe70999'],
    );
  });

  it('previousCallRef: on what the replacement told, not later', () => {
    const told = changesOf([
      created('A', 'ACTIVE'),
      modified('C', 'HELD', { fields: { previousCallRef: 'A' } }),
      modified('C', 'ACTIVE'),
      removed('C'),
    ]);
    assert.deepEqual(
      told.map(({ change, previousCallRef }) => [change, previousCallRef]),
      [
        ['started', undefined],
        ['held', 'A'],
        ['retrieved', undefined],
        ['ended', undefined],
      ],
    );
  });
});

describe('a snapshot', () => {
  const call = (callRef: string, state: string, participants: object[] = [outside()]) => ({
    callRef,
    callData: { state, tags: [] },
    legs: [{ deviceId: '70120', state }],
    participants,
  });
  const after = (events: O2GEvent[], ...calls: object[]): string[] =>
    changesOf([...events, snapshot(USER, calls as Record<string, unknown>[])])
      .slice(changesOf(events).length)
      .map(line);
  const talking = [created('A', 'RINGING_INCOMING'), modified('A', 'ACTIVE')];

  for (const [what, events, calls, lines] of [
    ['that agrees makes no change', talking, [call('A', 'ACTIVE')], []],
    ['without a call ends it', talking, [], [`${USER} A ended [${OUTSIDE}] recovered`]],
    [
      'with a new call starts it',
      [],
      [call('A', 'ACTIVE')],
      [`${USER} A started talking [${OUTSIDE}] recovered`],
    ],
    [
      'ends before it starts',
      talking,
      [call('B', 'RINGING_INCOMING')],
      [`${USER} A ended [${OUTSIDE}] recovered`, `${USER} B started ringing [${OUTSIDE}] recovered`],
    ],
    [
      'tells what was missed',
      [created('A', 'RINGING_INCOMING')],
      [call('A', 'ACTIVE', [outside(), colleague('70130')])],
      [
        `${USER} A answered [${OUTSIDE} 70130] recovered`,
        `${USER} A parties talking [${OUTSIDE} 70130] recovered`,
      ],
    ],
    [
      'of a call that was answered and held tells both',
      [created('A', 'RINGING_INCOMING')],
      [call('A', 'HELD')],
      [`${USER} A answered [${OUTSIDE}] recovered`, `${USER} A held [${OUTSIDE}] recovered`],
    ],
    ['does not start a call that is being released', [], [call('A', 'RELEASING'), call('B', 'IDLE')], []],
    [
      'starts one whose state nobody knows as a conversation',
      [],
      [call('A', 'UNKNOWN')],
      [`${USER} A started talking [${OUTSIDE}] recovered`],
    ],
    [
      'with a call that was being released says that it goes on',
      [...talking, modified('A', 'RELEASING')],
      [call('A', 'HELD')],
      [`${USER} A held [${OUTSIDE}] recovered`],
    ],
    [
      'knows the callRef that a release announced',
      [...talking, modified('A', 'RELEASING', { fields: { replacedByCallRef: 'C' } })],
      [call('C', 'ACTIVE')],
      [`${USER} A=C parties talking [${OUTSIDE}] recovered`],
    ],
    [
      'that lists the parties in another order agrees',
      [created('A', 'ACTIVE', { with: [outside(), colleague('70130')] })],
      [call('A', 'ACTIVE', [colleague('70130'), outside()])],
      [],
    ],
  ] as const satisfies readonly (readonly [string, O2GEvent[], object[], string[]])[]) {
    it(what, () => {
      assert.deepEqual(after([...events], ...calls), lines);
    });
  }

  it('without calls ends at the first RELEASING, with the cause told then', () => {
    const ended = changesOf([
      ...talking,
      modified('A', 'RELEASING', { fields: { cause: 'CLEARED' } }),
      removed('Z'),
      snapshot(USER, []),
    ]).at(-1);
    assert.deepEqual(
      [ended?.change, ended?.endedAt, ended?.cause, ended?.recovered],
      ['ended', at(2), 'CLEARED', true],
    );
  });

  it('is of one user: the calls of others stay', () => {
    assert.deepEqual(changesOf([...talking, snapshot('oxe70130', [])]).map(line).length, 2);
  });

  it('that says nothing ends nothing; one whose list is absent has no calls', () => {
    const unchanged = [undefined, null, 'x', [], { calls: 'x' }, { calls: {} }];
    for (const state of unchanged)
      assert.deepEqual(
        changesOf([...talking, { ...snapshot(USER, []), state }]).length,
        2,
        JSON.stringify(state),
      );
    for (const state of [{}, { calls: null }])
      assert.deepEqual(changesOf([...talking, { ...snapshot(USER, []), state }]).length, 3);
  });
});

describe('the number of calls', () => {
  it('is bounded: the oldest call is given up', () => {
    const calls = new CallTracker(2);
    const told = ['A', 'B', 'C'].flatMap((callRef) =>
      calls.follow(created(callRef, 'ACTIVE', { of: `oxe${callRef}` }), START),
    );
    assert.deepEqual(told.map(line).slice(2), [
      `oxeC C started talking [${OUTSIDE}]`,
      `oxeA A ended [${OUTSIDE}] recovered`,
    ]);
    assert.equal(calls.size, 2);
  });
});
