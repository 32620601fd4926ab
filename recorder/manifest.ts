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

/** A recording was listened to, or taken away: a line of `access.jsonl`, which is chained in the same way. */
export interface AccessEntry {
  readonly entry: 'access';
  /** ISO 8601 UTC. */
  readonly at: string;
  /** The user's name; `anonymous` where nobody has to log in. */
  readonly who: string;
  readonly how: 'played' | 'downloaded' | 'metadata downloaded';
  /** Relative to the folder, separated by `/`. */
  readonly file: string;
}

export const ACCESS_LOG = 'access.jsonl';

type ChainEntry = ManifestEntry | AccessEntry;

export type ManifestLine = ChainEntry & { /** SHA-256 of the line before, without its newline. */ readonly previous: string };

const TAIL = 64 * 1024;

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

export class Manifest {
  readonly #path: string;
  #waiting: ChainEntry[] = [];
  /** Those that wait are written together: waiting for the disk takes most of the time. */
  #next: Promise<void> | undefined;
  #present: Promise<unknown> = Promise.resolve();

  constructor(folder: string, file: typeof MANIFEST | typeof ACCESS_LOG = MANIFEST) {
    this.#path = path.join(folder, file);
  }

  /** Adds a line and waits until it is on the disk. Rejects with the system's error. */
  append(entry: ChainEntry): Promise<void> {
    this.#waiting.push(entry);
    this.#next ??= this.#present.then(() => {
      this.#next = undefined;
      const written = this.#write(this.#waiting.splice(0));
      this.#present = written.catch(() => undefined); // told to whoever appended; the next lines are another matter
      return written;
    });
    return this.#next;
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
  async #write(entries: readonly ChainEntry[]): Promise<void> {
    const handle = await open(this.#path, 'a+', 0o640);
    try {
      const { previous, torn } = await lastLine(handle);
      // A crash tore the last line: it stays as it is, a line of its own, and whoever verifies sees it.
      await handle.appendFile(`${torn ? '\n' : ''}${linesOf(entries, previous)}`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }
}

function linesOf(entries: readonly ChainEntry[], before: string): string {
  let previous = before;
  let lines = '';
  for (const entry of entries) {
    const line = JSON.stringify({ ...entry, previous } satisfies ManifestLine);
    previous = sha256(line);
    lines += `${line}\n`;
  }
  return lines;
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
