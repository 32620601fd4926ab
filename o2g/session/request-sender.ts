/** Sends the requests of a session: repeats what passes by itself, and notes what shows that the session is there. */
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
import { httpRequestOf, type OpenSession } from './login';
import type { HttpResponse, HttpRequest, Transport } from '../transport';

/** Ends a request at the end of a session that a dead server would hang: Node-RED kills a node that closes for longer than 15 s. */
export const SESSION_CLOSE_TIMEOUT_MS = 2_000;

export class RequestSender {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Ends the requests under way when the session is closed. */
  readonly #closeController = new AbortController();
  #session: OpenSession | undefined;
  #sentCount = 0;
  #lastConfirmedAt = 0;

  constructor(transport: Transport, clock: Clock, log: Logger) {
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

  /** When an answer last showed that the session was there, ms since the epoch: counted from its request, which restarted the server's timer. */
  get lastConfirmedAt(): number {
    return this.#lastConfirmedAt;
  }

  /** A session has been opened: to the server that was a request in it. */
  sessionOpened(open: OpenSession): void {
    this.#session = open;
    this.#lastConfirmedAt = this.#clock.now();
  }

  /** Sends once. @param signal gives up; without one, the end of the session does @throws what the transport throws */
  async send(
    open: OpenSession,
    request: OperationRequest,
    signal: AbortSignal = this.#closeController.signal,
  ): Promise<HttpResponse> {
    this.#sentCount += 1;
    const sentAt = this.#clock.now();
    const response = await this.#transport.request(httpRequestOf(open, request), signal);
    if (response.status >= 200 && response.status <= 299 && this.#session === open)
      this.#lastConfirmedAt = Math.max(this.#lastConfirmedAt, sentAt);
    return response;
  }

  /** Sends, and repeats what passes by itself (`retryDelayMs`). */
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

  /** Reports the end of something to the server. Never rejects: what isn't heard ends with the session, and that with its time to live. */
  async sendBestEffort(open: OpenSession, request: OperationRequest): Promise<void> {
    try {
      await this.send(open, request, AbortSignal.timeout(SESSION_CLOSE_TIMEOUT_MS));
    } catch (error) {
      this.#log.debug(`${open.baseUrl.host}: closing was not heard: ${asO2GError(error).message}`);
    }
  }

  /** A request before or beside the session. */
  sendWithoutSession(request: HttpRequest): Promise<HttpResponse> {
    return this.#transport.request(request, this.#closeController.signal);
  }

  /** Ends what is under way, with `CLOSED`. */
  close(): void {
    this.#closeController.abort();
    this.#transport.close();
  }
}
