/**
 * A file that encrypts what is written at positions, so that those who write needn't know (`format.ts` says how it lies on the
 * disk). The first and the last frame stay in memory, being written anew at each flush; another one is read back when something late
 * belongs into it.
 */
import { FrameCipher, FrameLayout, newFileHeader, FRAME_OVERHEAD_BYTES, type FileHeader } from './format';
import { RecorderError } from '../common';
import type { FileKey } from './file-keys';
import type { FileSystem, OpenFile } from '../disk';

/** The same files, but those that it creates are encrypted. */
export function encryptingFileSystem(fileSystem: FileSystem, key: FileKey): FileSystem {
  return { ...fileSystem, create: async (path) => EncryptedFile.create(await fileSystem.create(path), key) };
}

export class EncryptedFile implements OpenFile {
  readonly #file: OpenFile;
  readonly #header: FileHeader;
  readonly #cipher: FrameCipher;
  readonly #layout: FrameLayout;
  /** Content of the first and of the last frame. */
  #firstContent: Buffer | undefined;
  #lastFrame: { readonly frame: number; readonly content: Buffer } | undefined;
  /** Content of frames whose writing failed: half of them may be on the disk. */
  readonly #uncertainFrames: Map<number, Buffer>;
  #headerWritten: boolean;
  #bytes: number;

  private constructor(
    file: OpenFile,
    header: FileHeader,
    key: FileKey,
    bytes: number,
    uncertainFrames: ReadonlyMap<number, Buffer>,
  ) {
    this.#file = file;
    this.#header = header;
    this.#cipher = new FrameCipher(header, key);
    this.#layout = new FrameLayout(header.frameBytes);
    this.#bytes = bytes;
    this.#headerWritten = bytes > 0;
    this.#uncertainFrames = new Map(uncertainFrames);
  }

  static create(file: OpenFile, key: FileKey): EncryptedFile {
    return new EncryptedFile(file, newFileHeader(key), key, 0, new Map());
  }

  /** One that is there already. @param bytes length of its content. @param damaged frames that can't be read, and what shall be there instead */
  static resume(
    file: OpenFile,
    header: FileHeader,
    key: FileKey,
    bytes: number,
    damaged: ReadonlyMap<number, Buffer>,
  ): EncryptedFile {
    return new EncryptedFile(file, header, key, bytes, damaged);
  }

  async write(bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    if (end <= start) return;
    // What lies between the end so far and the position is zeros, as in every file.
    const from = Math.min(position, this.#bytes);
    const to = position + end - start;
    const length = Math.max(this.#bytes, to);
    const first = this.#layout.frameAt(from);
    const last = this.#layout.frameAt(to - 1);
    const contents: Buffer[] = [];
    for (let frame = first; frame <= last; frame += 1) {
      const content = await this.#contentOfLength(frame, length);
      const frameStart = this.#layout.contentStart(frame);
      const [at, until] = [Math.max(position, frameStart), Math.min(to, frameStart + content.length)];
      if (at < until)
        content.set(bytes.subarray(start + at - position, start + until - position), at - frameStart);
      contents.push(content);
    }
    await this.#writeFrames(first, contents, false);
    this.#bytes = length;
    this.#cacheEdges(first, contents);
  }

  async read(position: number, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    const end = Math.min(position + length, this.#bytes);
    for (let from = position; from < end;) {
      const frame = this.#layout.frameAt(from);
      const frameStart = this.#layout.contentStart(frame);
      const part = (await this.#content(frame)).subarray(from - frameStart, end - frameStart);
      parts.push(part);
      from += part.length;
    }
    return Buffer.concat(parts);
  }

  /** The last frame is marked as that: from now on nobody can cut the file unseen. */
  async finish(length: number): Promise<void> {
    const last = this.#layout.frameCount(length) - 1;
    for (const [frame, content] of [...this.#uncertainFrames])
      if (frame < last) await this.#writeFrames(frame, [content], false);
    const content = (await this.#content(last)).subarray(0, length - this.#layout.contentStart(last));
    await this.#writeFrames(last, [content], true);
    await this.#file.finish(this.#layout.frameOffset(last) + FRAME_OVERHEAD_BYTES + content.length);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** A frame's content as it is, in a buffer of its own with room for what a content of `length` has in it. */
  async #contentOfLength(frame: number, length: number): Promise<Buffer> {
    const content = Buffer.alloc(
      Math.min(this.#layout.fullContentLength(frame), length - this.#layout.contentStart(frame)),
    );
    content.set((await this.#content(frame)).subarray(0, content.length));
    return content;
  }

  async #content(frame: number): Promise<Buffer> {
    const cached =
      this.#uncertainFrames.get(frame) ??
      (frame === 0 ? this.#firstContent : undefined) ??
      (frame === this.#lastFrame?.frame ? this.#lastFrame.content : undefined);
    if (cached) return cached;
    const length = Math.min(
      this.#layout.fullContentLength(frame),
      this.#bytes - this.#layout.contentStart(frame),
    );
    if (length <= 0) return Buffer.alloc(0);
    const content = this.#cipher.open(
      frame,
      false,
      await this.#file.read(this.#layout.frameOffset(frame), length + FRAME_OVERHEAD_BYTES),
    );
    if (!content)
      throw new RecorderError('ALTERED', `frame ${frame} of a recording was altered while it was being made`);
    return content;
  }

  /** In one piece: many small writes cost more than their encryption. */
  async #writeFrames(first: number, contents: readonly Buffer[], last: boolean): Promise<void> {
    contents.forEach((content, index) => this.#uncertainFrames.set(first + index, content));
    const sealed = contents.map((content, index) => this.#cipher.seal(first + index, last, content));
    const withHeader = !this.#headerWritten && first === 0;
    const bytes = Buffer.concat(withHeader ? [this.#header.bytes, ...sealed] : sealed);
    await this.#file.write(bytes, 0, bytes.length, withHeader ? 0 : this.#layout.frameOffset(first));
    this.#headerWritten = true;
    contents.forEach((_, index) => this.#uncertainFrames.delete(first + index));
  }

  #cacheEdges(first: number, contents: readonly Buffer[]): void {
    if (first === 0) this.#firstContent = contents[0];
    const frame = this.#layout.frameCount(this.#bytes) - 1;
    const content = contents[frame - first];
    if (content) this.#lastFrame = { frame, content };
  }
}
