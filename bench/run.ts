/** `npm run bench [suite …] [-- --tiny]`: all suites but the soak, or those named. */
import { reader } from './reader';
import { requests } from './requests';
import { soak } from './soak';

const SUITES: Readonly<Record<string, (tiny: boolean) => Promise<void>>> = { reader, requests, soak };
/** Not what is run when nothing is named: it takes hours. */
const ONLY_NAMED: ReadonlySet<string> = new Set(['soak']);

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const names = args.filter((arg) => arg !== '--tiny');
  for (const name of names.length > 0 ? names : Object.keys(SUITES).filter((name) => !ONLY_NAMED.has(name))) {
    const suite = SUITES[name];
    if (!suite) throw new RangeError(`there is no suite ${name}: ${Object.keys(SUITES).join(', ')}`);
    await suite(args.includes('--tiny'));
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
