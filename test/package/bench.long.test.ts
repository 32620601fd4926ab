import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Part } from '../../bench/measure';
import { ROOT } from '../support/toolchain';

interface Usage {
  heapMB: number;
  handles: number;
}
interface Soaked {
  faults: number;
  events: number;
  twice: number[];
  lost: number[];
  violations: string[];
  before: Usage;
  after: Usage;
}

const SUITES = ['reader', 'ingest', 'requests', 'actions', 'state', 'start', 'scale', 'rtp', 'sidebar'];

describe('npm run bench', function bench() {
  this.timeout(180_000);
  for (const suite of SUITES) {
    it(`runs ${suite} and prints a line of JSON with figures`, async () => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--require', 'tsx/cjs', join('bench', 'run.ts'), suite, '--tiny'],
        { cwd: ROOT },
      );
      const [line = '', ...others] = stdout.split('\n').filter((each) => each.startsWith('{'));
      assert.equal(others.length, 0);
      const { suite: name, parts } = JSON.parse(line) as { suite: string; parts: Part[] };
      assert.equal(name, suite);
      assert.ok(parts.length > 0);
      for (const { title, figures } of parts) {
        assert.ok(figures.length > 0, title);
        for (const { median } of figures)
          assert.ok(Object.values(median).every(Number.isFinite), `${title}: ${JSON.stringify(median)}`);
      }
    });
  }

  it('says which suites there are when it does not know one', async () => {
    const run = promisify(execFile)(
      process.execPath,
      ['--require', 'tsx/cjs', join('bench', 'run.ts'), 'nothing'],
      { cwd: ROOT },
    );
    await assert.rejects(
      run,
      ({ code, stderr }: { code: number; stderr: string }) =>
        code === 2 && SUITES.every((suite) => stderr.includes(suite)),
    );
  });

  it('soak: a quarter of an hour of faults leaves everything as desired, no event lost unsaid or delivered twice, memory and handles flat', async function soak() {
    this.timeout(120_000);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--require', 'tsx/cjs', join('bench', 'run.ts'), 'soak', '--tiny'],
      {
        cwd: ROOT,
        env: { ...process.env, SOAK_SEED: process.env.SOAK_SEED ?? '1' },
      },
    );
    const figures = JSON.parse(stdout.split('\n').find((line) => line.startsWith('{')) ?? '{}') as Soaked;
    assert.ok(figures.faults > 4 && figures.events > 500, stdout);
    const { twice, lost, violations } = figures;
    assert.deepEqual({ twice, lost, violations }, { twice: [], lost: [], violations: [] });
    assert.ok(figures.after.heapMB <= figures.before.heapMB + 20, stdout);
    assert.ok(figures.after.handles <= figures.before.handles + 20, stdout);
  });
});
