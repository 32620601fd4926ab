import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import { startSimulator, type EventObject, type SimulatorOptions } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import type { RepresentationName } from '../../simulator/specification/representations';
import { problemsOf } from '../../simulator/specification/validate';

/*
 * A client of these tests' own, on bare node:http: nothing of the product under test stands between a test and the wire.
 */

export const API = '/api/rest/1.0';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; an empty object when there is none. */
  readonly body: Record<string, unknown>;
}

export interface Sending {
  readonly cookie?: string | undefined;
  readonly headers?: Record<string, string>;
  /** Sent as JSON with its content type; a string is sent as it is. */
  readonly body?: unknown;
}

const clientOf = (url: string): typeof http | typeof https => (url.startsWith('https') ? https : http);

/** One request on a connection of its own. Rejects when the connection breaks. */
export function send(url: string, method: string, { cookie, headers, body }: Sending = {}): Promise<Reply> {
  const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const options: RequestOptions & https.RequestOptions = {
    method,
    agent: false,
    rejectUnauthorized: false,
    headers: {
      ...(cookie !== undefined && { Cookie: `AlcUserId=${cookie}` }),
      ...(typeof body === 'object' && { 'Content-Type': 'application/json' }),
      ...(payload !== undefined && { 'Content-Length': String(Buffer.byteLength(payload)) }),
      ...headers,
    },
  };
  return new Promise((resolve, reject) => {
    const request = clientOf(url).request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) });
      });
    });
    request.on('error', reject);
    request.end(payload);
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const basic = (login: string, password: string): string =>
  `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`;

/** Authenticates; the reply, whatever it is. */
export const authenticate = (oxe: Simulator, login = oxe.login, password = oxe.password): Promise<Reply> =>
  send(`${oxe.url}/api/rest/authenticate?version=1.0`, 'GET', {
    headers: { Authorization: basic(login, password) },
  });

/** A session, and requests in it. */
export class Client {
  constructor(
    readonly oxe: Simulator,
    readonly cookie: string,
  ) {}

  send(method: string, path: string, body?: unknown): Promise<Reply> {
    return send(`${this.oxe.url}${API}${path}`, method, { cookie: this.cookie, body });
  }

  /** A request that must be answered with 200 or 204. @returns the body */
  async ok(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const reply = await this.send(method, path, body);
    assert.ok(
      reply.status === 200 || reply.status === 204,
      `${method} ${path} -> ${reply.status} ${reply.text}`,
    );
    return reply.body;
  }

  /** Registers a link. @returns its path */
  async link(nodeId = 7, request: object = {}): Promise<string> {
    const { registrationId } = await this.ok('POST', `/iprecord/${nodeId}/link`, request);
    return `/iprecord/${nodeId}/link/${String(registrationId)}`;
  }

  /** Registers a link on node 7 and monitors devices on it. @returns the link's path */
  async monitor(...deviceNumbers: string[]): Promise<string> {
    const link = await this.link();
    for (const deviceNumber of deviceNumbers) await this.ok('POST', `${link}/monitor`, { deviceNumber });
    return link;
  }

  /** Subscribes, by default to everything as an administrator. @returns the polling URL */
  async subscribe(more: object = {}): Promise<string> {
    const body = await this.ok('POST', '/subscriptions', {
      version: '1.0',
      timeout: 0,
      filter: EVERYTHING,
      ...more,
    });
    assert.equal(body.status, 'ACCEPTED', JSON.stringify(body));
    return String(body.privatePollingUrl);
  }

  /** Subscribes and opens the channel. */
  async channel(more: object = {}): Promise<ChannelReader> {
    return openChannel(await this.subscribe(more));
  }
}

/** All packages for everyone. */
export const EVERYTHING = {
  selectors: [
    { names: ['telephony'], ids: ['*'] },
    { names: ['user'], ids: ['*'] },
    { names: ['agent'], ids: ['*'] },
    { names: ['userManagement'] },
    { names: ['system'] },
  ],
};

/** Opens a session, by default the administrator's. */
export async function openSession(
  oxe: Simulator,
  login?: string,
  password?: string,
  more: object = {},
): Promise<Client> {
  const { body } = await authenticate(oxe, login, password);
  const client = new Client(oxe, String(body.credential));
  await client.ok('POST', '/sessions', { applicationName: 'tests', ...more });
  return client;
}

/** An open event channel: what came, as bytes, as pieces, and as events. */
export class ChannelReader {
  readonly pieces: Buffer[] = [];
  readonly events: EventObject[] = [];
  /** Why it ended: 'end' after the last chunk, 'broken' without. */
  ended: 'end' | 'broken' | undefined;
  #rest = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly status: number,
    response: http.IncomingMessage,
  ) {
    response.on('data', (piece: Buffer) => {
      this.#take(piece);
    });
    response.on('end', () => {
      this.#end('end');
    });
    response.on('error', () => {
      this.#end('broken');
    });
    response.on('close', () => {
      this.#end('broken');
    });
    this.close = () => response.destroy();
    this.pause = () => response.pause();
  }

  readonly close: () => void;
  readonly pause: () => void;

  #take(piece: Buffer): void {
    this.pieces.push(piece);
    this.#rest = Buffer.concat([this.#rest, piece]);
    for (let at = this.#rest.indexOf('\r\n'); at >= 0; at = this.#rest.indexOf('\r\n')) {
      const line = this.#rest.subarray(0, at).toString();
      this.#rest = this.#rest.subarray(at + 2);
      this.events.push(JSON.parse(line) as EventObject);
    }
    for (const check of [...this.#waiting]) check();
  }

  #end(how: 'end' | 'broken'): void {
    this.ended ??= how;
    for (const check of [...this.#waiting]) check();
  }

  /** Resolves when the condition holds; checked after each piece and at the end. */
  until<T>(condition: () => T | undefined | false, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const value = condition();
        if (value === undefined || value === false) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(value);
      };
      const error = new Error(`${what} did not come`);
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        error.message += `; came ${this.events.length}, the last of them ${JSON.stringify(this.events.slice(-10))}`;
        reject(error);
      }, 20_000);
      this.#waiting.add(check);
      check();
    });
  }

  /** The first event of this name, which may have come before. */
  event(eventName: string): Promise<EventObject> {
    return this.until(() => this.events.find((event) => event.eventName === eventName), eventName);
  }

  over(): Promise<'end' | 'broken'> {
    return this.until(() => this.ended, 'the end of the channel');
  }

  /**
   * The events that a step raises: all that come before a marker sent after it. Each must be as the specification says.
   */
  async during(oxe: Simulator, step: () => unknown): Promise<EventObject[]> {
    const from = await this.#mark(oxe);
    await step();
    const to = await this.#mark(oxe);
    const events = this.events.slice(from + 1, to);
    for (const event of events)
      assert.deepEqual(
        problemsOf(event, event.eventName as RepresentationName, 'refuse'),
        [],
        JSON.stringify(event),
      );
    return events;
  }

  /** Sends a marker through the channel. @returns its place among the events */
  async #mark(oxe: Simulator): Promise<number> {
    markers += 1;
    const marker = `Marker${markers}`;
    await oxe.emit({ eventName: marker });
    return this.until(() => {
      const index = this.events.findIndex(({ eventName }) => eventName === marker);
      return index < 0 ? undefined : index;
    }, marker);
  }
}

let markers = 0;

/** Opens a channel. @throws when it is refused, with the status in the message */
export function openChannel(url: string, method = 'POST'): Promise<ChannelReader> {
  return new Promise((resolve, reject) => {
    const request = clientOf(url).request(
      url,
      { method, agent: false, rejectUnauthorized: false } as https.RequestOptions,
      (response) => {
        if (response.statusCode === 200) resolve(new ChannelReader(200, response));
        else {
          response.resume();
          reject(new Error(`channel refused: ${response.statusCode ?? 0}`));
        }
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** An event in a few words: `oxe70120 OnCallModified b7c1 ACTIVE CONFERENCED`, callRefs replaced by letters in order of appearance. */
export class Storyteller {
  readonly #letters = new Map<string, string>();

  tell(events: readonly EventObject[]): string[] {
    return events.map((event) => {
      const data = event.callData as { state?: string } | undefined;
      const ids = (list: unknown): string[] =>
        (list as { participantId: string }[] | undefined)?.map(({ participantId }) => participantId) ?? [];
      const word = (value: unknown): string => (typeof value === 'string' ? value : '');
      return [
        event.loginName,
        event.eventName,
        this.#letter(event.callRef),
        data?.state ?? word(event.state),
        event.cause,
        event.previousCallRef !== undefined && `was ${this.#letter(event.previousCallRef)}`,
        event.replacedByCallRef !== undefined && `now ${this.#letter(event.replacedByCallRef)}`,
        event.newDestination !== undefined && `to ${word(event.newDestination)}`,
        ...ids(event.participants).map((id) => `with ${id}`),
        ...ids(event.addedParticipants).map((id) => `+${id}`),
        ...((event.removedParticipantIds as string[] | undefined) ?? []).map((id) => `-${id}`),
      ]
        .filter((word) => word !== undefined && word !== false && word !== '')
        .join(' ');
    });
  }

  #letter(callRef: unknown): string {
    if (typeof callRef !== 'string') return '';
    assert.match(callRef, /^[0-9a-f]{16}$/);
    const letter = this.#letters.get(callRef) ?? String.fromCharCode(65 + this.#letters.size);
    this.#letters.set(callRef, letter);
    return letter;
  }
}

const running = new Set<Simulator>();

/** Starts a simulator that `stopAll` will stop. */
export async function start(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ keepaliveMs: 0, ...options });
  running.add(simulator);
  return simulator;
}

/** Stops every simulator of a test. A violation that the test did not clear fails it. */
export async function stopAll(): Promise<void> {
  const violations = [...running].flatMap((simulator) => simulator.violations());
  await Promise.all([...running].map((simulator) => simulator.close()));
  running.clear();
  assert.deepEqual(violations, []);
}

/** Key and certificate of 127.0.0.1 for these tests, signed by itself. */
export const testTls = (): { key: Buffer; cert: Buffer } => ({
  key: readFileSync(`${__dirname}/tls-key.pem`),
  cert: readFileSync(`${__dirname}/tls-cert.pem`),
});
