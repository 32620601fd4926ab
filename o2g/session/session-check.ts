/** Finds out by a keepalive whether the server still knows a session (Session management, /sessions/keepalive). */
import { asO2GError, ForeignAnswerError, isSessionLoss, isUnanswered, requestOf, O2GError } from '../spec';
import { parseJsonObject, type Clock } from '../util';
import type { HttpResponse } from '../transport';
import type { OpenSession } from './login';
import type { RequestSender } from './request-sender';
import { refusalError } from './responses';

/** `away`: the server, or what stands before it, can't be reached; it says nothing about the session. */
export type SessionVerdict =
  | { readonly session: 'alive'; readonly expirationDate?: string | undefined }
  | { readonly session: 'away' | 'gone'; readonly error: O2GError };

/** HTTP statuses of a proxy, or of a server that is overloaded or starting. */
const AWAY_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** A session that was just confirmed isn't doubted again within this time: refusals come in floods. */
const MIN_CHECK_INTERVAL_MS = 3_000;

export class SessionCheck {
  readonly #requestSender: RequestSender;
  readonly #clock: Clock;
  #running: { readonly open: OpenSession; readonly verdict: Promise<SessionVerdict> } | undefined;
  #confirmedAt = -Infinity;

  constructor(requestSender: RequestSender, clock: Clock) {
    this.#requestSender = requestSender;
    this.#clock = clock;
  }

  /** Milliseconds until a doubt is worth a request again; 0 when it is now. */
  get restMs(): number {
    return Math.max(0, this.#confirmedAt + MIN_CHECK_INTERVAL_MS - this.#clock.now());
  }

  /** Sends one keepalive, or joins the one under way. Never rejects. */
  check(open: OpenSession): Promise<SessionVerdict> {
    if (this.#running?.open !== open) {
      const verdict = this.#keepAlive(open).finally(() => {
        if (this.#running?.open === open) this.#running = undefined;
      });
      this.#running = { open, verdict };
    }
    return this.#running.verdict;
  }

  /** @throws O2GError `INVALID_SESSION` when the session is gone; why the server can't be reached */
  async requireAlive(open: OpenSession): Promise<void> {
    const verdict = await this.check(open);
    if (verdict.session === 'away') throw verdict.error;
    if (verdict.session === 'gone')
      throw new O2GError('INVALID_SESSION', `the session is gone: ${verdict.error.message}`);
  }

  async #keepAlive(open: OpenSession): Promise<SessionVerdict> {
    try {
      const response = await this.#requestSender.send(open, requestOf('keepSessionAlive', {}, undefined));
      const verdict = verdictOf(response);
      if (verdict.session === 'alive') this.#confirmedAt = this.#clock.now();
      return verdict;
    } catch (error) {
      return { session: 'away', error: asO2GError(error) };
    }
  }
}

function verdictOf(response: HttpResponse): SessionVerdict {
  const { status, body } = response;
  // A login page that a proxy serves with 200 is no answer of the session.
  if (status >= 200 && status <= 299 && !body.trimStart().startsWith('<')) {
    const expirationDate = parseJsonObject(body)?.expirationDate;
    return {
      session: 'alive',
      expirationDate: typeof expirationDate === 'string' ? expirationDate : undefined,
    };
  }
  const error = refusalError('keepSessionAlive', response);
  return { session: AWAY_STATUSES.has(status) ? 'away' : 'gone', error };
}

/**
 * Whether an answer to a request, or its lack, leaves open whether the session still exists.
 * What the server refuses for a reason of its own, such as an unknown device, doesn't.
 */
export function isDoubtful(error: unknown): boolean {
  const { code } = asO2GError(error);
  if (code === 'CLOSED' || code === 'INVALID_INPUT') return false;
  return (
    error instanceof ForeignAnswerError ||
    isSessionLoss(error) ||
    isUnanswered(error) ||
    DOUBTFUL_CODES.has(code)
  );
}

/** Servers and proxies say these of a session that is gone, among other things. */
const DOUBTFUL_CODES: ReadonlySet<string> = new Set(['NOT_ALLOWED', 'SERVER_PROBLEM']);
