import { RtpHeader, payloadEndWithoutPadding } from './rtp-header';

/** A packet on its way from the socket to the timeline. */
export class Packet {
  readonly header = new RtpHeader();
  /** The sequence number beyond 16 bits. */
  extended = 0;
  /** The plain payload is these bytes, [start, end). */
  plain: DataView;
  start = 0;
  end = 0;

  private constructor(
    /** The packet as it came is these bytes, [from, to). */
    readonly view: DataView,
    readonly from: number,
    readonly to: number,
    /** Address and port of the sender. */
    readonly source: string,
    /** Milliseconds on the recorder's clock. */
    readonly arrivedAt: number,
  ) {
    this.plain = view;
  }

  /** @returns undefined when it is no RTP packet */
  static read(
    view: DataView,
    from: number,
    to: number,
    source: string,
    arrivedAt: number,
  ): Packet | undefined {
    const packet = new Packet(view, from, to, source, arrivedAt);
    return packet.header.read(view, from, to) ? packet : undefined;
  }

  /** As it came. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.from, this.to - this.from);
  }

  /** Tells where the plain payload is. @returns false when its padding is impossible */
  setPayload(plain: DataView, start: number, end: number): boolean {
    this.plain = plain;
    this.start = start;
    this.end = this.header.padded ? payloadEndWithoutPadding(plain, start, end) : end;
    return this.end >= 0;
  }

  /** The same in memory of its own. */
  copy(): Packet {
    const bytes = this.bytes.slice();
    const copy = Packet.read(new DataView(bytes.buffer), 0, bytes.length, this.source, this.arrivedAt);
    if (!copy) throw new Error('a packet that was read once is read again');
    copy.extended = this.extended;
    return copy;
  }
}
