/**
 * How much a run tries: `npm run test:all` tries every combination of Node-RED's versions, themes and examples, everything else a choice.
 */

/** Set by `scripts/tests.mjs`. */
const everything = process.env.TEST_TIER === 'all';

/**
 * Returns the combinations that this run tries.
 * @param choice those of `npm test`; together the tests cover every version
 */
export function tried<Combination>(
  all: readonly Combination[],
  choice: readonly Combination[],
): readonly Combination[] {
  return everything ? all : choice;
}
