/** What the palette adds to the start of Node-RED, and what it loads later, each in a fresh process. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../test/support/toolchain';
import { measure, type Contender, type Part } from './measure';

export async function start(tiny: boolean): Promise<Part[]> {
  const rounds = tiny ? 1 : 9;
  const {
    'node-red': { nodes },
  } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    'node-red': { nodes: Record<string, string> };
  };
  const files = Object.values(nodes).map((file) => join(ROOT, file));
  const loading = (name: string, code: string): Contender => ({
    name,
    run: async () => ({ ms: await timeOf(code) }),
  });
  const figures = await measure(
    [
      loading('require of all node files', files.map((file) => `require(${JSON.stringify(file)})`).join(';')),
      loading('got, with the first request', 'await import("got")'),
      loading('ws, with the first tunnel', 'require("ws")'),
    ],
    rounds,
  );
  return [{ title: 'loading, in a fresh process', rounds, figures }];
}

async function timeOf(code: string): Promise<number> {
  const program = `(async () => { const at = performance.now(); ${code}; console.log(performance.now() - at); })()`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { cwd: ROOT });
  return Number(stdout);
}
