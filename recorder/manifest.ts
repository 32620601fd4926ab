/**
 * `manifest.jsonl`: a line of JSON for each recording, each with the hash of the line before, so that none can be changed, taken out or
 * moved unseen. Lines are only ever added. Other entries (a deletion, say) and other fields (a signature, say) can join the chain.
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

export const MANIFEST = 'manifest.jsonl';
/** What the first line has for the line before. */
export const NO_LINE = '0'.repeat(64);

export interface ManifestEntry {
  readonly entry: 'recording';
  /** ISO 8601 UTC, when the line was written. */
  readonly at: string;
  /** Paths are relative to the folder, separated by `/`. */
  readonly file: string;
  readonly sha256: string;
  readonly metadata: string;
  readonly metadataSha256: string;
  readonly raw?: readonly { readonly file: string; readonly sha256: string }[];
}

export type ManifestLine = ManifestEntry & { /** SHA-256 of the line before, without its newline. */ readonly previous: string };

const TAIL = 64 * 1024;

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

export class Manifest {
  readonly #path: string;
  /** One after the other: each line needs the one before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#path = path.join(folder, MANIFEST);
  }

  /** Adds a line and waits until it is on the disk. Rejects with the system's error. */
  append(entry: ManifestEntry): Promise<void> {
    const appended = this.#last.then(() => this.#append(entry));
    this.#last = appended.catch(() => undefined); // told to whoever appended; the next line is another matter
    return appended;
  }

  /** Whether a line tells of this file with this content. */
  async has(file: string, hash: string): Promise<boolean> {
    const handle = await open(this.#path, 'a+');
    try {
      for await (const line of handle.readLines({ autoClose: false, start: 0 })) {
        if (line.includes(hash) && line.includes(JSON.stringify(file))) return true;
      }
      return false;
    } finally {
      await handle.close();
    }
  }

  /** The end is read each time: another recorder may write into the same folder. */
  async #append(entry: ManifestEntry): Promise<void> {
    const handle = await open(this.#path, 'a+', 0o640);
    try {
      const { previous, torn } = await lastLine(handle);
      // A crash tore the last line: it stays as it is, a line of its own, and whoever verifies sees it.
      await handle.appendFile(`${torn ? '\n' : ''}${JSON.stringify({ ...entry, previous } satisfies ManifestLine)}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }
}

async function lastLine(handle: FileHandle): Promise<{ previous: string; torn: boolean }> {
  const { size } = await handle.stat();
  if (size === 0) return { previous: NO_LINE, torn: false };
  for (let length = Math.min(size, TAIL); ; length = Math.min(size, 2 * length)) {
    const tail = Buffer.alloc(length);
    await handle.read(tail, 0, length, size - length);
    const torn = tail.at(-1) !== 0x0a;
    const end = torn ? length : length - 1;
    const start = tail.lastIndexOf(0x0a, end - 1);
    if (start >= 0 || length === size) return { previous: sha256(tail.subarray(start + 1, end)), torn };
  }
}
