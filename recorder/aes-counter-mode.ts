/** AES in counter mode for many packets at once (RFC 3711, 4.1.1; 256 bits: RFC 6188, 2): making a cipher object for each would cost 4 µs. */
import { createCipheriv, type Cipher } from 'node:crypto';

import { viewOf } from './bytes';

const BLOCK = 16;
const WORD = 4;

/** An encrypted payload at bytes[start, end), without the tag. */
export interface Ciphered {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly ssrc: number;
  readonly sequenceNumber: number;
  readonly rolloverCounter: number;
}

export class AesCounterMode {
  readonly #salt = new Uint8Array(BLOCK);
  readonly #cipher: Cipher;
  #counters = new Uint8Array(0);

  /** @param key the session's, 16 or 32 bytes. @param salt 14 bytes. Neither is kept as it is given */
  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#salt.set(salt);
    this.#cipher = createCipheriv(key.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb', key, null).setAutoPadding(false);
  }

  /** @returns the plain bytes, one payload after the other, each beginning at a multiple of 16: `offsets` in the same order */
  decipher(packets: readonly Ciphered[]): { plain: Uint8Array; offsets: number[] } {
    const offsets: number[] = [];
    let length = 0;
    for (const { start, end } of packets) {
      offsets.push(length);
      length += BLOCK * Math.ceil((end - start) / BLOCK);
    }
    if (this.#counters.length < length) this.#counters = new Uint8Array(length);
    this.#writeCounters(packets);
    const plain = this.#cipher.update(this.#counters.subarray(0, length));
    for (const [index, { bytes, start, end }] of packets.entries()) xor(plain, offsets[index] ?? 0, bytes, start, end - start);
    return { plain, offsets };
  }

  /** Forgets what it has of the keys. What OpenSSL keeps inside its cipher goes with the object. */
  wipe(): void {
    this.#salt.fill(0);
    this.#counters.fill(0);
  }

  /** IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16; the block's number in the last two bytes. */
  #writeCounters(packets: readonly Ciphered[]): void {
    const salt = viewOf(this.#salt);
    const counters = viewOf(this.#counters);
    let offset = 0;
    for (const { start, end, ssrc, sequenceNumber, rolloverCounter } of packets) {
      const first = salt.getInt32(0);
      const second = salt.getInt32(4) ^ ssrc;
      const third = salt.getInt32(8) ^ rolloverCounter;
      const fourth = salt.getInt32(12) ^ (sequenceNumber << 16);
      const blocks = Math.ceil((end - start) / BLOCK);
      for (let block = 0; block < blocks; block += 1, offset += BLOCK) {
        counters.setInt32(offset, first);
        counters.setInt32(offset + 4, second);
        counters.setInt32(offset + 8, third);
        counters.setInt32(offset + 12, fourth | block);
      }
    }
  }
}

/** Four bytes at a time, then what is left. */
function xor(target: Uint8Array, offset: number, bytes: Uint8Array, start: number, length: number): void {
  const [to, from] = [viewOf(target), viewOf(bytes)];
  const words = length - length % WORD;
  for (let index = 0; index < words; index += WORD) to.setInt32(offset + index, to.getInt32(offset + index) ^ from.getInt32(start + index));
  for (let index = words; index < length; index += 1) to.setUint8(offset + index, to.getUint8(offset + index) ^ from.getUint8(start + index));
}
