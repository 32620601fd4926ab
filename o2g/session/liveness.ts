/**
 * The signs of life of a session as requests: keepalives, and snapshots of a user's calls, whose events show that the way of events is open.
 */
import { asO2GError, isDefinite, isSessionLoss, isUnanswered, type O2GEvent } from '../spec';
import type { Clock, Log } from '../util';
import type { Connection } from './connection';
import type { OpenSession } from './login';
import type { Reception } from './event-source';
import type { Requests } from './request-sender';
import { Keepalive, Watchdog } from './watchdog';

export interface SignsOfLifeNeeds {
  /** The channel is open but dead. */
  onDead(silentMs: number): void;
  /** The server doesn't know this session any more. */
  onSessionLost(open: OpenSession): void;
}

export class SignsOfLife {
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #reception: Reception;
  readonly #needs: SignsOfLifeNeeds;
  readonly #log: Log;
  readonly #keepalive: Keepalive;
  readonly #watchdog: Watchdog;
  /** Whose snapshot can be asked for. */
  #login: string | undefined;
  /** Whose snapshot was asked for as a sign of life: its answer is for no flow. */
  #probed: string | undefined;

  constructor(
    connection: Connection,
    requests: Requests,
    reception: Reception,
    needs: SignsOfLifeNeeds,
    clock: Clock,
    log: Log,
  ) {
    this.#connection = connection;
    this.#requests = requests;
    this.#reception = reception;
    this.#needs = needs;
    this.#log = log;
    this.#keepalive = new Keepalive(
      clock,
      () => requests.lastAt,
      () => this.keepAlive(),
    );
    this.#watchdog = new Watchdog(clock, {
      heardAt: () => reception.heardAt,
      probe: () => this.#probe(),
      onDead: (silentMs) => {
        needs.onDead(silentMs);
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
    if (first && this.#reception.unheard) this.#probe();
  }

  /** A flow asks for a snapshot, and flows get all of them: none is ours any more. */
  leaveSnapshots(): void {
    this.#probed = undefined;
  }

  /** @returns true when the event is the sign that was asked for, and for no flow */
  follow(event: O2GEvent): boolean {
    // Without a link it is those whose events come that can be asked for.
    if (
      this.#login === undefined &&
      typeof event.loginName === 'string' &&
      event.eventName !== 'OnUserDeleted'
    )
      this.#login = event.loginName;
    if (
      event.eventName !== 'OnTelephonyState' ||
      this.#probed === undefined ||
      event.loginName !== this.#probed
    )
      return false;
    this.#probed = undefined;
    return true;
  }

  /** Never rejects: what it finds out is told. */
  async keepAlive(): Promise<void> {
    const { open } = this.#connection;
    if (!open) return;
    try {
      const { expirationDate } = await this.#requests.ask(open, 'keepSessionAlive', {}, undefined);
      if (expirationDate !== undefined && this.#connection.open === open)
        this.#connection.open = { ...open, info: { ...open.info, expirationDate } };
    } catch (error) {
      // 403 and 500 both say that the session doesn't exist; a server that doesn't answer is found out by the channel.
      if (!isUnanswered(error)) this.#needs.onSessionLost(open);
    }
  }

  #probe(): boolean {
    const { open } = this.#connection;
    if (this.#login === undefined || !open) return false;
    this.#probed = this.#login;
    void this.#askForSnapshot(open, this.#login);
    return true;
  }

  /** Not by `Session.call`, whose snapshots are for flows. */
  async #askForSnapshot(open: OpenSession, loginName: string): Promise<void> {
    try {
      await this.#requests.ask(open, 'askTelephonySnapshot', { loginName }, undefined);
    } catch (error) {
      if (isSessionLoss(error)) this.#needs.onSessionLost(open);
      // A user that isn't there any more never answers: another one is asked the next time.
      if (isDefinite(error) && this.#login === loginName) this.#login = undefined;
      this.#log.debug(
        `${this.#connection.host}: no snapshot as a sign of life: ${asO2GError(error).message}`,
      );
    }
  }
}
