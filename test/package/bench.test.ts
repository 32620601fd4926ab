import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '..', '..');

describe('npm run bench', () => {
  it('runs every suite and prints a line of JSON for each', async function bench() {
    this.timeout(60_000);
    const { stdout } = await promisify(execFile)(process.execPath, ['--require', 'tsx/cjs', join('bench', 'run.ts'), '--tiny'], { cwd: ROOT });
    const lines = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { suite: string; figures: { ratio: number }[] });
    assert.deepEqual(lines.map(({ suite }) => suite), ['reader', 'requests']);
    assert.ok(lines.every(({ figures }) => figures.length === 2 && figures.every(({ ratio }) => ratio > 0)));
  });
});
