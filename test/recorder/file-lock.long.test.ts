import assert from 'node:assert/strict';
import { stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { withLock } from '../../recorder/disk/file-lock';
import { temporaryFolder, until } from './support';

describe('a lock that a crash left', () => {
  it('is taken by one at a time, though many find it stale', async function () {
    this.timeout(60_000);
    const lock = path.join(await temporaryFolder(), 'manifest.jsonl.lock');
    const old = new Date(Date.now() - 60_000);
    let holders = 0;
    let most = 0;
    // The moment in which two could have taken it is short: one round in a hundred met it.
    for (let round = 0; round < 100; round += 1) {
      await writeFile(lock, '');
      await utimes(lock, old, old);
      await Promise.all(
        Array.from({ length: 6 }, () =>
          withLock(lock, async () => {
            holders += 1;
            most = Math.max(most, holders);
            await new Promise((resolve) => {
              setImmediate(resolve);
            });
            holders -= 1;
          }),
        ),
      );
    }
    assert.equal(most, 1);
  });
});

describe('a lock that is held', () => {
  it('is not taken for stale, however long the disk takes', async () => {
    const lock = path.join(await temporaryFolder(), 'manifest.jsonl.lock');
    const done: string[] = [];
    const slow = withLock(lock, async () => {
      await new Promise((resolve) => {
        setTimeout(resolve, 12_000);
      });
      done.push('slow');
    });
    await until('the lock', () =>
      stat(lock).then(
        () => true,
        () => false,
      ),
    );
    await Promise.all([slow, withLock(lock, () => Promise.resolve(done.push('next')))]);
    assert.deepEqual(done, ['slow', 'next']);
  });
});
