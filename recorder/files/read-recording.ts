/**
 * The one place where a recording is read: its content, plain or encrypted, from any byte on. An encrypted one is proved frame by frame while
 * it is read: what comes out is what was recorded, or an error.
 */
import { open, type FileHandle } from 'node:fs/promises';

import {
  FrameCipher,
  HEAD_BYTES,
  isEncrypted,
  Layout,
  OVERHEAD,
  readHead,
  keyFor,
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

const PIECE = 128 * 1024;
/** A frame of a recording under way may be read while it is written. */
const TRIES = 5;
const TRY_AGAIN_MS = 20;

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
    const encrypted = /\.enc(?:\.part)?$/.test(path) || isEncrypted(await readAt(handle, 0, HEAD_BYTES));
    return encrypted
      ? await EncryptedRecording.open(handle, finished, keys)
      : new PlainRecording(handle, finished, (await handle.stat()).size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class PlainRecording implements OpenRecording {
  readonly encrypted = false;

  constructor(
    private readonly handle: FileHandle,
    readonly finished: boolean,
    readonly bytes: number,
  ) {}

  async *read(start = 0, end = this.bytes): AsyncIterable<Uint8Array> {
    for (let from = start; from < Math.min(end, this.bytes);) {
      const piece = await readAt(this.handle, from, Math.min(PIECE, Math.min(end, this.bytes) - from));
      if (piece.length === 0) return; // it was cut meanwhile
      yield piece;
      from += piece.length;
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

class EncryptedRecording implements OpenRecording {
  readonly encrypted = true;

  private constructor(
    private readonly handle: FileHandle,
    readonly finished: boolean,
    readonly bytes: number,
    private readonly layout: Layout,
    private readonly cipher: FrameCipher,
    /** Of a recording under way it grows, and is another one a moment later. */
    private readonly last: { readonly frame: number; readonly content: Buffer },
  ) {}

  static async open(
    handle: FileHandle,
    finished: boolean,
    keys: readonly FileKey[],
  ): Promise<EncryptedRecording> {
    const head = readHead(await readAt(handle, 0, HEAD_BYTES));
    const cipher = new FrameCipher(head, keyFor(head.keyId, keys));
    const layout = new Layout(head.frameLength);
    for (let attempt = 1; ; attempt += 1) {
      const bytes = layout.contentOf((await handle.stat()).size);
      const frame = layout.frames(bytes) - 1;
      const sealed = await readAt(handle, layout.offsetOf(frame), bytes - layout.startOf(frame) + OVERHEAD);
      const content =
        cipher.open(frame, finished, sealed) ?? (finished ? undefined : cipher.open(frame, true, sealed));
      if (content) return new EncryptedRecording(handle, finished, bytes, layout, cipher, { frame, content });
      if (!finished && bytes === 0)
        return new EncryptedRecording(handle, finished, bytes, layout, cipher, {
          frame,
          content: Buffer.alloc(0),
        });
      if (finished || attempt === TRIES)
        throw altered(
          frame,
          finished && cipher.open(frame, false, sealed) ? 'the file was cut off behind it' : undefined,
        );
      await new Promise((resolve) => {
        setTimeout(resolve, TRY_AGAIN_MS);
      });
    }
  }

  async *read(start = 0, end = this.bytes): AsyncIterable<Uint8Array> {
    const to = Math.min(end, this.bytes);
    for (let from = start; from < to;) {
      const piece = await this.#piece(from, to);
      yield piece;
      from += piece.length;
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** Content from `from` on, as many frames as fit into a piece. */
  async #piece(from: number, to: number): Promise<Buffer> {
    const first = this.layout.frameAt(from);
    const start = this.layout.startOf(first);
    if (first === this.last.frame) return this.last.content.subarray(from - start, to - start);
    const most = Math.max(first, this.layout.frameAt(start + PIECE) - 1);
    const beyond = Math.min(most, this.layout.frameAt(to - 1), this.last.frame - 1) + 1;
    const content = await this.#frames(first, beyond);
    return content.subarray(from - start, to - start);
  }

  async #frames(first: number, beyond: number): Promise<Buffer> {
    const { layout } = this;
    for (let attempt = 1; ; attempt += 1) {
      const begin = layout.offsetOf(first);
      const sealed = await readAt(this.handle, begin, layout.offsetOf(beyond) - begin);
      const contents: Buffer[] = [];
      for (let frame = first; frame < beyond; frame += 1) {
        const content = this.cipher.open(
          frame,
          false,
          sealed.subarray(layout.offsetOf(frame) - begin, layout.offsetOf(frame + 1) - begin),
        );
        if (content) contents.push(content);
        else if (this.finished || attempt === TRIES) throw altered(frame);
        else break;
      }
      if (contents.length === beyond - first) return Buffer.concat(contents);
      await new Promise((resolve) => {
        setTimeout(resolve, TRY_AGAIN_MS);
      });
    }
  }
}

function altered(frame: number, how = "it isn't what was written there"): RecorderError {
  return new RecorderError('ALTERED', `the recording was altered at frame ${frame}: ${how}`);
}
