/** `npm run bench [suite …] [-- --tiny] [-- --chart]`: all suites, or those named. */
import { runEnds } from '../test/support/cleanup';
import { actions } from './actions';
import { ingest } from './ingest';
import type { Part } from './measure';
import { reader } from './reader';
import { report } from './report';
import { requests } from './requests';
import { scale } from './scale';
import { start } from './start';
import { state } from './state';

const SUITES: Readonly<Record<string, (tiny: boolean) => Promise<Part[]>>> = { reader, ingest, requests, actions, state, start, scale };

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const names = args.filter((arg) => !arg.startsWith('--'));
  for (const name of names.length > 0 ? names : Object.keys(SUITES)) {
    const suite = SUITES[name];
    if (!suite) throw new RangeError(`there is no suite ${name}: ${Object.keys(SUITES).join(', ')}`);
    report(name, await suite(args.includes('--tiny')));
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}).finally(runEnds);
