import assert from 'node:assert/strict';
import type { O2GEvent } from '../../o2g/spec/event';
import { systemClock } from '../../o2g/util/clock';
import { EventDispatcher } from '../../o2g/session/event-dispatcher';

const parse = (text: string): O2GEvent => JSON.parse(text) as O2GEvent;

describe('an event with two takers', () => {
  let given: Record<'first' | 'second', O2GEvent[]>;
  let delivery: EventDispatcher;

  beforeEach(() => {
    given = { first: [], second: [] };
    delivery = new EventDispatcher(systemClock, {
      info: () => undefined,
      warn: (line) => {
        throw new Error(line);
      },
      debug: () => undefined,
    });
    for (const id of ['first', 'second'] as const)
      delivery.setInterest(id, {
        selectors: [{ names: ['telephony'] }],
        deliver: (event) => {
          given[id].push(event);
        },
      });
  });

  it('is two events: what a flow does to one, the other does not see', () => {
    const text =
      '{"eventName":"OnCallModified","callRef":"é","n":0,"yes":true,"none":null,"legs":[{"deviceId":"70120","capabilities":{}},[]],"__proto__":{"x":[1]}}';
    delivery.dispatch(parse(text));
    const [[first], [second]] = [given.first, given.second];
    assert.deepEqual([JSON.stringify(first), JSON.stringify(second)], [text, text]);
    assert.equal(Object.getPrototypeOf(second), Object.prototype);
    (first?.legs as object[]).length = 0;
    assert.equal(JSON.stringify(second), text);
  });

  it('is shared by both when it is nested too deep to be copied', () => {
    const depth = 200_000;
    delivery.dispatch(parse(`{"eventName":"OnCallModified","x":${'['.repeat(depth)}${']'.repeat(depth)}}`));
    delivery.dispatch(parse('{"eventName":"OnCallRemoved"}'));
    assert.deepEqual(
      given.first.map(({ eventName }) => eventName),
      ['OnCallModified', 'OnCallRemoved'],
    );
    assert.deepEqual(
      given.second.map(({ eventName }) => eventName),
      ['OnCallModified', 'OnCallRemoved'],
    );
  });
});
