/** Files of lines that are only ever added, by one writer at a time: the manifest, the log of accesses. Each line can say the hash of the one before. */
import { open, type FileHandle } from 'node:fs/promises';

import { withLock } from '../disk';

const TAIL_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Adds lines and waits until they are on the disk. The end is read each time: somebody else may write into the same file.
 * @param makeLines makes them, without newlines, of the last line that is there; undefined when there is none
 * Rejects with the system's error.
 */
export function appendLines(
  file: string,
  makeLines: (last: Buffer | undefined) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  return withLock(`${file}.lock`, async () => {
    const handle = await open(file, 'a+', 0o640);
    try {
      const { last, torn } = await lastLine(handle);
      const lines = await makeLines(last);
      // A crash tore the last line: it stays as it is, a line of its own, and whoever verifies sees it.
      await handle.appendFile(`${torn ? '\n' : ''}${lines.map((line) => `${line}\n`).join('')}`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  });
}

async function lastLine(handle: FileHandle): Promise<{ last: Buffer | undefined; torn: boolean }> {
  const { size } = await handle.stat();
  if (size === 0) return { last: undefined, torn: false };
  for (let length = Math.min(size, TAIL_BYTES); ; length = Math.min(size, 2 * length)) {
    const tail = Buffer.alloc(length);
    await handle.read(tail, 0, length, size - length);
    const torn = tail.at(-1) !== NEWLINE;
    const end = torn ? length : length - 1;
    const start = tail.lastIndexOf(NEWLINE, end - 1);
    if (start >= 0 || length === size) return { last: tail.subarray(start + 1, end), torn };
  }
}
