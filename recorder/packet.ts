import { RtpHeader, withoutPadding } from './rtp';

/** A packet on its way from the socket to the timeline. */
export class Packet {
  readonly header = new RtpHeader();
  /** The sequence number beyond 16 bits. */
  extended = 0;
  /** The plain payload is bytes[start, end) of this. */
  plain: Uint8Array;
  start = 0;
  end = 0;

  private constructor(
    /** The packet as it came is bytes[from, to). */
    readonly bytes: Uint8Array, readonly from: number, readonly to: number,
    /** Address and port of the sender. */
    readonly source: string,
    /** Milliseconds on the recorder's clock. */
    readonly arrivedAt: number,
  ) {
    this.plain = bytes;
  }

  /** @returns undefined when it is no RTP packet */
  static read(bytes: Uint8Array, from: number, to: number, source: string, arrivedAt: number): Packet | undefined {
    const packet = new Packet(bytes, from, to, source, arrivedAt);
    return packet.header.read(bytes, from, to) ? packet : undefined;
  }

  /** Tells where the plain payload is. @returns false when its padding is impossible */
  expose(plain: Uint8Array, start: number, end: number): boolean {
    this.plain = plain;
    this.start = start;
    this.end = this.header.padded ? withoutPadding(plain, start, end) : end;
    return this.end >= 0;
  }

  /** The same in memory of its own. */
  copy(): Packet {
    const copy = Packet.read(this.bytes.slice(this.from, this.to), 0, this.to - this.from, this.source, this.arrivedAt);
    if (!copy) throw new Error('a packet that was read once is read again');
    copy.extended = this.extended;
    return copy;
  }
}
