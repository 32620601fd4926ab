/** Makes the pictures of the documentation from the real editor: `npm run screenshots`, after a build. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSimulator } from '../simulator';
import { openEditor } from '../test/support/browser';
import { runEnds } from '../test/support/cleanup';
import type { Flow } from '../test/support/flow';
import { startNodeRed } from '../test/support/node-red';

const ROOT = join(__dirname, '..');
const IMAGES = join(ROOT, 'docs', 'images');

async function main(): Promise<void> {
  await mkdir(IMAGES, { recursive: true });
  const oxe = await startSimulator({ devices: ['70000-70099'] });
  const example = (await readFile(join(ROOT, 'examples', '01 Record a call.json'), 'utf8')).replaceAll('http://127.0.0.1:8080', oxe.url);
  const flows = (JSON.parse(example) as Flow).map((each) => (
    each.type === 'o2g-server' ? { ...each, credentials: { login: oxe.login, password: oxe.password } } : each
  ));
  const red = await startNodeRed({ version: '5.0', flows });
  await oxe.once(() => oxe.monitored(7).length === 10);
  const editor = await openEditor(red);
  const { page } = editor;
  await page.setViewportSize({ width: 1500, height: 620 });
  const call = oxe.call({ from: '0390670000', to: '70000' });
  await call.answered();
  await oxe.once(() => oxe.recorded(7).length === 1);
  await page.getByText('70000', { exact: true }).first().waitFor();
  await page.screenshot({ path: join(IMAGES, 'editor.png') });
  await editor.close();
  await red.stop();
  await oxe.close();
  await runEnds();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
