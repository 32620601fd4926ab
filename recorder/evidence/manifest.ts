/**
 * Writes `manifest.jsonl`: a line of JSON for each recording and for what happens to it later (`manifest-lines.ts`), each with the hash of the
 * line before, so that none can be changed, taken out or moved unseen. Lines are only ever added.
 */
import path from 'node:path';

import { appendLines } from './chained-log';
import {
  MANIFEST_FILE,
  NO_PREVIOUS_SHA256,
  readLines,
  type ManifestEntry,
  type ManifestLine,
} from './manifest-lines';
import { sha256 } from '../disk';
import { signLine, type SigningKey } from './signatures';

interface PendingEntry {
  readonly entry: ManifestEntry;
  readonly written: (lineSha256: string) => void;
  readonly failed: (error: unknown) => void;
}

export class Manifest {
  readonly #folder: string;
  readonly #path: string;
  readonly #signingKey: SigningKey | undefined;
  #pending: PendingEntry[] = [];
  /** Those that wait are written together: waiting for the disk takes most of the time. */
  #scheduled = false;
  #writing: Promise<void> = Promise.resolve();

  /** @param signingKey signs each line, when there is one */
  constructor(folder: string, signingKey?: SigningKey) {
    this.#folder = folder;
    this.#path = path.join(folder, MANIFEST_FILE);
    this.#signingKey = signingKey;
  }

  /** Adds a line and waits until it is on the disk. @returns its SHA-256. Rejects with the system's error */
  append(entry: ManifestEntry): Promise<string> {
    return new Promise((written, failed) => {
      this.#pending.push({ entry, written, failed });
      if (this.#scheduled) return;
      this.#scheduled = true;
      void this.#writing.then(() => {
        this.#scheduled = false;
        this.#writing = this.#writeAll(this.#pending.splice(0));
      });
    });
  }

  /** The newest line that tells of this file, when it tells of this content. */
  async find(
    file: string,
    hash: string,
  ): Promise<{ metadataSha256: string; lineSha256: string } | undefined> {
    let found: { metadataSha256: string; lineSha256: string } | undefined;
    for await (const { text, parsed } of readLines(this.#folder)) {
      if (parsed?.file !== file || (parsed.entry !== 'recording' && parsed.entry !== 'deleted')) continue;
      found =
        parsed.entry === 'recording' && parsed.sha256 === hash
          ? { metadataSha256: parsed.metadataSha256, lineSha256: sha256(text) }
          : undefined;
    }
    return found;
  }

  async #writeAll(pending: readonly PendingEntry[]): Promise<void> {
    try {
      const hashes = await this.#write(pending.map(({ entry }) => entry));
      pending.forEach(({ written }, index) => {
        written(hashes[index] ?? '');
      });
    } catch (error) {
      for (const { failed } of pending) failed(error);
    }
  }

  /** @returns the hash of each line */
  async #write(entries: readonly ManifestEntry[]): Promise<string[]> {
    let hashes: string[] = [];
    await appendLines(this.#path, async (last) => {
      let number = last === undefined ? 0 : (lineNumberOf(last) ?? (await this.#countLines()));
      let previous = last === undefined ? NO_PREVIOUS_SHA256 : sha256(last);
      const lines = entries.map((entry) => {
        number += 1;
        const text = signLine({ ...entry, line: number, previous } satisfies ManifestLine, this.#signingKey);
        previous = sha256(text);
        return text;
      });
      hashes = lines.map(sha256);
      return lines;
    });
    return hashes;
  }

  async #countLines(): Promise<number> {
    let count = 0;
    for await (const line of readLines(this.#folder)) count += line.text === '' && !line.complete ? 0 : 1;
    return count;
  }
}

/** @returns undefined when the line is torn */
function lineNumberOf(text: Buffer): number | undefined {
  try {
    const { line } = JSON.parse(text.toString('utf8')) as { line?: unknown };
    return typeof line === 'number' ? line : undefined;
  } catch {
    return undefined;
  }
}
