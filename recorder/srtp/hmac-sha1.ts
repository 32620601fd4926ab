/**
 * HMAC-SHA1 (RFC 2104, RFC 3174) with the two key blocks hashed once. node:crypto costs 4 µs a packet, mostly for making an object;
 * at 30,000 packets a second this one costs a third.
 */
const BLOCK_BYTES = 64;
const IPAD = 0x36363636;
const OPAD = 0x5c5c5c5c;
const INITIAL_STATE = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0] as const;

export class HmacSha1 {
  readonly #inner = Int32Array.from(INITIAL_STATE);
  readonly #outer = Int32Array.from(INITIAL_STATE);
  readonly #state = new Int32Array(5);
  readonly #words = new Int32Array(80);
  readonly #tail = new Uint8Array(2 * BLOCK_BYTES);
  readonly #tailView = new DataView(this.#tail.buffer);

  /** @param key up to 64 bytes; it isn't kept */
  constructor(key: Uint8Array) {
    const padded = new Uint8Array(BLOCK_BYTES);
    padded.set(key);
    this.#absorb(this.#inner, padded, IPAD);
    this.#absorb(this.#outer, padded, OPAD);
    padded.fill(0);
    this.#words.fill(0);
  }

  /**
   * Whether the first `length` bytes of the HMAC over view[start, end) and then the rollover counter (RFC 3711, 4.2) are those at `end`.
   * Every byte is compared, so that time tells nothing.
   */
  matches(view: DataView, start: number, end: number, counter: number, length: number): boolean {
    const digest = this.digest(view, start, end, counter);
    let difference = 0;
    for (let index = 0; index < length; index += 1) {
      const byte = ((digest[index >>> 2] ?? 0) >>> (24 - 8 * (index & 3))) & 0xff;
      difference |= byte ^ view.getUint8(end + index);
    }
    return difference === 0;
  }

  /**
   * Five words of HMAC over view[start, end), followed by four bytes of `counter` unless it is undefined. Valid until the next call.
   */
  digest(view: DataView, start: number, end: number, counter: number | undefined): Int32Array {
    const state = this.#state;
    state.set(this.#inner);
    let position = start;
    for (; end - position >= BLOCK_BYTES; position += BLOCK_BYTES) {
      readWords(this.#words, view, position);
      compress(state, this.#words);
    }
    this.#finishInner(view, position, end, end - start, counter);
    return this.#finishOuter();
  }

  /** Forgets the key. */
  wipe(): void {
    for (const secret of [this.#inner, this.#outer, this.#state, this.#words, this.#tail]) secret.fill(0);
  }

  #absorb(state: Int32Array, block: Uint8Array, pad: number): void {
    readWords(this.#words, new DataView(block.buffer), 0);
    for (let index = 0; index < 16; index += 1) this.#words[index] = (this.#words[index] ?? 0) ^ pad;
    compress(state, this.#words);
  }

  /** The last bytes, the counter, the one bit, zeros, the length in bits. */
  #finishInner(
    view: DataView,
    position: number,
    end: number,
    length: number,
    counter: number | undefined,
  ): void {
    const tail = this.#tail;
    let used = end - position;
    tail.fill(0);
    for (let index = 0; index < used; index += 1) tail[index] = view.getUint8(position + index);
    if (counter !== undefined) {
      this.#tailView.setInt32(used, counter);
      used += 4;
    }
    tail[used] = 0x80;
    const blocks = used + 9 > BLOCK_BYTES ? 2 : 1;
    this.#tailView.setInt32(
      blocks * BLOCK_BYTES - 4,
      (BLOCK_BYTES + length + (counter === undefined ? 0 : 4)) * 8,
    );
    for (let block = 0; block < blocks; block += 1) {
      readWords(this.#words, this.#tailView, block * BLOCK_BYTES);
      compress(this.#state, this.#words);
    }
  }

  #finishOuter(): Int32Array {
    const words = this.#words;
    words.fill(0, 5, 16);
    words.set(this.#state);
    words[5] = 0x80000000 | 0;
    words[15] = (BLOCK_BYTES + 20) * 8;
    this.#state.set(this.#outer);
    compress(this.#state, words);
    return this.#state;
  }
}

function readWords(words: Int32Array, view: DataView, position: number): void {
  for (let index = 0; index < 16; index += 1) words[index] = view.getInt32(position + 4 * index);
}

/** RFC 3174, 6.1. Four loops without branches: one loop with a choice of function is a third slower. */
function compress(state: Int32Array, words: Int32Array): void {
  for (let t = 16; t < 80; t += 1) {
    const mixed = (words[t - 3] ?? 0) ^ (words[t - 8] ?? 0) ^ (words[t - 14] ?? 0) ^ (words[t - 16] ?? 0);
    words[t] = (mixed << 1) | (mixed >>> 31);
  }
  let a = state[0] ?? 0,
    b = state[1] ?? 0,
    c = state[2] ?? 0,
    d = state[3] ?? 0,
    e = state[4] ?? 0;
  for (let t = 0; t < 20; t += 1) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (~b & d)) + e + (words[t] ?? 0) + 0x5a827999) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 20; t < 40; t += 1) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + (words[t] ?? 0) + 0x6ed9eba1) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 40; t < 60; t += 1) {
    const next =
      (((a << 5) | (a >>> 27)) + ((b & c) | (b & d) | (c & d)) + e + (words[t] ?? 0) + 0x8f1bbcdc) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 60; t < 80; t += 1) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + (words[t] ?? 0) + 0xca62c1d6) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
}
