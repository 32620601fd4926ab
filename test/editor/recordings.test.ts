import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';

import { encrypt, listed, makeRecordings, type Archived } from '../recorder/archived';
import { at, temporaryFolder } from '../recorder/support';
import { openEditor, type EditorOptions } from '../support/browser';
import { config, flow, type Flow } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { CACHE } from '../support/toolchain';
import { barriers } from './barriers';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const MANY = 20_000;
const PATIENCE = { timeout: 60_000 };
const SETTINGS = { adminAuth: { type: 'credentials', users: [] } };
/** Generous: a busy machine searches too. */
const LONGEST_SEARCH_MS = 2000;
const KEY = 'k'.repeat(20);
/** Numbers of the recordings that are encrypted: with the recorder's key, with another one, and one that somebody altered. */
const ENCRYPTED = { readable: 1, foreign: 2, altered: 5 };
/** Pitches of the two sides of every recording here, in Hz. */
const PITCHES = { says: 300, hears: 800 };

const flows = (folder: string): Flow =>
  flow([
    config('recorder', 'o2g-recorder', {
      name: '',
      address: '127.0.0.1',
      bind: '127.0.0.1',
      portMin: 20_000,
      portMax: 20_100,
      folder,
      filename: '',
      format: 'g711',
      split: 'conversation',
      maxMinutes: 240,
    }),
  ]);

async function openPage(page: Page): Promise<Locator> {
  await page.evaluate(`RED.actions.invoke('o2g:show-recordings')`);
  const dialog = page.getByRole('dialog', { name: 'Recordings' });
  await dialog.waitFor(PATIENCE);
  return dialog;
}

const count = (dialog: Locator, text: string | RegExp): Promise<void> =>
  dialog.locator('.o2g-summary').filter({ hasText: text }).waitFor(PATIENCE);

const rowsOf = (dialog: Locator): Locator =>
  dialog.getByRole('listbox', { name: 'Recordings found' }).getByRole('option');

/** Where one is in the recording, in seconds. */
const position = async (dialog: Locator): Promise<number> =>
  Number(await dialog.getByRole('slider').getAttribute('aria-valuenow'));

/** The recording that is chosen is shown whole: what is known of it, its picture, how its verification ended. */
async function shown(dialog: Locator, verification = 'verified: as it was recorded'): Promise<void> {
  await dialog.getByText(verification).waitFor(PATIENCE);
  await dialog.getByText('What happened when').waitFor(PATIENCE);
}

/** Lets a test hear: what comes out of the page's mixer, by ear. Before the first sound. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(`(() => {
    const make = AudioContext.prototype.createChannelMerger;
    AudioContext.prototype.createChannelMerger = function (...args) {
      const merger = make.apply(this, args);
      const splitter = this.createChannelSplitter(2);
      merger.connect(splitter);
      window.ears = [0, 1].map((ear) => {
        const analyser = this.createAnalyser();
        analyser.smoothingTimeConstant = 0;
        splitter.connect(analyser, ear);
        // Without any input a browser leaves the last sound in it.
        const nothing = this.createConstantSource();
        nothing.offset.value = 0;
        nothing.connect(analyser);
        nothing.start();
        return analyser;
      });
      return merger;
    };
    window.pitchOf = (ear) => {
      const analyser = window.ears[ear];
      const levels = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(levels);
      const loudest = levels.indexOf(Math.max(...levels));
      return levels[loudest] < -60 ? 0 : loudest * analyser.context.sampleRate / analyser.fftSize;
    };
  })()`);
}

/** Waits until the loudest pitches of both ears are these, near enough. */
const heard = (page: Page, left: number, right: number): Promise<unknown> =>
  page.waitForFunction(
    `Math.abs(pitchOf(0) - ${left}) < 60 && Math.abs(pitchOf(1) - ${right}) < 60`,
    undefined,
    PATIENCE,
  );

describe('the recordings page', function () {
  this.timeout(300_000);
  let folder: string;
  let made: Archived[];
  let nodeRed: NodeRed;

  before(async () => {
    folder = join(await temporaryFolder(), 'recordings');
    made = await makeRecordings(folder, MANY);
    await encrypt(folder, at(made, ENCRYPTED.readable).name, KEY);
    await encrypt(folder, at(made, ENCRYPTED.foreign).name, 'of somebody else altogether');
    await encrypt(folder, at(made, ENCRYPTED.altered).name, KEY);
    await listed(folder, made.slice(0, 10));
    const altered = join(folder, `${at(made, ENCRYPTED.altered).name}.wav.enc`);
    const bytes = await readFile(altered);
    bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
    await writeFile(altered, bytes);
    await mkdir(join(CACHE, 'screenshots'), { recursive: true });
  });

  for (const [version, dark] of tried<readonly [NodeRedVersion, boolean]>(
    [
      ['4.1', false],
      ['5.0', true],
    ],
    [['5.0', true]],
  )) {
    describe(`in Node-RED ${version}, ${dark ? 'dark' : 'light'}`, () => {
      before(async () => {
        nodeRed = await startNodeRed({
          version,
          settings: SETTINGS,
          flows: flows(folder),
          credentials: { recorder: { key: KEY } },
        });
      });
      after(async () => {
        assert.ok(nodeRed.alive());
        await stopAll();
      });

      const open = async (
        options: EditorOptions = {},
      ): Promise<{ page: Page; dialog: Locator; problems: readonly string[] }> => {
        const { page, problems } = await openEditor(nodeRed, { dark, token: nodeRed.token(), ...options });
        const dialog = await openPage(page);
        await count(dialog, /^20000 found$/);
        return { page, dialog, problems };
      };

      it('finds one among 20,000 while one types, and shows only the rows in view', async () => {
        const { page, dialog, problems } = await open();
        const rows = rowsOf(dialog);
        assert.ok((await rows.count()) < 60);
        await page.evaluate('performance.clearResourceTimings()');
        await dialog.getByLabel('Other party').pressSequentially('müller');
        const named = made.filter(({ metadata }) => JSON.stringify(metadata).includes('Peter Müller'));
        await count(dialog, `${named.length} found`);
        assert.match(await rows.first().innerText(), /Peter Müller/);
        await dialog.getByLabel('Device').fill(String(at(named, 5).metadata.deviceNumber));
        await dialog.getByLabel('From', { exact: true }).fill('2026-11-19');
        await dialog.getByLabel('To', { exact: true }).fill('2026-11-20');
        await dialog.getByLabel('At least (s)').fill('13');
        await dialog.getByLabel('Alarm').selectOption('none');
        await count(dialog, /^\d+ found$/);
        await dialog.getByLabel('Call reference').fill('no such reference');
        await dialog.getByText('No recording is like that.').waitFor(PATIENCE);
        await dialog.getByRole('button', { name: 'Clear' }).click();
        await count(dialog, /^20000 found$/);
        await dialog.getByLabel('Call reference').fill('abc1f4-1');
        await count(dialog, /^1 found$/);
        const times: number[] = await page.evaluate(
          `performance.getEntriesByType('resource').filter(({ name }) => name.includes('o2g/recordings')).map(({ duration }) => Math.round(duration))`,
        );
        assert.ok(
          times.length >= 4 && Math.max(...times) < LONGEST_SEARCH_MS,
          `searches took ${times.join(', ')} ms`,
        );
        assert.deepEqual(problems, []);
      });

      it('goes on where the list ends', async () => {
        const { dialog, problems } = await open();
        const list = dialog.getByRole('listbox', { name: 'Recordings found' });
        await list.focus();
        for (let page = 1; page <= 3; page += 1) {
          const last = list.locator(`[aria-posinset="${200 * page}"]`);
          await list.press('End');
          await last.waitFor(PATIENCE);
          await list.locator(`[aria-posinset="${200 * page + 1}"]`).waitFor(PATIENCE);
        }
        assert.equal(await list.locator('[aria-posinset]').first().getAttribute('aria-setsize'), '20000');
        assert.deepEqual(problems, []);
      });

      it('plays from a chosen second, each side alone on both ears, and faster', async () => {
        const accesses = async (): Promise<number> =>
          (await readFile(join(folder, 'access.jsonl'), 'utf8').catch(() => ''))
            .split('\n')
            .filter((line) => line !== '').length;
        const before = await accesses();
        const { page, dialog, problems } = await open();
        await listen(page);
        await rowsOf(dialog).nth(3).click();
        await shown(dialog);
        assert.equal(await dialog.getByRole('slider').getAttribute('aria-valuetext'), '0:00 of 0:12');
        await dialog.getByLabel('Speed').selectOption('0.5');
        await dialog.getByRole('button', { name: 'call held' }).click();
        assert.equal(await position(dialog), 7);
        await dialog.getByRole('button', { name: 'Play' }).click();
        await heard(page, PITCHES.says, PITCHES.hears);
        const now = await position(dialog);
        assert.ok(now >= 7 && now <= 12, `${now} s`);
        await page.waitForFunction(
          `Number($('.o2g-waveform').attr('aria-valuenow')) >= 8`,
          undefined,
          PATIENCE,
        );

        await dialog.getByRole('slider').press('Home');
        await dialog.getByRole('button', { name: 'hears', exact: true }).click();
        await heard(page, PITCHES.says, PITCHES.says);
        await dialog.getByRole('slider').press('Home');
        await dialog.getByRole('button', { name: 'hears', exact: true }).click();
        await dialog.getByRole('button', { name: 'says', exact: true }).click();
        await heard(page, PITCHES.hears, PITCHES.hears);
        await dialog.getByLabel('Speed').selectOption('3');
        await page.waitForFunction(`$('.o2g-time').text() === '0:12 / 0:12'`, undefined, PATIENCE);
        await dialog.getByRole('button', { name: 'Play' }).waitFor(PATIENCE);
        assert.equal(
          await accesses(),
          before + 1,
          'one line a playback, however often somebody looks for a place',
        );
        assert.deepEqual(problems, []);
      });

      it('can be used by keys alone, from the sidebar and back to it', async () => {
        const { page, problems } = await openEditor(nodeRed, { dark, token: nodeRed.token() });
        await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
        const opener = page.getByRole('button', { name: 'Find and play recordings' });
        await opener.focus();
        await page.keyboard.press('Enter');
        const dialog = page.getByRole('dialog', { name: 'Recordings' });
        await count(dialog, /^20000 found$/);
        const focused = (): Promise<string> =>
          page.evaluate(
            `document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`,
          );
        await page.keyboard.type('7001');
        await count(dialog, /^(?!20000)\d+ found$/);
        for (let step = 0; step < 30 && (await focused()) !== 'Recordings found'; step += 1)
          await page.keyboard.press('Tab');
        assert.equal(await focused(), 'Recordings found');
        for (const key of ['ArrowDown', 'ArrowDown', 'PageDown', 'Home', 'ArrowDown', 'Enter'])
          await page.keyboard.press(key);
        await shown(dialog, 'not in the manifest');
        assert.equal(await dialog.locator('[aria-selected="true"]').getAttribute('aria-posinset'), '2');
        await page.waitForFunction(`document.activeElement.tagName === 'H3'`, undefined, PATIENCE);
        await page.keyboard.press('Tab');
        assert.equal(await focused(), 'Position in the recording');
        for (const key of ['End', 'Home', 'ArrowRight']) await page.keyboard.press(key);
        assert.equal(await position(dialog), 5);
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await page.waitForFunction(
          `Number($('.o2g-waveform').attr('aria-valuenow')) >= 7`,
          undefined,
          PATIENCE,
        );
        await page.keyboard.press('Enter');
        await dialog.getByRole('button', { name: 'Play' }).waitFor(PATIENCE);
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'hidden', ...PATIENCE });
        await opener.and(page.locator(':focus')).waitFor(PATIENCE);
        assert.deepEqual(problems, []);
      });

      it('has no barrier, with a recording open and without', async () => {
        const { page, dialog, problems } = await open();
        assert.deepEqual(await barriers(page, '.o2g-recordings'), []);
        await rowsOf(dialog).nth(7).click();
        await shown(dialog);
        await page.evaluate(`$('.o2g-recordings details').attr('open', true)`);
        await page.screenshot({ path: join(CACHE, 'screenshots', `${version} recordings.png`) });
        assert.deepEqual(await barriers(page, '.o2g-recordings'), []);
        await page.evaluate(`document.documentElement.classList.toggle('nr-theme-dark')`);
        assert.deepEqual(await barriers(page, '.o2g-recordings'), []);
        assert.deepEqual(problems, []);
      });

      it('gives the sound and the metadata to be taken away', async () => {
        const { page, dialog, problems } = await open();
        await rowsOf(dialog).nth(4).click();
        await shown(dialog);
        const { name } = at(made, 4);
        for (const [button, extension] of [
          ['Download sound', '.wav'],
          ['Download metadata', '.json'],
        ] as const) {
          const [download] = await Promise.all([
            page.waitForEvent('download', PATIENCE),
            dialog.getByRole('button', { name: button }).click(),
          ]);
          assert.equal(download.suggestedFilename(), `${name.replace(/^.*\//, '')}${extension}`);
          assert.deepEqual(
            await readFile(await download.path()),
            await readFile(join(folder, name + extension)),
          );
        }
        assert.deepEqual(problems, []);
      });

      it('plays what is encrypted from a chosen second; says so when the key is another or the file was altered, and plays no noise', async () => {
        const { page, dialog } = await open();
        await listen(page);
        await rowsOf(dialog).nth(ENCRYPTED.readable).click();
        await shown(dialog);
        await dialog.getByRole('button', { name: 'call held' }).click();
        await dialog.getByRole('button', { name: 'Play' }).click();
        await heard(page, PITCHES.says, PITCHES.hears);
        const now = await position(dialog);
        assert.ok(now >= 7, `${now} s`);
        for (const [number, sentence] of [
          [ENCRYPTED.foreign, "It is encrypted with a key that this recorder doesn't have."],
          [ENCRYPTED.altered, "It was altered and can't be deciphered."],
        ] as const) {
          await rowsOf(dialog).nth(number).click();
          await dialog.getByRole('alert').filter({ hasText: sentence }).waitFor(PATIENCE);
        }
        await dialog.getByText('altered: ').waitFor(PATIENCE);
        await rowsOf(dialog).nth(ENCRYPTED.foreign).click();
        await dialog.getByRole('alert').filter({ hasText: 'a key that this recorder' }).waitFor(PATIENCE);
        await dialog.getByRole('button', { name: 'Play' }).click();
        await dialog.getByRole('alert').filter({ hasText: 'a key that this recorder' }).waitFor(PATIENCE);
        await dialog.getByRole('button', { name: 'Play' }).waitFor(PATIENCE);
        assert.equal(await position(dialog), 0);
        await heard(page, 0, 0);
      });

      it("isn't there for who lacks the permission", async () => {
        const { page, problems } = await openEditor(nodeRed, { dark, token: nodeRed.token('read') });
        const asked: string[] = [];
        page.on('request', (request) => {
          if (request.url().includes('o2g/recordings')) asked.push(request.url());
        });
        await page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
        await page.locator('.o2g-sidebar').waitFor(PATIENCE);
        assert.equal(await page.getByRole('button', { name: 'Find and play recordings' }).count(), 0);
        await page.evaluate(`RED.actions.invoke('o2g:show-recordings')`);
        await page
          .locator('.red-ui-notification')
          .filter({ hasText: 'you need the permission o2g.recordings' })
          .waitFor(PATIENCE);
        assert.deepEqual([asked, await page.getByRole('dialog').count()], [[], 0]);
        assert.deepEqual(problems, []);
      });
    });
  }
});
