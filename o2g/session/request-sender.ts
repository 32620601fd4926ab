/**
 * The requests of a session: they wait for the connection, are repeated while what stops them passes, and show that the session is there.
 */
import { setMaxListeners } from 'node:events';
import { readResponse, retryDelayMs } from './responses';
import {
  requestOf,
  asO2GError,
  O2GError,
  type ResponseOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
  type OperationRequest,
} from '../spec';
import type { Clock, Logger } from '../util';
import type { Connection } from './connection';
import { httpRequestOf, type OpenSession } from './login';
import type { HttpResponse, HttpRequest, Transport } from '../transport';

/** Requests that may wait for the connection at the same time. */
const MAX_WAITING_REQUESTS = 20_000;
/** Ends a request at the end of a session that a dead server would hang: Node-RED kills a node that closes for longer than 15 s. */
export const SESSION_CLOSE_TIMEOUT_MS = 2_000;

export class RequestSender {
  readonly #connection: Connection;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Ends the requests under way when the session is closed. */
  readonly #closeController = new AbortController();
  #waitingCount = 0;
  #sentCount = 0;
  #lastSentAt = 0;
  #lastConfirmedAt = 0;

  constructor(connection: Connection, transport: Transport, clock: Clock, log: Logger) {
    this.#connection = connection;
    this.#transport = transport;
    this.#clock = clock;
    this.#log = log;
    // Every request under way listens to it; from the eleventh on Node.js would warn of a leak.
    setMaxListeners(0, this.#closeController.signal);
  }

  /** How many were sent. */
  get sentCount(): number {
    return this.#sentCount;
  }

  /** When the last one was sent, ms since the epoch. */
  get lastSentAt(): number {
    return this.#lastSentAt;
  }

  /** When an answer last showed that the session was there, ms since the epoch: it is told by the time of its request. */
  get lastConfirmedAt(): number {
    return this.#lastConfirmedAt;
  }

  /**
   * The open session, after waiting for it.
   * @param waitMs how long at most
   * @throws O2GError `NOT_CONNECTED`, `CLOSED`
   */
  waitForSession(waitMs: number): Promise<OpenSession> {
    const { state, open, host, onState } = this.#connection;
    if (state === 'connected' && open) return Promise.resolve(open);
    if (state === 'refused' || state === 'closed') return Promise.reject(this.#notConnectedError());
    if (this.#waitingCount >= MAX_WAITING_REQUESTS) {
      return Promise.reject(
        new O2GError('NOT_CONNECTED', `${this.#waitingCount} requests wait for ${host} already`),
      );
    }
    this.#waitingCount += 1;
    return new Promise<OpenSession>((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        off();
        this.#waitingCount -= 1;
      };
      const timer = this.#clock.after(waitMs, () => {
        settle();
        reject(this.#notConnectedError());
      });
      const off = onState.on((report) => {
        if (report.state === 'connecting' || report.state === 'recovering') return;
        settle();
        if (report.state === 'connected' && this.#connection.open) resolve(this.#connection.open);
        else reject(this.#notConnectedError());
      });
    });
  }

  /** Sends once. @param signal gives up; without one, the end of the session does @throws what the transport throws */
  async send(
    open: OpenSession,
    request: OperationRequest,
    signal: AbortSignal = this.#closeController.signal,
  ): Promise<HttpResponse> {
    this.#sentCount += 1;
    const sentAt = (this.#lastSentAt = this.#clock.now());
    const response = await this.#transport.request(httpRequestOf(open, request), signal);
    if (response.status >= 200 && response.status <= 299 && this.#connection.open === open)
      this.#lastConfirmedAt = Math.max(this.#lastConfirmedAt, sentAt);
    return response;
  }

  /** Sends, and repeats what passes by itself (`repeatAfter`). */
  async sendWithRetries(
    open: OpenSession,
    request: OperationRequest,
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    const startedAt = this.#clock.now();
    for (let retries = 0; ; retries += 1) {
      const outcome = await this.send(open, request, signal).catch(asO2GError);
      const delayMs = retryDelayMs(outcome, retries, this.#clock.now() - startedAt);
      if (delayMs === undefined) {
        if (outcome instanceof O2GError) throw outcome;
        return outcome;
      }
      await new Promise<void>((resolve) => {
        this.#clock.after(delayMs, resolve);
      });
    }
  }

  /** Performs an operation once. @throws O2GError */
  async perform<Name extends OperationName>(
    open: OpenSession,
    name: Name,
    parameters: ParametersOf<Name>,
    body: BodyOf<Name>,
  ): Promise<ResponseOf<Name>> {
    return readResponse(name, await this.send(open, requestOf(name, parameters, body)));
  }

  /** Tells the server that something ends. Never rejects: if it can't be told, that ends with the session, and this with its time to live. */
  async sendBestEffort(open: OpenSession, request: OperationRequest): Promise<void> {
    try {
      await this.send(open, request, AbortSignal.timeout(SESSION_CLOSE_TIMEOUT_MS));
    } catch (error) {
      this.#log.debug(`${this.#connection.host}: closing was not heard: ${asO2GError(error).message}`);
    }
  }

  /** A request before or beside the session. */
  sendWithoutSession(request: HttpRequest): Promise<HttpResponse> {
    return this.#transport.request(request, this.#closeController.signal);
  }

  /** A session has been opened: to the server that was a request in it. */
  onSessionOpened(): void {
    this.#lastSentAt = this.#lastConfirmedAt = this.#clock.now();
  }

  /** Ends what is under way, with `CLOSED`. */
  close(): void {
    this.#closeController.abort();
    this.#transport.close();
  }

  #notConnectedError(): O2GError {
    const {
      host,
      report: { state, reason },
    } = this.#connection;
    if (state === 'closed') return new O2GError('CLOSED', `the session with ${host} is closed`);
    return new O2GError('NOT_CONNECTED', `no connection to ${host}: ${reason === '' ? state : reason}`);
  }
}
