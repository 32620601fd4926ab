/** Holds back what looks like ciphertext until it is certain, so that no noise is written and no speech lost. */
import { ByteHistogram, MIN_JUDGED_BYTES, BYTES_PER_SECOND } from './byte-histogram';

/** `place` it, `hold` it back, `release` it and what was held before, or place it and `keep` raw what was held before. */
export type Verdict = 'place' | 'hold' | 'release' | 'store-held';

export class CiphertextDetector {
  #state: 'unknown' | 'clear' | 'suspect' | 'encrypted' = 'unknown';
  readonly #heldHistogram = new ByteHistogram();

  /** Ciphertext for a second and more. */
  get detected(): boolean {
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

  judge(histogram: ByteHistogram): Verdict {
    if (histogram.total < MIN_JUDGED_BYTES)
      return this.#state === 'suspect' || this.#state === 'encrypted' ? 'hold' : 'place';
    if (!histogram.looksEncrypted()) return this.#onSpeech();
    this.#heldHistogram.merge(histogram);
    const detected = this.#heldHistogram.total >= BYTES_PER_SECOND && this.#heldHistogram.looksEncrypted();
    if (this.#state !== 'encrypted') this.#state = detected ? 'encrypted' : 'suspect';
    return 'hold';
  }

  /** Other keys, another sender. */
  reset(): void {
    this.#state = 'unknown';
    this.#heldHistogram.clear();
  }

  #onSpeech(): Verdict {
    const before = this.#state;
    this.#state = 'clear';
    this.#heldHistogram.clear();
    return before === 'suspect' ? 'release' : before === 'encrypted' ? 'store-held' : 'place';
  }
}
