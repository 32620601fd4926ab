import assert from 'node:assert/strict';

import { openEditor, type Editor } from '../support/browser';
import { config, node, type FlowNode } from '../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../support/node-red';
import {
  addBeside,
  chooseType,
  clickRow,
  configsOf,
  done,
  drag,
  exported,
  field,
  fill,
  openConfigForm,
  openForm,
  put,
  refusals,
  untranslated,
} from './editing';
import { tried } from '../support/tier';
import type { NodeRedVersion } from '../support/toolchain';

const SERVER = config('a-server', 'o2g-server', {
  name: 'O2G',
  url: 'https://o2g.example.com',
  access: 'typed',
  application: 'Node-RED',
  timeout: 10,
  offlineWait: 10,
});
const LINK = config('a-link', 'o2g-link', {
  name: 'OXE 7',
  server: 'a-server',
  oxeNode: '7',
  devices: '70000-70009',
  recorder: 'OTHER',
  secured: '',
  onStop: 'close',
});

/** The properties of the palette, without those that every node has. */
function own(exportedNode: FlowNode): Record<string, unknown> {
  const common = ['id', 'type', 'z', 'x', 'y', 'wires'];
  return Object.fromEntries(
    Object.entries(exportedNode).filter(([name, value]) => !common.includes(name) && value !== undefined),
  );
}

for (const version of tried<NodeRedVersion>(['4.1', '5.0'], ['4.1'])) {
  describe(`forms in Node-RED ${version}`, function () {
    this.timeout(90_000);
    let nodeRed: NodeRed;
    let editor: Editor;

    before(async () => {
      nodeRed = await startNodeRed({ version });
    });
    after(stopAll);
    beforeEach(async () => {
      editor = await openEditor(nodeRed);
    });

    it('a server and a link are added from the form of a node, filled by their labels', async () => {
      const { page } = editor;
      const id = await drag(page, 'o2g-monitor');
      const monitor = await openForm(page, id);
      await fill(monitor, 'Name', 'the sales team');
      await fill(monitor, 'Device', '70000-70099, 70120');
      await field(monitor, 'Action').selectOption('stop monitoring');

      const link = await addBeside(page, monitor, 'Link');
      await fill(link, 'OXE node', '7');
      await fill(link, 'Devices', '70000-70099, 70120');

      const server = await addBeside(page, link, 'Server');
      await fill(server, 'Name', 'O2G of Brest');
      await fill(server, 'Address', 'https://o2g.example.com');
      await fill(server, 'Login', 'admin');
      await fill(server, 'Password', 'secret');
      await server.getByText('Network', { exact: true }).click();
      await fill(server, 'Second site', 'https://o2g2.example.com:8443');
      await field(server, 'Hosts').selectOption('private addresses that O2G names');
      await fill(server, 'Event port', '8016');
      await fill(server, 'Timeout', '20');
      await fill(server, 'Wait when offline', '5');
      await server.getByText('Session', { exact: true }).click();
      await fill(server, 'Application', 'Recording');
      await fill(server, 'Supervised account', '70120');
      await field(server, 'Given as').selectOption('phone number');
      assert.deepEqual(await untranslated(page), []);
      await done(page);

      await link.getByText('Options', { exact: true }).click();
      await field(link, 'Type of recorder').selectOption('NICE');
      await field(link, 'Encryption').selectOption('ask for it (SRTP)');
      await field(link, 'On shutdown').selectOption('keep them: an external recorder goes on');
      assert.deepEqual(await untranslated(page), []);
      await done(page);
      assert.deepEqual(await untranslated(page), []);
      await done(page);

      const [serverId = ''] = await configsOf(page, 'o2g-server');
      const [linkId = ''] = await configsOf(page, 'o2g-link');
      assert.deepEqual(own(await exported(page, serverId)), {
        name: 'O2G of Brest',
        url: 'https://o2g.example.com',
        secondaryUrl: 'https://o2g2.example.com:8443',
        access: 'private',
        eventPort: '8016',
        application: 'Recording',
        supervisedId: '70120',
        supervisedType: 'PHONE_NUMBER',
        tls: '',
        timeout: '20',
        offlineWait: '5',
        delivery: 'chunk',
        lifetime: '',
        webhookUrl: '',
        tunnelPort: '',
        tunnelFormat: '',
      });
      assert.deepEqual(own(await exported(page, linkId)), {
        name: '',
        server: serverId,
        oxeNode: '7',
        recorder: 'NICE',
        secured: 'true',
        devices: '70000-70099, 70120',
        media: '',
        record: '',
        onStop: 'keep',
      });
      assert.deepEqual(own(await exported(page, id)), {
        name: 'the sales team',
        link: linkId,
        action: 'stop',
        deviceNumber: '70000-70099, 70120',
        deviceNumberType: 'str',
      });
      for (const each of [serverId, linkId, id]) assert.deepEqual(await refusals(page, each), []);
      assert.deepEqual(editor.problems, []);
    });

    it('login and password reach the runtime and no export', async () => {
      const { page } = editor;
      await put(page, [SERVER]);
      const server = await openConfigForm(page, 'o2g-server', 'a-server');
      await fill(server, 'Login', 'admin');
      await fill(server, 'Password', 'not to be seen');
      await done(page);
      assert.deepEqual(
        Object.keys(own(await exported(page, 'a-server'))).filter((name) =>
          /credential|login|password/i.test(name),
        ),
        [],
      );
      assert.equal(
        await page.evaluate(
          `JSON.stringify(RED.nodes.createCompleteNodeSet({ credentials: true })).includes('not to be seen')`,
        ),
        true,
      );
      assert.equal(
        await page.evaluate(
          `JSON.stringify(RED.nodes.createCompleteNodeSet({ credentials: false })).includes('not to be seen')`,
        ),
        false,
      );
    });

    it('a server whose events come by webhook asks for its address and makes its token', async () => {
      const { page } = editor;
      await put(page, [SERVER]);
      const server = await openConfigForm(page, 'o2g-server', 'a-server');
      await server.getByText('Events', { exact: true }).click();
      assert.deepEqual(
        [
          await field(server, 'Channel lifetime').isVisible(),
          await field(server, 'Webhook address').isVisible(),
        ],
        [true, false],
      );
      await field(server, 'Events come').selectOption('by webhook, posted by O2G');
      assert.deepEqual(
        [
          await field(server, 'Channel lifetime').isVisible(),
          await field(server, 'Webhook address').isVisible(),
        ],
        [false, true],
      );
      assert.match(await field(server, 'Webhook token').inputValue(), /^[0-9a-f]{32}$/);
      await fill(server, 'Webhook address', 'https://node-red.example.com:1880');
      assert.deepEqual(await untranslated(page), []);
      await done(page);
      const { delivery, webhookUrl, webhookToken } = own(await exported(page, 'a-server'));
      assert.deepEqual(
        [delivery, webhookUrl, webhookToken],
        ['webhook', 'https://node-red.example.com:1880', undefined],
      );
      assert.deepEqual(await refusals(page, 'a-server'), []);
    });

    it('o2g-record keeps the fields of both modes and shows those of the one that is chosen', async () => {
      const { page } = editor;
      await put(page, [SERVER, LINK]);
      const id = await drag(page, 'o2g-record');
      const form = await openForm(page, id);
      await field(form, 'Link').selectOption('OXE 7');
      await fill(form, 'Device', '70120');
      await fill(form, 'Recorder address', '192.0.2.10');
      await fill(form, 'Port, sent flow', '20000');
      await chooseType(page, form, 'Port, received flow', 'msg.');
      await fill(form, 'Port, received flow', 'payload.port');
      assert.equal(await field(form, 'Time slot').isVisible(), false);

      await field(form, 'Mode').selectOption('TDM: a PCM time slot');
      assert.equal(await field(form, 'Recorder address').isVisible(), false);
      await fill(form, 'Crystal', '2');
      await fill(form, 'Board', '0');
      await fill(form, 'Time slot', '10');
      assert.deepEqual(await untranslated(page), []);

      await field(form, 'Action').selectOption('stop recording');
      assert.equal(await field(form, 'Time slot').isVisible(), false);
      await field(form, 'Action').selectOption('start recording');
      await done(page);

      assert.deepEqual(own(await exported(page, id)), {
        name: '',
        link: 'a-link',
        action: 'start',
        deviceNumber: '70120',
        deviceNumberType: 'str',
        mode: 'tdm',
        ipRecorderAddr: '192.0.2.10',
        ipRecorderAddrType: 'str',
        sentFlowPort: '20000',
        sentFlowPortType: 'num',
        receivedFlowPort: 'payload.port',
        receivedFlowPortType: 'msg',
        crystal: '2',
        crystalType: 'num',
        board: '0',
        boardType: 'num',
        timeslot: '10',
        timeslotType: 'num',
        recorder: '',
        resumeAfter: '',
        resumeAfterType: 'num',
      });
      assert.deepEqual(await refusals(page, id), []);
      assert.deepEqual(editor.problems, []);
    });

    it('a built-in recorder is added from the form of o2g-record, which then needs neither address nor ports', async () => {
      const { page } = editor;
      await put(page, [SERVER, LINK]);
      const id = await drag(page, 'o2g-record');
      const form = await openForm(page, id);
      assert.equal(await field(form, 'Resume after').isVisible(), false);
      const recorder = await addBeside(page, form, 'Built-in recorder');
      await fill(recorder, 'Address', '192.0.2.10');
      await fill(recorder, 'First port', '30000');
      await fill(recorder, 'Last port', '30999');
      await fill(recorder, 'Folder', '/var/lib/recordings');
      await recorder.getByText('Keeping recordings', { exact: true }).click();
      await field(recorder, 'Encrypt new recordings').check();
      await fill(recorder, 'Key', 'a passphrase of this test');
      await fill(recorder, 'Delete after', '90');
      await recorder.getByText('Options', { exact: true }).click();
      await field(recorder, 'Format').selectOption('linear, 16 bits');
      await field(recorder, 'Files').selectOption('one from start to stop');
      await fill(recorder, 'Longest file', '60');
      assert.deepEqual(await untranslated(page), []);
      await done(page);
      assert.equal(await field(form, 'Recorder address').isVisible(), false);
      assert.equal(await field(form, 'Mode').isVisible(), false);
      await field(form, 'Action').selectOption('pause: write silence');
      await fill(form, 'Resume after', '30');
      assert.deepEqual(await untranslated(page), []);
      await field(form, 'Action').selectOption('delete the recording');
      assert.equal(await field(form, 'Device').isVisible(), false);
      await field(form, 'Action').selectOption('pause: write silence');
      await done(page);

      const [recorderId = ''] = await configsOf(page, 'o2g-recorder');
      assert.deepEqual(own(await exported(page, recorderId)), {
        name: '',
        address: '192.0.2.10',
        bind: '',
        portMin: '30000',
        portMax: '30999',
        folder: '/var/lib/recordings',
        filename: '{{deviceNumber}}/{{startedAt}}-{{id}}',
        format: 'pcm16',
        split: 'none',
        maxMinutes: '60',
        encrypt: true,
        retentionDays: '90',
      });
      const { recorder: chosen, action, resumeAfter } = await exported(page, id);
      assert.deepEqual(
        { chosen, action, resumeAfter },
        { chosen: recorderId, action: 'pause', resumeAfter: '30' },
      );
      for (const each of [recorderId, id]) assert.deepEqual(await refusals(page, each), []);
      assert.deepEqual(editor.problems, []);
    });

    it('o2g-beep is filled by its labels', async () => {
      const { page } = editor;
      await put(page, [SERVER, LINK]);
      const id = await drag(page, 'o2g-beep');
      const form = await openForm(page, id);
      await field(form, 'Link').selectOption('OXE 7');
      await fill(form, 'Device', '70120');
      await fill(form, 'Tone', '25');
      await fill(form, 'Beep', '20');
      await fill(form, 'Pause', '15');
      assert.deepEqual(await untranslated(page), []);
      await done(page);
      assert.deepEqual(own(await exported(page, id)), {
        name: '',
        link: 'a-link',
        action: 'start',
        deviceNumber: '70120',
        deviceNumberType: 'str',
        tone: '25',
        toneType: 'num',
        presenceDuration: '20',
        presenceDurationType: 'num',
        silenceDuration: '15',
        silenceDurationType: 'num',
      });
      assert.deepEqual(await refusals(page, id), []);
      assert.deepEqual(editor.problems, []);
    });

    it('o2g-calls takes devices and the changes that are ticked', async () => {
      const { page } = editor;
      await put(page, []);
      const id = await drag(page, 'o2g-calls');
      const form = await openForm(page, id);
      await fill(form, 'Devices', '70000-70009, 70120');
      await form.getByLabel('answered').check();
      await form.getByLabel('ended').check();
      assert.deepEqual(await untranslated(page), []);
      await done(page);
      assert.deepEqual(own(await exported(page, id)), {
        name: '',
        devices: '70000-70009, 70120',
        changes: ['answered', 'ended'],
      });
      const again = await openForm(page, id);
      assert.deepEqual(
        [await again.getByLabel('held').isChecked(), await again.getByLabel('ended').isChecked()],
        [false, true],
      );
      await again.getByLabel('answered').uncheck();
      await again.getByLabel('ended').uncheck();
      await done(page);
      assert.deepEqual(own(await exported(page, id)).changes, []);
      assert.deepEqual(await refusals(page, id), []);
      assert.deepEqual(editor.problems, []);
    });

    it('o2g-events picks events from a menu, takes others as text, and has an input when messages may change it', async () => {
      const { page } = editor;
      await put(page, [SERVER]);
      const id = await drag(page, 'o2g-events');
      assert.equal(await page.evaluate(`RED.nodes.node('${id}').inputs`), 0);
      const form = await openForm(page, id);
      await field(form, 'Server').selectOption('O2G');

      await form.locator('.o2g-selector').first().getByLabel('Events').click();
      await clickRow(page, page.locator('.red-ui-typedInput-options:visible'), 'OnCtiLinkDown');
      await page.keyboard.press('Escape');
      await fill(form.locator('.o2g-selector').first(), 'Users', 'oxe70120, oxe70121');

      await form.getByRole('button', { name: 'add a selection' }).click();
      const second = form.locator('.o2g-selector').nth(1);
      await chooseType(page, second, 'Events', 'text');
      await fill(second, 'Events', 'OnSomethingNew; system');
      assert.deepEqual(await untranslated(page), []);

      await field(form, 'Ask for a snapshot').check();
      await field(form, 'Change the selection by messages').check();
      await done(page);

      assert.deepEqual(own(await exported(page, id)), {
        name: '',
        server: 'a-server',
        selectors: [
          { names: ['telephony', 'OnCtiLinkDown'], ids: ['oxe70120', 'oxe70121'] },
          { names: ['OnSomethingNew', 'system'], ids: [] },
        ],
        snapshot: true,
        dynamic: true,
        inputs: 1,
      });
      assert.equal(await page.evaluate(`RED.nodes.node('${id}').inputs`), 1);
      assert.deepEqual(await refusals(page, id), []);

      const again = await openForm(page, id);
      assert.equal(
        await again.locator('.o2g-selector').nth(1).getByLabel('Events').inputValue(),
        'OnSomethingNew,system',
      );
      await again.locator('.o2g-selectors > li').nth(1).locator('.red-ui-editableList-item-remove').click();
      await again.locator('.o2g-selector').nth(1).waitFor({ state: 'detached' });
      await field(again, 'Change the selection by messages').uncheck();
      await done(page);
      assert.deepEqual((await exported(page, id)).selectors, [
        { names: ['telephony', 'OnCtiLinkDown'], ids: ['oxe70120', 'oxe70121'] },
      ]);
      assert.equal(await page.evaluate(`RED.nodes.node('${id}').inputs`), 0);
      assert.deepEqual(editor.problems, []);
    });

    it('o2g-status shows the parameters of the chosen query only', async () => {
      const { page } = editor;
      await put(page, [SERVER]);
      const id = await drag(page, 'o2g-status');
      const form = await openForm(page, id);
      await field(form, 'Server').selectOption('O2G');
      const shown = async (): Promise<string[]> =>
        (await form.locator('.o2g-parameters .form-row:visible label').allInnerTexts()).map((text) =>
          text.trim(),
        );
      assert.deepEqual(await shown(), [
        'OXE node',
        'OXE nodes',
        'Only ACD',
        'Only external login',
        'Company phone',
        'Call reference',
        'Device',
        'User login',
      ]);
      assert.deepEqual(await untranslated(page), []);

      await field(form, 'Query').selectOption('system');
      assert.deepEqual(await shown(), []);
      await field(form, 'Query').selectOption('call');
      assert.deepEqual(await shown(), ['Call reference', 'User login']);
      await fill(form, 'Call reference', 'a6aaea5b21000700');
      await field(form, 'Query').selectOption('logins');
      assert.deepEqual(await shown(), ['OXE nodes', 'Only ACD', 'Only external login']);
      await fill(form, 'OXE nodes', '7, 8');
      await field(form, 'Only ACD').click();
      await clickRow(page, page.locator('.red-ui-typedInput-options:visible'), 'true');
      await done(page);

      assert.deepEqual(own(await exported(page, id)), {
        name: '',
        server: 'a-server',
        query: 'logins',
        loginName: '',
        loginNameType: 'str',
        companyPhone: '',
        companyPhoneType: 'str',
        callRef: 'a6aaea5b21000700',
        callRefType: 'str',
        deviceId: '',
        deviceIdType: 'str',
        oxeNode: '',
        oxeNodeType: 'num',
        nodeIds: '7, 8',
        nodeIdsType: 'str',
        onlyACD: 'true',
        onlyACDType: 'bool',
        onlyWithExtLogin: '',
        onlyWithExtLoginType: 'bool',
      });
      assert.deepEqual(await refusals(page, id), []);
      assert.deepEqual(editor.problems, []);
    });

    it('opening and closing a form changes nothing', async () => {
      const { page } = editor;
      const nodes = ['o2g-events', 'o2g-calls', 'o2g-monitor', 'o2g-record', 'o2g-beep', 'o2g-status'].map(
        (type, index) => ({ ...node(`a-${type}`, type), x: 300, y: 80 + 60 * index }),
      );
      await put(page, [SERVER, LINK, ...nodes]);
      for (const { id } of nodes) {
        await openForm(page, id);
        await done(page);
        const first = own(await exported(page, id));
        await openForm(page, id);
        await done(page);
        assert.deepEqual(own(await exported(page, id)), first);
      }
      assert.deepEqual(editor.problems, []);
    });
  });
}
