import assert from 'node:assert/strict';
import { backOffMs, next, type Effect, type Input, type State } from '../../o2g/session/state-machine';

const STATES: readonly State[] = ['closed', 'connecting', 'connected', 'recovering', 'refused'];
const INPUTS: readonly Input[] = [
  'open',
  'ready',
  'channelLost',
  'sessionLost',
  'failed',
  'denied',
  'due',
  'close',
];

/** Every pair that does something; all others must do nothing. */
const ROWS: readonly (readonly [State, Input, State, Effect])[] = [
  ['closed', 'open', 'connecting', 'establish'],
  ['connecting', 'ready', 'connected', 'announce'],
  ['connecting', 'failed', 'connecting', 'backOff'],
  ['connecting', 'due', 'connecting', 'establish'],
  ['connecting', 'denied', 'refused', 'slowRetry'],
  ['connecting', 'close', 'closed', 'release'],
  ['connected', 'channelLost', 'recovering', 'establish'],
  ['connected', 'sessionLost', 'recovering', 'establish'],
  ['connected', 'close', 'closed', 'release'],
  ['recovering', 'ready', 'connected', 'announce'],
  ['recovering', 'failed', 'recovering', 'backOff'],
  ['recovering', 'due', 'recovering', 'establish'],
  ['recovering', 'denied', 'refused', 'slowRetry'],
  ['recovering', 'close', 'closed', 'release'],
  ['refused', 'due', 'recovering', 'establish'],
  ['refused', 'close', 'closed', 'release'],
];

describe('the life of a session', () => {
  for (const state of STATES) {
    for (const input of INPUTS) {
      const row = ROWS.find(([from, by]) => from === state && by === input);
      it(`${state}, ${input}: ${row ? `${row[2]}, ${row[3]}` : 'nothing happens'}`, () => {
        assert.deepEqual(next(state, input), row ? [row[2], row[3]] : [state, 'none']);
      });
    }
  }

  it('waits 0, 1, 2, 4, then 5 seconds, shortened by up to a quarter', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 50].map((attempt) => backOffMs(attempt, 0)),
      [0, 1000, 2000, 4000, 5000, 5000],
    );
    assert.equal(backOffMs(4, 1), 3750);
  });
});
