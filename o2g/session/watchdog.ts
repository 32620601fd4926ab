/**
 * The two signs of life of a session: the keepalive that we owe the server, and the event that the server owes us.
 */
import type { Clock, Timer } from '../util';

/** Times to live between these are believed: beyond them a timer would overflow, or the server be hammered. */
const TTL_S = { least: 1, most: 86_400 } as const;
/** The specification's, for a server that doesn't tell. */
const DEFAULT_TTL_S = 1800;
/** How much of the time to live may pass in silence: the other half is the margin for drifting clocks and lost answers. */
const KEEPALIVE_PART = 0.5;

/** Sends a keepalive only when no other request restarted the server's timer (Session management, /sessions/keepalive). */
export class Keepalive {
  #timer: Timer | undefined;

  /** @param send one keepalive; must not reject */
  constructor(
    private readonly clock: Clock,
    private readonly lastRequestAt: () => number,
    private readonly send: () => Promise<void>,
  ) {}

  /** @param timeToLiveS the session's, in seconds, as the server told it */
  start(timeToLiveS: unknown): void {
    const told = typeof timeToLiveS === 'number' && timeToLiveS > 0 ? timeToLiveS : DEFAULT_TTL_S;
    const period = Math.min(Math.max(told, TTL_S.least), TTL_S.most) * 1000 * KEEPALIVE_PART;
    const arm = (): void => {
      this.stop();
      this.#timer = this.clock.after(Math.max(0, this.lastRequestAt() + period - this.clock.now()), () => {
        void beat();
      });
    };
    const beat = async (): Promise<void> => {
      const timer = this.#timer;
      if (this.clock.now() - this.lastRequestAt() >= period) await this.send();
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
const SILENCE_MS = 25_000;
/** … which must come within so many milliseconds. */
const SIGN_OF_LIFE_MS = 10_000;

export interface WatchdogNeeds {
  /** When the channel last brought bytes. */
  heardAt(): number;
  /** Asks the server for something that comes on the channel; false when there is nothing to ask for. */
  probe(): boolean;
  /** Nothing came: `silentMs` is how long. */
  onDead(silentMs: number): void;
}

/** Finds a channel that is open but dead. */
export class Watchdog {
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly needs: WatchdogNeeds,
  ) {}

  start(): void {
    this.#look(this.needs.heardAt());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(since: number): void {
    this.stop();
    this.#timer = this.clock.after(Math.max(0, since + SILENCE_MS - this.clock.now()), () => {
      const heardAt = this.needs.heardAt();
      if (this.clock.now() - heardAt < SILENCE_MS) this.#look(heardAt);
      else if (this.needs.probe()) this.#await(heardAt);
      else this.#look(this.clock.now());
    });
  }

  #await(silentSince: number): void {
    this.#timer = this.clock.after(SIGN_OF_LIFE_MS, () => {
      if (this.needs.heardAt() === silentSince) this.needs.onDead(this.clock.now() - silentSince);
      else this.#look(this.needs.heardAt());
    });
  }
}
