/** One writer at a time, whichever recorder or process it belongs to: who makes the lock's file has it. */
import { open, rm, stat, utimes } from 'node:fs/promises';

const LOCK_RETRY_MS = 20;
/** Whoever has it says so more often: a crash left it. */
const STALE_LOCK_MS = 10_000;
const LOCK_REFRESH_MS = 2000;

/** Runs `work` while nobody else has the lock. Rejects with the system's error when the lock can't be made, or with that of `work`. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  while (!(await tryAcquire(file))) {
    if (await isStale(file)) await removeStale(file);
    else
      await new Promise((resolve) => {
        setTimeout(resolve, LOCK_RETRY_MS);
      });
  }
  const stop = refreshPeriodically(file);
  try {
    return await work();
  } finally {
    stop();
    await rm(file, { force: true });
  }
}

/** A disk may take longer than until it is stale. @returns ends it */
function refreshPeriodically(file: string): () => void {
  let refreshing: Promise<void> | undefined;
  const timer = setInterval(() => {
    const now = new Date();
    // One at a time: a disk that hangs must not take all threads of the pool.
    refreshing ??= utimes(file, now, now)
      .catch(() => undefined)
      .finally(() => {
        refreshing = undefined;
      });
  }, LOCK_REFRESH_MS);
  return () => {
    clearInterval(timer);
  };
}

/** One at a time, who looks again: another one may have removed it, and taken the lock, since it was found stale. */
async function removeStale(file: string): Promise<void> {
  await withLock(`${file}.stale`, async () => {
    if (await isStale(file)) await rm(file, { force: true });
  });
}

async function isStale(file: string): Promise<boolean> {
  const age = await stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  return Math.abs(age) > STALE_LOCK_MS;
}

async function tryAcquire(file: string): Promise<boolean> {
  try {
    await (await open(file, 'wx', 0o640)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
