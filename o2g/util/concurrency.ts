/** Lets at most so many run at a time; the others wait in order. */
export class Gate {
  readonly #places: number;
  #free: number;
  readonly #queue: (() => void)[] = [];

  /** @param places 1 or more */
  constructor(places: number) {
    this.#places = places;
    this.#free = places;
  }

  /** Something runs now. */
  get isBusy(): boolean {
    return this.#free < this.#places;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
      });
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}

/**
 * Does one thing for each item, so many at a time, and keeps the order of the results.
 * @param onDone is told how many are done, after each
 */
export async function forEachBounded<Item, Result>(
  items: readonly Item[],
  places: number,
  work: (item: Item) => Promise<Result>,
  onDone?: (done: number) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  let started = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let index = started++; index < items.length; index = started++) {
      results[index] = await work(items[index] as Item);
      done += 1;
      onDone?.(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(places, items.length) }, worker));
  return results;
}
