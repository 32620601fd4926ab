import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { check, type ReceivedBody } from './check';
import { perform } from './handlers';
import type { RequestRecord } from '../journal';
import { overriddenAnswer, writeAnswer, type Answer, type Override, type Overrides } from './canned-answers';
import { restErrorInfo, Refusal } from '../specification';
import type { World } from '../world';

/** Longest body that is read: far more than any request of the specification needs. */
const LONGEST_BODY = 4 * 1024 * 1024;

/** Ends pending waits and answers when the simulator closes. */
export interface Pace {
  /** Milliseconds that the server thinks before each answer. */
  thinkMs: number;
  readonly closing: AbortSignal;
}

/** Answers the requests of the REST port. */
export class Rest {
  constructor(
    private readonly world: World,
    private readonly overrides: Overrides,
    private readonly pace: Pace,
    private readonly reset: (request: IncomingMessage) => void,
  ) {}

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    response.on('error', () => undefined); // the client went away
    this.serve(request, response).catch((error: unknown) => {
      response.destroy();
      if (error instanceof BodyTooLong)
        this.world.journal.violation(`${request.method ?? ''} ${request.url ?? ''}: ${error.message}`);
      else if (!this.pace.closing.aborted && !request.destroyed)
        this.world.journal.violation(`the simulator failed: ${traceOf(error)}`);
    });
  };

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = bodyOf(await readAll(request));
    const record = recordOf(request, 'rest', received);
    this.world.journal.request(record);
    const override = this.overrides.take(record);
    const own = this.answerOf(record, received, override);
    await this.wait(override);
    record.status = this.send(request, response, own, override);
    record.durationMs = Date.now() - record.at;
    this.world.journal.changed(record);
  }

  /** @returns the status of the answer; 0 when there is none */
  private send(
    request: IncomingMessage,
    response: ServerResponse,
    own: Answer,
    override: Override | undefined,
  ): number {
    if (override?.reset) this.reset(request);
    if (override?.reset || override?.hang) return 0;
    const answer = (override && overriddenAnswer(override)) ?? own;
    writeAnswer(response, answer, override?.dripMs);
    return answer.status;
  }

  /** The server's own answer. With an override that doesn't execute, the request is checked and nothing is done. */
  private answerOf(record: RequestRecord, received: ReceivedBody, override: Override | undefined): Answer {
    const cookies: string[] = [];
    try {
      const context = check(this.world, record, received, (cookie) => cookies.push(cookie));
      const replaced =
        override && (override.hang ?? override.reset ?? overriddenAnswer(override) !== undefined);
      if (replaced && !override.execute) return { status: 204, headers: {}, body: '' };
      const result = perform(context);
      if (result === undefined) return { status: 204, headers: cookieHeader(cookies), body: '' };
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json', ...cookieHeader(cookies) },
        body: JSON.stringify(result),
      };
    } catch (error) {
      return this.refusal(record, error);
    }
  }

  private refusal({ method, path }: RequestRecord, error: unknown): Answer {
    const json = { 'Content-Type': 'application/json' };
    if (!(error instanceof Refusal)) {
      this.world.journal.violation(`the simulator failed at ${method} ${path}: ${traceOf(error)}`);
      return {
        status: 500,
        headers: json,
        body: JSON.stringify(restErrorInfo(500, 'SERVER_PROBLEM', 'The simulator failed')),
      };
    }
    if (error.violation)
      this.world.journal.violation(`${method} ${path}: ${error.message} (${error.status})`);
    return { status: error.status, headers: { ...json, ...error.headers }, body: JSON.stringify(error.body) };
  }

  private async wait(override: Override | undefined): Promise<void> {
    const ms = this.pace.thinkMs + (override?.delayMs ?? 0);
    if (ms > 0) await delay(ms, undefined, { signal: this.pace.closing });
  }
}

const cookieHeader = (cookies: string[]): Record<string, string[]> =>
  cookies.length > 0 ? { 'Set-Cookie': cookies } : {};

class BodyTooLong extends Error {}

const traceOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

/** The whole body. @throws BodyTooLong; another error when the client goes away */
async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw new BodyTooLong(`the body has more than ${LONGEST_BODY} bytes`);
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
export function recordOf(
  request: IncomingMessage,
  listener: RequestRecord['listener'],
  received: ReceivedBody,
): RequestRecord {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  return {
    at: Date.now(),
    listener,
    method: request.method ?? '',
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? {} : Object.fromEntries(new URLSearchParams(target.slice(mark + 1))),
    headers: request.headers,
    body: received.isJson ? received.json : received.text === '' ? undefined : received.text,
    status: 0,
    durationMs: 0,
  };
}
