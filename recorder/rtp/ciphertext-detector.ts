/** Holds back what looks like ciphertext until it is certain, so that no noise is written and no speech lost. */
import { ByteCounts, LEAST_TO_JUDGE, SECOND } from './byte-histogram';

/** `place` it, `hold` it back, `release` it and what was held before, or place it and `keep` raw what was held before. */
export type Verdict = 'place' | 'hold' | 'release' | 'keep';

export class Suspicion {
  #state: 'unknown' | 'clear' | 'suspect' | 'encrypted' = 'unknown';
  readonly #held = new ByteCounts();

  /** Ciphertext for a second and more. */
  get certain(): boolean {
    return this.#state === 'encrypted';
  }

  /** Too little was heard to say anything: a fifth of a second should be collected first. */
  get undecided(): boolean {
    return this.#state === 'unknown';
  }

  /** Speech came last, and nothing is held back. */
  get clear(): boolean {
    return this.#state === 'clear';
  }

  judge(counts: ByteCounts): Verdict {
    if (counts.total < LEAST_TO_JUDGE)
      return this.#state === 'suspect' || this.#state === 'encrypted' ? 'hold' : 'place';
    if (!counts.looksEncrypted()) return this.#heard();
    this.#held.merge(counts);
    const certain = this.#held.total >= SECOND && this.#held.looksEncrypted();
    if (this.#state !== 'encrypted') this.#state = certain ? 'encrypted' : 'suspect';
    return 'hold';
  }

  /** Other keys, another sender. */
  reset(): void {
    this.#state = 'unknown';
    this.#held.clear();
  }

  #heard(): Verdict {
    const before = this.#state;
    this.#state = 'clear';
    this.#held.clear();
    return before === 'suspect' ? 'release' : before === 'encrypted' ? 'keep' : 'place';
  }
}
