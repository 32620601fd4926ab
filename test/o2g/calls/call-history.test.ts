import assert from 'node:assert/strict';
import {
  callsBetween,
  CallHistory,
  callKey,
  type CallTimeline,
  type TimedChange,
} from '../../../o2g/calls/call-history';
import type { O2GEvent } from '../../../o2g/spec/event';
import { CallTracker } from '../../../o2g/calls/call-tracker';
import { at, colleague, created, modified, removed, START } from './support';

/** A call that rings on two devices and is answered on the second; then another on the first. */
const STORY: readonly (readonly [number, O2GEvent])[] = [
  [
    0,
    created('A', 'RINGING_INCOMING', {
      data: { associateData: 'order 7' },
      fields: {
        legs: [
          { deviceId: '70120', state: 'RINGING_INCOMING' },
          { deviceId: '70121', state: 'RINGING_INCOMING' },
        ],
      },
    }),
  ],
  [
    5,
    modified('A', 'ACTIVE', {
      fields: {
        modifiedLegs: [{ deviceId: '70121', state: 'ACTIVE' }],
        removedLegs: [{ deviceId: '70120' }],
      },
    }),
  ],
  [
    20,
    modified('A', 'ACTIVE', {
      fields: { cause: 'CONFERENCED', modifiedLegs: [], addedParticipants: [colleague('70130')] },
    }),
  ],
  [30, modified('A', 'RELEASING')],
  [34, removed('A')],
  [40, created('B', 'ACTIVE')],
  [50, removed('B')],
];

function history(story = STORY): TimedChange[] {
  const calls = new CallTracker();
  return story.flatMap(([second, event]) =>
    calls.follow(event, START + second * 1000).map((change) => ({ atMs: START + second * 1000, change })),
  );
}

const between = (device: string, from: number, to: number): string[] =>
  callsBetween(history(), device, START + from * 1000, START + to * 1000).map(
    ({ id, changes }) => `${id}: ${changes.map(({ change, atMs }) => `${change} ${atMs / 1000}`).join(', ')}`,
  );

describe('the calls that touched a device during a time', () => {
  for (const [device, from, to, expected] of [
    ['70121', 5, 31, ['A: started -5, answered 0, parties 15, ended 25']],
    ['70121', 10, 15, ['A: started -10, answered -5']],
    ['70121', 31, 39, []],
    ['70120', 0, 60, ['A: started 0, answered 5, parties 20, ended 30', 'B: started 40, ended 50']],
    ['70120', 6, 39, []],
    ['70120', 45, 46, ['B: started -5']],
    ['70199', 0, 60, []],
  ] as const) {
    it(`${device} from ${from} s to ${to} s: ${expected.length === 0 ? 'none' : expected.join('; ')}`, () => {
      assert.deepEqual(between(device, from, to), expected);
    });
  }

  it('come with what was last known of them, and with the parties of each change', () => {
    const [call] = callsBetween(history(), '70121', START + 5000, START + 31000);
    assert.deepEqual(
      { ...call, changes: call?.changes.map(({ state, parties, cause }) => [state, parties.length, cause]) },
      {
        state: 'ended',
        id: 'A',
        callRef: 'A',
        user: 'oxe70120',
        devices: ['70121'],
        direction: 'incoming',
        external: true,
        parties: [
          { number: '0390670000', type: 'EXTERNAL' },
          { number: '70130', login: 'oxe70130', type: 'USER' },
        ],
        startedAt: at(0),
        answeredAt: at(5),
        endedAt: at(30),
        ringMs: 5000,
        talkMs: 25000,
        data: 'order 7',
        changes: [
          ['ringing', 1, undefined],
          ['talking', 1, undefined],
          ['talking', 2, 'CONFERENCED'],
          ['ended', 2, undefined],
        ],
      },
    );
  });

  it('are two when one that was parked comes back under its old reference', () => {
    const parked = history([
      [0, created('A', 'ACTIVE')],
      [10, removed('A')],
      [20, created('A', 'ACTIVE')],
      [30, removed('A')],
    ]);
    assert.deepEqual(
      callsBetween(parked, '70120', START, START + 40_000).map(({ startedAt, endedAt }) => [
        startedAt,
        endedAt,
      ]),
      [
        [at(0), at(10)],
        [at(20), at(30)],
      ],
    );
  });
});

describe('the history of a device', () => {
  const ms = (second: number): number => START + second * 1000;
  /** All lives of the story as they were at a time, in seconds. */
  const lives = (second: number): CallTimeline[] => {
    const byCall = new Map<string, TimedChange[]>();
    for (const told of history().filter(({ atMs }) => atMs <= ms(second)))
      byCall.set(callKey(told.change), [...(byCall.get(callKey(told.change)) ?? []), told]);
    return [...byCall.values()];
  };
  const idsOf = (calls: readonly { id: string }[]): string[] => calls.map(({ id }) => id);

  it("has a file's calls, those of its time only, and drops those that are over when no file needs them", () => {
    const device = new CallHistory('70120');
    device.add(lives(3), ms(3));
    device.open('first', ms(4));
    device.add(lives(41), ms(41));
    assert.deepEqual(idsOf(device.close('first', ms(4), ms(39))), ['A']);
    device.forget(ms(41));
    assert.equal(device.size, 1, 'the one that goes on');
    device.open('second', ms(40));
    device.add(lives(50).slice(1), ms(50));
    assert.deepEqual(idsOf(device.close('second', ms(40), ms(50))), ['B']);
    device.forget(ms(51));
    assert.equal(device.size, 0);
  });

  it('keeps the calls of a file that is being completed while the next one is made already', () => {
    const device = new CallHistory('70120');
    device.open('first', ms(0));
    device.open('second', ms(45));
    device.add(lives(50), ms(50));
    device.add([], ms(5000));
    assert.deepEqual(idsOf(device.close('second', ms(45), ms(50))), ['B']);
    assert.deepEqual(idsOf(device.close('first', ms(0), ms(45))), ['A', 'B']);
    device.add([], ms(5000));
    assert.equal(device.size, 0);
  });

  it('waits a minute for a file of which nobody has heard yet, and no longer', () => {
    const device = new CallHistory('70121');
    device.add(lives(34), ms(34));
    device.add([], ms(80));
    assert.equal(device.size, 1);
    device.add([], ms(95));
    assert.equal(device.size, 0);
  });

  it('gives up a file that can never be completed when the conversation after it is over', () => {
    const device = new CallHistory('70120');
    device.open('lost', ms(0));
    device.add(lives(34), ms(34));
    device.forget(ms(35));
    assert.equal(device.size, 0);
  });

  it('is bounded, whatever nobody ends', () => {
    const device = new CallHistory('70120');
    device.open('endless', ms(0));
    const [told] = history();
    assert.ok(told);
    for (let call = 0; call < 3000; call += 1)
      device.add([[{ ...told, change: { ...told.change, id: String(call) } }]], ms(call));
    assert.equal(device.size, 1000);
  });
});
