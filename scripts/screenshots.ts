/** Makes the pictures of the documentation from the real editor: `npm run screenshots`, after a build. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSimulator } from '../simulator';
import type { Simulator } from '../simulator/simulator-api';
import { takeRecordingsPicture } from './recordings-picture';
import { openEditor } from '../test/support/browser';
import { runEnds } from '../test/support/cleanup';
import type { Flow } from '../test/support/flow';
import { startNodeRed } from '../test/support/node-red';
import { takeFormPictures } from './form-pictures';

const ROOT = join(__dirname, '..');
const IMAGES = join(ROOT, 'docs', 'images');
/** On a busy machine. */
const PATIENCE = { timeoutMs: 30_000 };

/** The sidebar with a device that the OXE doesn't know, and one in a call that is recorded. Node-RED 4.1 gives it the whole height. */
async function sidebar(flows: Flow, oxe: Simulator): Promise<void> {
  const red = await startNodeRed({
    flows: flows.map((each) =>
      each.type === 'o2g-link' ? { ...each, devices: '70000-70009, 79999' } : each,
    ),
  });
  const editor = await openEditor(red);
  await editor.page.setViewportSize({ width: 1500, height: 620 });
  await editor.page.evaluate(`RED.sidebar.show('o2g-sidebar')`);
  const panel = editor.page.locator('.o2g-sidebar');
  await panel.getByText('79999').first().waitFor();
  const call = oxe.call({ from: '0390670000', to: '70000' });
  await call.answered();
  for (const text of ['in a call', 'recorded', /^OXE 7 oxe/]) await panel.getByText(text).last().waitFor();
  await panel.screenshot({ path: join(IMAGES, 'sidebar.png') });
  await editor.close();
  await red.stop();
}

async function main(): Promise<void> {
  await mkdir(IMAGES, { recursive: true });
  await takeRecordingsPicture(IMAGES);
  const oxe = await startSimulator({ devices: ['70000-70099'] });
  const example = (await readFile(join(ROOT, 'examples', '01 Record a call.json'), 'utf8')).replaceAll(
    'http://127.0.0.1:8080',
    oxe.url,
  );
  const flows = (JSON.parse(example) as Flow).map((each) =>
    each.type === 'o2g-server'
      ? { ...each, credentials: { login: oxe.login, password: oxe.password } }
      : each,
  );
  const red = await startNodeRed({ version: '5.0', flows });
  await oxe.once(() => oxe.monitored(7).length === 10 && oxe.channelCount() === 1, PATIENCE);
  const editor = await openEditor(red);
  const { page } = editor;
  await page.setViewportSize({ width: 1500, height: 620 });
  const call = oxe.call({ from: '0390670000', to: '70000' });
  await call.answered();
  await oxe.once(() => oxe.recorded(7).length === 1, PATIENCE);
  await page.getByText('70000', { exact: true }).first().waitFor();
  await page.screenshot({ path: join(IMAGES, 'editor.png') });
  await editor.close();
  await red.stop();
  await call.hangUp();
  await sidebar(flows, oxe);
  await oxe.close();
  await takeFormPictures(join(IMAGES, 'forms'));
  await runEnds();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
