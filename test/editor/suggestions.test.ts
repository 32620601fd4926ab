import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';

import { openEditor } from '../support/browser';
import { config, flow, node, o2gLink, o2gServer } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { chooseType, done, exported, field, openConfigForm, openForm } from './editing';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const SETTINGS = { adminAuth: { type: 'credentials', users: [] } };

/** Types key by key, as completion needs it, and waits until the menu answers the last one: its first row is what was typed. @returns the rows */
async function typed(page: Page, input: Locator, text: string): Promise<string[]> {
  await input.fill('');
  await input.pressSequentially(text);
  const menu = page.locator('.red-ui-autoComplete-container:visible');
  const part = /[^,\s]*$/.exec(text)?.[0] ?? '';
  await menu.locator('li:first-child').getByText(part, { exact: true }).waitFor();
  await menu.locator('li').nth(1).waitFor();
  return menu.locator('li').allInnerTexts();
}

for (const version of tried<NodeRedVersion>(['4.1', '5.0'], ['4.1'])) {
  describe(`suggestions in Node-RED ${version}`, function () {
    this.timeout(90_000);
    let oxe: Simulator;
    let nodeRed: NodeRed;

    before(async () => {
      oxe = await startSimulator({ nodes: [7, 8], devices: ['70000-70009', '70120', '8:81000-81009'] });
      nodeRed = await startNodeRed({
        version,
        settings: SETTINGS,
        flows: flow([
          o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password }),
          o2gLink({ oxeNode: '7', devices: '70000-70009' }),
          node('monitor', 'o2g-monitor', {
            link: 'link',
            action: 'start',
            deviceNumber: '',
            deviceNumberType: 'str',
          }),
          node(
            'events',
            'o2g-events',
            { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], inputs: 0 },
            [],
            [],
          ),
          config('idle', 'o2g-server', { url: oxe.url }),
        ]),
      });
      await oxe.once(() => oxe.monitored(7).length === 10);
    });
    after(async () => {
      await stopAll();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    it('devices and OXE nodes of the live server, in a list too, and whatever else is typed', async () => {
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const monitor = await openForm(page, 'monitor');
      const device = field(monitor, 'Device');
      assert.deepEqual(await typed(page, device, '7000'), [
        '7000',
        ...Array.from({ length: 10 }, (_, index) => `7000${index}`),
      ]);
      await page.locator('.red-ui-autoComplete-container:visible li', { hasText: '70003' }).click();
      assert.equal(await device.inputValue(), '70003');
      await device.press('End');
      assert.deepEqual((await typed(page, device, '70003, 70007-70009, 7000')).slice(0, 2), [
        '7000',
        '70000',
      ]);
      await device.press('Tab');
      assert.equal(await device.inputValue(), '70003, 70007-70009, 7000', 'what was typed stays');
      await done(page);
      assert.equal((await exported(page, 'monitor')).deviceNumber, '70003, 70007-70009, 7000');

      const link = await openConfigForm(page, 'o2g-link', 'link');
      assert.deepEqual(await typed(page, field(link, 'OXE node'), 'oxe'), ['oxe', '7 oxe-7', '8 oxe-8']);
      await page.locator('.red-ui-autoComplete-container:visible li', { hasText: '8 oxe-8' }).click();
      assert.equal(await field(link, 'OXE node').inputValue(), '8');
      assert.deepEqual(problems, []);
    });

    it('users of the live server, and events by name', async () => {
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const form = await openForm(page, 'events');
      assert.deepEqual((await typed(page, field(form, 'Users'), 'oxe7000')).slice(0, 3), [
        'oxe7000',
        'oxe70000',
        'oxe70001',
      ]);
      await page.keyboard.press('Escape');
      await chooseType(page, form, 'Events', 'text');
      assert.deepEqual(await typed(page, field(form, 'Events'), 'OnCti'), [
        'OnCti',
        'OnCtiLinkDown',
        'OnCtiLinkUp',
      ]);
      assert.deepEqual(problems, []);
    });

    it("need a permission; a server that isn't connected, or nothing that is known, suggests nothing", async () => {
      const get = async (path: string, permissions: string): Promise<unknown> => {
        const response = await nodeRed.admin(`/o2g/suggestions/${path}`, {
          headers:
            permissions === ''
              ? { authorization: '' }
              : { authorization: `Bearer ${nodeRed.token(permissions)}` },
        });
        return response.ok ? response.json() : response.status;
      };
      assert.deepEqual(
        [await get('devices?of=link', ''), await get('devices?of=link', 'flows.read')],
        [401, 403],
      );
      assert.equal(((await get('devices?of=link', 'o2g.read')) as unknown[]).length, 10);
      assert.equal(((await get('devices', 'read')) as unknown[]).length, 10);
      assert.deepEqual(
        [
          await get('nodes?of=idle', '*'),
          await get('users?of=nowhere', '*'),
          await get('constructor?of=server', '*'),
        ],
        [[], [], []],
      );
    });
  });
}
