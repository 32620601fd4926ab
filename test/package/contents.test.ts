import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { manifest, pack, type Manifest, type Tarball } from '../support/tarball';
import { ROOT } from '../support/toolchain';

/** An installation on a small machine: as much as this, dependencies apart. */
const MOST_UNPACKED_BYTES = 2_500_000;

const EXPECTED = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];

describe('the packed tarball', function () {
  this.timeout(60_000);
  let tarball: Tarball;
  let paths: string[];
  let described: Manifest;

  before(async () => {
    tarball = await pack();
    paths = tarball.files.map(({ path }) => path);
    described = await manifest();
  });

  it('has README, licence, changelog, an example at least, icons and locales', () => {
    for (const path of EXPECTED) assert.ok(paths.includes(path), `${path} is missing`);
    for (const pattern of [
      /^examples\/.+\.json$/,
      /^dist\/nodes\/icons\/.+\.svg$/,
      /^dist\/nodes\/locales\/en-US\/.+\.json$/,
    ]) {
      assert.ok(
        paths.some((path) => pattern.test(path)),
        `nothing like ${String(pattern)}`,
      );
    }
  });

  it('has no source, no map to one, no test, nothing of the developer', () => {
    const unwanted =
      /(?<!\.d)\.ts$|\.map$|^(test|scripts|bench|\.ci|\.cache|\.github)\/|tsconfig|eslint|mocharc|\.tgz$|\.test\.|\.tsbuildinfo$|(^|\/)\.[^/]+$/;
    assert.deepEqual(
      paths.filter((path) => unwanted.test(path)),
      [],
    );
  });

  it('is small', () => {
    assert.ok(tarball.unpackedBytes < MOST_UNPACKED_BYTES, `${tarball.unpackedBytes} bytes`);
  });

  it('has the script and the html of every set of nodes, and the file of every plugin', () => {
    const { nodes, plugins = {} } = described['node-red'];
    const files = Object.values(nodes).flatMap((script) => [script, script.replace(/\.js$/, '.html')]);
    for (const path of [...files, ...Object.values(plugins)])
      assert.ok(paths.includes(path), `${path} is missing`);
  });

  it('has the icon that each node names, beside the nodes where Node-RED looks for it', async () => {
    for (const script of Object.values(described['node-red'].nodes)) {
      const html = await readFile(join(ROOT, script.replace(/\.js$/, '.html')), 'utf8');
      for (const [, icon] of html.matchAll(/icon:\s*'([^']+\.(?:svg|png))'/g)) {
        assert.ok(paths.includes(`${dirname(script)}/icons/${icon ?? ''}`), `${script} names ${icon ?? ''}`);
      }
    }
  });

  it('has commands that a shell can run', async () => {
    for (const [name, path] of Object.entries(described.bin)) {
      assert.ok(paths.includes(path.replace(/^\.\//, '')), `${name} is missing`);
      assert.match(await readFile(join(ROOT, path), 'utf8'), /^#!\/usr\/bin\/env node\n/, name);
    }
  });

  it("depends on got, mustache, SQLite and ws only, and on nothing that the user doesn't need", () => {
    assert.deepEqual(Object.keys(described.dependencies).sort(), [
      'got',
      'mustache',
      'node-sqlite3-wasm',
      'ws',
    ]);
  });

  it('is made by tools pinned to the version', () => {
    const loose = Object.entries(described.devDependencies).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    assert.deepEqual(loose, []);
  });
});
