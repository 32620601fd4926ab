/**
 * The life of a session as a table: state × input → state and effect. No timer, no socket, no log in here; `connection-lifecycle.ts` performs the
 * effects. Whoever notices a loss gives the same input: the second finds `recovering`, and nothing happens.
 */

/** The words of the `connection` message. */
export type State = 'closed' | 'connecting' | 'connected' | 'recovering' | 'refused';

export type Input =
  /** Somebody needs the session. */
  | 'open'
  /** Session, subscription and channel are there. */
  | 'ready'
  /** The channel ended or broke; the session may well live. */
  | 'channelLost'
  /** The server doesn't know the session any more. */
  | 'sessionLost'
  /** An attempt to establish failed for now. */
  | 'failed'
  /** The server says no to the account or to the subscription. */
  | 'denied'
  /** The time to try again has come. */
  | 'due'
  /** Nobody needs the session any more. */
  | 'close';

export type Effect = 'none' | 'establish' | 'announce' | 'backOff' | 'slowRetry' | 'release';

type Rows = Readonly<Record<State, Partial<Record<Input, readonly [State, Effect]>>>>;

const ends = { close: ['closed', 'release'], denied: ['refused', 'slowRetry'] } as const;

const TABLE: Rows = {
  closed: { open: ['connecting', 'establish'] },
  connecting: {
    ...ends,
    ready: ['connected', 'announce'],
    failed: ['connecting', 'backOff'],
    due: ['connecting', 'establish'],
  },
  connected: {
    close: ends.close,
    channelLost: ['recovering', 'establish'],
    sessionLost: ['recovering', 'establish'],
  },
  recovering: {
    ...ends,
    ready: ['connected', 'announce'],
    failed: ['recovering', 'backOff'],
    due: ['recovering', 'establish'],
  },
  refused: { close: ends.close, due: ['recovering', 'establish'] },
};

/** What an input does in a state: without a row, nothing. */
export function next(state: State, input: Input): readonly [State, Effect] {
  return TABLE[state][input] ?? [state, 'none'];
}

/** Milliseconds before attempt number `attempt` (0: at once): 1, 2, 4, then 5 s, each shortened by up to a quarter so that clients spread. */
export function backOffMs(attempt: number, random: number): number {
  if (attempt === 0) return 0;
  return Math.min(5000, 500 * 2 ** attempt) * (1 - random / 4);
}
