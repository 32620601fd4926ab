/**
 * The event channel's framing: one JSON object a line, lines ended by `\n` or `\r\n`, cut anywhere by the network.
 */
import { isEvent, type O2GEvent } from '../spec';

export interface EventLineListener {
  onEvent(event: O2GEvent): void;
  /** A line that is no event: it is lost, the next one is not. `excerpt`: its first 80 characters. */
  onMalformed(reason: string, excerpt: string): void;
}

/** A line longer than this is no event of an O2G server; what follows it is read again. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

export class EventLineParser {
  readonly #listener: EventLineListener;
  /** What came of a line whose end has not come yet. */
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #skipping = false;

  constructor(listener: EventLineListener) {
    this.#listener = listener;
  }

  push(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      this.#endLine(bytes, start, end);
      start = end + 1;
    }
    if (start < bytes.length) this.#append(start === 0 ? bytes : bytes.subarray(start));
  }

  #append(chunk: Buffer): void {
    if (this.#skipping) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (this.#bufferedBytes <= MAX_LINE_BYTES) return;
    this.#listener.onMalformed(
      `a line longer than ${MAX_LINE_BYTES / 1024 / 1024} MiB`,
      this.#chunks[0]?.toString('utf8', 0, 80) ?? '',
    );
    this.#skipping = true;
    this.#clear();
  }

  #endLine(bytes: Buffer, start: number, end: number): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    if (this.#bufferedBytes === 0) return this.#parse(bytes.toString('utf8', start, end));
    this.#chunks.push(bytes.subarray(start, end));
    const line = Buffer.concat(this.#chunks).toString('utf8');
    this.#clear();
    this.#parse(line);
  }

  #clear(): void {
    this.#chunks = [];
    this.#bufferedBytes = 0;
  }

  #parse(line: string): void {
    if (line === '' || line === '\r') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // Whatever it was, only this line is lost; the listener says so.
      return this.#listener.onMalformed('a line that is not JSON', line.slice(0, 80));
    }
    if (isEvent(value)) this.#listener.onEvent(value);
    else this.#listener.onMalformed('a line without eventName', line.slice(0, 80));
  }
}
