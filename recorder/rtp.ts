/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * |                           timestamp                           |
 * |                             SSRC                              |
 * |                      CSRC, CC times                           |     RFC 3550, 5.1
 */

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
  read(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < 12) return false;
    const first = at(bytes, start);
    if (first >>> 6 !== 2) return false;
    const second = at(bytes, start + 1);
    this.payloadType = second & 0x7f;
    this.marker = second >= 0x80;
    this.padded = (first & 0x20) !== 0;
    this.sequenceNumber = (at(bytes, start + 2) << 8) | at(bytes, start + 3);
    this.timestamp = uint32(bytes, start + 4);
    this.ssrc = uint32(bytes, start + 8);
    this.end = end;
    this.payloadStart = start + 12 + 4 * (first & 0x0f);
    if ((first & 0x10) !== 0) this.#skipExtension(bytes);
    return this.payloadStart <= end;
  }

  /** RFC 3550, 5.3.1: a profile's two bytes, the length in words, the words. */
  #skipExtension(bytes: Uint8Array): void {
    const start = this.payloadStart;
    this.payloadStart = start + 4 <= this.end ? start + 4 + 4 * ((at(bytes, start + 2) << 8) | at(bytes, start + 3)) : this.end + 1;
  }
}

/** RTCP shares no port with our flows, but some senders mistake it: types 192..223 can't be RTP (RFC 5761, 4). */
export function isRtcp(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2) return false;
  const second = at(bytes, start + 1);
  return second >= 192 && second <= 223;
}

/**
 * The payload without its padding, whose last byte tells its length (RFC 3550, 5.1).
 * @returns the end of the payload, or -1 when the padding is longer than the payload
 */
export function withoutPadding(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start) return -1;
  const padding = at(bytes, end - 1);
  return padding === 0 || end - padding < start ? -1 : end - padding;
}

const at = (bytes: Uint8Array, index: number): number => bytes[index] ?? 0;
const uint32 = (bytes: Uint8Array, index: number): number =>
  ((at(bytes, index) << 24) | (at(bytes, index + 1) << 16) | (at(bytes, index + 2) << 8) | at(bytes, index + 3)) >>> 0;

export const PCMU = 0;
export const PCMA = 8;
export const COMFORT_NOISE = 13;

/** The static payload types of telephony (RFC 3551, table 4). */
const CODECS: Readonly<Record<number, string>> = { 0: 'PCMU', 3: 'GSM', 4: 'G723', 8: 'PCMA', 9: 'G722', 13: 'CN', 15: 'G728', 18: 'G729' };

export function codecName(payloadType: number): string {
  return CODECS[payloadType] ?? `PT${payloadType}`;
}
