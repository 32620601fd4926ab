import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';

import { flow, node } from '../support/flow';
import { startNodeRed, type NodeRed } from '../support/node-red';
import { installed, manifest, userDirWithPalette } from '../support/tarball';
import { nodeBinary, NODE_VERSIONS, type NodeMajor, type NodeRedVersion } from '../support/toolchain';

/** npm answers within minutes even on a slow line. */
const INSTALL_MS = 300_000;

/** npm takes the newest got that the Node at hand may run. */
const GOT: Record<NodeMajor, number> = { 20: 14, 22: 16, 24: 16 };

const MAJORS = [20, 22, 24] as const;

const TOGETHER: [version: NodeRedVersion, major: NodeMajor][] = [
  ['4.1', 20],
  ['4.1', 22],
  ['4.1', 24],
  ['5.0', 22],
  ['5.0', 24],
];

for (const major of MAJORS) {
  describe(`the tarball installed under Node ${NODE_VERSIONS[major]}, engines strict`, function () {
    this.timeout(INSTALL_MS);
    let userDir: string;

    before(async () => {
      userDir = await installed(major);
    });

    it(`uses got ${GOT[major]}`, async () => {
      const { version } = await manifest(join(userDir, 'node_modules/got'));
      assert.equal(Number(version.split('.')[0]), GOT[major]);
    });

    it('offers commands that run and explain themselves', async () => {
      for (const name of Object.keys((await manifest()).bin)) {
        const command = join(userDir, 'node_modules/.bin', name);
        await access(command, constants.X_OK);
        const { stdout, stderr } = await promisify(execFile)(nodeBinary(major), [command, '--help']);
        assert.match(stdout, new RegExp(name));
        assert.equal(stderr, '');
      }
    });
  });
}

for (const [version, major] of TOGETHER) {
  describe(`Node-RED ${version} under Node ${NODE_VERSIONS[major]} with the tarball in its user directory`, function () {
    this.timeout(INSTALL_MS);
    const binary = nodeBinary(major);

    it('registers every type and prints nothing more than without the palette', async () => {
      const [palette, plain] = await Promise.all([
        startNodeRed({ version, node: binary, palette: { tarballUserDir: await userDirWithPalette(major) } }),
        startNodeRed({ version, node: binary, palette: 'none' }),
      ]);
      const expected = Object.keys((await manifest())['node-red'].nodes).sort();
      assert.deepEqual(await types(palette), expected);
      // The list above is read from the html; a type that the script didn't register makes a deploy fail, of disabled nodes too.
      await palette.deploy(flow(expected.map((type, index) => node(`n${index}`, type, { d: true }))));
      await plain.deploy(flow([]));
      await Promise.all([palette.stop(), plain.stop()]);
      // In any order: the flows and the HTTP server start side by side.
      assert.deepEqual(lines(palette).sort(), lines(plain).sort());
    });
  });
}

describe('a Node-RED that starts', function () {
  this.timeout(INSTALL_MS);

  it("doesn't wait for got: it is loaded with the first connection, not with the palette", async () => {
    const userDir = await userDirWithPalette(20);
    await rm(join(userDir, 'node_modules/got'), { recursive: true });
    const nodeRed = await startNodeRed({ node: nodeBinary(20), palette: { tarballUserDir: userDir } });
    assert.deepEqual(await types(nodeRed), Object.keys((await manifest())['node-red'].nodes).sort());
  });
});

interface NodeSet {
  id: string;
  module: string;
  types: string[];
  enabled: boolean;
  err?: string;
}

/** The palette's types as the admin API lists them; a set that failed to load fails here with its reason. */
async function types(nodeRed: NodeRed): Promise<string[]> {
  const { name } = await manifest();
  const response = await nodeRed.admin('/nodes', { headers: { accept: 'application/json' } });
  const sets = ((await response.json()) as NodeSet[]).filter(({ module }) => module === name);
  for (const { id, enabled, err } of sets)
    assert.deepEqual({ id, enabled, err }, { id, enabled: true, err: undefined });
  return sets.flatMap((set) => set.types).sort();
}

/** What was printed, without what differs from one start to the next: time, port, user directory. */
function lines(nodeRed: NodeRed): string[] {
  return stripVTControlCharacters(nodeRed.log())
    .replaceAll(nodeRed.userDir, 'USERDIR')
    .replaceAll(`:${nodeRed.port}`, ':PORT')
    .replaceAll(/^\d+ \w+ \d\d:\d\d:\d\d - /gm, '')
    .split('\n');
}
