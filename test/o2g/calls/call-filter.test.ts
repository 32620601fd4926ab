import assert from 'node:assert/strict';
import { FilteredCallTracker, readCallFilter, type CallFilter } from '../../../o2g/calls/call-filter';
import type { CallChange } from '../../../o2g/calls/call';
import type { O2GEvent } from '../../../o2g/spec/event';
import { STORIES } from './stories';
import { changesOf, START } from './support';

const ALL = readCallFilter('', []);

const follow = (
  events: readonly O2GEvent[],
  filter: CallFilter,
  following = new FilteredCallTracker(),
): CallChange[] => events.flatMap((event, index) => following.follow(event, START + index * 1000, filter));

describe('calls as a flow wants them', () => {
  it('are all of them, without a filter', () => {
    for (const { events } of STORIES) assert.deepEqual(follow(events, ALL), changesOf(events));
  });

  it('are those of the devices, told as they are, and none is left at the end', () => {
    for (const { name, events } of STORIES) {
      const following = new FilteredCallTracker();
      const some = readCallFilter('70120', undefined);
      assert.deepEqual(
        follow(events, some, following),
        changesOf(events).filter(({ user }) => user === 'oxe70120'),
        name,
      );
      assert.equal(following.size(some), 0, name);
      assert.deepEqual(follow(events, readCallFilter('70999', undefined)), []);
    }
  });

  it('are counted as the filter lets them through', () => {
    const following = new FilteredCallTracker();
    const [one, two] = [readCallFilter('70120', []), readCallFilter('70120,70130', [])];
    const event = (device: string): O2GEvent => ({
      eventName: 'OnCallCreated',
      loginName: `oxe${device}`,
      callRef: device,
      callData: { state: 'ACTIVE' },
      legs: [{ deviceId: device, state: 'ACTIVE' }],
    });
    follow([event('70120'), event('70130'), event('70140')], one, following);
    assert.deepEqual([following.size(one), following.size(ALL)], [1, 3]);
    assert.deepEqual(
      follow(
        [{ ...event('70130'), eventName: 'OnCallModified', callData: { state: 'HELD' } }],
        two,
        following,
      ).map(({ change, state }) => [change, state]),
      [['started', 'held']],
    );
    assert.equal(following.size(two), 2);
  });

  it('are only some changes, when so asked', () => {
    for (const { events } of STORIES) {
      assert.deepEqual(
        follow(events, readCallFilter(undefined, 'started; ended')),
        changesOf(events).filter(({ change }) => change === 'started' || change === 'ended'),
      );
    }
  });

  for (const [devices, changes, field] of [
    ['70099-70000', [], 'devices'],
    ['a b/c', [], 'devices'],
    [{}, [], 'devices'],
    ['', 'answered, forgotten', 'changes'],
    ['', [7], 'changes'],
    ['', {}, 'changes'],
    ['', true, 'changes'],
  ] as const) {
    it(`refuses ${JSON.stringify({ devices, changes })}, naming the ${field}`, () => {
      assert.throws(
        () => readCallFilter(devices, changes),
        (error) =>
          error instanceof Error &&
          'code' in error &&
          error.code === 'INVALID_INPUT' &&
          error.message.startsWith(field),
      );
    });
  }
});
