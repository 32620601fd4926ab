/**
 * The life of a session: performs what the table in `state-machine.ts` decides, and tells it what the parts of the session notice.
 */
import type { Access } from './site-urls';
import { requestOf, asO2GError, isSessionLoss } from '../spec';
import type { Clock } from '../util';
import type { Connection } from './connection';
import { logIn, type Account, type OpenSession } from './login';
import { backOffMs, type Effect, type Input } from './state-machine';
import type { SessionEventSource } from './event-source';
import { SESSION_CLOSE_TIMEOUT_MS, type RequestSender } from './request-sender';
import type { Liveness } from './liveness';
import type { Subscription, SubscriptionOptions } from './subscription';

export interface ConnectionLifecycleOptions extends SubscriptionOptions {
  /** The sites in the order of preference: one, or the two of a geographic pair. Origins only. */
  readonly sites: readonly [URL, ...URL[]];
  readonly access: Access;
  readonly account: Account;
}

export interface ConnectionLifecycleDependencies {
  readonly connection: Connection;
  readonly requestSender: RequestSender;
  readonly eventSource: SessionEventSource;
  readonly subscription: Subscription;
  readonly liveness: Liveness;
  readonly clock: Clock;
}

/** An account that worked before may be locked for a while: one try a minute doesn't lock it again. */
const REFUSED_LOGIN_RETRY_MS = 60_000;
/** Channels that end sooner than this, one after the other, are not re-opened at once: a sick server would be hammered. */
const MIN_CHANNEL_LIFETIME_MS = 2_000;

export class ConnectionLifecycle {
  readonly #options: ConnectionLifecycleOptions;
  readonly #connection: Connection;
  readonly #requestSender: RequestSender;
  readonly #eventSource: SessionEventSource;
  readonly #subscription: Subscription;
  readonly #liveness: Liveness;
  readonly #clock: Clock;
  #generation = 0;
  #channelsLost = 0;
  #hasLoggedIn = false;
  /** Failures in a row. */
  #failures = 0;
  #established: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    options: ConnectionLifecycleOptions,
    {
      connection,
      requestSender,
      eventSource,
      subscription,
      liveness,
      clock,
    }: ConnectionLifecycleDependencies,
  ) {
    this.#options = options;
    this.#connection = connection;
    this.#requestSender = requestSender;
    this.#eventSource = eventSource;
    this.#subscription = subscription;
    this.#liveness = liveness;
    this.#clock = clock;
  }

  /** Counts the sessions opened. */
  get generation(): number {
    return this.#generation;
  }

  get channelsLost(): number {
    return this.#channelsLost;
  }

  /** Resolves when the attempt to establish of now is over, however it ended. */
  get established(): Promise<void> {
    return this.#established;
  }

  /** Performs an effect of the table, for the input that brought it about. */
  perform(effect: Effect, input: Input): void {
    switch (effect) {
      case 'establish':
        this.#startEstablishing(input);
        break;
      case 'backOff':
        this.#backOff();
        break;
      case 'slowRetry':
        this.#slowRetry();
        break;
      case 'announce':
        this.#startMonitoring();
        break;
      case 'release':
      case 'none':
        break;
    }
  }

  /** The channel ended or broke. @param durationMs how long it had been open */
  channelLost(reason: string, durationMs: number): void {
    this.#channelsLost += 1;
    this.#failures = durationMs < MIN_CHANNEL_LIFETIME_MS ? this.#failures + 1 : 0;
    this.#liveness.stop();
    this.#connection.input('channelLost', reason);
  }

  /** The server doesn't know this session any more. */
  sessionLost(open: OpenSession): void {
    // Several requests may notice the same loss; by then the session of now may be another one.
    if (this.#connection.open !== open) return;
    this.#subscription.markGapSinceLastResponse();
    this.forgetSession();
    this.#failures = 0;
    this.#connection.input('sessionLost', 'O2G does not know the session any more');
  }

  /** There is no session from now on, nor anything that was in it. */
  forgetSession(): void {
    this.#connection.open = undefined;
    this.#subscription.forget();
    this.#liveness.stop();
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
      void this.#established.then(() => {
        timer.cancel();
        resolve();
      });
    });
    const { open } = this.#connection;
    this.#connection.input('close', '');
    // What was being established meanwhile has started them again.
    this.#cancelTimers();
    this.#eventSource.stop();
    if (open && !keepSession) {
      await this.#subscription.end(open);
      await this.#requestSender.sendBestEffort(open, requestOf('closeSession', {}, undefined));
    }
    this.#requestSender.close();
    this.#connection.open = undefined;
  }

  #cancelTimers(): void {
    this.#connection.cancelRetry();
    this.#liveness.stop();
  }

  #startEstablishing(input: Input): void {
    this.#connection.cancelRetry();
    // A lost channel is opened again at once, unless that has just been done in vain.
    if (input === 'channelLost' && this.#failures > 1)
      return this.#connection.retryAfter(backOffMs(this.#failures - 1, Math.random()));
    this.#established = this.#establish();
  }

  async #establish(): Promise<void> {
    const previousSession = this.#connection.open;
    try {
      this.#connection.open ??= await this.#logIn();
      if (this.#stopped) return;
      await this.#subscription.listen(this.#failures);
      this.#hasLoggedIn = true;
      this.#connection.input('ready', '', this.#eventSource.takeBlindMs());
    } catch (error) {
      if (this.#stopped) return;
      if (isSessionLoss(error)) {
        const stale = previousSession !== undefined && this.#connection.open === previousSession;
        this.#subscription.markGapSinceLastResponse();
        this.forgetSession();
        if (stale) return this.#establish();
      }
      this.#connection.failed(asO2GError(error));
    }
  }

  async #logIn(): Promise<OpenSession> {
    const { access, account } = this.#options;
    const session = await logIn(this.#connection.site, access, account, (request) =>
      this.#requestSender.sendWithoutSession(request),
    );
    this.#requestSender.onSessionOpened();
    this.#generation += 1;
    return session;
  }

  #backOff(): void {
    this.#failures += 1;
    if (this.#options.sites.length > 1 && (this.#connection.open === undefined || this.#failures > 1)) {
      this.forgetSession();
      this.#connection.switchToNextSite();
    }
    this.#connection.retryAfter(backOffMs(this.#failures, Math.random()));
  }

  /** A wrong password is never tried again, one that worked before once a minute; so is a refused subscription. */
  #slowRetry(): void {
    this.#liveness.stop();
    if (this.#hasLoggedIn || this.#connection.open !== undefined)
      this.#connection.retryAfter(REFUSED_LOGIN_RETRY_MS);
  }

  #startMonitoring(): void {
    this.#liveness.start(this.#options.webHookUrl === undefined);
    this.#subscription.syncFilter();
  }
}
