import assert from 'node:assert/strict';

import { openEditor } from '../support/browser';
import { flow, node, o2gLink, o2gServer, type FlowNode } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { barriers } from './barriers';
import { cancel, openConfigForm, openForm } from './editing';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const NODES: FlowNode[] = [
  node(
    'an-events',
    'o2g-events',
    {
      server: 'server',
      selectors: [
        { names: ['telephony'], ids: [] },
        { names: ['OnSomethingNew'], ids: ['oxe70120'] },
      ],
      inputs: 0,
    },
    [],
    [],
  ),
  node('a-monitor', 'o2g-monitor', {
    link: 'link',
    action: 'start',
    deviceNumber: '70000',
    deviceNumberType: 'str',
  }),
  node('a-record', 'o2g-record', {
    link: 'link',
    action: 'start',
    mode: 'ip',
    deviceNumber: '70000',
    deviceNumberType: 'str',
  }),
  node('a-beep', 'o2g-beep', { link: 'link', action: 'start', tone: '25', toneType: 'num' }),
  node('a-status', 'o2g-status', { server: 'server', query: '' }),
];

for (const [version, dark] of tried<readonly [NodeRedVersion, boolean]>(
  [
    ['4.1', false],
    ['5.0', false],
    ['5.0', true],
  ],
  [['5.0', true]],
)) {
  describe(`accessibility in Node-RED ${version}, ${dark ? 'dark' : 'light'}`, function () {
    this.timeout(120_000);
    let oxe: Simulator;
    let nodeRed: NodeRed;

    before(async () => {
      oxe = await startSimulator({ devices: ['70000-70099'] });
      nodeRed = await startNodeRed({
        version,
        flows: flow([
          o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password }),
          o2gLink({ oxeNode: '7', devices: '70000-70099, 99999' }),
          NODES,
        ]),
      });
    });
    after(async () => {
      await stopAll();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    it('no form has a serious barrier, folds open', async () => {
      const { page } = await openEditor(nodeRed, { dark });
      const found: Record<string, string[]> = {};
      const look = async (id: string): Promise<void> => {
        await page.evaluate(`$('.red-ui-tray details').attr('open', true)`);
        found[id] = await barriers(page, '.red-ui-tray .o2g-form');
        await cancel(page);
      };
      for (const [type, id] of [
        ['o2g-server', 'server'],
        ['o2g-link', 'link'],
      ] as const) {
        await openConfigForm(page, type, id);
        await look(id);
      }
      for (const { id } of NODES) {
        await openForm(page, id);
        await look(id);
      }
      assert.deepEqual(Object.values(found).flat(), []);
    });

    it('nor has the sidebar, with devices that are lacking and after a connection test', async () => {
      const { page } = await openEditor(nodeRed, { dark });
      await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
      await page.locator('.o2g-sidebar .o2g-summary', { hasText: '1 of 101' }).waitFor({ timeout: 30_000 });
      await page.locator('.o2g-sidebar [role="listitem"]').nth(3).waitFor();
      await page.evaluate(`$('.o2g-sidebar details').attr('open', true)`);
      assert.deepEqual(await barriers(page, '.o2g-sidebar'), []);
      const form = await openConfigForm(page, 'o2g-server', 'server');
      await form.getByRole('button', { name: 'Test connection' }).click();
      await form.locator('.o2g-trial li').nth(9).waitFor({ timeout: 30_000 });
      assert.deepEqual(await barriers(page, '.red-ui-tray .o2g-form'), []);
      await cancel(page);
    });
  });
}
