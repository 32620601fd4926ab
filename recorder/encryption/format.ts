/**
 * How an encrypted recording lies on the disk: a head, then frames, each encrypted and proved by itself (AES-256-GCM), so that one can
 * be read, or written anew, without the others.
 *
 * Head: `O2GENC`, version, 0; length of a frame (32 bits, little-endian); id of the key (8 bytes); salt (32 bytes).
 * Frame: nonce (12), tag (16), ciphertext. The first holds 64 bytes: a WAV's header, which is written at each flush, and so lies within
 * one sector, which no crash tears. The others hold as many as the head says, the last one fewer.
 *
 * What is proved with a frame: the head, its number, and whether it is the last one of a finished file. So no frame can be moved, taken from
 * another file, or cut off behind a finished file.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { RecorderError } from '../common';
import { keyOfFile, type FileKey } from './file-keys';

export const HEAD_BYTES = 52;
export const FIRST_FRAME = 64;
/** What a crash may tear: half a second of G.711. Longer ones are encrypted a little faster, and written anew more often. */
export const FRAME = 8192;
/** Nonce and tag. */
export const OVERHEAD = 28;

const MAGIC = Buffer.from('O2GENC\x01\0', 'latin1');
const NONCE = 12;
const [SHORTEST, LONGEST] = [1024, 1024 * 1024];
const CIPHER = 'aes-256-gcm';

export interface Head {
  readonly bytes: Buffer;
  readonly frameLength: number;
  readonly keyId: string;
  readonly salt: Uint8Array;
}

/** For a new file. */
export function newHead(key: FileKey): Head {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(FRAME);
  return readHead(Buffer.concat([MAGIC, length, Buffer.from(key.id, 'hex'), randomBytes(32)]));
}

export const isEncrypted = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

/** @throws RecorderError `ALTERED` when it is none */
export function readHead(bytes: Buffer): Head {
  const frameLength = bytes.length < HEAD_BYTES ? 0 : bytes.readUInt32LE(8);
  if (!isEncrypted(bytes) || frameLength < SHORTEST || frameLength > LONGEST) {
    throw new RecorderError('ALTERED', "the file's head isn't that of an encrypted recording");
  }
  return {
    bytes: Buffer.from(bytes.subarray(0, HEAD_BYTES)),
    frameLength,
    keyId: bytes.toString('hex', 12, 20),
    salt: bytes.subarray(20, HEAD_BYTES),
  };
}

/** Where frames and the bytes in them are. */
export class Layout {
  constructor(readonly frameLength: number) {}

  /** The frame that a byte of the content is in. */
  frameAt(position: number): number {
    return position < FIRST_FRAME ? 0 : 1 + Math.floor((position - FIRST_FRAME) / this.frameLength);
  }

  /** The first byte of the content that is in a frame. */
  startOf(frame: number): number {
    return frame === 0 ? 0 : FIRST_FRAME + (frame - 1) * this.frameLength;
  }

  /** What a frame holds that is full. */
  fullLength(frame: number): number {
    return frame === 0 ? FIRST_FRAME : this.frameLength;
  }

  /** Where a frame begins in the file. */
  offsetOf(frame: number): number {
    return HEAD_BYTES + this.startOf(frame) + frame * OVERHEAD;
  }

  /** Bytes of content in a file of this size; what is left over of a torn frame doesn't count. */
  contentOf(size: number): number {
    const beyondFirst = size - this.offsetOf(1);
    if (beyondFirst <= 0) return Math.max(0, size - HEAD_BYTES - OVERHEAD);
    const whole = this.frameLength + OVERHEAD;
    return (
      FIRST_FRAME +
      Math.floor(beyondFirst / whole) * this.frameLength +
      Math.max(0, (beyondFirst % whole) - OVERHEAD)
    );
  }

  /** Frames of so much content: one at least, that of an empty file. */
  frames(content: number): number {
    return this.frameAt(Math.max(0, content - 1)) + 1;
  }
}

/** Encrypts and opens the frames of one file. */
export class FrameCipher {
  readonly #key: Buffer;
  readonly #head: Buffer;

  constructor({ bytes, salt }: Head, key: FileKey) {
    this.#key = keyOfFile(key, salt);
    this.#head = bytes;
  }

  /** Each time with another nonce: a frame is written anew while the file grows, and no nonce may serve twice. */
  seal(frame: number, last: boolean, content: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(this.#proved(frame, last));
    const text = cipher.update(content);
    cipher.final();
    return Buffer.concat([nonce, cipher.getAuthTag(), text]);
  }

  /** @returns undefined when it isn't what was written there */
  open(frame: number, last: boolean, sealed: Uint8Array): Buffer | undefined {
    if (sealed.length < OVERHEAD) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, NONCE)).setAAD(
      this.#proved(frame, last),
    );
    decipher.setAuthTag(sealed.subarray(NONCE, OVERHEAD));
    const content = decipher.update(sealed.subarray(OVERHEAD));
    try {
      decipher.final();
    } catch {
      return undefined; // the one thing that final() can say here
    }
    return content;
  }

  #proved(frame: number, last: boolean): Buffer {
    const place = Buffer.alloc(5);
    place.writeUInt32LE(frame, 0);
    place.writeUInt8(last ? 1 : 0, 4);
    return Buffer.concat([this.#head, place]);
  }
}
