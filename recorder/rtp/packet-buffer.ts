/**
 * What a port has received and nobody has worked off yet: packets as they came, one after the other in one piece of memory, so that what
 * the socket made for each dies young. With hundreds of ports each packet finds the processor's cache cold: so little is touched here.
 */
import { datagramKind } from './rtp-header';

const INITIAL_BYTES = 4096;
/** A second of a flow is 9 kB; this is two minutes, which only a stalled process collects. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** Before each packet lie its arrival, 8 bytes, and its length, 4. */
export const RECORD_HEADER_BYTES = 12;
const LENGTH_OFFSET_BYTES = 8;

export class PacketBuffer {
  /** Datagrams that were neither RTP nor RTCP. */
  malformed = 0;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #usedBytes = 0;
  #lastOffset = 0;
  #length = 0;
  #address = '';
  #port = 0;
  /** The last sender as ADDRESS:PORT: made once, not for each packet. */
  #source = '';
  /** Of each packet, when they aren't all of one sender. */
  #sources: string[] | undefined;

  get length(): number {
    return this.#length;
  }

  /** Milliseconds on the recorder's clock; undefined when there is nothing. */
  get firstArrival(): number | undefined {
    return this.#length === 0 ? undefined : this.arrivalAt(0);
  }

  get lastArrival(): number | undefined {
    return this.#length === 0 ? undefined : this.arrivalAt(this.#lastOffset);
  }

  /** The sender of all packets, as ADDRESS:PORT; undefined when there are several. */
  get singleSource(): string | undefined {
    return this.#sources ? undefined : this.#source;
  }

  /** The packets, each behind its arrival and length; valid until `clear`. */
  get view(): DataView {
    return this.#view;
  }

  /** When the packet came whose arrival and length begin at `offset`. */
  arrivalAt(offset: number): number {
    return this.#view.getFloat64(offset, true);
  }

  /** Length of the packet whose arrival and length begin at `offset`. */
  lengthAt(offset: number): number {
    return this.#view.getUint32(offset + LENGTH_OFFSET_BYTES, true);
  }

  /** Takes a datagram; nothing but a copy is made. @returns true when it is time to work it off, being much */
  push(datagram: Uint8Array, address: string, port: number, arrivedAt: number): boolean {
    const kind = datagramKind(datagram);
    if (kind === 'rtp') this.#append(datagram, address, port, arrivedAt);
    else if (kind === 'malformed') this.malformed += 1;
    return this.#usedBytes >= MAX_BUFFERED_BYTES;
  }

  /** Each packet in order of arrival: it is view[start, end), valid until `clear`. */
  forEach(
    callback: (view: DataView, start: number, end: number, source: string, arrivedAt: number) => void,
  ): void {
    let offset = 0;
    for (let index = 0; index < this.#length; index += 1) {
      const start = offset + RECORD_HEADER_BYTES;
      const end = start + this.lengthAt(offset);
      callback(this.#view, start, end, this.#sources?.[index] ?? this.#source, this.arrivalAt(offset));
      offset = end;
    }
  }

  clear(): void {
    this.#usedBytes = 0;
    this.#length = 0;
    this.#sources = undefined;
  }

  #append(packet: Uint8Array, address: string, port: number, arrivedAt: number): void {
    if (port !== this.#port || address !== this.#address) this.#setSource(address, port);
    this.#sources?.push(this.#source);
    const offset = this.#usedBytes;
    const end = offset + RECORD_HEADER_BYTES + packet.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#view.setFloat64(offset, arrivedAt, true);
    this.#view.setUint32(offset + LENGTH_OFFSET_BYTES, packet.length, true);
    this.#bytes.set(packet, offset + RECORD_HEADER_BYTES);
    this.#lastOffset = offset;
    this.#usedBytes = end;
    this.#length += 1;
  }

  #setSource(address: string, port: number): void {
    if (this.#length > 0) this.#sources ??= Array<string>(this.#length).fill(this.#source);
    this.#address = address;
    this.#port = port;
    this.#source = `${address}:${port}`;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#usedBytes));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
