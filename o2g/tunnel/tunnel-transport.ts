/**
 * The transport through an agent inside the customer's network, which connects out to us: REST requests and their responses, and the events of
 * subscriptions with an identifier, as messages on one WebSocket (specification, "O2G Services Through Websocket").
 */
import { randomUUID } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import { O2GError, type O2GEvent } from '../spec';
import { systemClock, Gate, type Clock, type Timer, type Log } from '../util';
import type { Answer, Call, ChannelListener, Transport } from '../transport';
import { readFromAgent, writeRequest, type TunnelFormat, type TunnelResponse } from './message-format';

export interface TunnelOptions {
  readonly format: TunnelFormat;
  /** Milliseconds a request may take, through the agent and back. */
  readonly timeoutMs: number;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Requests on their way at a time; the others wait in order. */
const IN_FLIGHT = 64;
/** An agent whose network has died doesn't close: it is heard, or asked for a sign of life, so often, and given up when it gave none. */
const PING_EVERY_MS = 15_000;
/** Events between the answer to a subscription and its first listener, or while one is replaced. */
const WAITING_EVENTS = 10_000;
/** An agent that says so much that nobody understands is none. */
const UNREADABLE_MESSAGES = 1_000;
/** WebSocket close codes: going away; a policy was violated; and, from the range for applications, ours. */
const GOING_AWAY = 1001;
const POLICY = 1008;
const REPLACED = 4000;

interface Pending {
  resolve(answer: Answer): void;
  reject(error: O2GError): void;
}

interface Channel {
  readonly listener: ChannelListener;
  reject(error: O2GError): void;
}

export class Tunnel implements Transport {
  readonly #options: TunnelOptions;
  readonly #clock: Clock;
  readonly #gate = new Gate(IN_FLIGHT);
  readonly #pending = new Map<string, Pending>();
  #agent: WebSocket | undefined;
  #heard = false;
  #ping: Timer | undefined;
  #lastId = 0;
  #unreadable = 0;
  /** Of the subscription of now: what comes for another one is of the past. */
  #identifier = '';
  /** Through which agent it was made: another one knows nothing of it. */
  #identifiedBy: WebSocket | undefined;
  #channel: Channel | undefined;
  #waiting: O2GEvent[] = [];
  #closed = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Takes an agent that has shown its token. It replaces an older one. */
  accept(agent: WebSocket, from: string): void {
    const { log } = this.#options;
    if (this.#closed) return agent.close(GOING_AWAY);
    if (this.#agent) {
      log.warn(`tunnel: the agent at ${from} replaces the one before`);
      const older = this.#agent;
      this.#leave(older, 'another agent has connected');
      older.close(REPLACED, 'replaced by another agent');
    } else {
      log.info(`tunnel: the agent at ${from} is connected`);
    }
    this.#agent = agent;
    this.#unreadable = 0;
    this.#heard = true;
    agent.on('message', (data) => {
      this.#hear(agent, data);
    });
    agent.on('pong', () => {
      if (this.#agent === agent) this.#heard = true;
    });
    agent.on('error', (error) => {
      this.#end(agent, error.message);
    });
    agent.on('close', (code) => {
      this.#end(agent, `the agent has left (${code})`);
    });
    this.#watch(agent);
  }

  request(call: Call, signal: AbortSignal): Promise<Answer> {
    return this.#gate.run(() => this.#request(call, signal));
  }

  identify(): string {
    this.#identifier = randomUUID();
    this.#identifiedBy = this.#agent;
    this.#waiting = [];
    return `${this.#options.format.subscriptionQuery}=${this.#identifier}`;
  }

  channel(_url: URL, listener: ChannelListener, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      if (!this.#agent) return reject(noAgent());
      if (this.#agent !== this.#identifiedBy)
        return reject(new O2GError('REFUSED', 'the agent has changed: it knows nothing of the subscription'));
      const channel: Channel = { listener, reject };
      this.#channel = channel;
      signal.addEventListener(
        'abort',
        () => {
          if (this.#channel === channel) this.#channel = undefined;
          reject(new O2GError('CLOSED', 'the event channel was closed'));
        },
        { once: true },
      );
      listener.onOpen();
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const event of waiting) listener.onEvent(event);
    });
  }

  close(): void {
    this.#closed = true;
    const agent = this.#agent;
    if (!agent) return;
    this.#leave(agent, 'the tunnel is closed');
    agent.close(GOING_AWAY);
  }

  #request({ method, url, headers, body = '' }: Call, signal: AbortSignal): Promise<Answer> {
    const agent = this.#agent;
    if (!agent) return Promise.reject(noAgent());
    if (signal.aborted) return Promise.reject(closedBeforeAnswer());
    const { format, timeoutMs } = this.#options;
    const id = String((this.#lastId += 1));
    return new Promise<Answer>((resolve, reject) => {
      const settle = (): void => {
        this.#pending.delete(id);
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const pending: Pending = {
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const onAbort = (): void => {
        pending.reject(closedBeforeAnswer());
      };
      const timer = this.#clock.after(timeoutMs, () => {
        pending.reject(
          new O2GError('TIMEOUT', `no answer came through the tunnel within ${timeoutMs / 1000} s`),
        );
      });
      signal.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, pending);
      agent.send(
        writeRequest(format, { id, method, path: url.pathname + url.search, headers, body }),
        (error) => {
          if (error) pending.reject(new O2GError('NOT_CONNECTED', `the tunnel broke: ${error.message}`));
        },
      );
    });
  }

  #hear(agent: WebSocket, data: RawData): void {
    if (this.#agent !== agent) return;
    this.#heard = true;
    const said = readFromAgent(this.#options.format, textOf(data));
    if (said === undefined) this.#misheard(agent, 'something that is neither a response nor an event');
    else if ('event' in said) this.#take(agent, said.subscription, said.event);
    else this.#answer(agent, said);
  }

  #answer(agent: WebSocket, { id, status, headers, body }: TunnelResponse): void {
    const pending = this.#pending.get(id);
    if (pending) pending.resolve({ status, headers, body });
    // A late answer to a request that was given up looks the same as one to a request that never was.
    else if (Number(id) > this.#lastId || !/^\d+$/.test(id))
      this.#misheard(agent, 'a response to a request that nobody made');
  }

  #take(agent: WebSocket, subscription: string, event: O2GEvent): void {
    if (subscription !== this.#identifier)
      return this.#misheard(agent, 'an event of a subscription that nobody has');
    if (this.#channel) {
      this.#channel.listener.onHeard();
      this.#channel.listener.onEvent(event);
    } else if (this.#waiting.length < WAITING_EVENTS) {
      this.#waiting.push(event);
    } else {
      // Dropped events must not look like none: a break is told as blind time.
      this.#end(agent, `more than ${WAITING_EVENTS} events came that nobody listened to`);
      agent.terminate();
    }
  }

  /** One line a connection, then silence, then the end. */
  #misheard(agent: WebSocket, what: string): void {
    this.#unreadable += 1;
    if (this.#unreadable === 1) this.#options.log.warn(`tunnel: the agent sends ${what}; it is left out`);
    if (this.#unreadable < UNREADABLE_MESSAGES) return;
    this.#end(agent, `the agent sent ${UNREADABLE_MESSAGES} messages that mean nothing here`);
    agent.close(POLICY);
  }

  #watch(agent: WebSocket): void {
    this.#ping?.cancel();
    this.#ping = this.#clock.after(PING_EVERY_MS, () => {
      if (this.#agent !== agent) return;
      if (!this.#heard) {
        this.#end(agent, 'the agent gives no sign of life');
        return agent.terminate();
      }
      this.#heard = false;
      agent.ping();
      this.#watch(agent);
    });
  }

  #end(agent: WebSocket, reason: string): void {
    if (this.#agent !== agent) return;
    this.#options.log.warn(`tunnel: ${reason}`);
    this.#leave(agent, reason);
  }

  /** Whatever waits for the agent waits in vain. */
  #leave(agent: WebSocket, reason: string): void {
    if (this.#agent !== agent) return;
    this.#agent = undefined;
    this.#ping?.cancel();
    const error = new O2GError('NOT_CONNECTED', `the tunnel broke: ${reason}`);
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    const channel = this.#channel;
    this.#channel = undefined;
    this.#waiting = [];
    channel?.reject(error);
  }
}

function noAgent(): O2GError {
  return new O2GError('NOT_CONNECTED', 'no O2G agent is connected to the tunnel');
}

function closedBeforeAnswer(): O2GError {
  return new O2GError('CLOSED', 'the tunnel was closed before the answer came');
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return data instanceof ArrayBuffer ? Buffer.from(data).toString('utf8') : data.toString('utf8');
}
