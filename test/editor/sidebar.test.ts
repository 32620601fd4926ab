import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';

import { openEditor } from '../support/browser';
import { flow, node, o2gLink, o2gServer, probeIn, probeOut, type Flow } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { CACHE } from '../support/toolchain';
import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const SETTINGS = { adminAuth: { type: 'credentials', users: [] } };
const PATIENCE = { timeout: 30_000 };
/** Enough that a page which shows all of them would be slow, few enough to be monitored in a moment. */
const MANY = '70000-72999';

function flows(oxe: Simulator, devices: string): Flow {
  return flow([
    o2gServer({ url: oxe.url, name: 'O2G of Brest', login: oxe.login, password: oxe.password }),
    o2gLink({ oxeNode: '7', name: 'Sales', devices }),
    probeIn('in', 'record'),
    node(
      'record',
      'o2g-record',
      {
        link: 'link',
        action: 'start',
        mode: 'ip',
        ipRecorderAddr: '127.0.0.1',
        sentFlowPort: '9',
        receivedFlowPort: '11',
      },
      'out',
      [],
    ),
    probeOut('out'),
  ]);
}

async function openSidebar(page: Page): Promise<Locator> {
  await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
  const sidebar = page.locator('.o2g-sidebar');
  await sidebar.waitFor();
  return sidebar;
}

/** Waits until the line at the top says this. */
async function summary(sidebar: Locator, text: string | RegExp): Promise<void> {
  await sidebar.locator('.o2g-summary').filter({ hasText: text }).waitFor(PATIENCE);
}

const rowOf = (sidebar: Locator, device: string): Locator =>
  sidebar.getByRole('listitem').filter({ has: sidebar.page().getByText(device, { exact: true }) });

for (const version of tried<NodeRedVersion>(['4.1', '5.0'], ['5.0'])) {
  describe(`the sidebar in Node-RED ${version}`, function () {
    this.timeout(120_000);
    let oxe: Simulator;
    let nodeRed: NodeRed;

    const start = async (devices: string): Promise<void> => {
      oxe = await startSimulator({ devices: [MANY, '73000'] });
      nodeRed = await startNodeRed({ version, settings: SETTINGS, flows: flows(oxe, devices) });
    };
    afterEach(async () => {
      assert.ok(nodeRed.alive());
      await stopAll();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    it('shows what is not as desired first, and follows calls, recordings and losses by itself', async () => {
      await start('70000-70009, 99999');
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const sidebar = await openSidebar(page);
      await summary(sidebar, '1 of 11 devices are not as desired.');
      const first = sidebar.getByRole('listitem').first();
      await first.filter({ hasText: /99999\s*not monitored/ }).waitFor(PATIENCE);
      assert.match(await first.locator('.o2g-told').innerText(), /NOT_FOUND.*\(since /);

      await sidebar.getByText(/^Last event heard: /).waitFor(PATIENCE);
      await sidebar.getByText('OXE 7 oxe-7: CTI link to the main call server, DR links: 1').waitFor(PATIENCE);
      assert.match(
        await sidebar.locator('.o2g-server').innerText(),
        /O2G of Brest\s+connected.*\s+Site: 127\.0\.0\.1:\d+/,
      );
      assert.match(await sidebar.locator('.o2g-link').innerText(), /Sales \(7\)\s+registered/);

      const call = oxe.call({ from: '0390670000', to: '70003' });
      await rowOf(sidebar, '70003').filter({ hasText: 'in a call' }).waitFor(PATIENCE);
      await call.answered();
      nodeRed.inject('in', { payload: '70003' });
      await rowOf(sidebar, '70003').filter({ hasText: 'recorded' }).waitFor(PATIENCE);
      await sidebar.getByLabel('Which devices').selectOption('recorded');
      await sidebar
        .getByRole('listitem')
        .nth(1)
        .waitFor({ state: 'detached', ...PATIENCE });
      await sidebar.getByLabel('Which devices').selectOption('all');

      await call.hangUp();
      await rowOf(sidebar, '70003')
        .filter({ hasText: 'in a call' })
        .waitFor({ state: 'detached', ...PATIENCE });

      oxe.ctiLinkDown(7, { loseLinks: true });
      await sidebar.getByText('OXE 7 oxe-7: no CTI link').waitFor(PATIENCE);
      await sidebar.getByText('Recent errors').click();
      await sidebar
        .getByText(/99999: .*NOT_FOUND/)
        .last()
        .waitFor(PATIENCE);
      assert.deepEqual(problems, []);
    });

    it('finds a device among thousands, of which only those in view are in the page', async () => {
      await start(MANY);
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const sidebar = await openSidebar(page);
      await summary(sidebar, 'All 3000 devices are as desired.');
      assert.ok((await sidebar.getByRole('listitem').count()) < 60);
      await page.evaluate(`$('.o2g-list').scrollTop(1e9)`);
      await rowOf(sidebar, '72999').waitFor(PATIENCE);
      await sidebar.getByLabel('search devices').fill('oxe71234');
      await rowOf(sidebar, '71234').waitFor(PATIENCE);
      assert.equal(await sidebar.getByRole('listitem').count(), 1);
      await mkdir(join(CACHE, 'screenshots'), { recursive: true });
      await sidebar.getByLabel('search devices').fill('');
      await page.screenshot({ path: join(CACHE, 'screenshots', `${version} sidebar.png`) });
      assert.deepEqual(problems, []);
    });

    it('stops a recording and compares a link after a question, for those who may', async () => {
      await start('70000-70009');
      nodeRed.inject('in', { payload: '70003' });
      await oxe.once(() => oxe.recorded(7).length === 1);
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const sidebar = await openSidebar(page);
      await summary(sidebar, 'All 10 devices are as desired.');
      const answer = async (name: string): Promise<void> => {
        await page.getByRole('button', { name, exact: true }).click();
        await page.locator('.red-ui-notification').waitFor({ state: 'detached', ...PATIENCE });
      };
      await sidebar.getByRole('button', { name: 'stop recording 70003' }).click();
      await answer('Yes');
      await oxe.once(() => oxe.recorded(7).length === 0);
      await sidebar.getByRole('button', { name: 'stop monitoring 70003' }).waitFor(PATIENCE);

      oxe.clearRequests();
      await sidebar.getByRole('button', { name: 'compare Sales with the OXE now' }).click();
      await answer('Cancel');
      await sidebar.getByRole('button', { name: 'compare Sales with the OXE now' }).click();
      await answer('Yes');
      await oxe.once(() =>
        oxe.requests().some(({ method, path }) => method === 'GET' && path.endsWith('/iprecord/7/link')),
      );
      assert.deepEqual(problems, []);
    });

    it('loses no click on what changes while the mouse is down', async () => {
      await start('70000-70009');
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const sidebar = await openSidebar(page);
      await summary(sidebar, 'All 10 devices are as desired.');
      const clicked = async (name: string, device: string): Promise<void> => {
        await sidebar.getByRole('button', { name }).hover();
        await page.mouse.down();
        const changed = page.waitForResponse(
          (response) => response.url().includes('/o2g/overview'),
          PATIENCE,
        );
        oxe.call({ from: '0390670000', to: device });
        await (await changed).finished();
        await page.evaluate(
          'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
        );
        await page.mouse.up();
        await page.getByRole('button', { name: 'Cancel', exact: true }).click(PATIENCE);
        await page.locator('.red-ui-notification').waitFor({ state: 'detached', ...PATIENCE });
        await rowOf(sidebar, device).filter({ hasText: 'in a call' }).waitFor(PATIENCE);
      };
      await clicked('stop monitoring 70004', '70004');
      await clicked('compare Sales with the OXE now', '70005');
      assert.deepEqual(problems, []);
    });

    it('gives those who may act a support bundle, with numbers when they are asked for', async () => {
      await start('70000-70009');
      const { page, problems } = await openEditor(nodeRed, { token: nodeRed.token() });
      const sidebar = await openSidebar(page);
      await summary(sidebar, 'All 10 devices are as desired.');
      await sidebar.getByText('Support', { exact: true }).click();
      const download = async (): Promise<string> => {
        const [file] = await Promise.all([
          page.waitForEvent('download', PATIENCE),
          sidebar.getByRole('button', { name: 'Download' }).click(),
        ]);
        assert.match(file.suggestedFilename(), /^o2g-support-\d{12}\.json$/);
        return readFile(await file.path(), 'utf8');
      };
      const masked = await download();
      assert.ok(masked.includes('"registered"') && !/7000\d|Sales|127\.0\.0\.1/.test(masked), masked);
      await sidebar.getByLabel('with numbers, logins, names and addresses').check();
      await sidebar.locator('button:enabled', { hasText: 'Download' }).waitFor(PATIENCE);
      const whole = await download();
      assert.ok(
        whole.includes('70000-70009') && whole.includes('Sales') && !whole.includes(oxe.password),
        whole,
      );
      assert.deepEqual(problems, []);
    });

    it('shows nothing without o2g.read, no buttons without o2g.write; comms say only that something changed', async () => {
      await start('70000-70009');
      await oxe.once(() => oxe.monitored(7).length === 10);
      const status = async (path: string, method: string, permissions: string): Promise<number> =>
        (
          await nodeRed.admin(path, {
            method,
            headers: { authorization: permissions === '' ? '' : `Bearer ${nodeRed.token(permissions)}` },
          })
        ).status;
      assert.deepEqual(
        await Promise.all(
          ['', 'flows.read', 'o2g.write', 'o2g.read', 'read'].map((permissions) =>
            status('/o2g/overview', 'GET', permissions),
          ),
        ),
        [401, 403, 403, 200, 200],
      );
      assert.deepEqual(
        await Promise.all(
          ['', 'o2g.read', 'read', 'o2g.write'].map((permissions) =>
            status('/o2g/links/link/audit', 'POST', permissions),
          ),
        ),
        [401, 403, 403, 204],
      );
      assert.deepEqual(
        await Promise.all(
          [
            '/o2g/links/server/audit',
            '/o2g/links/link/unregister',
            '/o2g/links/link/stopMonitor?device=70500',
          ].map((path) => status(path, 'POST', '*')),
        ),
        [400, 400, 400],
      );

      // One token cannot carry several permissions here: `read` is all that end in .read.
      const reader = await openEditor(nodeRed, { token: nodeRed.token('read') });
      const seen = await openSidebar(reader.page);
      await summary(seen, 'All 10 devices are as desired.');
      assert.equal(await seen.locator('button').count(), 0);
      const answer = await (await nodeRed.admin('/o2g/overview')).text();
      assert.match(answer, /70003/);
      for (const secret of [
        oxe.password,
        ...oxe.sessions().map(({ cookie }) => cookie),
        ...oxe.subscriptions().map(({ id }) => id),
      ])
        assert.ok(!answer.includes(secret));
    });

    it('comms bring no number, and nothing is asked while nobody looks', async () => {
      await start('70000-70009');
      await oxe.once(() => oxe.monitored(7).length === 10);
      const { page } = await openEditor(nodeRed, { token: nodeRed.token() });
      const asked: string[] = [];
      page.on('request', (request) => {
        if (request.url().includes('/o2g/')) asked.push(request.url());
      });
      await page.evaluate(`RED.sidebar.show('info')`);
      const [socket] = await Promise.all([page.waitForEvent('websocket', PATIENCE), page.reload()]);
      const frames: string[] = [];
      socket.on('framereceived', ({ payload }) => frames.push(String(payload)));
      const changed = (): Promise<unknown> =>
        socket.waitForEvent('framereceived', {
          predicate: ({ payload }) => String(payload).includes('"o2g/changed"'),
          ...PATIENCE,
        });
      await page.waitForFunction(
        'window.RED && RED.nodes && RED.nodes.getType("probe-out") && RED.workspaces && RED.workspaces.active()',
      );
      asked.length = 0;
      const first = changed();
      const call = oxe.call({ from: '0390670000', to: '70003' });
      await call.answered();
      await first;
      const second = changed();
      await call.hangUp();
      await second;
      const told = frames
        .flatMap((frame) => JSON.parse(frame) as { topic: string; data: object }[])
        .filter(({ topic }) => topic === 'o2g/changed');
      for (const { data } of told) assert.deepEqual(Object.keys(data), ['revision']);
      assert.equal(await page.evaluate(`$('.o2g-sidebar').is(':visible')`), false);
      assert.deepEqual(asked, []);
    });
  });
}
