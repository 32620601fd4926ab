/** `npm run bench [suite …] [-- --tiny] [-- --chart]`: all suites but the soak and the sidebar, or those named; with --chart their picture for the README. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runEnds } from '../test/support/cleanup';
import { ROOT } from '../test/support/toolchain';
import { actions } from './actions';
import { chart } from './chart';
import { ingest } from './ingest';
import type { Part } from './measure';
import { reader } from './reader';
import { MACHINE, report } from './report';
import { requests } from './requests';
import { rtp } from './rtp';
import { scale } from './scale';
import { sidebar } from './sidebar';
import { soak } from './soak';
import { start } from './start';
import { state } from './state';

const SUITES: Readonly<Record<string, (tiny: boolean) => Promise<Part[]>>> = {
  reader,
  ingest,
  requests,
  actions,
  state,
  start,
  scale,
  rtp,
};

/** Only by name: it needs a browser, and ten minutes. */
const NAMED: typeof SUITES = { sidebar };

/** Not what is run when nothing is named: it takes hours, and measures nothing. */
const SOAK = 'soak';

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const named = args.filter((arg) => !arg.startsWith('--'));
  const names = named.length > 0 ? named : Object.keys(SUITES);
  const suites = { ...SUITES, ...NAMED };
  const unknown = names.find((name) => name !== SOAK && !Object.hasOwn(suites, name));
  if (unknown !== undefined)
    throw new RangeError(`there is no suite ${unknown}: ${[...Object.keys(suites), SOAK].join(', ')}`);
  const all: Part[] = [];
  for (const name of names) {
    if (name === SOAK) {
      await soak(args.includes('--tiny'));
      continue;
    }
    const parts = (await suites[name]?.(args.includes('--tiny'))) ?? [];
    report(name, parts);
    all.push(...parts);
  }
  if (!args.includes('--chart')) return;
  const footnote = `${new Date().toISOString().slice(0, 10)}, ${MACHINE}, Node.js ${process.version}; medians; blue: the palette, grey: what it is compared with`;
  await writeFile(join(ROOT, 'docs', 'images', 'bench.svg'), chart(all, footnote));
}

main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  })
  .finally(runEnds);
