import { chromium, type Browser, type Page } from 'playwright-core';

import { whenRunEnds, whenTestEnds } from './cleanup';
import type { NodeRed } from './node-red';
import { chromiumBinary, prepared } from './toolchain';

/** Node-RED's editor in a real browser. */
export interface Editor {
  readonly page: Page;
  /** What the page threw or printed as an error, and its own resources that failed to load. A good editor leaves it empty. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

export interface EditorOptions {
  /** `en-US` by default. */
  locale?: string;
  /** Node-RED 5's dark theme; 4.1 has none and looks the same. */
  dark?: boolean;
  /** For a Node-RED with `adminAuth`: `nodeRed.token(…)`. */
  token?: string;
}

/** The probe's type is there when the palette is, and a tab is active when the flows are. */
const READY =
  'window.RED && RED.nodes && RED.nodes.getType("probe-out") && RED.workspaces && RED.workspaces.active()';
const VIEWPORT = { width: 1400, height: 900 };

let shared: Promise<Browser> | undefined;

/** Opens the editor and waits until its flows and palette are there. Closed when the test ends. */
export async function openEditor(
  nodeRed: NodeRed,
  { locale = 'en-US', dark = false, token }: EditorOptions = {},
): Promise<Editor> {
  shared ??= launch();
  const context = await (
    await shared
  ).newContext({ locale, viewport: VIEWPORT, colorScheme: dark ? 'dark' : 'light' });
  const page = await context.newPage();
  const editor = { page, problems: watch(page), close: () => context.close() };
  whenTestEnds(editor.close);
  // The editor takes the token as it is written in the address, without decoding it.
  await page.goto(token === undefined ? nodeRed.url : `${nodeRed.url}/?access_token=${token}`);
  await page.waitForFunction(READY);
  if (dark) await page.evaluate('document.documentElement.classList.add("nr-theme-dark")');
  return editor;
}

/** One browser for the whole run: each editor has a context of its own in it. */
async function launch(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: prepared(chromiumBinary()),
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  whenRunEnds(() => browser.close());
  return browser;
}

function watch(page: Page): string[] {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (line) => {
    if (line.type() === 'error') problems.push(`${line.text()} ${line.location().url}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  return problems;
}
