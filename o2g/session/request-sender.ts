/**
 * The requests of a session: they wait for the connection, are repeated while what stops them passes, and show that the session is there.
 */
import { setMaxListeners } from 'node:events';
import { readAnswer, repeatAfter } from './responses';
import {
  requestOf,
  asO2GError,
  O2GError,
  type AnswerOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
  type Request,
} from '../spec';
import type { Clock, Log } from '../util';
import type { Connection } from './connection';
import { callIn, type OpenSession } from './login';
import type { Answer, Call, Transport } from '../transport';

/** Requests that may wait for the connection at the same time. */
const WAITING_REQUESTS = 20_000;
/** Ends a request at the end of a session that a dead server would hang: Node-RED kills a node that closes for longer than 15 s. */
export const CLOSE_WITHIN_MS = 2_000;

export class Requests {
  readonly #connection: Connection;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Ends the requests under way when the session is closed. */
  readonly #life = new AbortController();
  #waiting = 0;
  #sent = 0;
  #lastAt = 0;
  #provenAt = 0;

  constructor(connection: Connection, transport: Transport, clock: Clock, log: Log) {
    this.#connection = connection;
    this.#transport = transport;
    this.#clock = clock;
    this.#log = log;
    // Every request under way listens to it; from the eleventh on Node.js would warn of a leak.
    setMaxListeners(0, this.#life.signal);
  }

  /** How many were sent. */
  get sent(): number {
    return this.#sent;
  }

  /** When the last one was sent, ms since the epoch. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** When an answer last showed that the session was there, ms since the epoch: it is told by the time of its request. */
  get provenAt(): number {
    return this.#provenAt;
  }

  /**
   * The open session, after waiting for it.
   * @param waitMs how long at most
   * @throws O2GError `NOT_CONNECTED`, `CLOSED`
   */
  usable(waitMs: number): Promise<OpenSession> {
    const { state, open, host, onState } = this.#connection;
    if (state === 'connected' && open) return Promise.resolve(open);
    if (state === 'refused' || state === 'closed') return Promise.reject(this.#unusable());
    if (this.#waiting >= WAITING_REQUESTS) {
      return Promise.reject(
        new O2GError('NOT_CONNECTED', `${this.#waiting} requests wait for ${host} already`),
      );
    }
    this.#waiting += 1;
    return new Promise<OpenSession>((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        off();
        this.#waiting -= 1;
      };
      const timer = this.#clock.after(waitMs, () => {
        settle();
        reject(this.#unusable());
      });
      const off = onState.on((report) => {
        if (report.state === 'connecting' || report.state === 'recovering') return;
        settle();
        if (report.state === 'connected' && this.#connection.open) resolve(this.#connection.open);
        else reject(this.#unusable());
      });
    });
  }

  /** Sends once. @param signal gives up; without one, the end of the session does @throws what the transport throws */
  async send(open: OpenSession, request: Request, signal: AbortSignal = this.#life.signal): Promise<Answer> {
    this.#sent += 1;
    const sentAt = (this.#lastAt = this.#clock.now());
    const answer = await this.#transport.request(callIn(open, request), signal);
    if (answer.status >= 200 && answer.status <= 299 && this.#connection.open === open)
      this.#provenAt = Math.max(this.#provenAt, sentAt);
    return answer;
  }

  /** Sends, and repeats what passes by itself (`repeatAfter`). */
  async sendRepeatedly(open: OpenSession, request: Request, signal?: AbortSignal): Promise<Answer> {
    const began = this.#clock.now();
    for (let repeats = 0; ; repeats += 1) {
      const outcome = await this.send(open, request, signal).catch(asO2GError);
      const wait = repeatAfter(outcome, repeats, this.#clock.now() - began);
      if (wait === undefined) {
        if (outcome instanceof O2GError) throw outcome;
        return outcome;
      }
      await new Promise<void>((resolve) => {
        this.#clock.after(wait, resolve);
      });
    }
  }

  /** Performs an operation once. @throws O2GError */
  async ask<Name extends OperationName>(
    open: OpenSession,
    name: Name,
    parameters: ParametersOf<Name>,
    body: BodyOf<Name>,
  ): Promise<AnswerOf<Name>> {
    return readAnswer(name, await this.send(open, requestOf(name, parameters, body)));
  }

  /** Tells the server that something ends. Never rejects: if it can't be told, that ends with the session, and this with its time to live. */
  async endBriefly(open: OpenSession, request: Request): Promise<void> {
    try {
      await this.send(open, request, AbortSignal.timeout(CLOSE_WITHIN_MS));
    } catch (error) {
      this.#log.debug(`${this.#connection.host}: closing was not heard: ${asO2GError(error).message}`);
    }
  }

  /** A request before or beside the session. */
  sendOutside(call: Call): Promise<Answer> {
    return this.#transport.request(call, this.#life.signal);
  }

  /** A session has been opened: to the server that was a request in it. */
  opened(): void {
    this.#lastAt = this.#provenAt = this.#clock.now();
  }

  /** Ends what is under way, with `CLOSED`. */
  close(): void {
    this.#life.abort();
    this.#transport.close();
  }

  #unusable(): O2GError {
    const {
      host,
      report: { state, reason },
    } = this.#connection;
    if (state === 'closed') return new O2GError('CLOSED', `the session with ${host} is closed`);
    return new O2GError('NOT_CONNECTED', `no connection to ${host}: ${reason === '' ? state : reason}`);
  }
}
