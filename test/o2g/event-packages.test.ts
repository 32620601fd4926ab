import assert from 'node:assert/strict';
import type { O2GEvent } from '../../o2g/spec/event';
import { filterLadder, readSelectors, type Rights, type Selector } from '../../o2g/spec/event-packages';
import { EventRouter, type Interest } from '../../o2g/session/event-router';

const takers = (selectors: Selector[], event: O2GEvent): number => {
  const interest: Interest = { selectors, deliver: () => undefined };
  return new EventRouter([interest]).recipientsOf(event).length;
};

const star = (...names: string[]): object[] => names.map((name) => ({ ids: ['*'], names: [name] }));
const plain = (...names: string[]): object[] => names.map((name) => ({ names: [name] }));
const filters = (selectors: Selector[], rights: Rights): unknown[] =>
  filterLadder(selectors, rights).map(({ filter }) => filter.selectors);

describe('The filter of the one subscription', () => {
  it('is the union of all selectors plus telephony and system, one selector a package, "*" for an administrator', () => {
    const [first] = filters(
      [{ names: ['agent'], ids: ['oxe1'] }, { names: ['OnCallCreated', 'OnUserCreated', 'OnUserDeleted'] }],
      'administrator',
    );
    assert.deepEqual(first, [
      { ids: ['*'], names: ['OnUserCreated', 'OnUserDeleted'] },
      ...star('agent', 'system', 'telephony'),
    ]);
  });

  it('has neither ids nor the system for a user', () => {
    assert.deepEqual(filters([], 'user'), [plain('telephony')]);
  });

  it('keeps a future event in a selector of its own and leaves out what cannot be subscribed to', () => {
    const [first] = filters([{ names: ['OnTomorrow', 'OnChannelInformation'] }], 'administrator');
    assert.deepEqual(first, star('OnTomorrow', 'system', 'telephony'));
  });

  it('asks for less and less when it is refused, telephony alone at last', () => {
    assert.deepEqual(filters([{ names: ['OnTomorrow', 'agent', 'userManagement'] }], undefined), [
      star('OnTomorrow', 'agent', 'system', 'telephony', 'userManagement'),
      star('agent', 'system', 'telephony', 'userManagement'),
      [...star('agent'), ...plain('system'), ...star('telephony'), ...plain('userManagement')],
      [...star('agent', 'telephony'), ...plain('userManagement')],
      star('telephony'),
      plain('telephony'),
    ]);
  });

  it('tries no filter twice', () => {
    assert.deepEqual(filters([], 'administrator'), [
      star('system', 'telephony'),
      [...plain('system'), ...star('telephony')],
      star('telephony'),
      plain('telephony'),
    ]);
  });
});

describe('the routing of events', () => {
  for (const [what, selectors, event, expected] of [
    [
      'a package brings its events',
      [{ names: ['telephony'], ids: [] }],
      { eventName: 'OnCallCreated', loginName: 'oxe1' },
      1,
    ],
    [
      'a name brings its event',
      [{ names: ['OnCallCreated'], ids: ['*'] }],
      { eventName: 'OnCallCreated', loginName: 'oxe1' },
      1,
    ],
    [
      'and no other',
      [{ names: ['OnCallCreated'], ids: ['*'] }],
      { eventName: 'OnCallRemoved', loginName: 'oxe1' },
      0,
    ],
    [
      'a login brings its own events',
      [{ names: ['telephony'], ids: ['oxe1'] }],
      { eventName: 'OnCallCreated', loginName: 'oxe1' },
      1,
    ],
    [
      "and nobody else's",
      [{ names: ['telephony'], ids: ['oxe1'] }],
      { eventName: 'OnCallCreated', loginName: 'oxe2' },
      0,
    ],
    [
      'two matching selectors bring one copy',
      [
        { names: ['telephony'], ids: [] },
        { names: ['OnCallCreated'], ids: ['oxe1'] },
      ],
      { eventName: 'OnCallCreated', loginName: 'oxe1' },
      1,
    ],
    [
      'userManagement knows no ids',
      [{ names: ['userManagement'], ids: ['oxe1'] }],
      { eventName: 'OnUserDeleted', loginName: 'oxe2' },
      1,
    ],
    [
      'a future event comes to those who asked for its name',
      [{ names: ['OnTomorrow'], ids: [] }],
      { eventName: 'OnTomorrow' },
      1,
    ],
    [
      'or for its package',
      [{ names: ['telephony'], ids: [] }],
      { eventName: 'OnCallWhispered', loginName: 'oxe1' },
      1,
    ],
    [
      "the channel's own words come to nobody who asked for packages",
      [{ names: ['telephony', 'system'], ids: [] }],
      { eventName: 'OnChannelInformation' },
      0,
    ],
  ] as const) {
    it(what, () => {
      assert.equal(
        takers(
          selectors.map(({ names, ids }) => ({ names: [...names], ids: [...ids] })),
          event,
        ),
        expected,
      );
    });
  }
});

describe('readSelectors', () => {
  for (const value of [
    'telephony',
    [{}],
    [{ names: [] }],
    [{ names: [''] }],
    [{ names: ['x'], ids: 'oxe1' }],
    [null],
    { names: ['x'] },
  ]) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => readSelectors(value), { code: 'INVALID_INPUT' });
    });
  }
});
