import type { Representation } from './representations';

export type RestErrorInfo = Representation<'RestErrorInfo'>;

/** The eight error types of the specification ("Error management") with their numbers. */
export const ERROR_TYPES = {
  NOT_READY: 1000,
  INVALID_SESSION: 1001,
  NOT_ALLOWED: 1002,
  NOT_FOUND: 1003,
  NOT_EXPECTED: 1004,
  NOT_SUPPORTED: 1005,
  BAD_PARAMETER: 1006,
  SERVER_PROBLEM: 1007,
} as const;

/** Our own codes, for what never came to an answer of the server. */
export type ClientErrorCode = 'INVALID_INPUT' | 'NOT_CONNECTED' | 'TIMEOUT' | 'REFUSED' | 'CLOSED';
/** A newer server may know more types than the specification: they are handed on as they are. */
export type ErrorCode = ClientErrorCode | keyof typeof ERROR_TYPES | (string & Record<never, never>);

/** What lies behind an error: the server's whole RestErrorInfo, or the system's code and words. Always plain data. */
export type ErrorCause = RestErrorInfo | { readonly code: string; readonly message: string };

/** The one error of this library. Branch on `code`, never on the text. */
export class O2GError extends Error {
  override readonly name = 'O2GError';
  override readonly cause?: ErrorCause;

  constructor(
    readonly code: ErrorCode,
    message: string,
    cause?: ErrorCause,
  ) {
    super(message);
    if (cause) this.cause = cause;
  }
}

/** The account or the subscription is refused: trying again at once would be refused again, or lock the account. */
export class DeniedError extends O2GError {}

/** An answer that isn't O2G's own words: a page of a proxy, or nothing at all. It says little about what was requested. */
export class ForeignAnswerError extends O2GError {}

/** The session is gone, whoever noticed: log in again. Specification, Error management, example 2. */
export function isSessionLoss(error: unknown): boolean {
  return error instanceof O2GError && error.code === 'INVALID_SESSION';
}

/**
 * The server has understood and says no: asking again, unchanged, gives the same answer.
 * Everything else (no answer, not ready, session lost, the server's own trouble) may be different the next time.
 */
export function isDefiniteRefusal(error: unknown): boolean {
  return error instanceof O2GError && DEFINITE_CODES.has(error.code);
}

const UNANSWERED_CODES: ReadonlySet<string> = new Set(['NOT_READY', 'NOT_CONNECTED', 'TIMEOUT', 'CLOSED']);

/** What was asked is as open as before: no answer came, or the server is not ready to give one. */
export function isUnanswered(error: unknown): boolean {
  return UNANSWERED_CODES.has(asO2GError(error).code);
}

/** Failures of a connection that was never there. */
const NEVER_SENT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** Whether the server may have done what was asked for, though no answer came. */
export function mayHaveArrived(error: unknown): boolean {
  if (!(error instanceof O2GError)) return false;
  const { code, cause } = error;
  return (
    code === 'TIMEOUT' ||
    (code === 'NOT_CONNECTED' && !(cause && 'code' in cause && NEVER_SENT_CODES.has(String(cause.code))))
  );
}

const DEFINITE_CODES: ReadonlySet<string> = new Set([
  'INVALID_INPUT',
  'NOT_ALLOWED',
  'NOT_FOUND',
  'NOT_EXPECTED',
  'NOT_SUPPORTED',
  'BAD_PARAMETER',
]);

/** Makes any thrown thing an O2GError; a system error (`ECONNREFUSED`, a TLS code) becomes the cause of `NOT_CONNECTED`. */
export function asO2GError(error: unknown): O2GError {
  if (error instanceof O2GError) return error;
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) };
  return new O2GError('NOT_CONNECTED', message, { code: code ?? 'ERROR', message });
}
