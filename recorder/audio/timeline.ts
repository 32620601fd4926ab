/**
 * The audio of one device in memory: both channels on one line of time, in pages of two seconds. Positions are samples from the first
 * packet of either flow. A page stays after it was written, until nothing can change it any more, so that the file on disk is never
 * far behind and a late packet still finds its place.
 */
import type { Law } from './g711';
import type { SampleFormat } from './sample-format';
import { SAMPLE_RATE } from '../common';

/** Longer ones are written in fewer pieces, shorter ones take less memory. */
export const PAGE_FRAMES = 2 * SAMPLE_RATE;
/** A packet later than this finds its stretch closed. A backlog of 5 s read socket by socket lost packets with 2 s, none with 12 s. */
const MAX_LATENESS_SAMPLES = 12 * SAMPLE_RATE;
/** When both channels have gone on by so much, nothing older comes: reordering is shorter. */
const REORDER_WINDOW_SAMPLES = 2 * SAMPLE_RATE;
/** What may wait for a slow or full disk: 30 s, half a megabyte a call. Then the oldest is given up. */
const MAX_PAGES = 15;

export interface Page {
  readonly number: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes. */
  readonly view: DataView;
  /** Frames to be written: none when `dirtyFrom` >= `dirtyTo`. */
  dirtyFrom: number;
  dirtyTo: number;
  writing: boolean;
}

export interface SampleRange {
  readonly from: number;
  readonly to: number;
}

export class Timeline {
  readonly #pages = new Map<number, Page>();
  /** Nothing before this position changes any more. */
  #settledEnd = 0;
  /** Memory of a page that was closed, for the next one: with hundreds of recordings the garbage collector would have much to do. */
  #spareBytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #ends = [0, 0];
  /** Stretches where nothing is ever written; `to` is Infinity while it lasts. */
  readonly #masks: { from: number; to: number }[] = [];

  constructor(readonly format: SampleFormat) {}

  get settledEnd(): number {
    return this.#settledEnd;
  }

  /** The end of the last audio of either channel. */
  get end(): number {
    return Math.max(this.#ends[0] ?? 0, this.#ends[1] ?? 0);
  }

  get pages(): Iterable<Page> {
    return this.#pages.values();
  }

  page(number: number): Page | undefined {
    return this.#pages.get(number);
  }

  /** @returns false when its stretch is closed: then nothing is written */
  place(
    channelIndex: 0 | 1,
    position: number,
    law: Law,
    bytes: DataView,
    start: number,
    end: number,
  ): boolean {
    if (position < this.#settledEnd) return false;
    this.extendTo(channelIndex, position + end - start);
    if (this.#masks.length === 0) this.#write(channelIndex, position, law, bytes, start, end);
    else
      for (const { from, to } of this.#unmasked(position, position + end - start))
        this.#write(channelIndex, from, law, bytes, start + from - position, start + to - position);
    return true;
  }

  /** The channel is silent up to `position`. */
  extendTo(channelIndex: 0 | 1, position: number): void {
    if (position > (this.#ends[channelIndex] ?? 0)) this.#ends[channelIndex] = position;
  }

  /** From now on nothing is written, what was already placed there is erased. */
  mask(from: number): void {
    this.#masks.push({ from, to: Infinity });
    for (const page of this.#pages.values()) {
      const first = Math.max(0, from - page.number * PAGE_FRAMES);
      if (first >= PAGE_FRAMES) continue;
      for (const channelIndex of [0, 1] as const)
        this.format.erase(page.bytes, first, PAGE_FRAMES, channelIndex);
      markDirty(page, first, Math.min(PAGE_FRAMES, Math.max(first, this.end - page.number * PAGE_FRAMES)));
    }
  }

  unmask(to: number): void {
    for (const mask of this.#masks) if (mask.to === Infinity) mask.to = Math.max(mask.from, to);
  }

  /** Whether a stretch of a channel is all below `threshold`, in linear values; what isn't in memory isn't silent. */
  isSilent(channelIndex: 0 | 1, from: number, to: number, threshold: number): boolean {
    for (let position = Math.max(0, from); position < to; position += 1) {
      const page = this.#pages.get(Math.floor(position / PAGE_FRAMES));
      if (!page) return position >= this.end;
      if (Math.abs(this.format.read(page.bytes, position % PAGE_FRAMES, channelIndex)) > threshold)
        return false;
    }
    return true;
  }

  /**
   * Closes what nothing can change any more and gives its memory back.
   * @param now the position of the present moment
   * @returns stretches that the disk didn't take in time, and are lost
   */
  closeSettled(now: number): SampleRange[] {
    const settled = Math.min(this.#ends[0] ?? 0, this.#ends[1] ?? 0) - REORDER_WINDOW_SAMPLES;
    this.#settledEnd = Math.max(this.#settledEnd, settled, now - MAX_LATENESS_SAMPLES);
    const lost: SampleRange[] = [];
    for (const page of [...this.#pages.values()].sort((a, b) => a.number - b.number)) {
      const clean = page.dirtyFrom >= page.dirtyTo && !page.writing;
      const closed = (page.number + 1) * PAGE_FRAMES <= this.#settledEnd;
      if (clean && closed) this.#close(page);
      else if (this.#pages.size > MAX_PAGES && !page.writing) lost.push(this.#discard(page));
    }
    return lost;
  }

  /** Everything in memory is to be written from `position` on, to a new file; what lies before is the old one's. */
  startNewFile(position: number): void {
    this.#settledEnd = Math.max(this.#settledEnd, position);
    for (const page of this.#pages.values()) {
      if ((page.number + 1) * PAGE_FRAMES <= position) continue;
      const start = page.number * PAGE_FRAMES;
      markDirty(page, Math.max(0, position - start), Math.min(PAGE_FRAMES, this.end - start));
    }
  }

  #close(page: Page): void {
    this.#pages.delete(page.number);
    this.#spareBytes = page.bytes;
  }

  #discard(page: Page): SampleRange {
    this.#pages.delete(page.number);
    const start = page.number * PAGE_FRAMES;
    this.#settledEnd = Math.max(this.#settledEnd, start + PAGE_FRAMES);
    return { from: start + page.dirtyFrom, to: start + page.dirtyTo };
  }

  /** What of a stretch isn't masked. */
  #unmasked(from: number, to: number): SampleRange[] {
    const parts: SampleRange[] = [];
    let start = from;
    for (const mask of this.#masks) {
      if (mask.to <= start || mask.from >= to) continue;
      if (mask.from > start) parts.push({ from: start, to: mask.from });
      start = Math.max(start, mask.to);
    }
    if (start < to) parts.push({ from: start, to });
    return parts;
  }

  #write(channelIndex: 0 | 1, position: number, law: Law, bytes: DataView, start: number, end: number): void {
    for (let from = start; from < end;) {
      const at = position + from - start;
      const page = this.#pageAt(Math.floor(at / PAGE_FRAMES));
      const frame = at - page.number * PAGE_FRAMES;
      const frames = Math.min(end - from, PAGE_FRAMES - frame);
      this.format.write(page.view, frame, channelIndex, law, bytes, from, from + frames);
      markDirty(page, frame, frame + frames);
      from += frames;
    }
  }

  #pageAt(number: number): Page {
    let page = this.#pages.get(number);
    if (!page) {
      const bytes = (this.#spareBytes ?? new Uint8Array(PAGE_FRAMES * 2 * this.format.bytesPerSample)).fill(
        this.format.silence,
      );
      this.#spareBytes = undefined;
      page = {
        number,
        bytes,
        view: new DataView(bytes.buffer),
        dirtyFrom: PAGE_FRAMES,
        dirtyTo: 0,
        writing: false,
      };
      this.#pages.set(number, page);
    }
    return page;
  }
}

function markDirty(page: Page, from: number, to: number): void {
  if (from < page.dirtyFrom) page.dirtyFrom = from;
  if (to > page.dirtyTo) page.dirtyTo = to;
}
