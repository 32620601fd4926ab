import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { whenRunEnds } from './cleanup';
import { CACHE, nodeBinary, npm, prepared, ROOT, type NodeMajor } from './toolchain';

/** package.json, as far as the tests read it. */
export interface Manifest {
  name: string;
  version: string;
  bin: Record<string, string>;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  'node-red': { version: string; nodes: Record<string, string>; plugins?: Record<string, string> };
}

/** What `npm pack` makes of the repository. */
export interface Tarball {
  readonly file: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly files: readonly { path: string; size: number; mode: number }[];
}

const INSTALLS = join(CACHE, 'installs');

let packed: Promise<Tarball> | undefined;

/** The repository's package.json, or that of a directory. */
export async function manifest(dir = ROOT): Promise<Manifest> {
  return JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as Manifest;
}

/** Packs dist/ as it is now, once a run. */
export function pack(): Promise<Tarball> {
  packed ??= makeTarball();
  return packed;
}

/** The tarball installed by npm under that Node, as the palette manager does it: into a user directory, engines strict. A copy for this run. */
export async function userDirWithPalette(major: NodeMajor): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `user-dir-${major}-`));
  whenRunEnds(() => rm(dir, { recursive: true, force: true }));
  await cp(await installed(major), dir, { recursive: true, verbatimSymlinks: true });
  return dir;
}

/** The installation itself, kept until the tarball changes; not to be written to. */
export async function installed(major: NodeMajor): Promise<string> {
  return once(`node-${major}`, async (dir) => {
    await writeFile(
      join(dir, 'package.json'),
      '{ "name": "node-red-project", "version": "0.0.1", "private": true }\n',
    );
    await npm(['install', '--engine-strict', (await pack()).file], {
      node: prepared(nodeBinary(major)),
      cwd: dir,
    });
  });
}

/** The package unpacked, with its own dependencies installed inside it by npm under Node 22. */
export async function unpacked(): Promise<string> {
  return once('unpacked', async (dir) => {
    await cp(join(await installed(22), 'node_modules', (await manifest()).name), dir, { recursive: true });
    await npm(['install', '--omit=dev', '--ignore-scripts', '--engine-strict'], {
      node: prepared(nodeBinary(22)),
      cwd: dir,
    });
  });
}

async function makeTarball(): Promise<Tarball> {
  prepared(join(ROOT, 'dist'), 'npm run build');
  const scratch = await mkdtemp(join(tmpdir(), 'tarball-'));
  whenRunEnds(() => rm(scratch, { recursive: true, force: true }));
  // Scripts would build once more, under the feet of whatever reads dist/ at this time.
  const [report] = JSON.parse(
    await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', scratch]),
  ) as NpmPack[];
  if (!report) throw new Error('npm pack made nothing');
  const { size: packedBytes, unpackedSize: unpackedBytes, files } = report;
  return { file: join(scratch, report.filename), packedBytes, unpackedBytes, files };
}

interface NpmPack {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string; size: number; mode: number }[];
}

/** A directory per tarball, made beside and then moved; those of older tarballs go. */
async function once(name: string, fill: (dir: string) => Promise<void>): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile((await pack()).file))
    .digest('hex')
    .slice(0, 16);
  await mkdir(join(INSTALLS, hash), { recursive: true });
  for (const old of await readdir(INSTALLS))
    if (old !== hash) await rm(join(INSTALLS, old), { recursive: true, force: true });
  const target = join(INSTALLS, hash, name);
  if (existsSync(target)) return target;
  // Two processes run tests at a time.
  const scratch = `${target}.${process.pid}.part`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch);
  await fill(scratch);
  await rename(scratch, target).catch(async (error: unknown) => {
    if (!existsSync(target)) throw error;
    await rm(scratch, { recursive: true });
  });
  return target;
}
