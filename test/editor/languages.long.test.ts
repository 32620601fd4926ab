import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { openEditor } from '../support/browser';
import { config, flow, node, o2gLink, o2gServer, type FlowNode } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { CACHE } from '../support/toolchain';
import { cancel, openConfigForm, openForm, overflowing, untranslated, wrapped } from './editing';

/** Nothing listens there. */
const URL = 'http://127.0.0.1:9';

/** One for each way in which events come: each shows other fields. */
const CONFIGS: FlowNode[] = [
  o2gServer({ url: URL }),
  o2gServer({ url: URL, delivery: 'webhook', webhookUrl: 'http://127.0.0.1:1880' }, 'server-webhook'),
  o2gServer({ url: URL, delivery: 'tunnel' }, 'server-tunnel'),
  o2gLink({ oxeNode: '7' }),
  config('recorder', 'o2g-recorder', { address: '127.0.0.1', folder: 'recordings' }),
];

const NODES: FlowNode[] = [
  node(
    'an-events',
    'o2g-events',
    { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], inputs: 0 },
    [],
    [],
  ),
  node('a-calls', 'o2g-calls', {}),
  node('a-monitor', 'o2g-monitor', { link: 'link', action: 'start' }),
  node('a-record', 'o2g-record', { link: 'link', action: 'start', mode: 'ip' }),
  node('a-record-tdm', 'o2g-record', { link: 'link', action: 'start', mode: 'tdm' }),
  node('a-record-pause', 'o2g-record', { link: 'link', action: 'pause' }),
  node('a-beep', 'o2g-beep', { link: 'link', action: 'start' }),
  node('a-status', 'o2g-status', { server: 'server', query: '' }),
];

/** A word of the form of o2g-server, the headings of a help text, and the sidebar without a device, in each language. */
const LANGUAGES = {
  'fr-FR': {
    trial: 'Tester la connexion',
    headings: ['Entrées', 'Sorties', 'Détails', 'Références'],
    summary: "Aucun poste n'est à superviser.",
  },
  'de-DE': {
    trial: 'Verbindung testen',
    headings: ['Eingänge', 'Ausgänge', 'Details', 'Referenzen'],
    summary: 'Kein Endgerät ist zu überwachen.',
  },
} as const;

for (const version of ['4.1', '5.0'] as const) {
  for (const [locale, words] of Object.entries(LANGUAGES)) {
    describe(`the editor of Node-RED ${version} in ${locale}`, function () {
      this.timeout(120_000);
      let nodeRed: NodeRed;

      before(async () => {
        await mkdir(join(CACHE, 'screenshots'), { recursive: true });
        // Nothing connects: the flow is about words only.
        nodeRed = await startNodeRed({ version, flows: flow([CONFIGS, NODES]) });
      });
      after(stopAll);

      it('says everything in its language, and every form fits', async () => {
        const { page } = await openEditor(nodeRed, { locale });
        const look = async (id: string): Promise<void> => {
          await page.evaluate(`$('.red-ui-tray details').attr('open', true)`);
          await page.screenshot({ path: join(CACHE, 'screenshots', `${version} ${locale} ${id}.png`) });
          const wrong = {
            untranslated: await untranslated(page),
            overflowing: await overflowing(page),
            wrapped: await wrapped(page),
          };
          assert.deepEqual({ id, ...wrong }, { id, untranslated: [], overflowing: [], wrapped: [] });
          await cancel(page);
        };
        for (const { id, type } of CONFIGS) {
          const form = await openConfigForm(page, type, id);
          if (id === 'server') await form.getByRole('button', { name: words.trial }).waitFor();
          await look(id);
        }
        for (const { id } of NODES) {
          await openForm(page, id);
          await look(id);
        }
      });

      it('has its help and its sidebar', async () => {
        const { page } = await openEditor(nodeRed, { locale });
        await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
        await page.locator('.o2g-sidebar .o2g-summary', { hasText: words.summary }).waitFor();
        for (const type of [...new Set([...CONFIGS, ...NODES].map((each) => each.type))]) {
          await page.evaluate(`RED.sidebar.help.show('${type}')`);
          const help = page.locator('.red-ui-help:visible').first();
          await help.getByRole('heading', { name: words.headings[3] }).waitFor();
          assert.deepEqual(
            await help.getByRole('heading', { level: 3 }).allInnerTexts(),
            words.headings,
            type,
          );
          assert.doesNotMatch(
            await help.innerText(),
            /^: |\*\w|\]\(|`/m,
            `${type}: help that was not understood as markdown`,
          );
        }
      });
    });
  }
}
