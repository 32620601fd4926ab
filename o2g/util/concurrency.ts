/** Lets at most so many run at a time; the others wait in order. */
export class ConcurrencyLimiter {
  readonly #limit: number;
  #available: number;
  readonly #queue: (() => void)[] = [];

  /** @param limit 1 or more */
  constructor(limit: number) {
    this.#limit = limit;
    this.#available = limit;
  }

  /** Something runs now. */
  get hasRunningTasks(): boolean {
    return this.#available < this.#limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#available > 0) this.#available -= 1;
    else
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
      });
    try {
      return await task();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#available += 1;
    }
  }
}

/**
 * Does one thing for each item, so many at a time, and keeps the order of the results.
 * @param onProgress is told how many are done, after each
 */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  limit: number,
  task: (item: Item) => Promise<Result>,
  onProgress?: (done: number) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  let started = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let index = started++; index < items.length; index = started++) {
      results[index] = await task(items[index] as Item);
      done += 1;
      onProgress?.(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
