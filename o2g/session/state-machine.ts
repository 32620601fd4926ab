/**
 * Two tables, state × input → state and effect: one for the session, one for its events. No timer, no socket, no log in here.
 * The session registers, monitors and records whatever the state of its events is; `connection.ts` and `event-feed.ts` perform the effects.
 */

/** The session with the server. `away`: it is open as far as known, but the server can't be reached. */
export type SessionState = 'closed' | 'connecting' | 'open' | 'away' | 'recovering' | 'refused';

export type SessionInput =
  /** The session is needed. */
  | 'open'
  /** The server has opened a session. */
  | 'loggedIn'
  /** The server can't be reached. */
  | 'unreachable'
  /** The server has confirmed the session. */
  | 'confirmed'
  /** The server doesn't know the session any more, or it was given up. */
  | 'lost'
  /** A login failed for now. */
  | 'failed'
  /** The server refuses the account. */
  | 'denied'
  /** The time of the next attempt has come. */
  | 'due'
  /** The session is no longer needed. */
  | 'close';

export type SessionEffect =
  'none' | 'logIn' | 'check' | 'checkLater' | 'backOff' | 'slowRetry' | 'start' | 'resume' | 'end';

/** The events of an open session. `opening`: for the first time in this session. */
export type EventState = 'off' | 'opening' | 'live' | 'lost' | 'refused';

export type EventInput =
  /** A session is open. */
  | 'start'
  /** Subscription and channel are there. */
  | 'live'
  /** The channel ended or broke. */
  | 'ended'
  /** An attempt failed for now. */
  | 'failed'
  /** The server refuses the subscription. */
  | 'denied'
  /** The time of the next attempt has come. */
  | 'due'
  /** What is subscribed to has changed. */
  | 'changed'
  /** There is no session any more. */
  | 'stop';

export type EventEffect = 'none' | 'listen' | 'backOff' | 'slowRetry' | 'announce' | 'release';

type Table<State extends string, Input extends string, Effect extends string> = Readonly<
  Record<State, Partial<Record<Input, readonly [State, Effect]>>>
>;

const SESSION_ENDS = { close: ['closed', 'end'], denied: ['refused', 'slowRetry'] } as const;

const SESSION: Table<SessionState, SessionInput, SessionEffect> = {
  closed: { open: ['connecting', 'logIn'] },
  connecting: {
    ...SESSION_ENDS,
    loggedIn: ['open', 'start'],
    failed: ['connecting', 'backOff'],
    due: ['connecting', 'logIn'],
  },
  open: {
    close: SESSION_ENDS.close,
    unreachable: ['away', 'checkLater'],
    lost: ['recovering', 'logIn'],
  },
  away: {
    close: SESSION_ENDS.close,
    unreachable: ['away', 'checkLater'],
    due: ['away', 'check'],
    confirmed: ['open', 'resume'],
    lost: ['recovering', 'logIn'],
  },
  recovering: {
    ...SESSION_ENDS,
    loggedIn: ['open', 'start'],
    failed: ['recovering', 'backOff'],
    due: ['recovering', 'logIn'],
  },
  refused: { close: SESSION_ENDS.close, due: ['recovering', 'logIn'] },
};

const FEED_ENDS = {
  stop: ['off', 'release'],
  live: ['live', 'announce'],
  failed: ['lost', 'backOff'],
  denied: ['refused', 'slowRetry'],
} as const;

const EVENTS: Table<EventState, EventInput, EventEffect> = {
  off: { start: ['opening', 'listen'] },
  opening: FEED_ENDS,
  live: { stop: FEED_ENDS.stop, ended: ['lost', 'listen'] },
  lost: { ...FEED_ENDS, due: ['lost', 'listen'] },
  refused: { ...FEED_ENDS, due: ['refused', 'listen'], changed: ['refused', 'listen'] },
};

/** What an input does to the session: without a row, nothing. */
export function nextSession(
  state: SessionState,
  input: SessionInput,
): readonly [SessionState, SessionEffect] {
  return SESSION[state][input] ?? [state, 'none'];
}

/** What an input does to the events: without a row, nothing. */
export function nextEvents(state: EventState, input: EventInput): readonly [EventState, EventEffect] {
  return EVENTS[state][input] ?? [state, 'none'];
}

/** The words of the `connection` message. */
export type State = 'closed' | 'connecting' | 'connected' | 'degraded' | 'recovering' | 'refused';

/**
 * Returns what session and events are together.
 * @param before what they were: while the events of a new session are being opened, it is still that
 */
export function overallState(session: SessionState, events: EventState, before: State): State {
  if (session === 'away') return 'recovering';
  if (session !== 'open') return session;
  if (events === 'live') return 'connected';
  return events === 'lost' || events === 'refused' ? 'degraded' : before;
}

/** Milliseconds before attempt number `attempt` (0: at once): 1, 2, 4, then 5 s, each shortened by up to a quarter so that clients spread. */
export function backOffMs(attempt: number, random: number): number {
  if (attempt === 0) return 0;
  return Math.min(5000, 500 * 2 ** attempt) * (1 - random / 4);
}

/** Milliseconds before a refused subscription is tried again: 5, 10, 20, 40, then 60 s. @param refusals in a row, from 1 */
export function refusedRetryMs(refusals: number): number {
  return Math.min(60_000, 5000 * 2 ** (refusals - 1));
}
