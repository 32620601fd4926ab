import type { IncomingHttpHeaders } from 'node:http';
import type { Settings } from '../settings';

/** A request as it came, and what became of it. Nothing is masked: tests look for secrets in here. */
export interface RequestRecord {
  /** When it was complete, ms since 1970. */
  readonly at: number;
  /** Which of the two listeners got it. */
  readonly listener: 'rest' | 'events';
  readonly method: string;
  /** Path without the query, not decoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The parsed JSON, the text when it isn't JSON, `undefined` when there was none. */
  readonly body: unknown;
  /** Status of the answer; 0 while there is none, or when the connection was cut instead. */
  status: number;
  /** Milliseconds from the complete request to the answer. */
  durationMs: number;
}

/** An authentication that was tried. */
export interface LoginAttempt {
  readonly at: number;
  readonly login: string;
  readonly accepted: boolean;
}

/** What a simulator remembers for its tests: requests, violations, logins, and the log line of each thing that happened. */
export class Journal {
  readonly #settings: Pick<Settings, 'log' | 'requestLogSize'>;
  readonly requests: RequestRecord[] = [];
  readonly violations: string[] = [];
  readonly logins: LoginAttempt[] = [];
  readonly #listeners = new Set<(answered?: RequestRecord) => void>();

  constructor(settings: Pick<Settings, 'log' | 'requestLogSize'>) {
    this.#settings = settings;
  }

  addRequest(record: RequestRecord): void {
    this.requests.push(record);
    // Cut in bulk: shifting one by one would cost a copy of the whole log a request.
    if (this.requests.length >= 2 * this.#settings.requestLogSize)
      this.requests.splice(0, this.#settings.requestLogSize);
    this.notifyChange();
  }

  addViolation(text: string): void {
    this.violations.push(text);
    this.log(`violation: ${text}`);
    this.notifyChange();
  }

  addLogin(login: string, accepted: boolean): void {
    this.logins.push({ at: Date.now(), login, accepted });
  }

  log(line: string): void {
    this.#settings.log(line);
  }

  /** Tells everyone who waits that something may now be true; with the request, when it is one that was answered. */
  notifyChange(answered?: RequestRecord): void {
    for (const listener of [...this.#listeners]) listener(answered);
  }

  /** @returns a function that takes the listener off */
  onChange(listener: (answered?: RequestRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
