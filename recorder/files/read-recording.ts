/**
 * The one place where a recording is read: its content, plain or encrypted, from any byte on. An encrypted one is proved frame by frame while
 * it is read: what comes out is what was recorded, or an error.
 */
import { open, type FileHandle } from 'node:fs/promises';

import {
  FrameCipher,
  FILE_HEADER_BYTES,
  isEncrypted,
  FrameLayout,
  FRAME_OVERHEAD_BYTES,
  readFileHeader,
  findKey,
  type FileKey,
} from '../encryption';
import { RecorderError } from '../common';
import { readAt } from '../disk';

export interface OpenRecording {
  /** Length of the content; of a recording that is under way, as it was when it was opened. */
  readonly bytes: number;
  readonly encrypted: boolean;
  /** False: it is under way, or a crash left it. */
  readonly finished: boolean;
  /**
   * The content from `start` (0) to before `end` (all), in pieces of at most 128 KiB.
   * @throws RecorderError `ALTERED`; the system's error
   */
  read(start?: number, end?: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

const CHUNK_BYTES = 128 * 1024;
/** A frame of a recording under way may be read while it is written. */
const MAX_READ_ATTEMPTS = 5;
const READ_RETRY_MS = 20;

/**
 * Opens a recording: `.wav`, `.wav.enc`, the packets kept beside it (`.rtpdump`, `.rtpdump.enc`), each also while it is under way (`.part`).
 * @param keys of encrypted ones, in any order
 * @throws RecorderError `KEY_UNKNOWN` when it needs another key; `ALTERED` when it isn't what was written, or was cut; the system's error
 */
export async function openRecording(path: string, keys: readonly FileKey[]): Promise<OpenRecording> {
  const handle = await open(path, 'r');
  try {
    const finished = !path.endsWith('.part');
    // By name or by content: an encrypted one that was renamed isn't played as noise, one whose head was altered is told.
    const encrypted =
      /\.enc(?:\.part)?$/.test(path) || isEncrypted(await readAt(handle, 0, FILE_HEADER_BYTES));
    return encrypted
      ? await EncryptedRecording.open(handle, finished, keys)
      : new PlainRecording(handle, finished, (await handle.stat()).size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class PlainRecording implements OpenRecording {
  readonly #handle: FileHandle;
  readonly encrypted = false;

  constructor(
    handle: FileHandle,
    readonly finished: boolean,
    readonly bytes: number,
  ) {
    this.#handle = handle;
  }

  async *read(start = 0, end = this.bytes): AsyncIterable<Uint8Array> {
    for (let from = start; from < Math.min(end, this.bytes);) {
      const chunk = await readAt(this.#handle, from, Math.min(CHUNK_BYTES, Math.min(end, this.bytes) - from));
      if (chunk.length === 0) return; // it was cut meanwhile
      yield chunk;
      from += chunk.length;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

class EncryptedRecording implements OpenRecording {
  readonly #handle: FileHandle;
  readonly #layout: FrameLayout;
  readonly #cipher: FrameCipher;
  readonly #lastFrame: { readonly frame: number; readonly content: Buffer };
  readonly encrypted = true;

  private constructor(
    handle: FileHandle,
    readonly finished: boolean,
    readonly bytes: number,
    layout: FrameLayout,
    cipher: FrameCipher,
    /** Of a recording under way it grows, and is another one a moment later. */
    lastFrame: { readonly frame: number; readonly content: Buffer },
  ) {
    this.#handle = handle;
    this.#layout = layout;
    this.#cipher = cipher;
    this.#lastFrame = lastFrame;
  }

  static async open(
    handle: FileHandle,
    finished: boolean,
    keys: readonly FileKey[],
  ): Promise<EncryptedRecording> {
    const header = readFileHeader(await readAt(handle, 0, FILE_HEADER_BYTES));
    const cipher = new FrameCipher(header, findKey(header.keyId, keys));
    const layout = new FrameLayout(header.frameBytes);
    for (let attempt = 1; ; attempt += 1) {
      const bytes = layout.contentLength((await handle.stat()).size);
      const frame = layout.frameCount(bytes) - 1;
      const sealed = await readAt(
        handle,
        layout.frameOffset(frame),
        bytes - layout.contentStart(frame) + FRAME_OVERHEAD_BYTES,
      );
      const content =
        cipher.open(frame, finished, sealed) ?? (finished ? undefined : cipher.open(frame, true, sealed));
      if (content) return new EncryptedRecording(handle, finished, bytes, layout, cipher, { frame, content });
      if (!finished && bytes === 0)
        return new EncryptedRecording(handle, finished, bytes, layout, cipher, {
          frame,
          content: Buffer.alloc(0),
        });
      if (finished || attempt === MAX_READ_ATTEMPTS)
        throw alteredError(
          frame,
          finished && cipher.open(frame, false, sealed) ? 'the file was cut off behind it' : undefined,
        );
      await new Promise((resolve) => {
        setTimeout(resolve, READ_RETRY_MS);
      });
    }
  }

  async *read(start = 0, end = this.bytes): AsyncIterable<Uint8Array> {
    const to = Math.min(end, this.bytes);
    for (let from = start; from < to;) {
      const chunk = await this.#chunk(from, to);
      yield chunk;
      from += chunk.length;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Content from `from` on, as many frames as fit into a piece. */
  async #chunk(from: number, to: number): Promise<Buffer> {
    const first = this.#layout.frameAt(from);
    const start = this.#layout.contentStart(first);
    if (first === this.#lastFrame.frame) return this.#lastFrame.content.subarray(from - start, to - start);
    const maxFrame = Math.max(first, this.#layout.frameAt(start + CHUNK_BYTES) - 1);
    const endFrame = Math.min(maxFrame, this.#layout.frameAt(to - 1), this.#lastFrame.frame - 1) + 1;
    const content = await this.#frames(first, endFrame);
    return content.subarray(from - start, to - start);
  }

  async #frames(first: number, endFrame: number): Promise<Buffer> {
    const layout = this.#layout;
    for (let attempt = 1; ; attempt += 1) {
      const startOffset = layout.frameOffset(first);
      const sealed = await readAt(this.#handle, startOffset, layout.frameOffset(endFrame) - startOffset);
      const contents: Buffer[] = [];
      for (let frame = first; frame < endFrame; frame += 1) {
        const content = this.#cipher.open(
          frame,
          false,
          sealed.subarray(
            layout.frameOffset(frame) - startOffset,
            layout.frameOffset(frame + 1) - startOffset,
          ),
        );
        if (content) contents.push(content);
        else if (this.finished || attempt === MAX_READ_ATTEMPTS) throw alteredError(frame);
        else break;
      }
      if (contents.length === endFrame - first) return Buffer.concat(contents);
      await new Promise((resolve) => {
        setTimeout(resolve, READ_RETRY_MS);
      });
    }
  }
}

function alteredError(frame: number, detail = "it isn't what was written there"): RecorderError {
  return new RecorderError('ALTERED', `the recording was altered at frame ${frame}: ${detail}`);
}
