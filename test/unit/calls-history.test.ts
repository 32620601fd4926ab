import assert from 'node:assert/strict';
import { callsBetween, type TimedChange } from '../../o2g/call-history';
import type { O2GEvent } from '../../o2g/channel';
import { Calls } from '../../o2g/calls';
import { at, colleague, created, modified, removed, START } from './calls-support';

/** A call that rings on two devices and is answered on the second; then another on the first. */
const STORY: readonly (readonly [number, O2GEvent])[] = [
  [0, created('A', 'RINGING_INCOMING', {
    data: { associateData: 'order 7' },
    fields: { legs: [{ deviceId: '70120', state: 'RINGING_INCOMING' }, { deviceId: '70121', state: 'RINGING_INCOMING' }] },
  })],
  [5, modified('A', 'ACTIVE', { fields: { modifiedLegs: [{ deviceId: '70121', state: 'ACTIVE' }], removedLegs: [{ deviceId: '70120' }] } })],
  [20, modified('A', 'ACTIVE', { fields: { cause: 'CONFERENCED', modifiedLegs: [], addedParticipants: [colleague('70130')] } })],
  [30, modified('A', 'RELEASING')],
  [34, removed('A')],
  [40, created('B', 'ACTIVE')],
  [50, removed('B')],
];

function history(): TimedChange[] {
  const calls = new Calls();
  return STORY.flatMap(([second, event]) => calls.follow(event, START + second * 1000).map((change) => ({ atMs: START + second * 1000, change })));
}

const between = (device: string, from: number, to: number): string[] =>
  callsBetween(history(), device, START + from * 1000, START + to * 1000)
    .map(({ id, changes }) => `${id}: ${changes.map(({ change, atMs }) => `${change} ${atMs / 1000}`).join(', ')}`);

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
    assert.deepEqual({ ...call, changes: call?.changes.map(({ state, parties, cause }) => [state, parties.length, cause]) }, {
      state: 'ended', id: 'A', callRef: 'A', user: 'oxe70120', devices: ['70121'], direction: 'incoming', external: true,
      parties: [{ number: '0390670000', type: 'EXTERNAL' }, { number: '70130', login: 'oxe70130', type: 'USER' }],
      startedAt: at(0), answeredAt: at(5), endedAt: at(30), ringMs: 5000, talkMs: 25000, data: 'order 7',
      changes: [['ringing', 1, undefined], ['talking', 1, undefined], ['talking', 2, 'CONFERENCED'], ['ended', 2, undefined]],
    });
  });
});
