/**
 * Packets as they came, copied into one piece of memory, so that what the socket made for each dies young. Numbers lie in typed arrays
 * for the same reason: what lives for a fifth of a second is moved about by the garbage collector, 30,000 times a second.
 */

const FIRST_SIZE = 4096;
const FIRST_COUNT = 16;
/** A second of a flow is 9 kB; this is two minutes, which only a stalled process collects. */
const MOST_BYTES = 1024 * 1024;

export class Slab {
  #bytes = new Uint8Array(FIRST_SIZE);
  #ends = new Uint32Array(FIRST_COUNT);
  #arrivals = new Float64Array(FIRST_COUNT);
  readonly #sources: string[] = [];
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#used >= MOST_BYTES;
  }

  /** Milliseconds on the recorder's clock; undefined when there is nothing. */
  get firstArrival(): number | undefined {
    return this.#length === 0 ? undefined : this.#arrivals[0];
  }

  get lastArrival(): number | undefined {
    return this.#length === 0 ? undefined : this.#arrivals[this.#length - 1];
  }

  push(packet: Uint8Array, source: string, arrivedAt: number): void {
    const end = this.#used + packet.length;
    if (end > this.#bytes.length) this.#bytes = enlarged(this.#bytes, new Uint8Array(Math.max(end, 2 * this.#bytes.length)));
    if (this.#length === this.#ends.length) {
      this.#ends = enlarged(this.#ends, new Uint32Array(2 * this.#length));
      this.#arrivals = enlarged(this.#arrivals, new Float64Array(2 * this.#length));
    }
    this.#bytes.set(packet, this.#used);
    this.#ends[this.#length] = end;
    this.#arrivals[this.#length] = arrivedAt;
    this.#sources[this.#length] = source;
    this.#used = end;
    this.#length += 1;
  }

  /** Each packet in order of arrival: it is bytes[start, end), valid until `clear`. */
  forEach(visit: (bytes: Uint8Array, start: number, end: number, source: string, arrivedAt: number) => void): void {
    let start = 0;
    for (let index = 0; index < this.#length; index += 1) {
      const end = this.#ends[index] ?? 0;
      visit(this.#bytes, start, end, this.#sources[index] ?? '', this.#arrivals[index] ?? 0);
      start = end;
    }
  }

  clear(): void {
    this.#used = 0;
    this.#length = 0;
  }
}

function enlarged<Numbers extends Uint8Array | Uint32Array | Float64Array>(numbers: Numbers, larger: Numbers): Numbers {
  larger.set(numbers);
  return larger;
}
