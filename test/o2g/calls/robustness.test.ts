import assert from 'node:assert/strict';
import { dataOf, listOf, type CallChange } from '../../../o2g/calls/call';
import type { O2GEvent } from '../../../o2g/spec/event';
import { CallTracker } from '../../../o2g/calls/call-tracker';
import { STORIES } from './stories';
import { changesOf, created, modified, removed, snapshot, snapshotAfter, START, USER } from './support';

/** Without the times: a duplicate takes a second of its own in these stories. */
const timeless = (changes: readonly CallChange[]): object[] =>
  changes.map((change) =>
    Object.fromEntries(Object.entries(change).filter(([field]) => !/(At|Ms)$/.test(field))),
  );

/** What can be known of the live calls after a gap, too: neither their ids nor when what happened. A released call may be over by now. */
const facts = (calls: CallTracker): object[] =>
  [...calls.live()]
    .filter(([, { ending }]) => ending?.releasedAfterMs === undefined)
    .map(([user, call]) => ({
      user,
      callRef: call.callRef,
      state: call.state,
      devices: [...listOf(call.devices)].sort(),
      parties: listOf(call.participants)
        .map(({ id, number }) => `${id} ${number}`)
        .sort(),
      initialCalled: call.initialCalled,
      data: dataOf(call),
    }))
    .sort((one, other) => `${one.user} ${one.callRef}`.localeCompare(`${other.user} ${other.callRef}`));

const usersOf = (events: readonly O2GEvent[]): string[] => [
  ...new Set(events.flatMap(({ loginName }) => loginName ?? [])),
];

/** Every call starts before anything else is told of it, ends at most once, and is told of no more then. */
function assertLives(changes: readonly CallChange[], live: CallTracker): void {
  const seen = new Map<string, 'alive' | 'over'>();
  for (const { user, id, change } of changes) {
    const key = `${user} ${id}`;
    assert.equal(seen.get(key), change === 'started' ? undefined : 'alive', `${key} ${change}`);
    seen.set(key, change === 'ended' ? 'over' : 'alive');
  }
  assert.equal([...seen.values()].filter((state) => state === 'alive').length, live.size);
}

describe('duplicates', () => {
  for (const { name, events } of STORIES) {
    it(`make no difference to ${name}`, () => {
      const expected = timeless(changesOf(events));
      for (let twice = 0; twice < events.length; twice += 1) {
        assert.deepEqual(
          timeless(changesOf(events.flatMap((event, index) => (index === twice ? [event, event] : [event])))),
          expected,
          `event ${twice}`,
        );
      }
      assert.deepEqual(
        timeless(changesOf(events.flatMap((event) => [event, event, event]))),
        expected,
        'every event three times',
      );
    });
  }

  it('of a creation, of a replacement, of a release and of a removal make no difference as late as they come', () => {
    const first = created('A', 'RINGING_INCOMING');
    const replaced = modified('C', 'ACTIVE', {
      fields: { previousCallRef: 'A', addedParticipants: [{ participantId: 'p' }] },
    });
    const events = [
      first,
      modified('A', 'ACTIVE'),
      first,
      replaced,
      modified('C', 'HELD'),
      modified('C', 'ACTIVE'),
      replaced,
      modified('C', 'RELEASING'),
    ];
    const late = [
      ...events,
      first,
      modified('A', 'HELD'),
      modified('C', 'ACTIVE'),
      modified('C', 'HELD'),
      removed('C'),
      removed('C'),
      modified('C', 'RELEASING'),
      removed('A'),
    ];
    assert.deepEqual(
      changesOf(late).map(({ change, id, endedAt }) => [change, id, endedAt]),
      [
        ['started', 'A', undefined],
        ['answered', 'A', undefined],
        ['parties', 'A', undefined],
        ['held', 'A', undefined],
        ['retrieved', 'A', undefined],
        ['ended', 'A', new Date(START + 7000).toISOString()],
      ],
    );
  });

  it('of any change make no difference after the end, until the callRef comes back to its user', () => {
    const chain = [
      ...[
        created('A', 'ACTIVE'),
        modified('B', 'ACTIVE', { fields: { previousCallRef: 'A' } }),
        modified('C', 'ACTIVE', { fields: { previousCallRef: 'B' } }),
      ],
      modified('B', 'HELD'),
      modified('B', 'ACTIVE', { fields: { previousCallRef: 'A' } }),
      removed('C'),
    ];
    const late = [modified('C', 'ACTIVE'), modified('B', 'ACTIVE'), modified('A', 'HELD'), removed('C')];
    const back = [created('C', 'ACTIVE'), modified('C', 'HELD'), removed('C')];
    assert.deepEqual(
      changesOf([...chain, ...late, ...back]).map(({ change, callRef }) => `${change} ${callRef}`),
      ['started A', 'parties B', 'parties C', 'ended C', 'started C', 'held C', 'ended C'],
    );
    const calls = new CallTracker();
    changesOf([...chain, ...late, snapshot(USER, [{ callRef: 'C', callData: { state: 'ACTIVE' } }])], calls);
    assert.equal(calls.size, 1);
    // Long after the end it is no duplicate: something of a call was lost.
    assert.deepEqual(changesOf([created('D', 'ACTIVE'), removed('D')], calls).length, 2);
    assert.deepEqual(
      changesOf([modified('D', 'ACTIVE')], calls, 60).map(({ change }) => change),
      ['started'],
    );
  });

  it('of a snapshot make no difference', () => {
    for (const { events } of STORIES) {
      for (let cut = 0; cut <= events.length; cut += 1) {
        const told = usersOf(events).map((user) => snapshotAfter(user, events.slice(0, cut)));
        const calls = new CallTracker();
        changesOf([...events.slice(0, cut), ...told], calls);
        assert.deepEqual(changesOf(told, calls, 100), []);
      }
    }
  });
});

describe('events lost, then a snapshot', () => {
  for (const { name, events } of STORIES.filter(({ unclear }) => !unclear)) {
    it(`leave the same calls, wherever the gap, in ${name}`, () => {
      for (let from = 0; from < events.length; from += 1) {
        for (let to = from + 1; to <= events.length; to += 1) {
          const whole = new CallTracker();
          changesOf(events.slice(0, to), whole);
          const cut = new CallTracker();
          const told = changesOf(
            [
              ...events.slice(0, from),
              ...usersOf(events).map((user) => snapshotAfter(user, events.slice(0, to))),
            ],
            cut,
          );
          assert.deepEqual(facts(cut), facts(whole), `lost ${from} to ${to}`);
          told.push(...changesOf(events.slice(to), cut, 100));
          changesOf(events.slice(to), whole, 100);
          assert.deepEqual(facts(cut), facts(whole), `lost ${from} to ${to}, at the end`);
          assertLives(told, cut);
        }
      }
    });
  }

  it('say of everything that they told that it is recovered, and only of that', () => {
    const told = changesOf([created('A', 'RINGING_INCOMING'), snapshot(USER, []), modified('B', 'ACTIVE')]);
    assert.deepEqual(
      told.map(({ change, recovered }) => [change, recovered]),
      [
        ['started', undefined],
        ['ended', true],
        ['started', undefined],
      ],
    );
  });
});

describe('the state', () => {
  it('is empty when no call is left', () => {
    for (const { events } of STORIES) {
      const calls = new CallTracker();
      changesOf(events, calls);
      assert.deepEqual([calls.size, [...calls.live()]], [0, []]);
    }
  });
});

describe('events', () => {
  it('are not modified, and not referred to by what comes of them', () => {
    for (const { events } of STORIES) {
      const mine = structuredClone(events) as O2GEvent[];
      const calls = new CallTracker();
      const told = mine.flatMap((event, index) => {
        const before = JSON.stringify(event);
        const changes = calls.follow(frozen(event), START + index * 1000);
        assert.equal(JSON.stringify(event), before);
        return changes;
      });
      assert.deepEqual(told, changesOf(events));
    }
    const data = {
      acdCallData: { callInfo: { agentGroup: '1' } },
      trunkIdentification: { trunkNeqt: [1] },
      tags: [{ name: 't', visibilities: ['u'] }],
    };
    const event = created('A', 'ACTIVE', { data });
    const calls = new CallTracker();
    const [change] = calls.follow(event, START);
    const before = JSON.stringify([change, [...calls.live()]]);
    shred(event);
    assert.equal(JSON.stringify([change, [...calls.live()]]), before);
    shred(change);
    assert.equal(
      JSON.stringify([calls.follow(modified('A', 'HELD', { data: {} }), START)[0]?.acd]),
      '[{"callInfo":{"agentGroup":"1"}}]',
    );
  });

  it('never make it throw, whatever their fields are, and a good one is understood after each', () => {
    const whole = [
      created('A', 'ACTIVE', {
        data: {
          initialCalled: { id: { phoneNumber: '1' } },
          acdCallData: { queueData: {} },
          trunkIdentification: { trunkNeqt: [1] },
          tags: [{ name: 't' }],
        },
      }),
      modified('A', 'HELD', {
        fields: {
          addedParticipants: [{ participantId: 'p', identity: { id: {}, type: { main: 'USER' } } }],
          removedLegs: [{ deviceId: 'x' }],
          previousCallRef: 'B',
          replacedByCallRef: 'D',
          cause: 'CLEARED',
        },
      }),
      removed('B', { fields: { cause: 'CLEARED' } }),
      snapshot(USER, [
        {
          callRef: 'A',
          callData: { state: 'ACTIVE' },
          legs: [{ deviceId: '1', state: 'HELD' }],
          participants: [{ participantId: 'p' }],
        },
      ]),
    ];
    const wrong = [
      null,
      undefined,
      7,
      NaN,
      true,
      '',
      'constructor',
      '__proto__',
      [],
      [null],
      [[]],
      [7],
      {},
      { length: 3 },
      [{ deviceId: 7 }],
      Symbol.iterator.toString(),
    ];
    let tried = 0;
    for (const event of whole) {
      for (const path of pathsOf(event)) {
        for (const value of wrong) {
          const calls = new CallTracker();
          calls.follow(created('Z', 'ACTIVE'), START);
          assert.doesNotThrow(
            () => {
              calls.follow(replaced(event, path, value), START);
            },
            `${path.join('.')} = ${JSON.stringify(value)}`,
          );
          assert.doesNotThrow(() => JSON.stringify([...calls.live()]));
          assert.equal(calls.follow(created('Y', 'ACTIVE', { of: 'oxeY' }), START).length, 1);
          tried += 1;
        }
      }
    }
    assert.ok(tried > 1000);
  });
});

function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

/** Takes everything out of an object that somebody else should have no part of. */
function shred(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.values(value).forEach(shred);
  for (const key of Object.keys(value)) Reflect.deleteProperty(value, key);
}

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    ...(path.length > 0 ? [path] : []),
    ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key])),
  ];
}

function replaced(event: O2GEvent, path: readonly string[], value: unknown): O2GEvent {
  const copy = structuredClone(event) as Record<string, unknown>;
  const owner = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((inner, key) => inner[key] as Record<string, unknown>, copy);
  owner[path.at(-1) ?? ''] = value;
  return copy as unknown as O2GEvent;
}
