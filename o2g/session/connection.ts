/**
 * The connection with the server: the active site, the open session, its state and what is done about it. The only place that logs in,
 * gives a session up or turns to the other site. Its events are a matter of `event-feed.ts` and never end the session.
 */
import { Signal, type Clock, type Timer, type Logger } from '../util';
import { asO2GError, DeniedError, O2GError, requestOf } from '../spec';
import type { Transport } from '../transport';
import { EventFeed } from './event-feed';
import { Keepalive } from './watchdog';
import { logIn, type Account, type OpenSession, type SessionInfo } from './login';
import { RequestSender, SESSION_CLOSE_TIMEOUT_MS } from './request-sender';
import { SessionCheck, type SessionVerdict } from './session-check';
import type { Access } from './site-urls';
import {
  backOffMs,
  nextSession,
  overallState,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  type State,
} from './state-machine';
import type { SubscriptionOptions } from './subscription';

export interface ConnectionOptions extends SubscriptionOptions {
  /** The sites in the order of preference: one, or the two of a geographic pair. Origins only. */
  readonly sites: readonly [URL, ...URL[]];
  readonly access: Access;
  readonly account: Account;
}

/** What the session reports whenever that changes. */
export interface ConnectionReport {
  readonly state: State;
  /** In words; empty when there is nothing to explain. */
  readonly reason: string;
  /** ISO 8601 UTC: when this state began. */
  readonly since: string;
  /**
   * How events come while the session is open: `live`, `lost` (again and again tried), `refused` by the server, `unheard` when they come by
   * webhook and none has come yet: its address, a firewall or a login in front of Node-RED may be wrong.
   */
  readonly events?: 'live' | 'lost' | 'refused' | 'unheard';
  /** True with `events: unheard`. */
  readonly unheard?: true;
  /** Milliseconds without events, reported once when the channel is back after a break in which some may be lost. */
  readonly blindMs?: number;
}

/** The session alone, without its events. */
export interface SessionReport {
  readonly state: SessionState;
  readonly reason: string;
}

/** Requests that may wait for the connection at the same time. */
const MAX_WAITING_REQUESTS = 20_000;
/** An account that worked before may be locked for a while: one try a minute doesn't lock it again. */
const REFUSED_LOGIN_RETRY_MS = 60_000;
/** How long a new session waits for its events before links register in it. */
const FIRST_EVENTS_TIMEOUT_MS = 2_000;
/** With a second site, a server that can't be reached for so many checks in a row is left for it. */
const MAX_FAILED_CHECKS = 2;

export class Connection {
  /** Every change of state or of its reason, events included. */
  readonly onReport: Signal<ConnectionReport>;
  /** Every change of the session alone. */
  readonly onSession: Signal<SessionReport>;
  /** Why there is no connection: the first failure of an outage, and every refusal, of the subscription too. */
  readonly onFailure: Signal<O2GError>;
  readonly events: EventFeed;
  readonly requestSender: RequestSender;

  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sessionCheck: SessionCheck;
  readonly #keepalive: Keepalive;
  #siteIndex = 0;
  #open: OpenSession | undefined;
  #expirationDate: string | undefined;
  #session: SessionState = 'closed';
  #sessionReason = '';
  #state: State = 'closed';
  #reason = '';
  /** Yet to be reported, when the connection is back. */
  #blindMs: number | undefined;
  #since: number;
  /** Counts the sessions opened. */
  #generation = 0;
  #hasLoggedIn = false;
  /** Failures in a row. */
  #failures = 0;
  #failureReported = false;
  #waitingCount = 0;
  #retry: Timer | undefined;
  #recheck: Timer | undefined;
  #loggingIn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ConnectionOptions, transport: Transport, clock: Clock, log: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#since = clock.now();
    this.onReport = new Signal(log);
    this.onSession = new Signal(log);
    this.onFailure = new Signal(log);
    const requestSender = (this.requestSender = new RequestSender(transport, clock, log));
    this.#sessionCheck = new SessionCheck(requestSender, clock);
    this.#keepalive = new Keepalive(
      clock,
      () => requestSender.lastConfirmedAt,
      () => this.#check(this.#open),
    );
    this.events = new EventFeed(options, transport, requestSender, this.#sessionCheck, clock, log);
    this.events.onChange.on(({ blindMs }) => {
      this.#report(blindMs);
    });
    this.events.onRefused.on((error) => {
      this.onFailure.emit(error);
    });
    this.events.onDoubt.on((open) => {
      void this.doubt(open);
    });
    this.events.onSessionUnusable.on((open) => {
      this.sessionLost(open, 'O2G does not know the session, or its subscription, any more');
    });
  }

  /** Origin of the active site, as the user typed it. */
  get site(): URL {
    const { sites } = this.#options;
    return sites[this.#siteIndex] ?? sites[0];
  }

  /** Its host and port. */
  get host(): string {
    return this.site.host;
  }

  /** The session at the server; undefined while there is none. */
  get open(): OpenSession | undefined {
    return this.#open;
  }

  /** What the server says of the session. */
  get info(): SessionInfo | undefined {
    const info = this.#open?.info;
    return info && this.#expirationDate !== undefined
      ? { ...info, expirationDate: this.#expirationDate }
      : info;
  }

  get generation(): number {
    return this.#generation;
  }

  get session(): SessionReport {
    return { state: this.#session, reason: this.#sessionReason };
  }

  get report(): ConnectionReport {
    const since = new Date(this.#since).toISOString();
    const state = this.#state;
    if (this.#session !== 'open' || this.events.state === 'opening' || this.events.state === 'off')
      return { state, reason: this.#reason, since };
    if (this.events.state === 'live' && this.events.unheard)
      return {
        state,
        reason: 'no event has come to the webhook yet',
        since,
        events: 'unheard',
        unheard: true,
      };
    return { state, reason: this.#reason, since, events: this.events.state };
  }

  /** Opens the session and keeps it open until `close`. Does nothing when that is already so. */
  connect(): void {
    if (!this.#stopped) this.#input('open', '');
  }

  /**
   * The open session, after waiting for it.
   * @param waitMs how long at most
   * @throws O2GError `NOT_CONNECTED`, `CLOSED`
   */
  waitForSession(waitMs: number): Promise<OpenSession> {
    if (this.#session === 'open' && this.#open) return Promise.resolve(this.#open);
    if (this.#session === 'refused' || this.#session === 'closed')
      return Promise.reject(this.#notConnectedError());
    if (this.#waitingCount >= MAX_WAITING_REQUESTS) {
      return Promise.reject(
        new O2GError('NOT_CONNECTED', `${this.#waitingCount} requests wait for ${this.host} already`),
      );
    }
    this.#waitingCount += 1;
    return new Promise<OpenSession>((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        unsubscribe();
        this.#waitingCount -= 1;
      };
      const timer = this.#clock.after(waitMs, () => {
        settle();
        reject(this.#notConnectedError());
      });
      const unsubscribe = this.onSession.on(({ state }) => {
        if (state === 'connecting' || state === 'recovering' || state === 'away') return;
        settle();
        if (state === 'open' && this.#open) resolve(this.#open);
        else reject(this.#notConnectedError());
      });
    });
  }

  /**
   * Something leaves open whether the session still exists. Never rejects.
   * @returns when it is known; at once when it has just been confirmed, and is looked at again soon
   */
  async doubt(open: OpenSession): Promise<void> {
    if (this.#open !== open || this.#session !== 'open') return;
    const restMs = this.#sessionCheck.restMs;
    if (restMs === 0) return this.#check(open);
    this.#recheck ??= this.#clock.after(restMs, () => {
      this.#recheck = undefined;
      void this.#check(open);
    });
  }

  /** The server doesn't know this session any more. */
  sessionLost(open: OpenSession, reason = 'O2G does not know the session any more'): void {
    // Several requests may notice the same loss; by then the active session may be another one.
    if (this.#open !== open) return;
    this.#forgetSession(this.requestSender.lastConfirmedAt);
    // It may exist all the same, with a subscription and links that take licences.
    void this.requestSender.sendBestEffort(open, requestOf('closeSession', {}, undefined));
    this.#failures = 0;
    this.#input('lost', reason);
  }

  /** A server that has just started has no sessions: this one is checked at once. */
  serverStarted(): void {
    void this.#check(this.#open);
  }

  /** Nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimers();
  }

  /** Closes subscription and session, in a few seconds at most. @param keepSession the session is kept at the server */
  async end(keepSession: boolean): Promise<void> {
    // A login under way is awaited: cut off, it could leave a session behind that nobody knows.
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(SESSION_CLOSE_TIMEOUT_MS, resolve);
      void this.#loggingIn.then(() => {
        timer.cancel();
        resolve();
      });
    });
    const open = this.#open;
    this.#input('close', '');
    this.#cancelTimers();
    if (open && !keepSession) {
      await this.events.end(open);
      await this.requestSender.sendBestEffort(open, requestOf('closeSession', {}, undefined));
    }
    this.events.stop();
    this.requestSender.close();
    this.#open = undefined;
  }

  #cancelTimers(): void {
    this.#retry?.cancel();
    this.#recheck?.cancel();
    this.#recheck = undefined;
    this.#keepalive.stop();
  }

  #input(input: SessionInput, reason: string): void {
    const before = this.#session;
    const [state, effect] = nextSession(before, input);
    if (state === before && effect === 'none') return;
    this.#session = state;
    this.#sessionReason = reason;
    this.#perform(effect);
    if (effect === 'start') this.#announceOpen();
    else this.onSession.emit(this.session);
    this.#report();
  }

  /**
   * Reports a new session when its events have come, or not: what is monitored before its events are subscribed to has events that nobody
   * gets. A channel that takes long isn't waited for.
   */
  #announceOpen(): void {
    const open = this.#open;
    const announce = (): void => {
      timer.cancel();
      unsubscribe();
      if (this.#open === open && this.#session === 'open') this.onSession.emit(this.session);
    };
    const timer = this.#clock.after(FIRST_EVENTS_TIMEOUT_MS, announce);
    const unsubscribe = this.events.onChange.on(({ state }) => {
      if (state !== 'opening') announce();
    });
  }

  #perform(effect: SessionEffect): void {
    this.#retry?.cancel();
    switch (effect) {
      case 'logIn':
        this.#loggingIn = this.#logIn();
        break;
      case 'start':
        this.#failures = 0;
        this.#failureReported = false;
        this.#keepalive.start(this.#open?.info.timeToLive);
        if (this.#open) this.events.start(this.#open, this.site);
        break;
      case 'resume':
        this.#failures = 0;
        this.#failureReported = false;
        break;
      case 'check':
        void this.#check(this.#open);
        break;
      case 'checkLater':
      case 'backOff':
        this.#failures += 1;
        this.#retryAfter(backOffMs(this.#failures, Math.random()));
        break;
      case 'slowRetry':
        // A wrong password is never tried again, one that worked before once a minute.
        if (this.#hasLoggedIn) this.#retryAfter(REFUSED_LOGIN_RETRY_MS);
        break;
      case 'end':
      case 'none':
        break;
    }
  }

  #retryAfter(ms: number): void {
    this.#retry = this.#clock.after(ms, () => {
      this.#input('due', this.#sessionReason);
    });
  }

  /** Never rejects: what comes of it is an input. */
  async #logIn(): Promise<void> {
    const { access, account } = this.#options;
    try {
      const open = await logIn(this.site, access, account, (request) =>
        this.requestSender.sendWithoutSession(request),
      );
      this.requestSender.sessionOpened(open);
      this.#open = open;
      this.#expirationDate = undefined;
      this.#generation += 1;
      this.#hasLoggedIn = true;
      if (!this.#stopped) this.#input('loggedIn', '');
    } catch (error) {
      if (!this.#stopped) this.#failed(asO2GError(error));
    }
  }

  #failed(error: O2GError): void {
    const denied = error instanceof DeniedError;
    if (!denied) this.#switchSite();
    this.#input(denied ? 'denied' : 'failed', error.message);
    this.#reportFailure(error, denied);
  }

  /** Keeps the session, or gives it up, by what a keepalive shows. Never rejects. */
  async #check(open: OpenSession | undefined): Promise<void> {
    if (!open) return;
    const verdict: SessionVerdict = await this.#sessionCheck.check(open);
    if (this.#open !== open || this.#stopped) return;
    switch (verdict.session) {
      case 'alive':
        this.#expirationDate = verdict.expirationDate ?? this.#expirationDate;
        this.#input('confirmed', '');
        break;
      case 'gone':
        this.sessionLost(open);
        break;
      case 'away':
        this.#serverAway(open, verdict.error);
        break;
    }
  }

  /** The session is kept: an outage of the network doesn't end it. With a second site, that is tried after a while. */
  #serverAway(open: OpenSession, error: O2GError): void {
    if (this.#options.sites.length > 1 && this.#failures >= MAX_FAILED_CHECKS - 1) {
      this.#switchSite();
      this.sessionLost(open, error.message);
    } else this.#input('unreachable', error.message);
    this.#reportFailure(error, false);
  }

  #switchSite(): void {
    this.#siteIndex = (this.#siteIndex + 1) % this.#options.sites.length;
  }

  #reportFailure(error: O2GError, always: boolean): void {
    if (!always && this.#failureReported) return;
    this.#failureReported = true;
    this.onFailure.emit(error);
  }

  #forgetSession(lastConfirmedAt: number): void {
    this.#open = undefined;
    this.#keepalive.stop();
    this.#recheck?.cancel();
    this.#recheck = undefined;
    this.events.stop(lastConfirmedAt);
  }

  /** Reports what session and events are together, when that has changed. */
  #report(blindMs?: number): void {
    const before = this.#state;
    const state = overallState(this.#session, this.events.state, before);
    const reason = this.#session === 'open' ? this.events.reason : this.#sessionReason;
    if (state !== before) this.#since = this.#clock.now();
    const changed = state !== before || reason !== this.#reason;
    this.#state = state;
    this.#reason = reason;
    if (changed) this.#logState(before);
    this.#blindMs = blindMs ?? this.#blindMs;
    if (state !== 'connected' || this.#blindMs === undefined) return this.onReport.emit(this.report);
    const report = { ...this.report, blindMs: this.#blindMs };
    this.#blindMs = undefined;
    this.onReport.emit(report);
  }

  /** One line a change of state. Failures are reported by `onFailure`, the first of an outage only. */
  #logState(before: State): void {
    const line = `${this.host}: ${this.#state}${this.#reason === '' ? '' : ` (${this.#reason})`}`;
    if (this.#state === before || this.#state === 'refused') this.#log.debug(line);
    else if (this.#state === 'recovering' || this.#state === 'degraded') this.#log.warn(line);
    else this.#log.info(line);
  }

  #notConnectedError(): O2GError {
    const { state, reason } = this.session;
    if (state === 'closed') return new O2GError('CLOSED', `the session with ${this.host} is closed`);
    return new O2GError('NOT_CONNECTED', `no connection to ${this.host}: ${reason === '' ? state : reason}`);
  }
}
