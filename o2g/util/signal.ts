import type { Logger } from './logger';

/** A list of listeners for one kind of news. */
export class Signal<T> {
  readonly #log: Logger;
  readonly #listeners = new Set<(value: T) => void>();

  /** @param log is told what a listener threw: one listener's mistake stops neither the others nor the caller */
  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns takes the listener off again */
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  emit(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.#log.warn(`a listener failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
