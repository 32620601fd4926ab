/**
 * The transport through an agent inside the customer's network, which connects out to us: REST requests and their responses, and the events of
 * subscriptions with an identifier, as messages on one WebSocket (specification, "O2G Services Through Websocket").
 */
import { randomUUID } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import { O2GError, type O2GEvent } from '../spec';
import { systemClock, ConcurrencyLimiter, type Clock, type Timer, type Logger } from '../util';
import type { HttpResponse, HttpRequest, ChannelListener, Transport } from '../transport';
import { readAgentMessage, writeRequest, type TunnelFormat, type TunnelResponse } from './message-format';

export interface TunnelTransportOptions {
  readonly format: TunnelFormat;
  /** Milliseconds a request may take, through the agent and back. */
  readonly timeoutMs: number;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** Requests on their way at a time; the others wait in order. */
const MAX_IN_FLIGHT_REQUESTS = 64;
/** An agent whose network has died doesn't close: it is heard, or asked for a sign of life, so often, and given up when it gave none. */
const PING_INTERVAL_MS = 15_000;
/** Events between the answer to a subscription and its first listener, or while one is replaced. */
const MAX_QUEUED_EVENTS = 10_000;
/** An agent that says so much that nobody understands is none. */
const MAX_UNREADABLE_MESSAGES = 1_000;
/** WebSocket close codes: going away; a policy was violated; and, from the range for applications, ours. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY_VIOLATION = 1008;
const CLOSE_REPLACED = 4000;

interface PendingRequest {
  resolve(response: HttpResponse): void;
  reject(error: O2GError): void;
}

interface OpenChannel {
  readonly listener: ChannelListener;
  reject(error: O2GError): void;
}

export class TunnelTransport implements Transport {
  readonly #options: TunnelTransportOptions;
  readonly #clock: Clock;
  readonly #limiter = new ConcurrencyLimiter(MAX_IN_FLIGHT_REQUESTS);
  readonly #pending = new Map<string, PendingRequest>();
  #agent: WebSocket | undefined;
  #hasReceived = false;
  #pingTimer: Timer | undefined;
  #lastId = 0;
  #unreadableCount = 0;
  /** Of the subscription of now: what comes for another one is of the past. */
  #subscriptionIdentifier = '';
  /** Through which agent it was made: another one knows nothing of it. */
  #subscribedAgent: WebSocket | undefined;
  #channel: OpenChannel | undefined;
  #queuedEvents: O2GEvent[] = [];
  #closed = false;

  constructor(options: TunnelTransportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Takes an agent that has shown its token. It replaces an older one. */
  accept(agent: WebSocket, remoteAddress: string): void {
    const { log } = this.#options;
    if (this.#closed) return agent.close(CLOSE_GOING_AWAY);
    if (this.#agent) {
      log.warn(`tunnel: the agent at ${remoteAddress} replaces the one before`);
      const previousAgent = this.#agent;
      this.#detachAgent(previousAgent, 'another agent has connected');
      previousAgent.close(CLOSE_REPLACED, 'replaced by another agent');
    } else {
      log.info(`tunnel: the agent at ${remoteAddress} is connected`);
    }
    this.#agent = agent;
    this.#unreadableCount = 0;
    this.#hasReceived = true;
    agent.on('message', (data) => {
      this.#handleMessage(agent, data);
    });
    agent.on('pong', () => {
      if (this.#agent === agent) this.#hasReceived = true;
    });
    agent.on('error', (error) => {
      this.#handleDisconnect(agent, error.message);
    });
    agent.on('close', (code) => {
      this.#handleDisconnect(agent, `the agent has left (${code})`);
    });
    this.#schedulePing(agent);
  }

  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return this.#limiter.run(() => this.#request(request, signal));
  }

  createSubscriptionQuery(): string {
    this.#subscriptionIdentifier = randomUUID();
    this.#subscribedAgent = this.#agent;
    this.#queuedEvents = [];
    return `${this.#options.format.subscriptionQuery}=${this.#subscriptionIdentifier}`;
  }

  readChannel(_url: URL, listener: ChannelListener, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      if (!this.#agent) return reject(noAgentError());
      if (this.#agent !== this.#subscribedAgent)
        return reject(new O2GError('REFUSED', 'the agent has changed: it knows nothing of the subscription'));
      const channel: OpenChannel = { listener, reject };
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
      const queuedEvents = this.#queuedEvents;
      this.#queuedEvents = [];
      for (const event of queuedEvents) listener.onEvent(event);
    });
  }

  close(): void {
    this.#closed = true;
    const agent = this.#agent;
    if (!agent) return;
    this.#detachAgent(agent, 'the tunnel is closed');
    agent.close(CLOSE_GOING_AWAY);
  }

  #request({ method, url, headers, body = '' }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const agent = this.#agent;
    if (!agent) return Promise.reject(noAgentError());
    if (signal.aborted) return Promise.reject(closedError());
    const { format, timeoutMs } = this.#options;
    const id = String((this.#lastId += 1));
    return new Promise<HttpResponse>((resolve, reject) => {
      const settle = (): void => {
        this.#pending.delete(id);
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const pending: PendingRequest = {
        resolve: (response) => {
          settle();
          resolve(response);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const onAbort = (): void => {
        pending.reject(closedError());
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

  #handleMessage(agent: WebSocket, data: RawData): void {
    if (this.#agent !== agent) return;
    this.#hasReceived = true;
    const message = readAgentMessage(this.#options.format, dataToText(data));
    if (message === undefined)
      this.#handleUnreadable(agent, 'something that is neither a response nor an event');
    else if ('event' in message) this.#deliverEvent(agent, message.subscription, message.event);
    else this.#resolveRequest(agent, message);
  }

  #resolveRequest(agent: WebSocket, { id, status, headers, body }: TunnelResponse): void {
    const pending = this.#pending.get(id);
    if (pending) pending.resolve({ status, headers, body });
    // A late answer to a request that was given up looks the same as one to a request that never was.
    else if (Number(id) > this.#lastId || !/^\d+$/.test(id))
      this.#handleUnreadable(agent, 'a response to a request that nobody made');
  }

  #deliverEvent(agent: WebSocket, subscription: string, event: O2GEvent): void {
    if (subscription !== this.#subscriptionIdentifier)
      return this.#handleUnreadable(agent, 'an event of a subscription that nobody has');
    if (this.#channel) {
      this.#channel.listener.onData();
      this.#channel.listener.onEvent(event);
    } else if (this.#queuedEvents.length < MAX_QUEUED_EVENTS) {
      this.#queuedEvents.push(event);
    } else {
      // Dropped events must not look like none: a break is told as blind time.
      this.#handleDisconnect(agent, `more than ${MAX_QUEUED_EVENTS} events came that nobody listened to`);
      agent.terminate();
    }
  }

  /** One line a connection, then silence, then the end. */
  #handleUnreadable(agent: WebSocket, description: string): void {
    this.#unreadableCount += 1;
    if (this.#unreadableCount === 1)
      this.#options.log.warn(`tunnel: the agent sends ${description}; it is left out`);
    if (this.#unreadableCount < MAX_UNREADABLE_MESSAGES) return;
    this.#handleDisconnect(
      agent,
      `the agent sent ${MAX_UNREADABLE_MESSAGES} messages that mean nothing here`,
    );
    agent.close(CLOSE_POLICY_VIOLATION);
  }

  #schedulePing(agent: WebSocket): void {
    this.#pingTimer?.cancel();
    this.#pingTimer = this.#clock.after(PING_INTERVAL_MS, () => {
      if (this.#agent !== agent) return;
      if (!this.#hasReceived) {
        this.#handleDisconnect(agent, 'the agent gives no sign of life');
        return agent.terminate();
      }
      this.#hasReceived = false;
      agent.ping();
      this.#schedulePing(agent);
    });
  }

  #handleDisconnect(agent: WebSocket, reason: string): void {
    if (this.#agent !== agent) return;
    this.#options.log.warn(`tunnel: ${reason}`);
    this.#detachAgent(agent, reason);
  }

  /** Whatever waits for the agent waits in vain. */
  #detachAgent(agent: WebSocket, reason: string): void {
    if (this.#agent !== agent) return;
    this.#agent = undefined;
    this.#pingTimer?.cancel();
    const error = new O2GError('NOT_CONNECTED', `the tunnel broke: ${reason}`);
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    const channel = this.#channel;
    this.#channel = undefined;
    this.#queuedEvents = [];
    channel?.reject(error);
  }
}

function noAgentError(): O2GError {
  return new O2GError('NOT_CONNECTED', 'no O2G agent is connected to the tunnel');
}

function closedError(): O2GError {
  return new O2GError('CLOSED', 'the tunnel was closed before the answer came');
}

function dataToText(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return data instanceof ArrayBuffer ? Buffer.from(data).toString('utf8') : data.toString('utf8');
}
