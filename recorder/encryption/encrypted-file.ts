/**
 * A file that encrypts what is written at positions, so that those who write needn't know (`encrypted-format.ts` says how it lies on the
 * disk). The first and the last frame stay in memory, being written anew at each flush; another one is read back when something late
 * belongs into it.
 */
import { FrameCipher, Layout, newHead, OVERHEAD, type Head } from './format';
import { RecorderError } from '../common';
import type { FileKey } from './file-keys';
import type { Files, OpenFile } from '../disk';

/** The same files, but those that it creates are encrypted. */
export function encrypting(files: Files, key: FileKey): Files {
  return { ...files, create: async (path) => EncryptedFile.create(await files.create(path), key) };
}

export class EncryptedFile implements OpenFile {
  readonly #file: OpenFile;
  readonly #head: Head;
  readonly #cipher: FrameCipher;
  readonly #layout: Layout;
  /** Content of the first and of the last frame. */
  #first: Buffer | undefined;
  #last: { readonly frame: number; readonly content: Buffer } | undefined;
  /** Content of frames whose writing failed: half of them may be on the disk. */
  readonly #unsure: Map<number, Buffer>;
  #begun: boolean;
  #bytes: number;

  private constructor(
    file: OpenFile,
    head: Head,
    key: FileKey,
    bytes: number,
    unsure: ReadonlyMap<number, Buffer>,
  ) {
    this.#file = file;
    this.#head = head;
    this.#cipher = new FrameCipher(head, key);
    this.#layout = new Layout(head.frameLength);
    this.#bytes = bytes;
    this.#begun = bytes > 0;
    this.#unsure = new Map(unsure);
  }

  static create(file: OpenFile, key: FileKey): EncryptedFile {
    return new EncryptedFile(file, newHead(key), key, 0, new Map());
  }

  /** One that is there already. @param bytes length of its content. @param lost frames that can't be read, and what shall be there instead */
  static goOn(
    file: OpenFile,
    head: Head,
    key: FileKey,
    bytes: number,
    lost: ReadonlyMap<number, Buffer>,
  ): EncryptedFile {
    return new EncryptedFile(file, head, key, bytes, lost);
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
      const content = await this.#grown(frame, length);
      const begin = this.#layout.startOf(frame);
      const [at, until] = [Math.max(position, begin), Math.min(to, begin + content.length)];
      if (at < until)
        content.set(bytes.subarray(start + at - position, start + until - position), at - begin);
      contents.push(content);
    }
    await this.#writeFrames(first, contents, false);
    this.#bytes = length;
    this.#keep(first, contents);
  }

  async read(position: number, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    const end = Math.min(position + length, this.#bytes);
    for (let from = position; from < end;) {
      const frame = this.#layout.frameAt(from);
      const begin = this.#layout.startOf(frame);
      const part = (await this.#content(frame)).subarray(from - begin, end - begin);
      parts.push(part);
      from += part.length;
    }
    return Buffer.concat(parts);
  }

  /** The last frame is marked as that: from now on nobody can cut the file unseen. */
  async finish(length: number): Promise<void> {
    const last = this.#layout.frames(length) - 1;
    for (const [frame, content] of [...this.#unsure])
      if (frame < last) await this.#writeFrames(frame, [content], false);
    const content = (await this.#content(last)).subarray(0, length - this.#layout.startOf(last));
    await this.#writeFrames(last, [content], true);
    await this.#file.finish(this.#layout.offsetOf(last) + OVERHEAD + content.length);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** A frame's content as it is, in a buffer of its own with room for what a content of `length` has in it. */
  async #grown(frame: number, length: number): Promise<Buffer> {
    const content = Buffer.alloc(
      Math.min(this.#layout.fullLength(frame), length - this.#layout.startOf(frame)),
    );
    content.set((await this.#content(frame)).subarray(0, content.length));
    return content;
  }

  async #content(frame: number): Promise<Buffer> {
    const known =
      this.#unsure.get(frame) ??
      (frame === 0 ? this.#first : undefined) ??
      (frame === this.#last?.frame ? this.#last.content : undefined);
    if (known) return known;
    const length = Math.min(this.#layout.fullLength(frame), this.#bytes - this.#layout.startOf(frame));
    if (length <= 0) return Buffer.alloc(0);
    const content = this.#cipher.open(
      frame,
      false,
      await this.#file.read(this.#layout.offsetOf(frame), length + OVERHEAD),
    );
    if (!content)
      throw new RecorderError('ALTERED', `frame ${frame} of a recording was altered while it was being made`);
    return content;
  }

  /** In one piece: many small writes cost more than their encryption. */
  async #writeFrames(first: number, contents: readonly Buffer[], last: boolean): Promise<void> {
    contents.forEach((content, index) => this.#unsure.set(first + index, content));
    const sealed = contents.map((content, index) => this.#cipher.seal(first + index, last, content));
    const withHead = !this.#begun && first === 0;
    const bytes = Buffer.concat(withHead ? [this.#head.bytes, ...sealed] : sealed);
    await this.#file.write(bytes, 0, bytes.length, withHead ? 0 : this.#layout.offsetOf(first));
    this.#begun = true;
    contents.forEach((_, index) => this.#unsure.delete(first + index));
  }

  #keep(first: number, contents: readonly Buffer[]): void {
    if (first === 0) this.#first = contents[0];
    const frame = this.#layout.frames(this.#bytes) - 1;
    const content = contents[frame - first];
    if (content) this.#last = { frame, content };
  }
}
