import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CHECKS, lint } from '../../scripts/lint/checks';
import { findingsOf, repositoryFiles } from '../../scripts/lint/repository';
import { whenTestEnds } from '../support/cleanup';
import { ROOT } from '../support/toolchain';
import { changed } from './broken';
import { BROKEN_CATALOGS, BROKEN_FORMS } from './broken-forms';
import { BROKEN_CHANGELOG, BROKEN_DOCUMENTS, BROKEN_EXAMPLES, BROKEN_LOCALES } from './broken-texts';

const BROKEN = {
  ...BROKEN_FORMS,
  ...BROKEN_CATALOGS,
  ...BROKEN_LOCALES,
  ...BROKEN_EXAMPLES,
  ...BROKEN_DOCUMENTS,
  ...BROKEN_CHANGELOG,
};

/** What a command printed, and how it ended. */
function outcomeOf(
  command: string,
  args: string[],
  cwd: string,
): Promise<{ printed: string; code: unknown }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd }, (error, stdout) => {
      resolve({ printed: stdout, code: error?.code ?? 0 });
    });
  });
}

describe('the lint of the files', () => {
  const files = repositoryFiles(ROOT);

  it('says exactly what is wrong, for each way to break a file', () => {
    assert.deepEqual(lint(files), [], 'the repository itself has findings');
    for (const check of CHECKS)
      for (const { changes, found } of BROKEN[check.name] ?? []) {
        const copy = changed(files, changes);
        assert.deepEqual(lint(copy), found, `${check.name}: ${found.join()}`);
        assert.ok(
          findingsOf(check, copy).length > 0,
          `another check than ${check.name} finds: ${found.join()}`,
        );
      }
  });

  it('has a way to break what it guards for each check', () => {
    assert.deepEqual(Object.keys(BROKEN).sort(), CHECKS.map(({ name }) => name).sort());
    for (const [name, rows] of Object.entries(BROKEN)) assert.ok(rows.length > 0, name);
  });

  it('prints a line for each finding and ends with 1, as a command', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'lint-'));
    whenTestEnds(() => rm(empty, { recursive: true, force: true }));
    execFileSync('git', ['init', '--quiet'], { cwd: empty });
    const { resolve } = createRequire(__filename);
    const args = ['--require', resolve('tsx/cjs'), join(ROOT, 'scripts/lint/files.ts')];
    const { printed, code } = await outcomeOf(process.execPath, args, empty);
    assert.equal(code, 1);
    assert.match(printed, /^package\.json: The file is missing; add it\.$/m);
    assert.match(printed, /^CHANGELOG\.md: The file is missing; add it\.$/m);
  });
});
