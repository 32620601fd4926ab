/**
 * Packets of one stream of which each is the one expected after the one before: nearly all that ever comes. They are worked off
 * together, without a `Packet` for each.
 */
import { lawOf } from '../audio';
import { RECORD_HEADER_BYTES, type PacketBuffer } from './packet-buffer';
import { FIXED_HEADER_BYTES } from './rtp-header';

/** V=2, neither padding nor extension nor CSRC. */
const PLAIN_FIRST_BYTE = 0x80;

export class PacketRun {
  readonly #buffer: PacketBuffer;
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
  #payloadStart = 0;
  #payloadStride = 0;
  /** Of a packet in the inbox. */
  #recordBytes = 0;

  /** @param buffer what it is read from, again and again */
  constructor(buffer: PacketBuffer) {
    this.#buffer = buffer;
    this.plain = buffer.view;
  }

  /** The last packet's sequence number, beyond 16 bits. */
  get lastExtended(): number {
    return this.extended + this.length - 1;
  }

  /** Of a packet, in samples modulo 2^32. */
  timestampAt(index: number): number {
    return (this.timestamp + index * this.samples) >>> 0;
  }

  /** When a packet came, in milliseconds on the recorder's clock. */
  arrivedAt(index: number): number {
    return this.#buffer.arrivalAt(index * this.#recordBytes);
  }

  /** The packets as they came. */
  get view(): DataView {
    return this.#buffer.view;
  }

  /** Where a packet begins in `view`. */
  packetOffset(index: number): number {
    return index * this.#recordBytes + RECORD_HEADER_BYTES;
  }

  /** Bytes of each packet as it came. */
  get bytes(): number {
    return this.#recordBytes - RECORD_HEADER_BYTES;
  }

  /** The plain payload of a packet is `plain` from here on. */
  payloadOffset(index: number): number {
    return this.#payloadStart + index * this.#payloadStride;
  }

  /** Tells where the plain payloads are: that of packet n begins at `start + n * stride`. */
  setPayloads(plain: DataView, start: number, stride: number): void {
    this.plain = plain;
    this.#payloadStart = start;
    this.#payloadStride = stride;
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
    const buffer = this.#buffer;
    const { view, length } = buffer;
    const bytes = length === 0 ? 0 : buffer.lengthAt(0);
    const samples = bytes - FIXED_HEADER_BYTES - tag;
    if (samples <= 0 || buffer.singleSource !== source) return false;
    const recordBytes = RECORD_HEADER_BYTES + bytes;
    const payloadType = view.getUint8(RECORD_HEADER_BYTES + 1);
    if (lawOf(payloadType) === undefined) return false;
    for (let index = 0, offset = 0; index < length; index += 1, offset += recordBytes) {
      const packet = offset + RECORD_HEADER_BYTES;
      if (buffer.lengthAt(offset) !== bytes) return false;
      if (
        view.getUint16(packet) !== ((PLAIN_FIRST_BYTE << 8) | payloadType) ||
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
    this.#recordBytes = recordBytes;
    this.setPayloads(view, RECORD_HEADER_BYTES + FIXED_HEADER_BYTES, recordBytes);
    return true;
  }
}
