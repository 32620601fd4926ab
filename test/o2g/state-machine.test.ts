import assert from 'node:assert/strict';
import {
  backOffMs,
  nextEvents,
  nextSession,
  overallState,
  refusedRetryMs,
  type EventInput,
  type EventState,
  type SessionInput,
  type SessionState,
  type State,
} from '../../o2g/session/state-machine';

const SESSION_STATES: readonly SessionState[] = [
  'closed',
  'connecting',
  'open',
  'away',
  'recovering',
  'refused',
];
const SESSION_INPUTS: readonly SessionInput[] = [
  'open',
  'loggedIn',
  'unreachable',
  'confirmed',
  'lost',
  'failed',
  'denied',
  'due',
  'close',
];

/** Every pair that does something; all others must do nothing. */
const SESSION_ROWS = [
  'closed + open = connecting, logIn',
  'connecting + loggedIn = open, start',
  'connecting + failed = connecting, backOff',
  'connecting + due = connecting, logIn',
  'connecting + denied = refused, slowRetry',
  'connecting + close = closed, end',
  'open + unreachable = away, checkLater',
  'open + lost = recovering, logIn',
  'open + close = closed, end',
  'away + unreachable = away, checkLater',
  'away + due = away, check',
  'away + confirmed = open, resume',
  'away + lost = recovering, logIn',
  'away + close = closed, end',
  'recovering + loggedIn = open, start',
  'recovering + failed = recovering, backOff',
  'recovering + due = recovering, logIn',
  'recovering + denied = refused, slowRetry',
  'recovering + close = closed, end',
  'refused + due = recovering, logIn',
  'refused + close = closed, end',
];

const EVENT_STATES: readonly EventState[] = ['off', 'opening', 'live', 'lost', 'refused'];
const EVENT_INPUTS: readonly EventInput[] = [
  'start',
  'live',
  'ended',
  'failed',
  'denied',
  'due',
  'changed',
  'stop',
];

const EVENT_ROWS = [
  'off + start = opening, listen',
  'opening + live = live, announce',
  'opening + failed = lost, backOff',
  'opening + denied = refused, slowRetry',
  'opening + stop = off, release',
  'live + ended = lost, listen',
  'live + stop = off, release',
  'lost + live = live, announce',
  'lost + failed = lost, backOff',
  'lost + denied = refused, slowRetry',
  'lost + due = lost, listen',
  'lost + stop = off, release',
  'refused + live = live, announce',
  'refused + failed = lost, backOff',
  'refused + denied = refused, slowRetry',
  'refused + due = refused, listen',
  'refused + changed = refused, listen',
  'refused + stop = off, release',
];

/** All pairs that do something, as rows. */
function rowsOf<S extends string, I extends string>(
  states: readonly S[],
  inputs: readonly I[],
  next: (state: S, input: I) => readonly [S, string],
): string[] {
  return states.flatMap((state) =>
    inputs.flatMap((input) => {
      const [after, effect] = next(state, input);
      return after === state && effect === 'none' ? [] : [`${state} + ${input} = ${after}, ${effect}`];
    }),
  );
}

describe('The state machine of a session', () => {
  it('changes the session by its table and by nothing else', () => {
    assert.deepEqual(rowsOf(SESSION_STATES, SESSION_INPUTS, nextSession).sort(), [...SESSION_ROWS].sort());
  });

  it('changes the events by a table of their own', () => {
    assert.deepEqual(rowsOf(EVENT_STATES, EVENT_INPUTS, nextEvents).sort(), [...EVENT_ROWS].sort());
  });

  it('is degraded when an open session has no events, and keeps its former state while they are being opened', () => {
    const rows: [SessionState, EventState, State, State][] = [
      ['connecting', 'off', 'closed', 'connecting'],
      ['open', 'opening', 'connecting', 'connecting'],
      ['open', 'opening', 'recovering', 'recovering'],
      ['open', 'live', 'connecting', 'connected'],
      ['open', 'lost', 'connected', 'degraded'],
      ['open', 'refused', 'connecting', 'degraded'],
      ['away', 'live', 'connected', 'recovering'],
      ['recovering', 'off', 'connected', 'recovering'],
      ['refused', 'off', 'connecting', 'refused'],
      ['closed', 'off', 'connected', 'closed'],
    ];
    for (const [session, events, before, expected] of rows)
      assert.equal(overallState(session, events, before), expected, `${session}, ${events}, ${before}`);
  });

  it('waits 0, 1, 2, 4, then 5 seconds, shortened by up to a quarter', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 50].map((attempt) => backOffMs(attempt, 0)),
      [0, 1000, 2000, 4000, 5000, 5000],
    );
    assert.equal(backOffMs(4, 1), 3750);
  });

  it('tries a refused subscription again after 5, 10, 20, 40, then 60 seconds', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 50].map(refusedRetryMs), [5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });
});
