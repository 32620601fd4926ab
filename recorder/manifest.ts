/**
 * Writes `manifest.jsonl`: a line of JSON for each recording and for what happens to it later (`manifest-lines.ts`), each with the hash of the
 * line before, so that none can be changed, taken out or moved unseen. Lines are only ever added.
 */
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

import { withLock } from './lock';
import { MANIFEST, NO_LINE, readLines, sha256, type ManifestEntry, type ManifestLine } from './manifest-lines';
import { signed, type SigningKey } from './signing';

export { MANIFEST, NO_LINE, sha256, type ManifestEntry, type ManifestLine };

const TAIL = 64 * 1024;
const NEWLINE = 0x0a;

interface Waiting {
  readonly entry: ManifestEntry;
  readonly written: (lineSha256: string) => void;
  readonly failed: (error: unknown) => void;
}

export class Manifest {
  readonly #folder: string;
  readonly #path: string;
  readonly #signingKey: SigningKey | undefined;
  #waiting: Waiting[] = [];
  /** Those that wait are written together: waiting for the disk takes most of the time. */
  #scheduled = false;
  #present: Promise<void> = Promise.resolve();

  /** @param signingKey signs each line, when there is one */
  constructor(folder: string, signingKey?: SigningKey) {
    this.#folder = folder;
    this.#path = path.join(folder, MANIFEST);
    this.#signingKey = signingKey;
  }

  /** Adds a line and waits until it is on the disk. @returns its SHA-256. Rejects with the system's error */
  append(entry: ManifestEntry): Promise<string> {
    return new Promise((written, failed) => {
      this.#waiting.push({ entry, written, failed });
      if (this.#scheduled) return;
      this.#scheduled = true;
      void this.#present.then(() => {
        this.#scheduled = false;
        this.#present = this.#writeAll(this.#waiting.splice(0));
      });
    });
  }

  /** The newest line that tells of this file, when it tells of this content. */
  async find(file: string, hash: string): Promise<{ metadataSha256: string; lineSha256: string } | undefined> {
    let found: { metadataSha256: string; lineSha256: string } | undefined;
    for await (const { text, said } of readLines(this.#folder)) {
      if (said?.file !== file || (said.entry !== 'recording' && said.entry !== 'deleted')) continue;
      found = said.entry === 'recording' && said.sha256 === hash ? { metadataSha256: said.metadataSha256, lineSha256: sha256(text) } : undefined;
    }
    return found;
  }

  async #writeAll(waiting: readonly Waiting[]): Promise<void> {
    try {
      const hashes = await withLock(`${this.#path}.lock`, () => this.#write(waiting.map(({ entry }) => entry)));
      waiting.forEach(({ written }, index) => { written(hashes[index] ?? ''); });
    } catch (error) {
      for (const { failed } of waiting) failed(error);
    }
  }

  /** The end is read each time: another recorder may write into the same folder. */
  async #write(entries: readonly ManifestEntry[]): Promise<string[]> {
    const handle = await open(this.#path, 'a+', 0o640);
    try {
      const last = await this.#lastLine(handle);
      let { text, number } = last;
      // A crash tore the last line: it stays as it is, a line of its own, and whoever verifies sees it.
      let lines = last.torn ? '\n' : '';
      const hashes: string[] = [];
      for (const entry of entries) {
        number += 1;
        const previous = text === undefined ? NO_LINE : sha256(text);
        text = signed({ ...entry, line: number, previous } satisfies ManifestLine, this.#signingKey);
        lines += `${text}\n`;
        hashes.push(sha256(text));
      }
      await handle.appendFile(lines);
      await handle.datasync();
      return hashes;
    } finally {
      await handle.close();
    }
  }

  async #lastLine(handle: FileHandle): Promise<{ text: Buffer | string | undefined; torn: boolean; number: number }> {
    const { size } = await handle.stat();
    if (size === 0) return { text: undefined, torn: false, number: 0 };
    for (let length = Math.min(size, TAIL); ; length = Math.min(size, 2 * length)) {
      const tail = Buffer.alloc(length);
      await handle.read(tail, 0, length, size - length);
      const torn = tail.at(-1) !== NEWLINE;
      const end = torn ? length : length - 1;
      const start = tail.lastIndexOf(NEWLINE, end - 1);
      if (start < 0 && length < size) continue;
      const text = tail.subarray(start + 1, end);
      return { text, torn, number: numberIn(text) ?? await this.#count() };
    }
  }

  async #count(): Promise<number> {
    let count = 0;
    for await (const line of readLines(this.#folder)) count += line.text === '' && !line.whole ? 0 : 1;
    return count;
  }
}

/** @returns undefined when the line is torn */
function numberIn(text: Buffer): number | undefined {
  try {
    const { line } = JSON.parse(text.toString('utf8')) as { line?: unknown };
    return typeof line === 'number' ? line : undefined;
  } catch {
    return undefined;
  }
}
