import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';

import { openEditor, type Editor } from '../support/browser';
import { flow, o2gServer } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { cancel, field, fill, openConfigForm, untranslated } from './editing';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

/** Presses the button and waits until all steps of a site are told. @returns the words of each */
async function outcomesOf(form: Locator): Promise<string[]> {
  await form.getByRole('button', { name: 'Test connection' }).click();
  await form.locator('.o2g-trial li').nth(9).waitFor({ timeout: 30_000 });
  return form.locator('.o2g-trial li').allInnerTexts();
}

for (const version of tried<NodeRedVersion>(['4.1', '5.0'], ['5.0'])) {
  describe(`"Test connection" in Node-RED ${version}`, function () {
    this.timeout(90_000);
    let oxe: Simulator;
    let nodeRed: NodeRed;
    let editor: Editor;

    before(async () => {
      oxe = await startSimulator({ devices: ['70000-70009'] });
      nodeRed = await startNodeRed({
        version,
        settings: { adminAuth: { type: 'credentials', users: [] } },
        flows: flow([o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password })]),
      });
    });
    beforeEach(async () => {
      editor = await openEditor(nodeRed, { token: nodeRed.token() });
    });
    after(async () => {
      await stopAll();
      assert.deepEqual([oxe.sessions(), oxe.subscriptions(), oxe.violations()], [[], [], []]);
      await oxe.close();
    });

    it('tells each step in words; with the stored password, then with a wrong one that was typed', async () => {
      const form = await openConfigForm(editor.page, 'o2g-server', 'server');
      const good = await outcomesOf(form);
      assert.equal(good.filter((line) => /\bok\b/.test(line)).length, 7, good.join('\n'));
      assert.match(good.join('\n'), /Event channel ok\s+127\.0\.0\.1:\d+/);
      await fill(form, 'Password', 'wrong');
      const logins = oxe.logins().length;
      const bad = await outcomesOf(form);
      assert.match(
        bad.join('\n'),
        /Login failed\s+O2G refuses the login or the password\. It was tried once/,
      );
      assert.equal(bad.filter((line) => line.includes('not reached')).length, 4);
      assert.equal(oxe.logins().length, logins + 1);
      assert.deepEqual(await untranslated(editor.page), []);
      assert.deepEqual(editor.problems, []);
    });

    it('closing the form gives up, and nothing stays behind', async () => {
      oxe.answerNext({ path: '/system/status', hang: true });
      const form = await openConfigForm(editor.page, 'o2g-server', 'server');
      await form.getByRole('button', { name: 'Test connection' }).click();
      await form.locator('.o2g-trial li', { hasText: 'Event channel' }).waitFor();
      assert.equal(await form.getByRole('button', { name: 'Test connection' }).isDisabled(), true);
      await cancel(editor.page);
      await oxe.once(() => oxe.sessions().length === 0);
      assert.deepEqual(editor.problems, []);
    });

    it('an address that is none is told in place of the steps', async () => {
      const form = await openConfigForm(editor.page, 'o2g-server', 'server');
      await fill(form, 'Address', 'o2g.example.com');
      await form.getByRole('button', { name: 'Test connection' }).click();
      await form.locator('.o2g-trial li', { hasText: 'url: "o2g.example.com" is refused' }).waitFor();
      assert.equal(await field(form, 'Address').inputValue(), 'o2g.example.com');
    });
  });
}
