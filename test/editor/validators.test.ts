import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';

import { openEditor, type Editor } from '../support/browser';
import { config, node, type FlowNode } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import { chooseType, field, fill, openConfigForm, openForm, put, refusals } from './editing';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const SERVER = config('a-server', 'o2g-server', {
  name: 'O2G',
  url: 'https://o2g.example.com',
  timeout: 10,
  offlineWait: 10,
});

function onTab(id: string, type: string, properties: Record<string, unknown>): FlowNode {
  return { ...node(id, type, properties), x: 300, y: 200 };
}

/** What the editor says when the pointer rests on a field. */
async function tooltipOf(page: Page, form: Locator, label: string): Promise<string> {
  await page.mouse.move(0, 0);
  await page.locator('.red-ui-popover').waitFor({ state: 'detached' });
  await field(form, label).hover();
  const popover = page.locator('.red-ui-popover:visible');
  await popover.waitFor();
  return popover.innerText();
}

/** Whether a field is shown as refused: the field itself, or the box of a typed input around it. */
async function isRefused(form: Locator, label: string): Promise<boolean> {
  return (
    (await field(form, label).locator('xpath=ancestor-or-self::*[contains(@class, "input-error")]').count()) >
    0
  );
}

for (const version of tried<NodeRedVersion>(['4.1', '5.0'], ['5.0'])) {
  describe(`validators in Node-RED ${version}`, function () {
    this.timeout(60_000);
    let nodeRed: NodeRed;
    let editor: Editor;

    before(async () => {
      nodeRed = await startNodeRed({ version });
    });
    after(stopAll);
    beforeEach(async () => {
      editor = await openEditor(nodeRed);
    });

    it('tell field, value and rule of a plain field, and take an environment variable', async () => {
      const { page } = editor;
      await put(page, [SERVER]);
      const form = await openConfigForm(page, 'o2g-server', 'a-server');
      assert.equal(await isRefused(form, 'Address'), false);
      await fill(form, 'Address', 'o2g.example.com/api');
      assert.equal(await isRefused(form, 'Address'), true);
      assert.equal(
        await tooltipOf(page, form, 'Address'),
        'Address: "o2g.example.com/api" must be an address such as https://o2g.example.com:8443, without a path',
      );
      await fill(form, 'Address', '');
      assert.equal(await tooltipOf(page, form, 'Address'), 'Address: a value is needed');
      await fill(form, 'Address', '${O2G_URL}');
      assert.equal(await isRefused(form, 'Address'), false);
    });

    it('tell it of a typed input too, while one types and when the form is opened again', async () => {
      const { page } = editor;
      await put(page, [onTab('a-beep', 'o2g-beep', { action: 'start', tone: '99', toneType: 'num' })]);
      const form = await openForm(page, 'a-beep');
      assert.equal(await isRefused(form, 'Tone'), true);
      assert.equal(await tooltipOf(page, form, 'Tone'), 'Tone: "99" must be a whole number from 21 to 30');
      await fill(form, 'Tone', '25');
      assert.equal(await isRefused(form, 'Tone'), false);
      await fill(form, 'Pause', '256');
      assert.equal(await tooltipOf(page, form, 'Pause'), 'Pause: "256" must be a whole number from 0 to 255');
      await fill(form, 'Pause', '${PAUSE}');
      assert.equal(await isRefused(form, 'Pause'), false);
      await fill(form, 'Pause', '');
      assert.equal(await isRefused(form, 'Pause'), false);
      await chooseType(page, form, 'Pause', 'msg.');
      await fill(form, 'Pause', 'payload[');
      assert.equal(await isRefused(form, 'Pause'), true);
      await fill(form, 'Pause', 'payload.pause');
      assert.equal(await isRefused(form, 'Pause'), false);
    });

    it('look at the second port again when the first one changes', async () => {
      const { page } = editor;
      await put(page, [onTab('a-record', 'o2g-record', { action: 'start', mode: 'ip' })]);
      const form = await openForm(page, 'a-record');
      await fill(form, 'Port, sent flow', '20000');
      await fill(form, 'Port, received flow', '20000');
      assert.equal(
        await tooltipOf(page, form, 'Port, received flow'),
        'Port, received flow: "20000" must be another port than that of the sent flow',
      );
      await fill(form, 'Port, sent flow', '20002');
      assert.equal(await isRefused(form, 'Port, received flow'), false);
    });

    it('make a node invalid in words, and only for what its mode and action use', async () => {
      const { page } = editor;
      const properties = {
        action: 'start',
        mode: 'ip',
        deviceNumber: '70099-70000',
        deviceNumberType: 'str',
        ipRecorderAddr: 'recorder',
        ipRecorderAddrType: 'str',
        timeslot: '31',
        timeslotType: 'num',
      };
      await put(page, [
        onTab('in-ip', 'o2g-record', properties),
        onTab('in-tdm', 'o2g-record', { ...properties, mode: 'tdm' }),
        onTab('to-stop', 'o2g-record', { ...properties, action: 'stop' }),
        onTab('from-environment', 'o2g-record', {
          action: '${ACTION}',
          mode: 'ip',
          deviceNumber: '${DEVICES}',
          ipRecorderAddr: '${RECORDER}',
          sentFlowPort: '${PORT}',
        }),
        onTab('no-event', 'o2g-events', { server: 'a-server', selectors: [{ names: [], ids: [] }] }),
        SERVER,
      ]);
      const device =
        'Device: "70099-70000" must be directory numbers or ranges of them, such as 70000-70099, 70120';
      assert.deepEqual(await refusals(page, 'in-ip'), [
        device,
        'Recorder address: "recorder" must be an IPv4 address such as 192.0.2.10',
      ]);
      assert.deepEqual(await refusals(page, 'in-tdm'), [
        device,
        'Time slot: "31" must be a whole number from 1 to 30',
      ]);
      assert.deepEqual(await refusals(page, 'to-stop'), [device]);
      assert.deepEqual(await refusals(page, 'from-environment'), []);
      assert.deepEqual(await refusals(page, 'no-event'), [
        'Selection: every row needs the name of an event or of an event package',
      ]);
    });

    it('open the fold that hides what they refuse, and no other', async () => {
      const { page } = editor;
      await put(page, [{ ...SERVER, eventPort: '70000' }]);
      const form = await openConfigForm(page, 'o2g-server', 'a-server');
      assert.equal(await field(form, 'Event port').isVisible(), true);
      assert.equal(await field(form, 'Application').isVisible(), false);
      assert.equal(
        await tooltipOf(page, form, 'Event port'),
        'Event port: "70000" must be a whole number from 1 to 65535',
      );
    });
  });
}
