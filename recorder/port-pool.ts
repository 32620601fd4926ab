/** Gives out even ports, so that the odd one above each stays free for RTCP, which some senders send whether asked or not. */
import { RecorderError } from './common';

/** A packet of the last call may still come: until then nobody else gets its port. */
const QUARANTINE_MS = 10_000;
/** A port that another program has is tried again after this. */
const TAKEN_RETRY_MS = 60_000;

export class PortPool {
  readonly #evenPorts: number[] = [];
  readonly #used = new Set<number>();
  /** Until when a port isn't given out. */
  readonly #quarantinedUntil = new Map<number, number>();
  #next = 0;

  /** @param min,max 1..65535, both included */
  constructor(min: number, max: number) {
    for (let port = min + (min % 2); port <= max; port += 2) this.#evenPorts.push(port);
  }

  get used(): number {
    return this.#used.size;
  }

  get size(): number {
    return this.#evenPorts.length;
  }

  /** Takes one, the longest unused first. @throws RecorderError `PORTS_EXHAUSTED` */
  take(now: number): number {
    for (const port of [...this.#evenPorts.slice(this.#next), ...this.#evenPorts.slice(0, this.#next)]) {
      this.#next = (this.#next + 1) % this.#evenPorts.length;
      if (this.#used.has(port) || (this.#quarantinedUntil.get(port) ?? 0) > now) continue;
      this.#quarantinedUntil.delete(port);
      this.#used.add(port);
      return port;
    }
    const quarantined = [...this.#quarantinedUntil.values()].filter((until) => until > now).length;
    throw new RecorderError(
      'PORTS_EXHAUSTED',
      `none of the ${this.#evenPorts.length} even ports from ${this.#evenPorts[0] ?? 0} to ${this.#evenPorts.at(-1) ?? 0} is free: ` +
        `${this.#used.size} are in use, ${quarantined} rest or belong to other programs`,
    );
  }

  /** Takes this very one. @returns false when it is none of ours, is used, or rests */
  claim(port: number, now: number): boolean {
    if (
      !this.#evenPorts.includes(port) ||
      this.#used.has(port) ||
      (this.#quarantinedUntil.get(port) ?? 0) > now
    )
      return false;
    this.#used.add(port);
    return true;
  }

  /** @param reason `unused`: it never got a packet, and rests no time */
  release(port: number, now: number, reason: 'used' | 'unused' | 'taken'): void {
    this.#used.delete(port);
    if (reason !== 'unused')
      this.#quarantinedUntil.set(port, now + (reason === 'taken' ? TAKEN_RETRY_MS : QUARANTINE_MS));
  }
}
