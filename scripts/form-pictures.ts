/**
 * The picture of every form and of the sidebar, for docs/forms.md and for our own eyes: light and dark, Node-RED 4.1 and 5.0. The fields hold what a
 * user would have, a call is being recorded, and each picture is cut to what it shows.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startSimulator } from '../simulator';
import type { Simulator } from '../simulator/simulator-api';
import { cancel, openConfigForm, openForm } from '../test/editor/editing';
import { openEditor } from '../test/support/browser';
import { config, flow, node, o2gLink, o2gServer, type Flow } from '../test/support/flow';
import { startNodeRed } from '../test/support/node-red';
import { packageDir, ROOT, THEME_VERSION, type NodeRedVersion } from '../test/support/toolchain';

/** So high that no form has to be scrolled. */
const WINDOW = { width: 1400, height: 1600 };
/** Node-RED 5.0 gives a panel half of it. */
const SIDEBAR_WINDOW = { width: 1400, height: 1000 };
/** Of WebP: text stays clear, a picture has some 20 kB. */
const QUALITY = 80;
const PATIENCE = { timeout: 30_000 };

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Look {
  readonly version: NodeRedVersion;
  readonly dark: boolean;
}

interface Form {
  /** Of the file. */
  readonly name: string;
  readonly id: string;
  /** Of a configuration node. */
  readonly config?: string;
  /** What is done before the picture is taken. */
  readonly before?: (page: Page) => Promise<void>;
}

const FORMS: readonly Form[] = [
  { name: 'o2g-server', id: 'server', config: 'o2g-server', before: unfold },
  { name: 'test-connection', id: 'server', config: 'o2g-server', before: tryConnection },
  { name: 'o2g-link', id: 'link', config: 'o2g-link', before: unfold },
  { name: 'o2g-recorder', id: 'files', config: 'o2g-recorder', before: unfold },
  { name: 'o2g-events', id: 'events' },
  { name: 'o2g-calls', id: 'calls' },
  { name: 'o2g-monitor', id: 'monitor' },
  { name: 'o2g-record', id: 'record' },
  { name: 'o2g-record-ip', id: 'record-ip' },
  { name: 'o2g-record-tdm', id: 'record-tdm' },
  { name: 'o2g-beep', id: 'beep' },
  { name: 'o2g-status', id: 'status' },
];

function flows(oxe: Simulator): Flow {
  const selectors = [
    { names: ['telephony'], ids: [] },
    { names: ['OnCtiLinkDown', 'OnCtiLinkUp'], ids: [] },
  ];
  return flow([
    o2gServer({
      url: oxe.url,
      name: 'O2G of Brest',
      login: oxe.login,
      password: oxe.password,
      delivery: 'chunk',
      timeout: 10,
      offlineWait: 10,
      lifetime: 0,
      supervisedType: 'LOGIN_NAME',
    }),
    o2gLink({
      oxeNode: '7',
      name: 'Sales',
      devices: '70000-70009, 79999',
      record: '70000-70003',
      media: 'files',
    }),
    config('files', 'o2g-recorder', {
      name: 'Recordings',
      address: '127.0.0.1',
      portMin: 20000,
      portMax: 29999,
      folder: 'recordings',
      filename: '{{deviceNumber}}/{{startedAt}}-{{id}}',
      format: 'g711',
      split: 'conversation',
      maxMinutes: 240,
    }),
    node(
      'events',
      'o2g-events',
      { server: 'server', selectors, snapshot: true, dynamic: false },
      'calls',
      null,
    ),
    node('calls', 'o2g-calls', { devices: '70000-70009', changes: ['started', 'answered', 'ended'] }, null),
    node(
      'monitor',
      'o2g-monitor',
      { link: 'link', action: 'start', deviceNumber: 'payload.device', deviceNumberType: 'msg' },
      null,
    ),
    node(
      'record',
      'o2g-record',
      {
        link: 'link',
        action: 'start',
        recorder: 'files',
        mode: 'ip',
        deviceNumber: '70004',
        deviceNumberType: 'str',
      },
      null,
      null,
    ),
    node(
      'record-ip',
      'o2g-record',
      {
        link: 'link',
        action: 'start',
        mode: 'ip',
        deviceNumber: '70120',
        deviceNumberType: 'str',
        ipRecorderAddr: '192.0.2.10',
        ipRecorderAddrType: 'str',
        sentFlowPort: '20000',
        sentFlowPortType: 'num',
        receivedFlowPort: '20002',
        receivedFlowPortType: 'num',
      },
      null,
      null,
    ),
    node(
      'record-tdm',
      'o2g-record',
      {
        link: 'link',
        action: 'start',
        mode: 'tdm',
        deviceNumber: '70120',
        deviceNumberType: 'str',
        crystal: '2',
        crystalType: 'num',
        board: '0',
        boardType: 'num',
        timeslot: '10',
        timeslotType: 'num',
      },
      null,
      null,
    ),
    node(
      'beep',
      'o2g-beep',
      {
        link: 'link',
        action: 'start',
        deviceNumber: '70120',
        deviceNumberType: 'str',
        tone: '25',
        toneType: 'num',
        presenceDuration: '20',
        silenceDuration: '15',
      },
      null,
    ),
    node(
      'status',
      'o2g-status',
      {
        server: 'server',
        query: 'logins',
        nodeIds: '7, 8',
        nodeIdsType: 'str',
        onlyACD: 'true',
        onlyACDType: 'bool',
      },
      null,
    ),
  ]);
}

async function unfold(page: Page): Promise<void> {
  await page.evaluate(`$('.red-ui-tray details').attr('open', true)`);
}

async function tryConnection(page: Page): Promise<void> {
  await page.locator('.o2g-trial-start').click();
  await page.locator('.o2g-trial li').nth(9).waitFor(PATIENCE);
  await page.locator('.o2g-trial-start:enabled').waitFor(PATIENCE);
  // A button under the pointer looks different.
  await page.mouse.move(0, 0);
}

/** Node-RED 4.1 has no dark theme of its own; the collection that most of its users take has one. */
function settingsOf({ version, dark }: Look): Record<string, unknown> {
  if (version === '5.0' || !dark) return {};
  const nodesDir = [
    ROOT,
    join(ROOT, 'test', 'support', 'probe'),
    packageDir('@node-red-contrib-themes/theme-collection', THEME_VERSION),
  ];
  return { nodesDir, editorTheme: { tours: false, projects: { enabled: false }, theme: 'dark' } };
}

/** WebP is a third of PNG; Playwright doesn't make it, the browser does. */
async function picture(page: Page, box: Box, file: string): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  const { data } = await cdp.send('Page.captureScreenshot', {
    format: 'webp',
    quality: QUALITY,
    clip: { ...box, scale: 1 },
  });
  await cdp.detach();
  await writeFile(file, Buffer.from(data, 'base64'));
}

async function boxOf(page: Page, selector: string): Promise<Box> {
  const box = await page.locator(selector).boundingBox();
  if (!box) throw new Error(`nothing like ${selector} is to be seen`);
  return box;
}

/** From the buttons at its top to the last of its fields: what is below is empty. */
async function formBox(page: Page): Promise<Box> {
  const [header, form] = [
    await boxOf(page, '.red-ui-tray-header'),
    await boxOf(page, '.red-ui-tray .o2g-form'),
  ];
  return { ...header, height: form.y + form.height + 16 - header.y };
}

async function takeForms(page: Page, path: (name: string) => string): Promise<void> {
  for (const { name, id, config: type, before } of FORMS) {
    await (type === undefined ? openForm(page, id) : openConfigForm(page, type, id));
    await before?.(page);
    await picture(page, await formBox(page), path(name));
    await cancel(page);
  }
}

/** Node-RED 5.0 shows two panels, one below the other: ours gets the most of it, as by a user who draws at what is between them. */
async function makeHigh(page: Page): Promise<void> {
  await page.evaluate(
    `$('.o2g-sidebar').closest('.red-ui-sidebar-section').outerHeight(${SIDEBAR_WINDOW.height - 160})`,
  );
}

async function takeSidebar(page: Page, file: string): Promise<void> {
  await page.setViewportSize(SIDEBAR_WINDOW);
  await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
  const panel = page.locator('.o2g-sidebar');
  await makeHigh(page);
  // The device that the OXE doesn't know, the call, what is heard of it, the OXE node.
  for (const there of ['.o2g-device.o2g-lacking', '.o2g-in-call', '.o2g-meter[aria-valuetext$="dB"]'])
    await panel.locator(there).first().waitFor(PATIENCE);
  await panel.getByText(/^OXE 7 /).waitFor(PATIENCE);
  await picture(page, await boxOf(page, '.o2g-sidebar'), file);
}

async function take(oxe: Simulator, look: Look, folder: string): Promise<void> {
  const red = await startNodeRed({ version: look.version, flows: flows(oxe), settings: settingsOf(look) });
  await oxe.once(() => oxe.recorded(7).length === 4 && oxe.channelCount() === 1, { timeoutMs: 30_000 });
  const call = oxe.call({ from: '0390670000', to: '70000' });
  await call.answered();
  const editor = await openEditor(red, { dark: look.dark });
  const { page } = editor;
  await page.setViewportSize(WINDOW);
  const path = (name: string): string =>
    join(folder, `${name}-${look.version}-${look.dark ? 'dark' : 'light'}.webp`);
  await takeForms(page, path);
  await takeSidebar(page, path('sidebar'));
  await editor.close();
  await call.hangUp();
  await red.stop();
}

/** Takes all of them, one look after the other, into a folder that holds nothing else. */
export async function takeFormPictures(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const oxe = await startSimulator({ devices: ['70000-70120'] });
  for (const version of ['4.1', '5.0'] as const)
    for (const dark of [false, true]) await take(oxe, { version, dark }, folder);
  await oxe.close();
}
