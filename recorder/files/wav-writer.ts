/**
 * Writes a timeline into a WAV file while it grows. After every flush the header is right, so that the file plays whatever happens next.
 * A failed write changes nothing in memory: the next flush tries it again.
 */
import type { FileSystem, OpenFile } from '../disk';
import {
  PAGE_FRAMES,
  bytesPerFrame,
  headerLength,
  wavHeader,
  type Page,
  type Timeline,
  type WavFormat,
} from '../audio';

export class WavWriter {
  readonly #path: string;
  readonly #format: WavFormat;
  readonly #fileSystem: FileSystem;
  #file: OpenFile | undefined;
  #frames = 0;
  #headerFrames = -1;

  /** @param origin the position on the timeline where the file begins */
  constructor(
    path: string,
    format: WavFormat,
    readonly origin: number,
    fileSystem: FileSystem,
  ) {
    this.#path = path;
    this.#format = format;
    this.#fileSystem = fileSystem;
  }

  /** Frames in the file. */
  get frames(): number {
    return this.#frames;
  }

  /**
   * Writes what has changed before `upTo`, and silence where there is nothing. One at a time.
   * @throws the system's error; what is in the file stays playable
   */
  async flush(timeline: Timeline, upTo: number): Promise<void> {
    const file = (this.#file ??= await this.#fileSystem.create(this.#path));
    const dirty = [...timeline.pages].filter(isDirty).sort((a, b) => a.number - b.number);
    for (const page of dirty) await this.#writePage(file, timeline, page, upTo);
    await this.#fill(file, timeline, upTo);
    await this.#writeHeader(file);
  }

  /** The file ends at `position`, which is not beyond what is written. @returns its length in bytes */
  async finish(position: number): Promise<number> {
    const file = (this.#file ??= await this.#fileSystem.create(this.#path));
    this.#frames = Math.min(this.#frames, Math.max(0, position - this.origin));
    const length = this.#offset(this.#frames);
    await this.#writeHeader(file);
    await file.finish(length);
    await file.sync();
    await this.close();
    return length;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #writePage(file: OpenFile, timeline: Timeline, page: Page, upTo: number): Promise<void> {
    const start = page.number * PAGE_FRAMES;
    const from = Math.max(page.dirtyFrom, this.origin - start);
    const to = Math.min(page.dirtyTo, upTo - start);
    if (from >= to) return;
    await this.#fill(file, timeline, start + from);
    // What is placed from here on makes the page dirty again.
    page.dirtyFrom = page.dirtyTo > to ? to : PAGE_FRAMES;
    if (page.dirtyTo <= to) page.dirtyTo = 0;
    page.writing = true;
    try {
      await this.#write(file, page.bytes, from, to, start - this.origin);
    } catch (error) {
      page.dirtyFrom = Math.min(page.dirtyFrom, from);
      page.dirtyTo = Math.max(page.dirtyTo, to);
      throw error;
    } finally {
      page.writing = false;
    }
  }

  /** Silence from the end of the file to `position`: what was never placed has no page, or a page that is silent there. */
  async #fill(file: OpenFile, timeline: Timeline, position: number): Promise<void> {
    let silence: Uint8Array | undefined;
    while (this.origin + this.#frames < position) {
      silence ??= new Uint8Array(PAGE_FRAMES * bytesPerFrame(this.#format.format)).fill(
        timeline.format.silence,
      );
      await this.#write(
        file,
        silence,
        0,
        Math.min(PAGE_FRAMES, position - this.origin - this.#frames),
        this.#frames,
      );
    }
  }

  /** @param base frames in the file before the bytes' first */
  async #write(file: OpenFile, bytes: Uint8Array, from: number, to: number, base: number): Promise<void> {
    const frameBytes = bytesPerFrame(this.#format.format);
    await file.write(bytes, from * frameBytes, to * frameBytes, this.#offset(base + from));
    this.#frames = Math.max(this.#frames, base + to);
  }

  async #writeHeader(file: OpenFile): Promise<void> {
    if (this.#headerFrames === this.#frames) return;
    const frames = this.#frames;
    const header = wavHeader(this.#format, frames);
    await file.write(header, 0, header.length, 0);
    this.#headerFrames = frames;
  }

  #offset(frames: number): number {
    return headerLength(this.#format.format) + frames * bytesPerFrame(this.#format.format);
  }
}

const isDirty = ({ dirtyFrom, dirtyTo }: Page): boolean => dirtyFrom < dirtyTo;
