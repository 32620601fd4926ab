import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { checkRequest, type ReceivedBody } from './check';
import { perform } from './handlers';
import type { RequestRecord } from '../journal';
import {
  overriddenResponse,
  writeResponse,
  type HttpResponse,
  type Override,
  type Overrides,
} from './canned-answers';
import { restErrorInfo, Refusal } from '../specification';
import type { World } from '../world';

/** Longest body that is read: far more than any request of the specification needs. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Ends pending waits and answers when the simulator closes. */
export interface ResponseTiming {
  /** Milliseconds that the server thinks before each answer. */
  thinkMs: number;
  readonly closing: AbortSignal;
}

/** Answers the requests of the REST port. */
export class Rest {
  readonly #world: World;
  readonly #overrides: Overrides;
  readonly #timing: ResponseTiming;
  readonly #reset: (request: IncomingMessage) => void;
  constructor(
    world: World,
    overrides: Overrides,
    timing: ResponseTiming,
    reset: (request: IncomingMessage) => void,
  ) {
    this.#world = world;
    this.#overrides = overrides;
    this.#timing = timing;
    this.#reset = reset;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    response.on('error', () => undefined); // the client went away
    this.#serve(request, response).catch((error: unknown) => {
      response.destroy();
      if (error instanceof BodyTooLong)
        this.#world.journal.addViolation(`${request.method ?? ''} ${request.url ?? ''}: ${error.message}`);
      else if (!this.#timing.closing.aborted && !request.destroyed)
        this.#world.journal.addViolation(`the simulator failed: ${stackOf(error)}`);
    });
  };

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = bodyOf(await readAll(request));
    const record = requestRecordOf(request, 'rest', received);
    this.#world.journal.addRequest(record);
    const override = this.#overrides.take(record);
    const serverResponse = this.#responseTo(record, received, override);
    await this.#delayResponse(override);
    record.status = this.#send(request, response, serverResponse, override);
    record.durationMs = Date.now() - record.at;
    this.#world.journal.notifyChange(record);
  }

  /** @returns the status of the answer; 0 when there is none */
  #send(
    request: IncomingMessage,
    response: ServerResponse,
    serverResponse: HttpResponse,
    override: Override | undefined,
  ): number {
    if (override?.reset) this.#reset(request);
    if (override?.reset || override?.hang) return 0;
    const sentResponse = (override && overriddenResponse(override)) ?? serverResponse;
    writeResponse(response, sentResponse, override?.dripMs);
    return sentResponse.status;
  }

  /** The server's own answer. With an override that doesn't execute, the request is checked and nothing is done. */
  #responseTo(record: RequestRecord, received: ReceivedBody, override: Override | undefined): HttpResponse {
    const cookies: string[] = [];
    try {
      const context = checkRequest(this.#world, record, received, (cookie) => cookies.push(cookie));
      const replaced =
        override && (override.hang ?? override.reset ?? overriddenResponse(override) !== undefined);
      if (replaced && !override.execute) return { status: 204, headers: {}, body: '' };
      const result = perform(context);
      if (result === undefined) return { status: 204, headers: cookieHeader(cookies), body: '' };
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json', ...cookieHeader(cookies) },
        body: JSON.stringify(result),
      };
    } catch (error) {
      return this.#refusalResponse(record, error);
    }
  }

  #refusalResponse({ method, path }: RequestRecord, error: unknown): HttpResponse {
    const json = { 'Content-Type': 'application/json' };
    if (!(error instanceof Refusal)) {
      this.#world.journal.addViolation(`the simulator failed at ${method} ${path}: ${stackOf(error)}`);
      return {
        status: 500,
        headers: json,
        body: JSON.stringify(restErrorInfo(500, 'SERVER_PROBLEM', 'The simulator failed')),
      };
    }
    if (error.violation)
      this.#world.journal.addViolation(`${method} ${path}: ${error.message} (${error.status})`);
    return { status: error.status, headers: { ...json, ...error.headers }, body: JSON.stringify(error.body) };
  }

  async #delayResponse(override: Override | undefined): Promise<void> {
    const ms = this.#timing.thinkMs + (override?.delayMs ?? 0);
    if (ms > 0) await delay(ms, undefined, { signal: this.#timing.closing });
  }
}

const cookieHeader = (cookies: string[]): Record<string, string[]> =>
  cookies.length > 0 ? { 'Set-Cookie': cookies } : {};

class BodyTooLong extends Error {}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

/** The whole body. @throws BodyTooLong; another error when the client goes away */
async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new BodyTooLong(`the body has more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function bodyOf(text: string): ReceivedBody {
  if (text === '') return { text, json: undefined, isJson: false };
  try {
    return { text, json: JSON.parse(text) as unknown, isJson: true };
  } catch {
    return { text, json: undefined, isJson: false }; // recorded as the text it is, refused later
  }
}

/** What the log keeps of a request. */
export function requestRecordOf(
  request: IncomingMessage,
  listener: RequestRecord['listener'],
  received: ReceivedBody,
): RequestRecord {
  const target = request.url ?? '/';
  const queryStart = target.indexOf('?');
  return {
    at: Date.now(),
    listener,
    method: request.method ?? '',
    path: queryStart < 0 ? target : target.slice(0, queryStart),
    query: queryStart < 0 ? {} : Object.fromEntries(new URLSearchParams(target.slice(queryStart + 1))),
    headers: request.headers,
    body: received.isJson ? received.json : received.text === '' ? undefined : received.text,
    status: 0,
    durationMs: 0,
  };
}
