import type { AxeResults } from 'axe-core';
import { source } from 'axe-core';
import type { Page } from 'playwright-core';

/** What keeps people from using a part of the page, as axe sees it: serious and critical violations of ours, not of Node-RED's own widgets. */
export async function barriers(page: Page, part: string): Promise<string[]> {
  await page.evaluate(source);
  const { violations }: AxeResults = await page.evaluate(
    `axe.run(${JSON.stringify(part)}, { resultTypes: ['violations'] })`,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, target }) => `${id}: ${target.join(' ')} ${html.slice(0, 200)}`),
    );
}
