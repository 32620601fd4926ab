/** Which stretches of a channel carry no audio, and why. Positions are samples. */
import type { GapKind } from '../common';

export interface Hole {
  from: number;
  to: number;
  kind: GapKind;
}

/** A list as long as this tells enough (5 % loss over an hour is half of it); the rest is counted. */
const MOST_HOLES = 5000;

export class Gaps {
  #holes: Hole[] = [];
  #end = 0;
  omitted = 0;

  /** The end of what is accounted for. */
  get end(): number {
    return this.#end;
  }

  get holes(): readonly Hole[] {
    return this.#holes;
  }

  /** Audio was placed. @param kind why there was none between the end so far and `from` */
  cover(from: number, to: number, kind: GapKind): void {
    if (from > this.#end) this.#push({ from: this.#end, to: from, kind });
    else if (from < this.#end) this.subtract(from, Math.min(to, this.#end));
    if (to > this.#end) this.#end = to;
  }

  /** Packets came, but their audio can't be written. @param before why there was nothing between the end so far and `from` */
  miss(from: number, to: number, kind: GapKind, before: GapKind): void {
    if (from > this.#end) this.#push({ from: this.#end, to: from, kind: before });
    if (to <= this.#end) return;
    this.#push({ from: Math.max(from, this.#end), to, kind });
    this.#end = to;
  }

  /** A packet of a lost stretch came when the stretch was closed. */
  late(from: number, to: number): void {
    for (const hole of this.#holes) {
      if (hole.from < to && hole.to > from && hole.kind === 'loss') hole.kind = 'late';
    }
  }

  /** The stretch isn't a gap any more. Holes are looked at from the newest: reordering is short. */
  subtract(from: number, to: number): void {
    const first = this.#holes.findLastIndex((hole) => hole.to <= from) + 1;
    if (first === this.#holes.length) return;
    this.#holes.splice(
      first,
      Infinity,
      ...this.#holes.slice(first).flatMap((hole) => (hole.from < to ? without(hole, from, to) : [hole])),
    );
  }

  /** The stretch is a gap of this kind, whatever it was. */
  overwrite(from: number, to: number, kind: GapKind): void {
    if (to <= from) return;
    this.subtract(from, to);
    const holes = [...this.#holes, { from, to, kind }].sort((a, b) => a.from - b.from);
    this.#holes = [];
    for (const hole of holes) this.#push(hole);
  }

  /** The channel ends at `end`; it carried nothing since its last audio. */
  finish(end: number, kind: GapKind): void {
    if (end > this.#end) this.cover(end, end, kind);
  }

  /** What lies before `position`, for a file that ends there; the rest stays. */
  split(position: number): Gaps {
    const before = new Gaps();
    before.#end = Math.min(position, this.#end);
    before.#holes = this.#holes
      .filter(({ from }) => from < position)
      .map((hole) => ({ ...hole, to: Math.min(hole.to, position) }));
    before.omitted = this.omitted;
    this.#holes = this.#holes
      .filter(({ to }) => to > position)
      .map((hole) => ({ ...hole, from: Math.max(hole.from, position) }));
    this.#end = Math.max(position, this.#end);
    this.omitted = 0;
    return before;
  }

  clone(): Gaps {
    const copy = new Gaps();
    copy.#holes = this.#holes.map((hole) => ({ ...hole }));
    copy.#end = this.#end;
    copy.omitted = this.omitted;
    return copy;
  }

  #push(hole: Hole): void {
    const last = this.#holes.at(-1);
    if (last?.to === hole.from && last.kind === hole.kind) last.to = hole.to;
    else if (this.#holes.length < MOST_HOLES) this.#holes.push(hole);
    else this.omitted += 1;
  }
}

function without(hole: Hole, from: number, to: number): Hole[] {
  const parts: Hole[] = [];
  if (hole.from < from) parts.push({ ...hole, to: from });
  if (hole.to > to) parts.push({ ...hole, from: to });
  return parts;
}
