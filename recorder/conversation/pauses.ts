/** When a recording was paused, by whom and why. Times are milliseconds on the recorder's clock. */

export interface Pause {
  readonly from: number;
  /** Infinity while it lasts. */
  to: number;
  readonly by: string | undefined;
  readonly reason: string | undefined;
}

export class Pauses {
  readonly #list: Pause[] = [];

  get all(): readonly Pause[] {
    return this.#list;
  }

  get active(): boolean {
    return this.#list.at(-1)?.to === Infinity;
  }

  /** Since when nothing is paused; Infinity while it is. */
  get lastPauseEnd(): number {
    return this.#list.at(-1)?.to ?? -Infinity;
  }

  begin(at: number, by: string | undefined, reason: string | undefined): void {
    if (!this.active) this.#list.push({ from: at, to: Infinity, by, reason });
  }

  end(at: number): void {
    const last = this.#list.at(-1);
    if (last?.to === Infinity) last.to = Math.max(last.from, at);
  }

  /** Whether what came at this time may not be kept in any form. */
  covers(at: number): boolean {
    return this.#list.length > 0 && this.#list.some(({ from, to }) => at >= from && at < to);
  }
}
