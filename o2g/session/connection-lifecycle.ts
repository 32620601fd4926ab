/**
 * The life of a session: performs what the table in `machine.ts` decides, and tells it what the parts of the session notice.
 */
import type { Access } from './site-urls';
import { requestOf, asO2GError, isSessionLoss } from '../spec';
import type { Clock } from '../util';
import type { Connection } from './connection';
import { logIn, type Account, type OpenSession } from './login';
import { backOffMs, type Effect, type Input } from './state-machine';
import type { Reception } from './event-source';
import { CLOSE_WITHIN_MS, type Requests } from './request-sender';
import type { SignsOfLife } from './liveness';
import type { Subscription, SubscriptionOptions } from './subscription';

export interface SessionLifeOptions extends SubscriptionOptions {
  /** The sites in the order of preference: one, or the two of a geographic pair. Origins only. */
  readonly sites: readonly [URL, ...URL[]];
  readonly access: Access;
  readonly account: Account;
}

export interface SessionLifeParts {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly reception: Reception;
  readonly subscription: Subscription;
  readonly signs: SignsOfLife;
  readonly clock: Clock;
}

/** An account that worked before may be locked for a while: one try a minute doesn't lock it again. */
const SLOW_RETRY_MS = 60_000;
/** Channels that end sooner than this, one after the other, are not re-opened at once: a sick server would be hammered. */
const SHORT_LIFE_MS = 2_000;

export class SessionLife {
  readonly #options: SessionLifeOptions;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #reception: Reception;
  readonly #subscription: Subscription;
  readonly #signs: SignsOfLife;
  readonly #clock: Clock;
  #generation = 0;
  #channelsLost = 0;
  #workedBefore = false;
  /** Failures in a row. */
  #failures = 0;
  #established: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    options: SessionLifeOptions,
    { connection, requests, reception, subscription, signs, clock }: SessionLifeParts,
  ) {
    this.#options = options;
    this.#connection = connection;
    this.#requests = requests;
    this.#reception = reception;
    this.#subscription = subscription;
    this.#signs = signs;
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
        this.#announce();
        break;
      case 'release':
      case 'none':
        break;
    }
  }

  /** The channel ended or broke. @param lastedMs how long it had been open */
  channelLost(reason: string, lastedMs: number): void {
    this.#channelsLost += 1;
    this.#failures = lastedMs < SHORT_LIFE_MS ? this.#failures + 1 : 0;
    this.#signs.stop();
    this.#connection.input('channelLost', reason);
  }

  /** The server doesn't know this session any more. */
  sessionLost(open: OpenSession): void {
    // Several requests may notice the same loss; by then the session of now may be another one.
    if (this.#connection.open !== open) return;
    this.#subscription.missSinceProven();
    this.forgetSession();
    this.#failures = 0;
    this.#connection.input('sessionLost', 'O2G does not know the session any more');
  }

  /** There is no session from now on, nor anything that was in it. */
  forgetSession(): void {
    this.#connection.open = undefined;
    this.#subscription.forget();
    this.#signs.stop();
  }

  /** Nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
    this.#rest();
  }

  /** Closes subscription and session, in a few seconds at most. @param keeps the session is kept at the server */
  async end(keeps: boolean): Promise<void> {
    // A login under way is awaited: cut off, it could leave a session behind that nobody knows.
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(CLOSE_WITHIN_MS, resolve);
      void this.#established.then(() => {
        timer.cancel();
        resolve();
      });
    });
    const { open } = this.#connection;
    this.#connection.input('close', '');
    // What was being established meanwhile has started them again.
    this.#rest();
    this.#reception.stop();
    if (open && !keeps) {
      await this.#subscription.end(open);
      await this.#requests.endBriefly(open, requestOf('closeSession', {}, undefined));
    }
    this.#requests.close();
    this.#connection.open = undefined;
  }

  #rest(): void {
    this.#connection.cancelRetry();
    this.#signs.stop();
  }

  #startEstablishing(input: Input): void {
    this.#connection.cancelRetry();
    // A lost channel is opened again at once, unless that has just been done in vain.
    if (input === 'channelLost' && this.#failures > 1)
      return this.#connection.retryAfter(backOffMs(this.#failures - 1, Math.random()));
    this.#established = this.#establish();
  }

  async #establish(): Promise<void> {
    const had = this.#connection.open;
    try {
      this.#connection.open ??= await this.#logIn();
      if (this.#stopped) return;
      await this.#subscription.listen(this.#failures);
      this.#workedBefore = true;
      this.#connection.input('ready', '', this.#reception.takeBlindMs());
    } catch (error) {
      if (this.#stopped) return;
      if (isSessionLoss(error)) {
        const stale = had !== undefined && this.#connection.open === had;
        this.#subscription.missSinceProven();
        this.forgetSession();
        if (stale) return this.#establish();
      }
      this.#connection.failed(asO2GError(error));
    }
  }

  async #logIn(): Promise<OpenSession> {
    const { access, account } = this.#options;
    const session = await logIn(this.#connection.site, access, account, (call) =>
      this.#requests.sendOutside(call),
    );
    this.#requests.opened();
    this.#generation += 1;
    return session;
  }

  #backOff(): void {
    this.#failures += 1;
    if (this.#options.sites.length > 1 && (this.#connection.open === undefined || this.#failures > 1)) {
      this.forgetSession();
      this.#connection.turnToNextSite();
    }
    this.#connection.retryAfter(backOffMs(this.#failures, Math.random()));
  }

  /** A wrong password is never tried again, one that worked before once a minute; so is a refused subscription. */
  #slowRetry(): void {
    this.#signs.stop();
    if (this.#workedBefore || this.#connection.open !== undefined) this.#connection.retryAfter(SLOW_RETRY_MS);
  }

  #announce(): void {
    this.#signs.start(this.#options.webHookUrl === undefined);
    this.#subscription.follow();
  }
}
