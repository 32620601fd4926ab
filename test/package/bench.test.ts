import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Usage { heapMB: number; handles: number }
interface Soaked { faults: number; events: number; twice: number[]; lost: number[]; violations: string[]; before: Usage; after: Usage }

const ROOT = join(__dirname, '..', '..');

describe('npm run bench', () => {
  it('runs every suite and prints a line of JSON for each', async function bench() {
    this.timeout(60_000);
    const { stdout } = await promisify(execFile)(process.execPath, ['--require', 'tsx/cjs', join('bench', 'run.ts'), '--tiny'], { cwd: ROOT });
    const lines = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { suite: string; figures: { ratio: number }[] });
    assert.deepEqual(lines.map(({ suite }) => suite), ['reader', 'requests']);
    assert.ok(lines.every(({ figures }) => figures.length === 2 && figures.every(({ ratio }) => ratio > 0)));
  });

  it('soak: a quarter of an hour of faults leaves everything as desired, no event lost unsaid or delivered twice, memory and handles flat', async function soak() {
    this.timeout(120_000);
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--require', 'tsx/cjs', join('bench', 'run.ts'), 'soak', '--tiny'], {
      cwd: ROOT, env: { ...process.env, SOAK_SEED: process.env.SOAK_SEED ?? '1' },
    });
    const figures = JSON.parse(stdout.split('\n').find((line) => line.startsWith('{')) ?? '{}') as Soaked;
    assert.ok(figures.faults > 4 && figures.events > 500, stdout);
    const { twice, lost, violations } = figures;
    assert.deepEqual({ twice, lost, violations }, { twice: [], lost: [], violations: [] });
    assert.ok(figures.after.heapMB <= figures.before.heapMB + 20, stdout);
    assert.ok(figures.after.handles <= figures.before.handles + 20, stdout);
  });
});
