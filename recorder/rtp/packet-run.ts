/**
 * Packets of one stream of which each is the one expected after the one before: nearly all that ever comes. They are worked off
 * together, without a `Packet` for each.
 */
import { lawOf } from '../audio';
import { HEAD, type Inbox } from './packet-buffer';
import { FIXED_HEADER } from './rtp-header';

/** V=2, neither padding nor extension nor CSRC. */
const PLAIN = 0x80;

export class Run {
  /** Packets. */
  length = 0;
  payloadType = 0;
  /** Bytes of plain payload in each packet, which are samples: no payload type of another kind makes a run. */
  samples = 0;
  ssrc = 0;
  /** The first packet's sequence number, beyond 16 bits, and timestamp in samples. */
  extended = 0;
  timestamp = 0;
  /** Holds the plain payloads, each at `payloadAt`. Valid until the inbox is cleared. */
  plain: DataView;
  #start = 0;
  #stride = 0;
  /** Of a packet in the inbox. */
  #size = 0;

  /** @param inbox what it is read from, again and again */
  constructor(private readonly inbox: Inbox) {
    this.plain = inbox.view;
  }

  /** The last packet's sequence number, beyond 16 bits. */
  get last(): number {
    return this.extended + this.length - 1;
  }

  /** Of a packet, in samples modulo 2^32. */
  timestampOf(index: number): number {
    return (this.timestamp + index * this.samples) >>> 0;
  }

  /** When a packet came, in milliseconds on the recorder's clock. */
  arrivedAt(index: number): number {
    return this.inbox.arrivalAt(index * this.#size);
  }

  /** The packets as they came. */
  get view(): DataView {
    return this.inbox.view;
  }

  /** Where a packet begins in `view`. */
  packetAt(index: number): number {
    return index * this.#size + HEAD;
  }

  /** Bytes of each packet as it came. */
  get bytes(): number {
    return this.#size - HEAD;
  }

  /** The plain payload of a packet is `plain` from here on. */
  payloadAt(index: number): number {
    return this.#start + index * this.#stride;
  }

  /** Tells where the plain payloads are: that of packet n begins at `start + n * stride`. */
  expose(plain: DataView, start: number, stride: number): void {
    this.plain = plain;
    this.#start = start;
    this.#stride = stride;
  }

  /**
   * Reads what has come.
   * @param extended the sequence number expected, beyond 16 bits. @param timestamp the one expected. @param tag bytes of each packet's authentication tag
   * @returns false unless all of it is one run of audio
   */
  read(
    { source, ssrc }: { readonly source: string; readonly ssrc: number },
    extended: number,
    timestamp: number,
    tag: number,
  ): boolean {
    const { inbox } = this;
    const { view, length } = inbox;
    const bytes = length === 0 ? 0 : inbox.lengthAt(0);
    const samples = bytes - FIXED_HEADER - tag;
    if (samples <= 0 || inbox.onlySource !== source) return false;
    const size = HEAD + bytes;
    const payloadType = view.getUint8(HEAD + 1);
    if (lawOf(payloadType) === undefined) return false;
    for (let index = 0, offset = 0; index < length; index += 1, offset += size) {
      const packet = offset + HEAD;
      if (inbox.lengthAt(offset) !== bytes) return false;
      if (
        view.getUint16(packet) !== ((PLAIN << 8) | payloadType) ||
        view.getUint16(packet + 2) !== ((extended + index) & 0xffff)
      )
        return false;
      if (
        view.getUint32(packet + 4) !== (timestamp + index * samples) >>> 0 ||
        view.getUint32(packet + 8) !== ssrc
      )
        return false;
    }
    this.length = length;
    this.payloadType = payloadType;
    this.samples = samples;
    this.ssrc = ssrc;
    this.extended = extended;
    this.timestamp = timestamp;
    this.#size = size;
    this.expose(view, HEAD + FIXED_HEADER, size);
    return true;
  }
}
