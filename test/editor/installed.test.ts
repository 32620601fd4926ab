import assert from 'node:assert/strict';

import { openEditor } from '../support/browser';
import { startNodeRed } from '../support/node-red';
import { manifest, userDirWithPalette } from '../support/tarball';
import { done, drag, openForm } from './editing';

/** npm answers within minutes even on a slow line. */
const INSTALL_MS = 300_000;

describe('the editor of a Node-RED into which the tarball was installed', function () {
  this.timeout(INSTALL_MS);

  it('knows every type and opens a form: all that the forms load is in the tarball', async () => {
    const editor = await openEditor(
      await startNodeRed({ palette: { tarballUserDir: await userDirWithPalette(20) } }),
    );
    const types = Object.keys((await manifest())['node-red'].nodes);
    assert.deepEqual(
      await editor.page.evaluate(`${JSON.stringify(types)}.filter((type) => !RED.nodes.getType(type))`),
      [],
    );
    await openForm(editor.page, await drag(editor.page, 'o2g-record'));
    await done(editor.page);
    assert.deepEqual(editor.problems, []);
  });
});
