import type { Journal, RequestRecord } from './journal';

/** How long to wait, and for what in words. */
export interface Expectation {
  /** @default 20000 */
  readonly timeoutMs?: number;
  /** What is waited for, as it should stand in the error: 'the link to be registered'. */
  readonly what?: string;
}

/** Which request to wait for; what is left out matches any. `path` is exact, or a pattern. */
export interface RequestPattern {
  readonly method?: string;
  readonly path?: string | RegExp;
  /** Status of its answer. @default any, but an answer there must be */
  readonly status?: number;
}

/** Waiting for what a simulator sees, without sleeping. All of it ends by itself, or with `close()`. */
export class Expectations {
  readonly #journal: Journal;
  readonly #pending = new Set<(error: Error) => void>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /**
   * Resolves with the first value of `predicate` that is neither false nor undefined: now, or after anything that happens.
   * @throws Error naming what was awaited and what came instead, after `timeoutMs`
   */
  once<T>(predicate: () => T, expectation: Expectation = {}): Promise<Exclude<T, false | undefined>> {
    return this.#wait(predicate, expectation.what ?? 'a condition', expectation.timeoutMs);
  }

  /** The next request that matches and is answered, counted from this call. Errors as `once`. */
  nextRequest(pattern: RequestPattern = {}, expectation: Expectation = {}): Promise<RequestRecord> {
    const what =
      expectation.what ??
      `request ${pattern.method ?? 'of any method'} ${String(pattern.path ?? 'of any path')}`;
    return this.#wait(
      (answered) => answered && matches(answered, pattern) && answered,
      what,
      expectation.timeoutMs,
    );
  }

  #wait<T>(
    evaluate: (answered?: RequestRecord) => T,
    what: string,
    timeoutMs = 20_000,
  ): Promise<Exclude<T, false | undefined>> {
    const firstIndex = this.#journal.requests.length;
    // Made here, so that the stack of a failure shows the line of the test.
    const error = new Error(`${what} did not come within ${timeoutMs} ms`);
    return new Promise((resolve, reject) => {
      const check = (answered?: RequestRecord): void => {
        const value = evaluate(answered);
        if (value !== false && value !== undefined)
          settle(() => {
            resolve(value as Exclude<T, false | undefined>);
          });
      };
      const fail = (reason: Error): void => {
        settle(() => {
          reject(reason);
        });
      };
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        stop();
        this.#pending.delete(fail);
        finish();
      };
      const timer = setTimeout(() => {
        error.message += `; came instead: ${this.#summary(firstIndex)}`;
        fail(error);
      }, timeoutMs);
      const stop = this.#journal.onChange(check);
      this.#pending.add(fail);
      check();
    });
  }

  /** Rejects everything that is still waited for. */
  close(): void {
    for (const fail of [...this.#pending]) fail(new Error('the simulator was closed'));
  }

  #summary(from: number): string {
    const requests = this.#journal.requests.slice(from);
    if (requests.length === 0) return 'no request at all';
    const lines = requests.slice(-10).map(({ method, path, status }) => `${method} ${path} -> ${status}`);
    return `${requests.length} requests, the last of them ${lines.join(', ')}`;
  }
}

const matches = (request: RequestRecord, { method, path, status }: RequestPattern): boolean =>
  (method === undefined || request.method === method) &&
  (path === undefined || (typeof path === 'string' ? request.path === path : path.test(request.path))) &&
  (status === undefined || request.status === status);
