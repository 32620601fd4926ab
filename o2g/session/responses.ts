/**
 * From an HTTP answer to a typed result or an error, and whether to ask again. Absorbs what servers, proxies and old versions write.
 */
import type { OfferedUrls } from './site-urls';
import {
  OPERATIONS,
  DeniedError,
  ERROR_TYPES,
  ForeignAnswerError,
  O2GError,
  type ResponseOf,
  type Operation,
  type OperationName,
  type ErrorCode,
  type RestErrorInfo,
} from '../spec';
import { parseJsonObject } from '../util';
import type { HttpResponse } from '../transport';

/**
 * The result of an operation as the specification types it; fields that it doesn't know pass through untouched.
 * @throws O2GError with the type of the server's RestErrorInfo, `cause` holding the whole of it
 */
export function readResponse<Name extends OperationName>(
  name: Name,
  response: HttpResponse,
): ResponseOf<Name> {
  if (response.status < 200 || response.status > 299) throw refusalError(name, response);
  const operation: Operation = OPERATIONS[name];
  if (operation.response === undefined) return undefined as ResponseOf<Name>;
  // Servers answer POST record without keys and keepalive without a token with an empty body.
  if (response.body.trim() === '') return {} as ResponseOf<Name>;
  const value = parseJsonObject(response.body);
  if (value === undefined) {
    throw new ForeignAnswerError(
      'SERVER_PROBLEM',
      `O2G answered ${name} with something else than JSON (is that address an O2G server?)`,
      {
        httpStatus: 'OK',
        type: 'SERVER_PROBLEM',
        innerMessage: excerpt(response.body),
      },
    );
  }
  return normalized(value) as ResponseOf<Name>;
}

/** The entries of a list in an answer that are objects: none when it is no list at all. */
export function onlyObjects<T extends object>(list: readonly T[] | undefined): readonly T[] {
  const entries: unknown = list;
  return Array.isArray(entries)
    ? entries.filter((entry: unknown): entry is T => typeof entry === 'object' && entry !== null)
    : [];
}

/**
 * The subscription that the server accepted, and the URLs of its event channel as it names them.
 * @throws Denied when it is refused, which comes as a 200
 */
export function readSubscription(response: HttpResponse): {
  readonly id: string;
  readonly offered: OfferedUrls;
} {
  const { status, subscriptionId, message, publicPollingUrl, privatePollingUrl } = readResponse(
    'subscribe',
    response,
  );
  if (status === 'ACCEPTED' && subscriptionId !== undefined)
    return { id: subscriptionId, offered: { public: publicPollingUrl, private: privatePollingUrl } };
  const description = message ?? status;
  throw new DeniedError('REFUSED', `O2G refuses the subscription: ${description}`, {
    type: 'REFUSED',
    innerMessage: description,
  });
}

/** The error of an answer other than 2xx. */
export function refusalError(name: OperationName, response: HttpResponse): O2GError {
  const errorInfo = parseJsonObject(response.body) as RestErrorInfo | undefined;
  const code = errorTypeOf(response.status, errorInfo);
  const cause: RestErrorInfo = errorInfo ?? {
    httpStatus: String(response.status),
    type: code,
    innerMessage: excerpt(response.body),
  };
  const number = errorInfo?.code ?? (ERROR_TYPES as Readonly<Record<string, number>>)[code];
  const description = [
    truncatedText(errorInfo?.helpMessage) ?? STATUS_DESCRIPTIONS[response.status],
    truncatedText(errorInfo?.innerMessage) ?? excerpt(response.body),
  ].filter((text) => text !== undefined && text !== '');
  const AnswerError = errorInfo ? O2GError : ForeignAnswerError;
  return new AnswerError(
    code,
    `O2G refused ${name} with ${code} (${number ?? 'no code'}, HTTP ${response.status}): ${description.join(' ')}`,
    cause,
  );
}

/** Longer than anything O2G says; what a server says beyond is in `cause`, not in a log. */
const MAX_SERVER_TEXT_CHARS = 500;

/** What a server says, if it is a text. */
function truncatedText(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, MAX_SERVER_TEXT_CHARS) : undefined;
}

const STATUS_DESCRIPTIONS: Readonly<Record<number, string>> = {
  301: 'It redirects to another address, which is not followed: type the address it should be asked at.',
  302: 'It redirects to another address, which is not followed: type the address it should be asked at.',
  307: 'It redirects to another address, which is not followed: type the address it should be asked at.',
  308: 'It redirects to another address, which is not followed: type the address it should be asked at.',
  401: 'Authentication is required.',
  403: 'It is forbidden.',
  404: 'Nothing is found there.',
  429: 'Too many requests.',
  502: 'The proxy in front of O2G does not reach it.',
  503: 'The server is not available yet.',
  504: 'The proxy in front of O2G waited in vain.',
};

/** The type that a status stands for when the body doesn't tell (an HTML page of a proxy, an empty body). */
const TYPE_BY_STATUS: Readonly<Record<number, keyof typeof ERROR_TYPES>> = {
  400: 'BAD_PARAMETER',
  401: 'NOT_ALLOWED',
  403: 'NOT_ALLOWED',
  404: 'NOT_FOUND',
  405: 'NOT_SUPPORTED',
  429: 'NOT_READY',
  501: 'NOT_SUPPORTED',
  503: 'NOT_READY',
};

function errorTypeOf(status: number, errorInfo: RestErrorInfo | undefined): ErrorCode {
  if (typeof errorInfo?.type === 'string' && /^\w{1,64}$/.test(errorInfo.type)) return errorInfo.type;
  const byNumber = Object.entries(ERROR_TYPES).find(([, number]) => number === errorInfo?.code);
  return byNumber?.[0] ?? TYPE_BY_STATUS[status] ?? 'SERVER_PROBLEM';
}

/** At most so many repeats of one request … */
const MAX_RETRIES = 3;
/** … within so many milliseconds: longer, and the caller would rather know. */
const RETRY_WINDOW_MS = 10_000;

/**
 * Milliseconds after which a request is sent again, or undefined when it isn't. Repeated are NOT_READY, 429, 502, 504 and failed
 * connections; `canRetry` of a RestErrorInfo speaks to the caller, who can change the request, not to us.
 * @param retries how often it was repeated already
 * @param elapsedMs since it was first sent
 */
export function retryDelayMs(
  outcome: HttpResponse | O2GError,
  retries: number,
  elapsedMs: number,
): number | undefined {
  if (retries >= MAX_RETRIES || !isTransient(outcome)) return undefined;
  const retryAfterMs = outcome instanceof O2GError ? NaN : Number(outcome.headers['retry-after']) * 1000;
  const delayMs = Number.isFinite(retryAfterMs) && retryAfterMs >= 0 ? retryAfterMs : 250 * 3 ** retries;
  return elapsedMs + delayMs <= RETRY_WINDOW_MS ? delayMs : undefined;
}

function isTransient(outcome: HttpResponse | O2GError): boolean {
  if (outcome instanceof O2GError) return outcome.code === 'NOT_CONNECTED';
  if ([429, 502, 504].includes(outcome.status)) return true;
  return outcome.status === 503 && errorTypeOf(503, parseJsonObject(outcome.body)) === 'NOT_READY';
}

/** A page's words without its tags, short enough for a message. */
function excerpt(body: string): string {
  return body
    .slice(0, 2000)
    .replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 120);
}

/** `secure` is the field's name in ServiceRegistered; the specification's prose, and some servers, say `secured`. */
function normalized(value: object): object {
  if ('registrationId' in value && 'secured' in value && !('secure' in value))
    return { ...value, secure: value.secured };
  return value;
}
