import { inspect } from 'node:util';

/** How long an expectation waits when the test says nothing: far beyond any promise that isn't about minutes. */
const PATIENCE_MS = 20_000;

interface Expectation<T extends object> {
  accepts: (item: T) => boolean;
  takes: boolean;
  resolve: (item: T) => void;
  reject: (reason: string) => void;
}

export interface Patience {
  /** How long to wait for it, 10 s by default. */
  timeoutMs?: number;
}

/**
 * What arrived and who waits for it. An item is taken by one expectation, the oldest that accepts it;
 * what nobody takes stays for a later one, and is named when an expectation fails.
 */
export class Mailbox<T extends object> {
  readonly all: T[] = [];
  readonly #untaken: T[] = [];
  readonly #expectations = new Set<Expectation<T>>();
  #failure: string | undefined;

  /** @param what names an item in a failed expectation: `message at probe "out"` */
  constructor(readonly what: string) {}

  /** Hands an item to the oldest expectation that accepts it, or keeps it. */
  put(item: T): void {
    this.all.push(item);
    let taken = false;
    for (const expectation of [...this.#expectations]) {
      if ((expectation.takes && taken) || !isAccepted(item, expectation.accepts)) continue;
      expectation.resolve(item);
      taken ||= expectation.takes;
    }
    if (!taken) this.#untaken.push(item);
  }

  /** The next item that `accepts`, or one that already arrived and nobody took. */
  take(accepts: (item: T) => boolean = () => true, { timeoutMs = PATIENCE_MS }: Patience = {}): Promise<T> {
    const item = this.#untaken.find((each) => isAccepted(each, accepts));
    if (item === undefined) return this.#expect(accepts, true, timeoutMs);
    this.#untaken.splice(this.#untaken.indexOf(item), 1);
    return Promise.resolve(item);
  }

  /** The newest item if it `accepts`, else the next that does. Takes nothing: made for states, of which the last one counts. */
  last(accepts: (item: T) => boolean, { timeoutMs = PATIENCE_MS }: Patience = {}): Promise<T> {
    const newest = this.all.at(-1);
    return newest !== undefined && isAccepted(newest, accepts)
      ? Promise.resolve(newest)
      : this.#expect(accepts, false, timeoutMs);
  }

  /** Nothing more will come: whoever waits, or will wait, is told why. */
  fail(reason: string): void {
    this.#failure = reason;
    for (const expectation of [...this.#expectations]) expectation.reject(reason);
  }

  #expect(accepts: (item: T) => boolean, takes: boolean, timeoutMs: number): Promise<T> {
    const askedHere = new Error('asked here'); // its stack ends at the test's line
    if (this.#failure !== undefined)
      return Promise.reject(at(askedHere, this.#complaint(accepts, this.#failure)));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#expectations.delete(expectation);
      };
      const expectation: Expectation<T> = {
        accepts,
        takes,
        resolve: (item) => {
          settle();
          resolve(item);
        },
        reject: (reason) => {
          settle();
          reject(at(askedHere, this.#complaint(accepts, reason)));
        },
      };
      const timer = setTimeout(() => expectation.reject(`none within ${timeoutMs} ms`), timeoutMs);
      this.#expectations.add(expectation);
    });
  }

  #complaint(accepts: (item: T) => boolean, reason: string): string {
    const came =
      this.#untaken.length > 0
        ? this.#untaken
            .slice(-10)
            .map((item) => `  ${inspect(item, { depth: 5, breakLength: 140 })}`)
            .join('\n')
        : '  nothing';
    return `awaited: ${this.what} such that ${String(accepts)}\n${reason}; came and not taken:\n${came}`;
  }
}

/** A predicate written for one kind of message may trip over another: that one is not the awaited one. */
function isAccepted<T>(item: T, accepts: (item: T) => boolean): boolean {
  try {
    return accepts(item);
  } catch {
    return false;
  }
}

function at(place: Error, message: string): Error {
  const error = new Error(message);
  error.stack = `Error: ${message}\n${(place.stack ?? '')
    .split('\n')
    .slice(1)
    .filter((line) => !line.includes(__filename))
    .join('\n')}`;
  return error;
}
