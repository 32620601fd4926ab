/** The picture of the recordings page: a day's recordings in a folder of its own, one of them open. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listed, makeRecordings } from '../test/recorder/archived';
import { openEditor } from '../test/support/browser';
import { config, flow } from '../test/support/flow';
import { startNodeRed } from '../test/support/node-red';

/** Of those that have an alarm. */
const OPEN = 7;

export async function takeRecordingsPicture(images: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'recordings-'));
  await listed(folder, await makeRecordings(folder, 1200));
  const red = await startNodeRed({
    version: '5.0',
    flows: flow([config('recorder', 'o2g-recorder', { name: '', address: '127.0.0.1', folder })]),
  });
  const editor = await openEditor(red);
  const { page } = editor;
  await page.setViewportSize({ width: 1400, height: 820 });
  await page.evaluate(`RED.actions.invoke('o2g:show-recordings')`);
  const dialog = page.locator('.o2g-recordings');
  await dialog.getByText('1200 found').waitFor();
  await dialog.locator('[role="option"]').nth(OPEN).click();
  await dialog.getByText('verified: as it was recorded').waitFor();
  await dialog.getByRole('button', { name: 'call held' }).click();
  await dialog.screenshot({ path: join(images, 'recordings.png') });
  await editor.close();
  await red.stop();
  await rm(folder, { recursive: true });
}
