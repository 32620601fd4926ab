import { STATUS_CODES } from 'node:http';
import type { Representation } from './representations';

export type RestErrorInfo = Representation<'RestErrorInfo'>;

/** The eight error types of the REST API with their codes, help texts and whether changing the request can help. */
const ERROR_TYPES = {
  NOT_READY: [
    1000,
    'The server is not yet available. Please retry later if the initialization is not finished.',
    true,
  ],
  INVALID_SESSION: [
    1001,
    'No valid session found for the given identifier. Please logout and login with correct credentials.',
    true,
  ],
  NOT_ALLOWED: [
    1002,
    'The operation is not allowed, because of insufficient rights or bad credential. Please contact the administrator to fix the problem.',
    false,
  ],
  NOT_FOUND: [
    1003,
    'Missing or bad parameter sent by a request on a service. Fix the problem and retry.',
    true,
  ],
  NOT_EXPECTED: [
    1004,
    "The request can not be performed due to current user's state.Check the state or fix your request before sending it back.",
    true,
  ],
  NOT_SUPPORTED: [1005, 'This operation is not supported. Please check the documentation.', false],
  BAD_PARAMETER: [
    1006,
    'Request parameters are not correct. Please fix the problem and send the request back.',
    true,
  ],
  SERVER_PROBLEM: [
    1007,
    'Server general problem. Please contact the administrator to fix the problem.',
    false,
  ],
} as const;

export type ErrorType = keyof typeof ERROR_TYPES;

/** `HttpStatus` of the specification is the status' name in capitals, not its number. */
const httpStatusName = (status: number): string =>
  (STATUS_CODES[status] ?? `STATUS ${status}`).toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_');

/** The RestErrorInfo of a refusal, whole as in the examples of "Error management". */
export function restErrorInfo(status: number, type: ErrorType, innerMessage: string): RestErrorInfo {
  const [code, helpMessage, canRetry] = ERROR_TYPES[type];
  return { httpStatus: httpStatusName(status), code, helpMessage, type, innerMessage, canRetry };
}

/** A request that the server refuses. `violation` tells that the client broke the specification, not just met a state. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly headers: Record<string, string>;
  readonly violation: boolean;

  constructor(
    readonly status: number,
    readonly type: ErrorType,
    message: string,
    options: { violation?: boolean; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.violation = options.violation ?? false;
    this.headers = options.headers ?? {};
  }

  get body(): RestErrorInfo {
    return restErrorInfo(this.status, this.type, this.message);
  }
}

/** A refusal of a request that a client written after the specification would not have sent. */
export const violation = (status: number, type: ErrorType, message: string): Refusal =>
  new Refusal(status, type, message, { violation: true });

/** The 403 of a session that is not, or no longer, there; the identifier is masked as real servers mask it. */
export function invalidSession(cookie: string | undefined, isViolation: boolean): Refusal {
  const masked = cookie === undefined ? 'none' : `...${Buffer.from(cookie.slice(-4)).toString('hex')}`;
  const text = `AlcChameleonException.BAD_FRAMEWORK_SESSION_IDENTIFIER No framework session in API with this ID : ${masked}`;
  return new Refusal(403, 'INVALID_SESSION', text, { violation: isViolation });
}
