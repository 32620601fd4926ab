import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

import { openEditor, type Editor } from '../support/browser';
import { flow } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { CACHE, ROOT } from '../support/toolchain';
import { clickRow } from './editing';
import { tried } from '../support/tier';

const SCREENSHOTS = join(CACHE, 'screenshots');
const NAMES = readdirSync(join(ROOT, 'examples'))
  .map((file) => file.replace(/\.json$/, ''))
  .sort();

async function importFromMenu(page: Page, name: string): Promise<void> {
  await page.locator('#red-ui-header-button-sidemenu').click();
  await page.locator('#menu-item-import').click();
  const dialog = page.locator('.ui-dialog:visible');
  await dialog.locator('a[href="#red-ui-clipboard-dialog-import-tab-examples"]').click();
  const tree = dialog.locator('#red-ui-clipboard-dialog-import-tab-examples');
  await clickRow(page, tree, '@o2g/node-red-recording');
  await clickRow(page, tree, name);
  await dialog.locator('#red-ui-clipboard-dialog-ok').click();
  // Every example brings its own tab, beside the empty one.
  await page.waitForFunction('RED.workspaces.count() === 2');
}

/** Presses Deploy and waits until the editor says that it is done; a question before it (something is not configured, or unused) never ends here. */
async function deploy(page: Page): Promise<void> {
  await page.locator('#red-ui-header-button-deploy').click();
  await page.locator('.red-ui-notification', { hasText: 'Successfully deployed' }).waitFor();
}

/** The example's own tab, without what covers it while the editor tells of the deploy. */
async function showTab(page: Page, name: string): Promise<void> {
  await page.locator('#red-ui-header-button-deploy.disabled').waitFor();
  await page.evaluate(`$('.red-ui-notification').remove()`);
  await page.locator('.red-ui-tab-label', { hasText: name.slice(3) }).click();
  await page.locator('.red-ui-flow-node').first().waitFor();
  await page.locator('#red-ui-palette-shade, #red-ui-sidebar-shade').first().waitFor({ state: 'hidden' });
}

/** The main job, a policy with HTTP nodes, and the one with most nodes. */
const CHOICE = ['01 Record a call', '22 Policy on demand', '14 Upload finished recordings'];

function countByType(nodes: readonly { type: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of nodes) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

for (const version of ['4.1', '5.0'] as const) {
  describe(`examples in Node-RED ${version}`, function () {
    this.timeout(120_000);
    let nodeRed: NodeRed;
    let editor: Editor;

    before(async () => {
      await mkdir(SCREENSHOTS, { recursive: true });
      nodeRed = await startNodeRed({ version });
    });
    after(stopAll);
    // An empty tab for each: what one example deployed would be deployed again with the next.
    beforeEach(async () => {
      await nodeRed.deploy(flow([]));
      editor = await openEditor(nodeRed);
    });

    for (const name of tried(NAMES, CHOICE)) {
      it(`"${name}" is imported from the menu and deployed without a question or an error`, async () => {
        const { page } = editor;
        await importFromMenu(page, name);
        assert.deepEqual(
          await page.evaluate(
            '[...RED.nodes.filterNodes({}), ...Object.values(RED.nodes.createCompleteNodeSet())].filter((node) => node.valid === false).map(({ type }) => type)',
          ),
          [],
        );
        const file = JSON.parse(await readFile(join(ROOT, 'examples', `${name}.json`), 'utf8')) as {
          type: string;
        }[];
        const workspace: { type: string }[] = await page.evaluate(
          'RED.nodes.createCompleteNodeSet({ credentials: false })',
        );
        assert.deepEqual(countByType(workspace), { ...countByType(file), tab: 2 });
        await deploy(page);
        await showTab(page, name);
        await page.screenshot({ path: join(SCREENSHOTS, `${version} example ${name}.png`) });
        assert.deepEqual(editor.problems, []);
        assert.ok(nodeRed.alive());
      });
    }
  });
}
