/** How far back a packet is still told from a repetition: 20 s of 20 ms packets. SRTP asks for 64 at least (RFC 3711, 3.3.2). */
const WINDOW_PACKETS = 1024;
const SEQUENCE_CYCLE = 65_536;

/**
 * The sequence numbers of one SSRC, extended beyond 16 bits, and which of them came. Nothing is remembered of a packet until it is
 * committed, so that a forged one can't move the window.
 */
export class SequenceTracker {
  /** -1 until the first commit. */
  #highest = -1;
  /** What the numbers are extended from until then. */
  #reference = -1;
  readonly #received = new Uint8Array(WINDOW_PACKETS);

  get highest(): number {
    return this.#highest;
  }

  /**
   * The extended number that a sequence number most probably means (RFC 3711, 3.3.1). The count begins one cycle up, so that
   * a packet that was overtaken by the very first one has a number too.
   */
  extend(sequenceNumber: number): number {
    if (this.#reference < 0) this.#reference = SEQUENCE_CYCLE + sequenceNumber;
    const nearest = this.#highest < 0 ? this.#reference : this.#highest;
    const guess = nearest - (nearest % SEQUENCE_CYCLE) + sequenceNumber;
    if (guess - nearest > SEQUENCE_CYCLE / 2) return guess - SEQUENCE_CYCLE;
    return nearest - guess > SEQUENCE_CYCLE / 2 ? guess + SEQUENCE_CYCLE : guess;
  }

  /** `old`: too far back to know. */
  check(extended: number): 'new' | 'duplicate' | 'old' {
    if (this.#highest < 0 || extended > this.#highest) return 'new';
    if (extended <= this.#highest - WINDOW_PACKETS) return 'old';
    return this.#received[extended % WINDOW_PACKETS] === 1 ? 'duplicate' : 'new';
  }

  commit(extended: number): void {
    if (extended > this.#highest) {
      if (this.#highest < 0 || extended - this.#highest >= WINDOW_PACKETS) this.#received.fill(0);
      else
        for (let number = this.#highest + 1; number < extended; number += 1)
          this.#received[number % WINDOW_PACKETS] = 0;
      this.#highest = extended;
    }
    this.#received[extended % WINDOW_PACKETS] = 1;
  }

  restart(): void {
    this.#highest = -1;
    this.#reference = -1;
    this.#received.fill(0);
  }
}

/** The rollover counter of an extended number: how often the 16 bits went round (RFC 3711, 3.3.1). -1 before the first cycle. */
export const rolloverCounter = (extended: number): number => Math.floor(extended / SEQUENCE_CYCLE) - 1;
