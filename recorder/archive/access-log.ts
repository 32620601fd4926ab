/**
 * `access.jsonl` in the folder of the recordings: a line for each time that somebody listened to one or took one away. Lines are only ever
 * added, each with the hash of the line before, as in the manifest.
 */
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

import { withLock } from '../lock';
import { NO_LINE, sha256 } from '../manifest-lines';

const ACCESS_LOG = 'access.jsonl';
/** No line is longer: names of files and users have bounds. */
const TAIL = 64 * 1024;
const NEWLINE = 0x0a;

export interface Access {
  /** The user's name; `anonymous` where nobody has to log in. */
  readonly who: string;
  readonly how: 'played' | 'downloaded' | 'metadata downloaded';
  /** Relative to the folder, separated by `/`, without extension. */
  readonly recording: string;
}

/** Adds a line, now, and waits until it is on the disk. Rejects with the system's error: then nothing may be served. */
export async function writeAccess(folder: string, { who, how, recording }: Access): Promise<void> {
  const file = path.join(folder, ACCESS_LOG);
  await withLock(`${file}.lock`, async () => {
    const handle = await open(file, 'a+', 0o640);
    try {
      const { previous, torn } = await lastLine(handle);
      const line = JSON.stringify({ at: new Date().toISOString(), who, how, recording, previous });
      // A crash tore the last line: it stays as it is, a line of its own.
      await handle.appendFile(`${torn ? '\n' : ''}${line}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  });
}

async function lastLine(handle: FileHandle): Promise<{ previous: string; torn: boolean }> {
  const { size } = await handle.stat();
  if (size === 0) return { previous: NO_LINE, torn: false };
  const tail = Buffer.alloc(Math.min(size, TAIL));
  await handle.read(tail, 0, tail.length, size - tail.length);
  const torn = tail.at(-1) !== NEWLINE;
  const end = torn ? tail.length : tail.length - 1;
  return { previous: sha256(tail.subarray(tail.lastIndexOf(NEWLINE, end - 1) + 1, end)), torn };
}
