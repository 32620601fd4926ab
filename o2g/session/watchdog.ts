/**
 * The two signs of life of a session: the keepalive that we owe the server, and the event that the server owes us.
 */
import type { Clock, Timer } from '../util';

/** Times to live between these are believed: beyond them a timer would overflow, or the server be hammered. */
const TTL_LIMITS_SECONDS = { min: 1, max: 86_400 } as const;
/** The specification's, for a server that doesn't tell. */
const DEFAULT_TTL_SECONDS = 1800;
/** How much of the time to live may pass in silence: the other half is the margin for drifting clocks and lost answers. */
const KEEPALIVE_TTL_RATIO = 0.5;

/** Sends a keepalive only when no other request was answered, which restarts the server's timer (Session management, /sessions/keepalive). */
export class Keepalive {
  readonly #clock: Clock;
  readonly #lastConfirmedAt: () => number;
  readonly #send: () => Promise<void>;
  #timer: Timer | undefined;

  /** @param send one keepalive; must not reject */
  constructor(clock: Clock, lastConfirmedAt: () => number, send: () => Promise<void>) {
    this.#clock = clock;
    this.#lastConfirmedAt = lastConfirmedAt;
    this.#send = send;
  }

  /** @param timeToLive the session's, in seconds, as the server told it */
  start(timeToLive: unknown): void {
    const ttlSeconds = typeof timeToLive === 'number' && timeToLive > 0 ? timeToLive : DEFAULT_TTL_SECONDS;
    const periodMs =
      Math.min(Math.max(ttlSeconds, TTL_LIMITS_SECONDS.min), TTL_LIMITS_SECONDS.max) *
      1000 *
      KEEPALIVE_TTL_RATIO;
    const arm = (): void => {
      this.stop();
      this.#timer = this.#clock.after(
        Math.max(0, this.#lastConfirmedAt() + periodMs - this.#clock.now()),
        () => {
          void beat();
        },
      );
    };
    const beat = async (): Promise<void> => {
      const timer = this.#timer;
      if (this.#clock.now() - this.#lastConfirmedAt() >= periodMs) await this.#send();
      // Stopped or started anew while the answer was awaited: then this round is over.
      if (this.#timer === timer) arm();
    };
    arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** A channel silent for so long is asked for a sign of life: a half-open connection ends in no other way … */
const CHANNEL_SILENCE_MS = 25_000;
/** … which must come within so many milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;

export interface WatchdogCallbacks {
  /** When the channel last brought bytes. */
  heardAt(): number;
  /** Asks the server for something that comes on the channel; false when there is nothing to ask for. */
  probe(): boolean;
  /** Nothing came: `silentMs` is how long. */
  onDead(silentMs: number): void;
}

/** Finds a channel that is open but dead. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #callbacks: WatchdogCallbacks;
  #timer: Timer | undefined;

  constructor(clock: Clock, callbacks: WatchdogCallbacks) {
    this.#clock = clock;
    this.#callbacks = callbacks;
  }

  start(): void {
    this.#scheduleCheck(this.#callbacks.heardAt());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #scheduleCheck(since: number): void {
    this.stop();
    this.#timer = this.#clock.after(Math.max(0, since + CHANNEL_SILENCE_MS - this.#clock.now()), () => {
      const heardAt = this.#callbacks.heardAt();
      if (this.#clock.now() - heardAt < CHANNEL_SILENCE_MS) this.#scheduleCheck(heardAt);
      else if (this.#callbacks.probe()) this.#awaitProbe(heardAt);
      else this.#scheduleCheck(this.#clock.now());
    });
  }

  #awaitProbe(silentSince: number): void {
    this.#timer = this.#clock.after(PROBE_TIMEOUT_MS, () => {
      if (this.#callbacks.heardAt() === silentSince) this.#callbacks.onDead(this.#clock.now() - silentSince);
      else this.#scheduleCheck(this.#callbacks.heardAt());
    });
  }
}
