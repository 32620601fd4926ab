/**
 * From an HTTP answer to a typed result or an error, and whether to ask again. Absorbs what servers, proxies and old versions write.
 */
import type { Offered } from './site-urls';
import {
  OPERATIONS,
  Denied,
  ERROR_TYPES,
  O2GError,
  type AnswerOf,
  type Operation,
  type OperationName,
  type ErrorCode,
  type RestErrorInfo,
} from '../spec';
import { objectIn } from '../util';
import type { Answer } from '../transport';

/**
 * The result of an operation as the specification types it; fields that it doesn't know pass through untouched.
 * @throws O2GError with the type of the server's RestErrorInfo, `cause` holding the whole of it
 */
export function readAnswer<Name extends OperationName>(name: Name, answer: Answer): AnswerOf<Name> {
  if (answer.status < 200 || answer.status > 299) throw refusal(name, answer);
  const operation: Operation = OPERATIONS[name];
  if (operation.answer === undefined) return undefined as AnswerOf<Name>;
  // Servers answer POST record without keys and keepalive without a token with an empty body.
  if (answer.body.trim() === '') return {} as AnswerOf<Name>;
  const value = objectIn(answer.body);
  if (value === undefined) {
    throw new O2GError(
      'SERVER_PROBLEM',
      `O2G answered ${name} with something else than JSON (is that address an O2G server?)`,
      {
        httpStatus: 'OK',
        type: 'SERVER_PROBLEM',
        innerMessage: excerpt(answer.body),
      },
    );
  }
  return tolerated(value) as AnswerOf<Name>;
}

/** The entries of a list in an answer that are objects: none when it is no list at all. */
export function objectsIn<T extends object>(list: readonly T[] | undefined): readonly T[] {
  const entries: unknown = list;
  return Array.isArray(entries)
    ? entries.filter((entry: unknown): entry is T => typeof entry === 'object' && entry !== null)
    : [];
}

/**
 * The subscription that the server accepted, and the URLs of its event channel as it names them.
 * @throws Denied when it is refused, which comes as a 200
 */
export function readSubscription(answer: Answer): { readonly id: string; readonly offered: Offered } {
  const { status, subscriptionId, message, publicPollingUrl, privatePollingUrl } = readAnswer(
    'subscribe',
    answer,
  );
  if (status === 'ACCEPTED' && subscriptionId !== undefined)
    return { id: subscriptionId, offered: { public: publicPollingUrl, private: privatePollingUrl } };
  const words = message ?? status;
  throw new Denied('REFUSED', `O2G refuses the subscription: ${words}`, {
    type: 'REFUSED',
    innerMessage: words,
  });
}

/** The error of an answer other than 2xx. */
export function refusal(name: OperationName, answer: Answer): O2GError {
  const told = objectIn(answer.body) as RestErrorInfo | undefined;
  const code = typeOf(answer.status, told);
  const cause: RestErrorInfo = told ?? {
    httpStatus: String(answer.status),
    type: code,
    innerMessage: excerpt(answer.body),
  };
  const number = told?.code ?? (ERROR_TYPES as Readonly<Record<string, number>>)[code];
  const words = [
    textOf(told?.helpMessage) ?? WORDS[answer.status],
    textOf(told?.innerMessage) ?? excerpt(answer.body),
  ].filter((text) => text !== undefined && text !== '');
  return new O2GError(
    code,
    `O2G refused ${name} with ${code} (${number ?? 'no code'}, HTTP ${answer.status}): ${words.join(' ')}`,
    cause,
  );
}

/** Longer than anything O2G says; what a server says beyond is in `cause`, not in a log. */
const LONGEST_WORDS = 500;

/** What a server says, if it is a text. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, LONGEST_WORDS) : undefined;
}

const WORDS: Readonly<Record<number, string>> = {
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

function typeOf(status: number, told: RestErrorInfo | undefined): ErrorCode {
  if (typeof told?.type === 'string' && /^\w{1,64}$/.test(told.type)) return told.type;
  const byNumber = Object.entries(ERROR_TYPES).find(([, number]) => number === told?.code);
  return byNumber?.[0] ?? TYPE_BY_STATUS[status] ?? 'SERVER_PROBLEM';
}

/** At most so many repeats of one request … */
const REPEATS = 3;
/** … within so many milliseconds: longer, and the caller would rather know. */
const REPEAT_WITHIN_MS = 10_000;

/**
 * Milliseconds after which a request is sent again, or undefined when it isn't. Repeated are NOT_READY, 429, 502, 504 and failed
 * connections; `canRetry` of a RestErrorInfo speaks to the caller, who can change the request, not to us.
 * @param repeats how often it was repeated already
 * @param elapsedMs since it was first sent
 */
export function repeatAfter(
  outcome: Answer | O2GError,
  repeats: number,
  elapsedMs: number,
): number | undefined {
  if (repeats >= REPEATS || !isPassing(outcome)) return undefined;
  const asked = outcome instanceof O2GError ? NaN : Number(outcome.headers['retry-after']) * 1000;
  const wait = Number.isFinite(asked) && asked >= 0 ? asked : 250 * 3 ** repeats;
  return elapsedMs + wait <= REPEAT_WITHIN_MS ? wait : undefined;
}

function isPassing(outcome: Answer | O2GError): boolean {
  if (outcome instanceof O2GError) return outcome.code === 'NOT_CONNECTED';
  if ([429, 502, 504].includes(outcome.status)) return true;
  return outcome.status === 503 && typeOf(503, objectIn(outcome.body)) === 'NOT_READY';
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
function tolerated(value: object): object {
  if ('registrationId' in value && 'secured' in value && !('secure' in value))
    return { ...value, secure: value.secured };
  return value;
}
