/**
 * Runs the tests of one tier: `node scripts/tests.mjs [quick|standard|all]`, `standard` when nothing is said.
 *
 * - quick: lint, types, and what runs inside one process; on every save.
 * - standard: quick, and the palette in Node-RED 4.1 and 5.0, in a browser and as a package; what the README's line runs.
 * - all: every test in every combination.
 *
 * `x.test.ts` belongs to the tier of its folder, `x.slow.test.ts` to standard, `x.long.test.ts` to all.
 */
import { spawn } from 'node:child_process';

const command = (name, program, ...args) => ({ name, program, args });
const npm = (script) => command(`npm run ${script}`, 'npm', 'run', '--silent', script);
const mocha = (name, ...args) => command(name, 'npx', 'mocha', ...args);
const without = (...globs) => globs.flatMap((glob) => ['--ignore', glob]);

const SLOW = 'test/**/*.slow.test.ts';
const LONG = 'test/**/*.long.test.ts';

const CHECKS = [npm('lint'), npm('typecheck')];
const RECORDER = mocha('recorder', 'test/recorder/**/*.test.ts', ...without(SLOW, LONG));
const O2G = mocha('o2g', 'test/o2g/**/*.test.ts', ...without(SLOW, LONG));
const OTHERS = mocha(
  'simulator, nodes, lint',
  'test/{simulator,nodes,lint}/**/*.test.ts',
  ...without(SLOW, LONG),
);
const UNITS = [RECORDER, O2G, OTHERS];
const PREPARE = [npm('build'), npm('prepare:tests')];
const PREPARE_ALL = [
  npm('build'),
  command('npm run prepare:tests', 'npm', 'run', '--silent', 'prepare:tests', '--', '--all'),
];

/** Steps one after the other; the commands of a step at the same time. Those with Node-RED wait more than they compute. */
const TIERS = {
  quick: [[...CHECKS, ...UNITS]],
  standard: [
    [...CHECKS, ...PREPARE],
    UNITS,
    [
      mocha('browser and package', 'test/{editor,package}/**/*.test.ts', ...without(LONG)),
      mocha(
        'Node-RED: messages, recording',
        'test/node-red/{messages,recording}/**/*.test.ts',
        ...without(LONG),
      ),
      mocha(
        'Node-RED: recovery, security; slow',
        'test/node-red/{recovery,security}/**/*.test.ts',
        'test/support/**/*.test.ts',
        SLOW,
        ...without(LONG),
      ),
    ],
  ],
  all: [
    [...CHECKS, ...PREPARE_ALL],
    [
      mocha('browser', 'test/editor/**/*.test.ts'),
      mocha('everything else', 'test/**/*.test.ts', ...without('test/editor/**')),
    ],
  ],
};

/** Runs a command and returns its exit code; what it printed is shown as one piece when it ends. */
function run({ name, program, args }, tier) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TEST_TIER: tier },
    });
    const pieces = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => pieces.push(piece));
    child.once('error', reject);
    child.once('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      process.stdout.write(Buffer.concat(pieces));
      console.log(`${code === 0 ? '✔' : '✘'} ${name}: ${seconds} s\n`);
      resolve(code ?? 1);
    });
  });
}

const [tier = 'standard'] = process.argv.slice(2);
const steps = TIERS[tier];
if (!steps) throw new Error(`There is no tier ${tier}: ${Object.keys(TIERS).join(', ')}`);

const startedAt = performance.now();
let failed = false;
for (const commands of steps) {
  const codes = await Promise.all(commands.map((each) => run(each, tier)));
  failed ||= codes.some((code) => code !== 0);
}
console.log(
  `${tier}: ${failed ? 'failed' : 'passed'} in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
);
if (failed) process.exitCode = 1;
