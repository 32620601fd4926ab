/**
 * The sidebar with thousands of devices of which hundreds change each second: how long a key takes from the keyboard to the painted frame, and whether
 * the page grows. A real Node-RED, a real browser, calls of the simulator.
 */
import type { CDPSession, Page } from 'playwright-core';
import { startSimulator, type CallHandle } from '../simulator';
import type { Simulator } from '../simulator/simulator-api';
import { openEditor } from '../test/support/browser';
import { flow, node, o2gLink, o2gServer } from '../test/support/flow';
import { startNodeRed } from '../test/support/node-red';
import { quantile, type Figure, type Part } from './measure';

interface Size {
  readonly devices: number;
  /** A device that gets into a call, or out of it, is one. */
  readonly changesPerSecond: number;
  readonly minutes: number;
  readonly secondsAMinute: number;
}

const FULL: Size = { devices: 5000, changesPerSecond: 200, minutes: 10, secondsAMinute: 60 };
const TINY: Size = { devices: 50, changesPerSecond: 20, minutes: 1, secondsAMinute: 3 };

const FIRST = 70_000;
const PATIENCE = { timeoutMs: 120_000 };
/** Calls begin and end so often, several at a time. */
const STEP_MS = 50;
/** Faster than people type. */
const KEY_EVERY_MS = 150;
/** Each makes the list another one: of all, of a thousand, of a hundred, of ten, and back. */
const KEYS = ['7', '1', '2', '3', 'Backspace', 'Backspace', 'Backspace', 'Backspace'];

export async function sidebar(tiny: boolean): Promise<Part[]> {
  const size = tiny ? TINY : FULL;
  const range = `${FIRST}-${FIRST + size.devices - 1}`;
  const oxe = await startSimulator({ devices: [range] });
  const red = await startNodeRed({
    flows: flow([
      o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password }),
      o2gLink({ oxeNode: '7', devices: range }),
      node(
        'events',
        'o2g-events',
        { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], snapshot: false, dynamic: false },
        null,
        null,
      ),
    ]),
  });
  await oxe.once(() => oxe.monitored(7).length === size.devices && oxe.channelCount() === 1, PATIENCE);
  const { page, close } = await openSidebar(red);
  const changes = changeAlways(oxe, size);
  try {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Performance.enable');
    const figures: Figure[] = [];
    for (let minute = 1; minute <= size.minutes; minute += 1)
      figures.push(await typeFor(page, cdp, minute * size.secondsAMinute, size.secondsAMinute, changes));
    return [
      {
        title: `${size.devices} devices, ${size.changesPerSecond} changes a second (a key in the search field to the painted frame)`,
        rounds: 1,
        figures,
      },
    ];
  } finally {
    await changes.stop();
    await close();
    await red.stop();
    await oxe.close();
  }
}

/** @returns the page, in which each key's way to the frame that shows what it did is timed from now on */
async function openSidebar(
  red: Parameters<typeof openEditor>[0],
): Promise<{ page: Page; close: () => Promise<void> }> {
  const editor = await openEditor(red);
  const { page } = editor;
  await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
  await page.locator('.o2g-device').first().waitFor({ timeout: PATIENCE.timeoutMs });
  await page.locator('.o2g-tools input').focus();
  // The time of the event is when the browser got the key: waiting for a busy page counts too. What is posted in a frame comes when it is painted.
  await page.evaluate(`
    window.took = [];
    document.addEventListener('keydown', ({ timeStamp }) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => { window.took.push(performance.now() - timeStamp); };
        port2.postMessage('painted');
      });
    }, true);
  `);
  return { page, close: () => editor.close() };
}

interface Changes {
  /** So many so far. */
  count(): number;
  /** Ends all calls. */
  stop(): Promise<void>;
}

/** One device after the other gets into a call, and out of it some seconds later. */
function changeAlways(oxe: Simulator, { devices, changesPerSecond }: Size): Changes {
  const calls: CallHandle[] = [];
  const pending = new Set<Promise<unknown>>();
  const began = performance.now();
  let index = 0;
  let ended = 0;
  const end = (call: CallHandle | undefined): void => {
    if (!call) return;
    ended += 1;
    const ending = call.hangUp().finally(() => pending.delete(ending));
    pending.add(ending);
  };
  const timer = setInterval(() => {
    // As many as are due by now: a busy machine makes up for it.
    const due = ((performance.now() - began) / 1000) * (changesPerSecond / 2);
    for (; index < due; index += 1) {
      calls.push(oxe.call({ from: '0390670000', to: String(FIRST + (index % devices)) }));
      if (calls.length > devices / 5) end(calls.shift());
    }
  }, STEP_MS);
  return {
    count: () => index + ended,
    async stop() {
      clearInterval(timer);
      for (const call of calls.splice(0)) end(call);
      await Promise.all(pending);
    },
  };
}

/** Types for so many seconds, then counts what the page holds. */
async function typeFor(
  page: Page,
  cdp: CDPSession,
  at: number,
  seconds: number,
  changes: Changes,
): Promise<Figure> {
  const [began, before] = [performance.now(), changes.count()];
  await page.evaluate('window.took.length = 0');
  for (let key = 0; performance.now() < began + seconds * 1000; key += 1) {
    await page.keyboard.press(KEYS[key % KEYS.length] ?? '7');
    await page.waitForTimeout(KEY_EVERY_MS);
  }
  const perSecond = (changes.count() - before) / ((performance.now() - began) / 1000);
  const took: number[] = await page.evaluate('window.took');
  await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? NaN;
  return {
    name: `after ${at} s`,
    median: {
      'changes/s': perSecond,
      p50Ms: quantile(took, 0.5),
      p99Ms: quantile(took, 0.99),
      heapMb: of('JSHeapUsedSize') / 1e6,
      nodes: of('Nodes'),
      listeners: of('JSEventListeners'),
    },
    ratio: {},
  };
}
