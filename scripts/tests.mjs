/**
 * All tests, in two processes at a time: those with a browser take as long as all the others. Each tells its part when
 * it is done; the first is shown as it goes.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const FIRST = 'test/editor/**/*.test.ts';
const OTHERS = ['test/**/*.test.ts', '--ignore', FIRST];

/** @returns how mocha ended: 0, or how many tests failed */
function run(args, shown) {
  return new Promise((resolve, reject) => {
    const mocha = spawn(process.execPath, [MOCHA, ...args], {
      stdio: ['ignore', shown ? 'inherit' : 'pipe', shown ? 'inherit' : 'pipe'],
    });
    const pieces = [];
    for (const stream of [mocha.stdout, mocha.stderr]) stream?.on('data', (piece) => pieces.push(piece));
    mocha.once('error', reject);
    mocha.once('close', (code) => {
      process.stdout.write(Buffer.concat(pieces));
      resolve(code ?? 1);
    });
  });
}

const codes = await Promise.all([run([FIRST], true), run(OTHERS, false)]);
process.exitCode = Math.max(...codes);
