import type { RootHookObject } from 'mocha';

import { runEnds, testBegins, testEnds } from './cleanup';

/** Node-RED may take 15 s to close its nodes, and several may have to. */
const CLEANUP_MS = 60_000;

/** What a test started ends with it, whatever the test's end; what a suite's `before` started ends with the run at the latest. */
export const mochaHooks: RootHookObject = {
  beforeEach: testBegins,
  async afterEach(this: Mocha.Context) {
    this.timeout(CLEANUP_MS);
    await testEnds();
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(CLEANUP_MS);
    await runEnds();
  },
};

/** Sockets that were closed last may linger a moment. */
const LINGER_MS = 10_000;

/**
 * Mocha waits for the process to end by itself, so that a listener which nobody closes is noticed. Here it is noticed
 * soon, and fails the run, instead of hanging it until somebody looks.
 */
export function mochaGlobalTeardown(): void {
  setTimeout(() => {
    process.stderr.write(
      `The tests are over, but something they left open keeps the process alive: ${process.getActiveResourcesInfo().join(', ')}\n`,
    );
    process.once('exit', () => (process.exitCode = Math.max(1, Number(process.exitCode ?? 0)))); // after mocha's own, which knows of failed tests only
    process.exit();
  }, LINGER_MS).unref();
}
