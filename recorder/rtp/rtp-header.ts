/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * |                           timestamp                           |
 * |                             SSRC                              |
 * |                      CSRC, CC times                           |     RFC 3550, 5.1
 */

/** Bytes of a header without CSRC and extension. */
export const FIXED_HEADER_BYTES = 12;

/** Where things are in a packet. */
export class RtpHeader {
  payloadType = 0;
  marker = false;
  padded = false;
  sequenceNumber = 0;
  timestamp = 0;
  ssrc = 0;
  /** Offsets in the bytes that were read; `end` includes padding and authentication tag. */
  payloadStart = 0;
  end = 0;

  /** @returns false when it is no RTP packet: then the fields mean nothing */
  read(view: DataView, start: number, end: number): boolean {
    if (end - start < FIXED_HEADER_BYTES) return false;
    const first = view.getUint8(start);
    if (first >>> 6 !== 2) return false;
    const second = view.getUint8(start + 1);
    this.payloadType = second & 0x7f;
    this.marker = second >= 0x80;
    this.padded = (first & 0x20) !== 0;
    this.sequenceNumber = view.getUint16(start + 2);
    this.timestamp = view.getUint32(start + 4);
    this.ssrc = view.getUint32(start + 8);
    this.end = end;
    this.payloadStart = start + FIXED_HEADER_BYTES + 4 * (first & 0x0f);
    if ((first & 0x10) !== 0) this.#skipExtension(view);
    return this.payloadStart <= end;
  }

  /** RFC 3550, 5.3.1: a profile's two bytes, the length in words, the words. */
  #skipExtension(view: DataView): void {
    const start = this.payloadStart;
    this.payloadStart = start + 4 <= this.end ? start + 4 + 4 * view.getUint16(start + 2) : this.end + 1;
  }
}

/** What a datagram is. RTCP shares no port with our flows, but some senders mistake it: types 192..223 can't be RTP (RFC 5761, 4). */
export function datagramKind(datagram: Uint8Array): 'rtp' | 'rtcp' | 'malformed' {
  const second = datagram[1] ?? 0;
  if (second >= 192 && second <= 223) return 'rtcp';
  return datagram.length < FIXED_HEADER_BYTES || (datagram[0] ?? 0) >>> 6 !== 2 ? 'malformed' : 'rtp';
}

/**
 * The payload without its padding, whose last byte tells its length (RFC 3550, 5.1).
 * @returns the end of the payload, or -1 when the padding is longer than the payload
 */
export function payloadEndWithoutPadding(view: DataView, start: number, end: number): number {
  if (end <= start) return -1;
  const padding = view.getUint8(end - 1);
  return padding === 0 || end - padding < start ? -1 : end - padding;
}

export const COMFORT_NOISE_PAYLOAD_TYPE = 13;

/** The static payload types of telephony (RFC 3551, table 4). */
const CODEC_NAMES: Readonly<Record<number, string>> = {
  0: 'PCMU',
  3: 'GSM',
  4: 'G723',
  8: 'PCMA',
  9: 'G722',
  13: 'CN',
  15: 'G728',
  18: 'G729',
};

export function codecName(payloadType: number): string {
  return CODEC_NAMES[payloadType] ?? `PT${payloadType}`;
}
