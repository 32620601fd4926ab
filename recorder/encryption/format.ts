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
import { deriveFileKey, type FileKey } from './file-keys';

export const FILE_HEADER_BYTES = 52;
export const FIRST_FRAME_BYTES = 64;
/** What a crash may tear: half a second of G.711. Longer ones are encrypted a little faster, and written anew more often. */
export const FRAME_BYTES = 8192;
/** Nonce and tag. */
export const FRAME_OVERHEAD_BYTES = 28;

const MAGIC = Buffer.from('O2GENC\x01\0', 'latin1');
const NONCE_BYTES = 12;
const [MIN_FRAME_BYTES, MAX_FRAME_BYTES] = [1024, 1024 * 1024];
const CIPHER = 'aes-256-gcm';

export interface FileHeader {
  readonly bytes: Buffer;
  readonly frameBytes: number;
  readonly keyId: string;
  readonly salt: Uint8Array;
}

/** For a new file. */
export function newFileHeader(key: FileKey): FileHeader {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(FRAME_BYTES);
  return readFileHeader(Buffer.concat([MAGIC, length, Buffer.from(key.id, 'hex'), randomBytes(32)]));
}

export const isEncrypted = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

/** @throws RecorderError `ALTERED` when it is none */
export function readFileHeader(bytes: Buffer): FileHeader {
  const frameBytes = bytes.length < FILE_HEADER_BYTES ? 0 : bytes.readUInt32LE(8);
  if (!isEncrypted(bytes) || frameBytes < MIN_FRAME_BYTES || frameBytes > MAX_FRAME_BYTES) {
    throw new RecorderError('ALTERED', "the file's head isn't that of an encrypted recording");
  }
  return {
    bytes: Buffer.from(bytes.subarray(0, FILE_HEADER_BYTES)),
    frameBytes,
    keyId: bytes.toString('hex', 12, 20),
    salt: bytes.subarray(20, FILE_HEADER_BYTES),
  };
}

/** Where frames and the bytes in them are. */
export class FrameLayout {
  constructor(readonly frameBytes: number) {}

  /** The frame that a byte of the content is in. */
  frameAt(position: number): number {
    return position < FIRST_FRAME_BYTES
      ? 0
      : 1 + Math.floor((position - FIRST_FRAME_BYTES) / this.frameBytes);
  }

  /** The first byte of the content that is in a frame. */
  contentStart(frame: number): number {
    return frame === 0 ? 0 : FIRST_FRAME_BYTES + (frame - 1) * this.frameBytes;
  }

  /** What a frame holds that is full. */
  fullContentLength(frame: number): number {
    return frame === 0 ? FIRST_FRAME_BYTES : this.frameBytes;
  }

  /** Where a frame begins in the file. */
  frameOffset(frame: number): number {
    return FILE_HEADER_BYTES + this.contentStart(frame) + frame * FRAME_OVERHEAD_BYTES;
  }

  /** Bytes of content in a file of this size; what is left over of a torn frame doesn't count. */
  contentLength(size: number): number {
    const beyondFirst = size - this.frameOffset(1);
    if (beyondFirst <= 0) return Math.max(0, size - FILE_HEADER_BYTES - FRAME_OVERHEAD_BYTES);
    const fullFrameBytes = this.frameBytes + FRAME_OVERHEAD_BYTES;
    return (
      FIRST_FRAME_BYTES +
      Math.floor(beyondFirst / fullFrameBytes) * this.frameBytes +
      Math.max(0, (beyondFirst % fullFrameBytes) - FRAME_OVERHEAD_BYTES)
    );
  }

  /** Frames of so much content: one at least, that of an empty file. */
  frameCount(content: number): number {
    return this.frameAt(Math.max(0, content - 1)) + 1;
  }
}

/** Encrypts and opens the frames of one file. */
export class FrameCipher {
  readonly #key: Buffer;
  readonly #header: Buffer;

  constructor({ bytes, salt }: FileHeader, key: FileKey) {
    this.#key = deriveFileKey(key, salt);
    this.#header = bytes;
  }

  /** Each time with another nonce: a frame is written anew while the file grows, and no nonce may serve twice. */
  seal(frame: number, last: boolean, content: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(this.#authenticatedData(frame, last));
    const ciphertext = cipher.update(content);
    cipher.final();
    return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
  }

  /** @returns undefined when it isn't what was written there */
  open(frame: number, last: boolean, sealed: Uint8Array): Buffer | undefined {
    if (sealed.length < FRAME_OVERHEAD_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, NONCE_BYTES)).setAAD(
      this.#authenticatedData(frame, last),
    );
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, FRAME_OVERHEAD_BYTES));
    const content = decipher.update(sealed.subarray(FRAME_OVERHEAD_BYTES));
    try {
      decipher.final();
    } catch {
      return undefined; // the one thing that final() can say here
    }
    return content;
  }

  #authenticatedData(frame: number, last: boolean): Buffer {
    const position = Buffer.alloc(5);
    position.writeUInt32LE(frame, 0);
    position.writeUInt8(last ? 1 : 0, 4);
    return Buffer.concat([this.#header, position]);
  }
}
