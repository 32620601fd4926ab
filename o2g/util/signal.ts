import type { Log } from './logger';

/** A list of listeners for one kind of news. */
export class Signal<T> {
  readonly #listeners = new Set<(news: T) => void>();

  /** @param log is told what a listener threw: one listener's mistake stops neither the others nor the caller */
  constructor(private readonly log: Log) {}

  /** @returns takes the listener off again */
  on(listener: (news: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  emit(news: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(news);
      } catch (error) {
        this.log.warn(`a listener failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
