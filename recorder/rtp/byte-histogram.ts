/**
 * Tells ciphertext from speech by how evenly its bytes are spread. Unauthenticated SRTP is the OXE's default, and there a wrong key
 * raises no error: only noise. Measured over a second (8,000 bytes): ciphertext 164 to 325, any audio tried 3,369 and more.
 */

/** What evenly spread bytes give on average: 255 degrees of freedom. */
const UNIFORM_CHI_SQUARE = 255;
/** Over 8,000 bytes, a second of one flow. */
const MAX_CIPHERTEXT_CHI_SQUARE = 1000;
/** What ciphertext of whatever length stays below, 99.8 times of 100: 255 and three times its deviation of 22.6. */
const MAX_UNIFORM_CHI_SQUARE = 323;
export const BYTES_PER_SECOND = 8000;

/** How often each byte came, and what follows from it. */
export class ByteHistogram {
  readonly counts = new Uint32Array(256);
  total = 0;

  /** Four bytes are read at a time: it costs a third of one by one. */
  add(view: DataView, start: number, end: number): void {
    const counts = this.counts;
    const wordsEnd = end - ((end - start) % 4);
    for (let at = start; at < wordsEnd; at += 4) {
      const word = view.getInt32(at);
      const [a, b, c, d] = [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff];
      counts[a] = (counts[a] ?? 0) + 1;
      counts[b] = (counts[b] ?? 0) + 1;
      counts[c] = (counts[c] ?? 0) + 1;
      counts[d] = (counts[d] ?? 0) + 1;
    }
    for (let at = wordsEnd; at < end; at += 1) {
      const byte = view.getUint8(at);
      counts[byte] = (counts[byte] ?? 0) + 1;
    }
    this.total += end - start;
  }

  merge(other: ByteHistogram): void {
    for (let byte = 0; byte < 256; byte += 1)
      this.counts[byte] = (this.counts[byte] ?? 0) + (other.counts[byte] ?? 0);
    this.total += other.total;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
  }

  /** @param limit more than this isn't of interest: the sum ends there. Silence has the highest bytes, or nearly: most sums end soon */
  chiSquare(limit = Infinity): number {
    if (this.total === 0) return 0;
    const maxSquares = ((limit + this.total) * this.total) / 256;
    let squares = 0;
    for (let byte = 255; byte >= 0 && squares <= maxSquares; byte -= 1) {
      const count = this.counts[byte] ?? 0;
      squares += count * count;
    }
    return (squares * 256) / this.total - this.total;
  }

  /** Unevenness grows with the number of bytes, evenness doesn't: the limit stands as far above it as it does over a second. */
  looksEncrypted(): boolean {
    const threshold =
      UNIFORM_CHI_SQUARE +
      (MAX_CIPHERTEXT_CHI_SQUARE - UNIFORM_CHI_SQUARE) * Math.min(1, this.total / BYTES_PER_SECOND);
    return this.chiSquare(threshold) < threshold;
  }

  /** Of a packet or a few: it may be ciphertext. Some speech may be it, too. */
  mayBeEncrypted(): boolean {
    return this.total > 0 && this.chiSquare(MAX_UNIFORM_CHI_SQUARE) < MAX_UNIFORM_CHI_SQUARE;
  }
}

/** Below so many bytes nothing can be said: eight packets of 20 ms, where ciphertext passes for speech once in 500,000 times. */
export const MIN_JUDGED_BYTES = 1280;
