import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

import { openEditor } from '../support/browser';
import { config, node, type FlowNode } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { CACHE } from '../support/toolchain';
import { cancel, openConfigForm, openForm, overflowing, put, untranslated } from './editing';

const SCREENSHOTS = join(CACHE, 'screenshots');

const CONFIGS = [
  config('a-server', 'o2g-server', {
    name: '',
    url: 'https://o2g.example.com',
    secondaryUrl: 'https://o2g2.example.com',
    access: 'typed',
    eventPort: '8016',
    application: 'Recording',
    timeout: 10,
    offlineWait: 10,
    supervisedType: 'LOGIN_NAME',
  }),
  config('a-link', 'o2g-link', {
    name: '',
    server: 'a-server',
    oxeNode: '7',
    devices: '70000-70099, 70120',
    recorder: 'NICE',
    secured: '',
    onStop: 'close',
  }),
];

/** Each node with something in every field that its form can show. */
const NODES: FlowNode[] = [
  node('of-events', 'o2g-events', {
    server: 'a-server',
    snapshot: true,
    dynamic: true,
    inputs: 1,
    selectors: [
      { names: ['telephony', 'OnCtiLinkDown'], ids: [] },
      { names: ['OnSomethingNew'], ids: ['oxe70120', 'oxe70121'] },
    ],
  }),
  node('of-calls', 'o2g-calls', { devices: '70000-70099, 70120', changes: ['started', 'ended'] }),
  node('of-monitor', 'o2g-monitor', {
    link: 'a-link',
    action: 'start',
    deviceNumber: '70000-70099, 70120',
    deviceNumberType: 'str',
  }),
  node('of-record-ip', 'o2g-record', {
    link: 'a-link',
    action: 'start',
    mode: 'ip',
    deviceNumber: 'payload.device',
    deviceNumberType: 'msg',
    ipRecorderAddr: '192.0.2.10',
    ipRecorderAddrType: 'str',
    sentFlowPort: '20000',
    sentFlowPortType: 'num',
    receivedFlowPort: '70000',
    receivedFlowPortType: 'num',
  }),
  node('of-record-tdm', 'o2g-record', {
    link: 'a-link',
    action: 'start',
    mode: 'tdm',
    deviceNumber: '70120',
    deviceNumberType: 'str',
    crystal: '2',
    board: '0',
    timeslot: '10',
  }),
  node('of-record-stop', 'o2g-record', { link: 'a-link', action: 'stop', mode: 'ip', name: 'all of them' }),
  node('of-beep', 'o2g-beep', {
    link: 'a-link',
    action: 'start',
    tone: '25',
    toneType: 'num',
    presenceDuration: '20',
    silenceDuration: '15',
  }),
  node('of-status-any', 'o2g-status', { server: 'a-server', query: '' }),
  node('of-status-logins', 'o2g-status', {
    server: 'a-server',
    query: 'logins',
    nodeIds: '7, 8',
    nodeIdsType: 'str',
    onlyACD: 'true',
    onlyACDType: 'bool',
  }),
].map((each, index) => ({ ...each, x: 260, y: 80 + 60 * index }));

/** Contrast of every text of the form against what is behind it, by WCAG 2; those below 4.5 are returned. */
function faint(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
      for (let each = element; each; each = each.parentElement) {
        const [r, g, b, a = 1] = rgb(getComputedStyle(each).backgroundColor);
        if (a === 1) return [r, g, b];
      }
      return [255, 255, 255];
    };
    const ownText = (element) => [...element.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim() !== '');
    return [...document.querySelectorAll('.red-ui-tray .o2g-form *')].filter((element) => element.offsetParent !== null && ownText(element)).flatMap((element) => {
      const [one, two] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
      const contrast = (one + 0.05) / (two + 0.05);
      return contrast < 4.5 ? [element.textContent.trim() + ' ' + contrast.toFixed(2)] : [];
    });
  })()`);
}

for (const [version, dark] of [
  ['4.1', false],
  ['5.0', false],
  ['5.0', true],
] as const) {
  describe(`the look in Node-RED ${version}, ${dark ? 'dark' : 'light'}`, function () {
    this.timeout(120_000);
    let nodeRed: NodeRed;
    const picture = (name: string): string =>
      join(SCREENSHOTS, `${version} ${dark ? 'dark' : 'light'} ${name}.png`);

    before(async () => {
      await mkdir(SCREENSHOTS, { recursive: true });
      nodeRed = await startNodeRed({ version });
    });
    after(stopAll);

    it('the palette and the nodes on the tab', async () => {
      const { page, problems } = await openEditor(nodeRed, { dark });
      await put(page, [...CONFIGS, ...NODES]);
      await page.locator('#red-ui-palette-search input').pressSequentially('o2g');
      const labels = page.locator('.red-ui-palette-node:visible .red-ui-palette-label');
      await page.waitForFunction(`$('.red-ui-palette-node:visible').length === 6`);
      assert.deepEqual((await labels.allInnerTexts()).sort(), [
        'o2g beep',
        'o2g calls',
        'o2g events',
        'o2g monitor',
        'o2g record',
        'o2g status',
      ]);
      await page.waitForFunction(
        '[...document.querySelectorAll(".red-ui-palette-node[data-palette-type^=o2g] .red-ui-palette-icon")].every((icon) => getComputedStyle(icon).backgroundImage.includes("o2g-"))',
      );
      await page.screenshot({ path: picture('palette') });
      assert.deepEqual(problems, []);
    });

    it('every form fits, is readable and says everything in words', async () => {
      const { page, problems } = await openEditor(nodeRed, { dark });
      await put(page, [...CONFIGS, ...NODES]);
      const look = async (id: string, open: () => Promise<unknown>): Promise<void> => {
        await open();
        await page.evaluate(`$('.red-ui-tray details').attr('open', true)`);
        await page.screenshot({ path: picture(id) });
        assert.deepEqual(
          {
            id,
            untranslated: await untranslated(page),
            overflowing: await overflowing(page),
            faint: await faint(page),
          },
          { id, untranslated: [], overflowing: [], faint: [] },
        );
        await cancel(page);
      };
      for (const { id, type } of CONFIGS) await look(id, () => openConfigForm(page, type, id));
      for (const { id } of NODES) await look(id, () => openForm(page, id));
      assert.deepEqual(problems, []);
    });

    it('the help of every node', async () => {
      const { page, problems } = await openEditor(nodeRed, { dark });
      // High enough for the longest page to be seen whole.
      await page.setViewportSize({ width: 1200, height: 2800 });
      for (const type of [...CONFIGS, ...NODES]
        .map((each) => each.type)
        .filter((each, index, all) => all.indexOf(each) === index)) {
        await page.evaluate(`RED.sidebar.help.show('${type}')`);
        const help = page.locator('.red-ui-help:visible');
        await help.getByRole('heading', { name: 'References' }).waitFor();
        const { headings, raw, wide }: { headings: string[]; raw: string; wide: string[] } =
          await page.evaluate(`({
          wide: $('.red-ui-help:visible *').toArray().filter((each) => each.getBoundingClientRect().right > $('.red-ui-help:visible')[0].getBoundingClientRect().right + 1).map((each) => each.textContent),
          headings: $('.red-ui-help:visible h3').toArray().map((heading) => heading.textContent),
          raw: $('.red-ui-help:visible').text(),
        })`);
        assert.deepEqual(headings, ['Inputs', 'Outputs', 'Details', 'References']);
        assert.deepEqual(wide, [], type);
        assert.doesNotMatch(raw, /^: |\*\w|\]\(|`/m, `${type}: help that was not understood as markdown`);
        await page.screenshot({ path: picture(`help of ${type}`) });
      }
      assert.deepEqual(problems, []);
    });
  });
}
