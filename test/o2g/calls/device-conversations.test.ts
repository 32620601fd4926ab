import assert from 'node:assert/strict';
import { DeviceConversations } from '../../../o2g/calls/device-conversations';

const leg = (deviceId: string, state: string): object => ({ deviceId, state });
const created = (callRef: string, state: string, device = '70120'): [string, object] => [
  'OnCallCreated',
  { callRef, callData: { state }, legs: [leg(device, state)] },
];
const modified = (callRef: string, state: string, device = '70120'): [string, object] => [
  'OnCallModified',
  { callRef, callData: { state }, modifiedLegs: [leg(device, state)] },
];
const removed = (callRef: string): [string, object] => ['OnCallRemoved', { callRef }];
const snapshot = (...callRefs: string[]): [string, object] => [
  'OnTelephonyState',
  {
    state: {
      calls: callRefs.map((callRef) => ({
        callRef,
        callData: { state: 'ACTIVE' },
        legs: [leg('70120', 'ACTIVE')],
      })),
    },
  },
];

/** What each event made of the device's conversation: its state, and the calls it is made of. */
function told(...events: [string, object][]): string[] {
  const conversations = new DeviceConversations();
  return events.flatMap(([eventName, event], index) =>
    conversations
      .follow({ eventName, loginName: 'oxe70120', ...event }, 1000 * index)
      .map(
        ({ deviceNumber, state, calls }) => `${deviceNumber} ${state} ${calls.map(({ id }) => id).join('+')}`,
      ),
  );
}

describe('a conversation of a device', () => {
  for (const [what, events, expected] of [
    [
      "begins when a call is answered and is over when it is removed; a hold doesn't end it",
      [
        created('a', 'RINGING_INCOMING'),
        modified('a', 'ACTIVE'),
        modified('a', 'HELD'),
        modified('a', 'ACTIVE'),
        removed('a'),
      ],
      ['waiting a', 'talking a', 'held a', 'talking a', 'over a'],
    ],
    [
      'goes on while one of two calls is left, and is made of both',
      [
        created('a', 'ACTIVE'),
        modified('a', 'HELD'),
        created('b', 'ACTIVE'),
        removed('b'),
        modified('a', 'ACTIVE'),
        removed('a'),
      ],
      ['talking a', 'held a', 'talking a+b', 'held a+b', 'talking a+b', 'over a+b'],
    ],
    [
      'is over although another call rings, which belongs to the next one',
      [
        created('a', 'ACTIVE'),
        created('b', 'RINGING_INCOMING'),
        removed('a'),
        modified('b', 'ACTIVE'),
        removed('b'),
      ],
      ['talking a', 'talking a+b', 'over a', 'talking b', 'over b'],
    ],
    [
      'that nobody answered is over with its call',
      [created('a', 'RINGING_INCOMING'), removed('a')],
      ['waiting a', 'over a'],
    ],
    [
      'that ended in a gap is over with the snapshot, one that began in it is known',
      [created('a', 'ACTIVE'), snapshot('b')],
      ['talking a', 'over a', 'talking b'],
    ],
  ] as const satisfies readonly (readonly [string, [string, object][], string[]])[]) {
    it(what, () => {
      assert.deepEqual(
        told(...events),
        expected.map((line) => `70120 ${line}`),
      );
    });
  }

  it('is over on a device that the call has left', () => {
    assert.deepEqual(
      told(created('a', 'ACTIVE', '70124'), [
        'OnCallModified',
        {
          callRef: 'a',
          addedLegs: [leg('70123', 'ACTIVE')],
          removedLegs: [leg('70124', 'RELEASING')],
          callData: { state: 'HELD' },
        },
      ]),
      ['70124 talking a', '70123 held a', '70124 over a'],
    );
  });

  it('says what its calls did before they came to the device, in bounded memory', () => {
    const conversations = new DeviceConversations();
    const follow = ([eventName, event]: [string, object], atMs: number): string[] =>
      conversations
        .follow({ eventName, loginName: 'oxe70120', ...event }, atMs)
        .flatMap(({ deviceNumber, timelines: lives }) =>
          lives.map(
            (life) =>
              `${deviceNumber} ${life.map(({ atMs: told, change }) => `${change.change} ${told}`).join(', ')}`,
          ),
        );
    follow(created('a', 'RINGING_INCOMING', '70124'), 0);
    assert.deepEqual(
      follow(
        [
          'OnCallModified',
          {
            callRef: 'a',
            callData: { state: 'ACTIVE' },
            addedLegs: [leg('70123', 'ACTIVE')],
            removedLegs: [{ deviceId: '70124' }],
          },
        ],
        5,
      ),
      ['70123 started 0, answered 5', '70124 started 0, answered 5'],
    );
    for (let second = 1; second <= 1000; second += 1)
      follow(modified('a', second % 2 ? 'HELD' : 'ACTIVE', '70123'), 1000 * second);
    const [told = ''] = follow(removed('a'), 2_000_000);
    assert.match(told, /^70123 started 0, .*, retrieved 1000000, ended 2000000$/);
    assert.equal(told.split(',').length, 200);
  });
});
