/**
 * The signs of life of a session as requests: keepalives, and snapshots of a user's calls, whose events show that the way of events is open.
 */
import { asO2GError, isDefiniteRefusal, isSessionLoss, isUnanswered, type O2GEvent } from '../spec';
import type { Clock, Logger } from '../util';
import type { Connection } from './connection';
import type { OpenSession } from './login';
import type { SessionEventSource } from './event-source';
import type { RequestSender } from './request-sender';
import { Keepalive, Watchdog } from './watchdog';

export interface LivenessCallbacks {
  /** The channel is open but dead. */
  onDead(silentMs: number): void;
  /** The server doesn't know this session any more. */
  onSessionLost(open: OpenSession): void;
}

export class Liveness {
  readonly #connection: Connection;
  readonly #requestSender: RequestSender;
  readonly #eventSource: SessionEventSource;
  readonly #callbacks: LivenessCallbacks;
  readonly #log: Logger;
  readonly #keepalive: Keepalive;
  readonly #watchdog: Watchdog;
  /** Whose snapshot can be asked for. */
  #login: string | undefined;
  /** Whose snapshot was asked for as a sign of life: its answer is for no flow. */
  #probedLogin: string | undefined;

  constructor(
    connection: Connection,
    requestSender: RequestSender,
    eventSource: SessionEventSource,
    callbacks: LivenessCallbacks,
    clock: Clock,
    log: Logger,
  ) {
    this.#connection = connection;
    this.#requestSender = requestSender;
    this.#eventSource = eventSource;
    this.#callbacks = callbacks;
    this.#log = log;
    this.#keepalive = new Keepalive(
      clock,
      () => requestSender.lastSentAt,
      () => this.keepAlive(),
    );
    this.#watchdog = new Watchdog(clock, {
      heardAt: () => eventSource.heardAt,
      probe: () => this.#probe(),
      onDead: (silentMs) => {
        callbacks.onDead(silentMs);
      },
    });
  }

  /** The session is connected. @param byChannel its events come on the event channel */
  start(byChannel: boolean): void {
    this.#keepalive.start(this.#connection.open?.info.timeToLive);
    // A webhook is no connection that could be half open; the audit of the links finds out whether the session lives.
    if (byChannel) this.#watchdog.start();
    else this.#probe();
  }

  stop(): void {
    this.#keepalive.stop();
    this.#watchdog.stop();
  }

  /** Takes note of a monitored user. */
  setLogin(login: string): void {
    const first = this.#login === undefined;
    this.#login = login;
    if (first && this.#eventSource.unheard) this.#probe();
  }

  /** A flow asks for a snapshot, and flows get all of them: none is ours any more. */
  releaseProbe(): void {
    this.#probedLogin = undefined;
  }

  /** @returns true when the event is the sign that was asked for, and for no flow */
  handleEvent(event: O2GEvent): boolean {
    // Without a link it is those whose events come that can be asked for.
    if (
      this.#login === undefined &&
      typeof event.loginName === 'string' &&
      event.eventName !== 'OnUserDeleted'
    )
      this.#login = event.loginName;
    if (
      event.eventName !== 'OnTelephonyState' ||
      this.#probedLogin === undefined ||
      event.loginName !== this.#probedLogin
    )
      return false;
    this.#probedLogin = undefined;
    return true;
  }

  /** Never rejects: what it finds out is told. */
  async keepAlive(): Promise<void> {
    const { open } = this.#connection;
    if (!open) return;
    try {
      const { expirationDate } = await this.#requestSender.perform(open, 'keepSessionAlive', {}, undefined);
      if (expirationDate !== undefined && this.#connection.open === open)
        this.#connection.open = { ...open, info: { ...open.info, expirationDate } };
    } catch (error) {
      // 403 and 500 both say that the session doesn't exist; a server that doesn't answer is found out by the channel.
      if (!isUnanswered(error)) this.#callbacks.onSessionLost(open);
    }
  }

  #probe(): boolean {
    const { open } = this.#connection;
    if (this.#login === undefined || !open) return false;
    this.#probedLogin = this.#login;
    void this.#requestSnapshot(open, this.#login);
    return true;
  }

  /** Not by `Session.call`, whose snapshots are for flows. */
  async #requestSnapshot(open: OpenSession, loginName: string): Promise<void> {
    try {
      await this.#requestSender.perform(open, 'requestTelephonySnapshot', { loginName }, undefined);
    } catch (error) {
      if (isSessionLoss(error)) this.#callbacks.onSessionLost(open);
      // A user that isn't there any more never answers: another one is asked the next time.
      if (isDefiniteRefusal(error) && this.#login === loginName) this.#login = undefined;
      this.#log.debug(
        `${this.#connection.host}: no snapshot as a sign of life: ${asO2GError(error).message}`,
      );
    }
  }
}
