type Cleanup = () => Promise<void> | void;

const afterTest: Cleanup[] = [];
const afterRun: Cleanup[] = [];

/** Runs `cleanup` when the present test has ended, however it ended. What a suite's `before` made stays until the suite itself or the run ends it. */
export function whenTestEnds(cleanup: Cleanup): void {
  afterTest.push(cleanup);
}

/** Runs `cleanup` when all tests have ended. */
export function whenRunEnds(cleanup: Cleanup): void {
  afterRun.push(cleanup);
}

/** Forgets what was due at the end of a test: a test begins, what was made before it isn't its own. */
export function testBegins(): void {
  afterTest.length = 0;
}

export function testEnds(): Promise<void> {
  return runAll(afterTest);
}

export function runEnds(): Promise<void> {
  return runAll(afterRun);
}

/** The newest first; one that fails doesn't keep the others from running. */
async function runAll(cleanups: Cleanup[]): Promise<void> {
  const failures: unknown[] = [];
  for (const cleanup of cleanups.splice(0).reverse()) {
    try {
      await cleanup();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, `cleaning up failed: ${failures.map(String).join('; ')}`);
}
