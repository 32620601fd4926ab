/** Which stretches of a channel carry no audio, and why. Positions are samples. */
import type { GapKind } from '../common';

export interface SampleGap {
  from: number;
  to: number;
  kind: GapKind;
}

/** A list as long as this tells enough (5 % loss over an hour is half of it); the rest is counted. */
const MAX_GAPS = 5000;

export class Gaps {
  #gaps: SampleGap[] = [];
  #end = 0;
  omitted = 0;

  /** The end of what is accounted for. */
  get end(): number {
    return this.#end;
  }

  get list(): readonly SampleGap[] {
    return this.#gaps;
  }

  /** Audio was placed. @param kind why there was none between the end so far and `from` */
  cover(from: number, to: number, kind: GapKind): void {
    if (from > this.#end) this.#push({ from: this.#end, to: from, kind });
    else if (from < this.#end) this.subtract(from, Math.min(to, this.#end));
    if (to > this.#end) this.#end = to;
  }

  /** Packets came, but their audio can't be written. @param before why there was nothing between the end so far and `from` */
  addMissing(from: number, to: number, kind: GapKind, before: GapKind): void {
    if (from > this.#end) this.#push({ from: this.#end, to: from, kind: before });
    if (to <= this.#end) return;
    this.#push({ from: Math.max(from, this.#end), to, kind });
    this.#end = to;
  }

  /** A packet of a lost stretch came when the stretch was closed. */
  markLate(from: number, to: number): void {
    for (const gap of this.#gaps) {
      if (gap.from < to && gap.to > from && gap.kind === 'loss') gap.kind = 'late';
    }
  }

  /** The stretch isn't a gap any more. Holes are looked at from the newest: reordering is short. */
  subtract(from: number, to: number): void {
    const first = this.#gaps.findLastIndex((gap) => gap.to <= from) + 1;
    if (first === this.#gaps.length) return;
    this.#gaps.splice(
      first,
      Infinity,
      ...this.#gaps.slice(first).flatMap((gap) => (gap.from < to ? subtractRange(gap, from, to) : [gap])),
    );
  }

  /** The stretch is a gap of this kind, whatever it was. */
  overwrite(from: number, to: number, kind: GapKind): void {
    if (to <= from) return;
    this.subtract(from, to);
    const gaps = [...this.#gaps, { from, to, kind }].sort((a, b) => a.from - b.from);
    this.#gaps = [];
    for (const gap of gaps) this.#push(gap);
  }

  /** The channel ends at `end`; it carried nothing since its last audio. */
  finish(end: number, kind: GapKind): void {
    if (end > this.#end) this.cover(end, end, kind);
  }

  /** What lies before `position`, for a file that ends there; the rest stays. */
  split(position: number): Gaps {
    const before = new Gaps();
    before.#end = Math.min(position, this.#end);
    before.#gaps = this.#gaps
      .filter(({ from }) => from < position)
      .map((gap) => ({ ...gap, to: Math.min(gap.to, position) }));
    before.omitted = this.omitted;
    this.#gaps = this.#gaps
      .filter(({ to }) => to > position)
      .map((gap) => ({ ...gap, from: Math.max(gap.from, position) }));
    this.#end = Math.max(position, this.#end);
    this.omitted = 0;
    return before;
  }

  clone(): Gaps {
    const copy = new Gaps();
    copy.#gaps = this.#gaps.map((gap) => ({ ...gap }));
    copy.#end = this.#end;
    copy.omitted = this.omitted;
    return copy;
  }

  #push(gap: SampleGap): void {
    const last = this.#gaps.at(-1);
    if (last?.to === gap.from && last.kind === gap.kind) last.to = gap.to;
    else if (this.#gaps.length < MAX_GAPS) this.#gaps.push(gap);
    else this.omitted += 1;
  }
}

function subtractRange(gap: SampleGap, from: number, to: number): SampleGap[] {
  const parts: SampleGap[] = [];
  if (gap.from < from) parts.push({ ...gap, to: from });
  if (gap.to > to) parts.push({ ...gap, from: to });
  return parts;
}
