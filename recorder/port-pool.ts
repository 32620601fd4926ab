/** Gives out even ports, so that the odd one above each stays free for RTCP, which some senders send whether asked or not. */
import { RecorderError } from './common';

/** A packet of the last call may still come: until then nobody else gets its port. */
const QUARANTINE_MS = 10_000;
/** A port that another program has is tried again after this. */
const TAKEN_MS = 60_000;

export class Ports {
  readonly #even: number[] = [];
  readonly #used = new Set<number>();
  /** Until when a port isn't given out. */
  readonly #restingUntil = new Map<number, number>();
  #next = 0;

  /** @param min,max 1..65535, both included */
  constructor(min: number, max: number) {
    for (let port = min + (min % 2); port <= max; port += 2) this.#even.push(port);
  }

  get used(): number {
    return this.#used.size;
  }

  get size(): number {
    return this.#even.length;
  }

  /** Takes one, the longest unused first. @throws RecorderError `PORTS_EXHAUSTED` */
  take(now: number): number {
    for (const port of [...this.#even.slice(this.#next), ...this.#even.slice(0, this.#next)]) {
      this.#next = (this.#next + 1) % this.#even.length;
      if (this.#used.has(port) || (this.#restingUntil.get(port) ?? 0) > now) continue;
      this.#restingUntil.delete(port);
      this.#used.add(port);
      return port;
    }
    const resting = [...this.#restingUntil.values()].filter((until) => until > now).length;
    throw new RecorderError(
      'PORTS_EXHAUSTED',
      `none of the ${this.#even.length} even ports from ${this.#even[0] ?? 0} to ${this.#even.at(-1) ?? 0} is free: ` +
        `${this.#used.size} are in use, ${resting} rest or belong to other programs`,
    );
  }

  /** Takes this very one. @returns false when it is none of ours, is used, or rests */
  claim(port: number, now: number): boolean {
    if (!this.#even.includes(port) || this.#used.has(port) || (this.#restingUntil.get(port) ?? 0) > now)
      return false;
    this.#used.add(port);
    return true;
  }

  /** @param why `unused`: it never got a packet, and rests no time */
  release(port: number, now: number, why: 'used' | 'unused' | 'taken'): void {
    this.#used.delete(port);
    if (why !== 'unused') this.#restingUntil.set(port, now + (why === 'taken' ? TAKEN_MS : QUARANTINE_MS));
  }
}
