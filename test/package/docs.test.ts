import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

import { manifest } from '../support/tarball';
import { ROOT } from '../support/toolchain';

const TEST_COMMAND = 'npm ci && npm test';

/** A directory of one machine; a slash after a word is an URL's or a package's. */
const MACHINE_PATH = /(?<![\w.$}/:-])\/(?:work|root|home|Users|mnt|srv)\/[\w.-]+/g;

/** A relative path as prose and links write it: `../docs/x.md`. */
const RELATIVE_PATH = /(?<![\w./])(?:\.\.\/)+[\w.-]+/g;

describe('the documentation', () => {
  it('names only npm scripts that exist', async () => {
    const { scripts } = await manifest();
    for (const [file, text] of await texts('.md')) {
      for (const [, script = ''] of text.matchAll(/\bnpm run ([\w:-]+)/g))
        assert.ok(scripts[script], `${file}: npm run ${script}`);
      for (const [, script = ''] of text.matchAll(/\bnpm (test|start)\b/g))
        assert.ok(scripts[script], `${file}: npm ${script}`);
    }
  });

  it('has one line that passes every test, and .ci/run does the same', async () => {
    assert.ok(
      (await readFile(join(ROOT, 'README.md'), 'utf8'))
        .split('\n')
        .some((line) => line.trim().startsWith(TEST_COMMAND)),
      `README.md says "${TEST_COMMAND}"`,
    );
    const steps = (await readFile(join(ROOT, '.ci/run'), 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith('npm '));
    assert.deepEqual(steps, TEST_COMMAND.split(' && '));
  });

  it('has links that lead somewhere', async () => {
    for (const [file, text] of await texts('.md')) {
      for (const [, target = ''] of text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)) {
        assert.ok(
          existsSync(resolve(ROOT, dirname(file), decodeURIComponent(target))),
          `${file} links to ${target}`,
        );
      }
    }
  });

  it('shows pictures that are there, and every picture of a form is shown or linked', async () => {
    const all = await texts('.md');
    for (const [file, text] of all) {
      for (const [, target = ''] of text.matchAll(/\b(?:src|srcset)="([^"]+)"/g))
        assert.ok(existsSync(resolve(ROOT, dirname(file), target)), `${file} shows ${target}`);
    }
    const page = all.find(([file]) => file === 'docs/forms.md')?.[1] ?? '';
    const pictures = await readdir(join(ROOT, 'docs', 'images', 'forms'));
    assert.deepEqual(
      pictures.filter((picture) => !page.includes(`images/forms/${picture}`)),
      [],
    );
  });

  it('and everything else in the repository stands alone: no path leads out of it', async () => {
    const leaving = (await texts()).flatMap(([file, text]) => [
      ...[...text.matchAll(MACHINE_PATH)].map(([path]) => `${file}: ${path}`),
      ...(extname(file) === '.md'
        ? [...text.matchAll(RELATIVE_PATH)]
            .filter(([path]) => leaves(file, path))
            .map(([path]) => `${file}: ${path}`)
        : []),
    ]);
    assert.deepEqual(leaving, []);
  });
});

describe('the changelog', () => {
  it('is kept as keepachangelog.com describes it', async () => {
    const text = await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8');
    const [preamble = '', ...releases] = text.split(/^## /m);
    assert.match(preamble, /^# Changelog\n/);
    assert.ok(releases.length > 0, 'no release');
    for (const release of releases) checkRelease(release);
    const versions = releases.flatMap((release) => /^\[(\d[^\]]*)\]/.exec(release)?.[1] ?? []);
    assert.deepEqual(
      versions,
      [...versions].sort((a, b) => b.localeCompare(a, 'en', { numeric: true })),
      'newest first',
    );
    assert.ok(
      /^## \[Unreleased\]/m.test(text) || versions[0] === (await manifest()).version,
      'neither an [Unreleased] part nor one for the version in package.json',
    );
  });
});

function checkRelease(release: string): void {
  const [title = '', ...kinds] = release.split(/^### /m);
  assert.match(
    title,
    /^\[(?:Unreleased\]|\d+\.\d+\.\d+[^\]]*\] - \d{4}-\d{2}-\d{2})\n/,
    `"${title.trim()}" is neither [Unreleased] nor [version] - date`,
  );
  for (const kind of kinds) {
    const [name = '', ...lines] = kind.split('\n');
    assert.ok(
      ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'].includes(name),
      `"### ${name}" is no kind of change`,
    );
    assert.ok(
      lines.some((line) => line.startsWith('- ')),
      `"### ${name}" of ${title.trim()} says nothing`,
    );
  }
}

/** Relative path to text of every file that is in git or will be. */
async function texts(extension?: string): Promise<[file: string, text: string][]> {
  const { stdout } = await promisify(execFile)(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
    { cwd: ROOT, maxBuffer: 1e8 },
  );
  const files = stdout
    .split('\0')
    .filter(
      (file) =>
        file !== '' &&
        existsSync(join(ROOT, file)) &&
        (extension === undefined || extname(file) === extension),
    );
  const read = await Promise.all(
    files.map(async (file): Promise<[string, string]> => [file, await readFile(join(ROOT, file), 'utf8')]),
  );
  return read.filter(([, text]) => !text.includes('\0'));
}

function leaves(file: string, path: string): boolean {
  return relative(ROOT, resolve(ROOT, dirname(file), path)).startsWith('..');
}
