/** All checks of the repository's files. */
import { CATALOG_CHECKS } from './catalogs';
import { CHANGELOG_CHECKS } from './changelog';
import { DOCUMENT_CHECKS } from './docs';
import { EXAMPLE_CHECKS } from './examples';
import { FORM_CHECKS } from './forms';
import { LOCALE_CHECKS } from './locales';
import { findingsOf, type Check, type Files } from './repository';

export const CHECKS: readonly Check[] = [
  ...FORM_CHECKS,
  ...CATALOG_CHECKS,
  ...LOCALE_CHECKS,
  ...EXAMPLE_CHECKS,
  ...DOCUMENT_CHECKS,
  ...CHANGELOG_CHECKS,
];

/** Returns a line for each finding; what stops several checks is told once. */
export function lint(files: Files): string[] {
  const lines = CHECKS.flatMap((check) => findingsOf(check, files)).map(
    ({ file, problem }) => `${file}: ${problem}`,
  );
  return [...new Set(lines)];
}
