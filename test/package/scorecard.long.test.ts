import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { whenTestEnds } from '../support/cleanup';
import { unpacked } from '../support/tarball';
import { NODE_RED_DEV_VERSION, packageDir, prepared, ROOT } from '../support/toolchain';

/** The checks of the scorecard; P02 exists in name only. */
const CHECKS = ['D01', 'D02', 'D03', 'N01', 'N02', 'P01', 'P03', 'P04', 'P05', 'P06', 'P07', 'P08'];

describe("the Flow Library's scorecard", function () {
  this.timeout(300_000);

  it('passes every check', async () => {
    const output = join(tmpdir(), `scorecard-${process.pid}.json`);
    whenTestEnds(() => rm(output, { force: true }));
    const command = prepared(join(packageDir('node-red-dev', NODE_RED_DEV_VERSION), 'bin/run'));
    const stub = join(ROOT, 'test/support/catalogue-stub.cjs');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '-r',
      stub,
      command,
      'validate',
      '-p',
      await unpacked(),
      '-o',
      output,
    ]);
    const results = JSON.parse(await readFile(output, 'utf8')) as Record<string, { test?: boolean }>;
    const passed = Object.entries(results).flatMap(([name, { test }]) => (test ? [name] : []));
    assert.deepEqual(passed.sort(), CHECKS, stdout + stderr);
  });
});
