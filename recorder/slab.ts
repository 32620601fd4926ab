/** Packets as they came, copied into one piece of memory, so that what the socket made for each dies young. */

const FIRST_SIZE = 4096;
/** A second of a flow is 9 kB; this is two minutes, which only a stalled process collects. */
const MOST_BYTES = 1024 * 1024;

export interface SlabEntry {
  readonly start: number;
  readonly end: number;
  /** Address and port of the sender. */
  readonly source: string;
  /** Milliseconds on the recorder's clock. */
  readonly arrivedAt: number;
}

export class Slab {
  bytes = new Uint8Array(FIRST_SIZE);
  #used = 0;
  readonly entries: SlabEntry[] = [];

  get full(): boolean {
    return this.#used >= MOST_BYTES;
  }

  push(packet: Uint8Array, source: string, arrivedAt: number): void {
    const end = this.#used + packet.length;
    if (end > this.bytes.length) this.#grow(end);
    this.bytes.set(packet, this.#used);
    this.entries.push({ start: this.#used, end, source, arrivedAt });
    this.#used = end;
  }

  clear(): void {
    this.#used = 0;
    this.entries.length = 0;
  }

  #grow(size: number): void {
    const larger = new Uint8Array(Math.max(size, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.#used));
    this.bytes = larger;
  }
}
