import assert from 'node:assert/strict';
import path from 'node:path';

import { compactDate, DEFAULT_FILENAME, renderName } from '../../recorder/files/name-template';
import { only, pace, packetsOf, Phone, startRecorder, temporaryFolder, voice } from './support';

const values = {
  deviceNumber: '70120',
  startedAt: Date.UTC(2026, 10, 23, 16, 55, 0, 700),
  id: '0a1b2c',
  user: 'oxe70120',
  callRef: 'ref/1',
  direction: 'incoming',
  party: '+33 390670000',
};

describe('the name of a recording', () => {
  for (const [template, name] of [
    [DEFAULT_FILENAME, '70120/20261123T165500Z-0a1b2c'],
    ['{{user}}-{{callRef}}-{{direction}}-{{party}}', 'oxe70120-ref_1-incoming-+33 390670000'],
    ['a//b/./../{{id}}', 'a/b/0a1b2c'],
    ['/etc/{{id}}', 'etc/0a1b2c'],
    ['C:\\{{id}}', 'C__0a1b2c'],
    ['..', '0a1b2c'],
    ['.hidden/{{id}}.', 'hidden/0a1b2c'],
    ['con/nul.txt/{{id}}', '_con/_nul.txt/0a1b2c'],
    ['{{{party}}}', '+33 390670000'],
    ['{{direction}}{{^user}}x{{/user}}', 'incoming'],
  ] as const) {
    it(`${template} is ${name}`, () => assert.equal(renderName(template, values), name));
  }

  for (const evil of [
    '../../etc/passwd',
    '/etc/passwd',
    '..',
    '.',
    '',
    'a\0b',
    '..\\..\\x',
    'x'.repeat(5000),
    'é'.repeat(300),
    '{{id}}',
    '<&>"\'|?*',
    'a\u202eb',
    'COM1',
    'a\nb',
    ' . ',
  ]) {
    it(`never leaves the folder, whatever a value says: ${JSON.stringify(evil).slice(0, 24)}`, () => {
      for (const template of [
        '{{party}}',
        '{{party}}/{{id}}',
        'x/{{{party}}}/../{{party}}',
        '../{{party}}',
      ]) {
        const name = renderName(template, { ...values, party: evil, deviceNumber: evil });
        const inside = path.relative('/recordings', path.join('/recordings', name));
        assert.ok(inside !== '' && !inside.startsWith('..') && !path.isAbsolute(name), name);
        for (const part of name.split('/')) {
          assert.ok(part !== '' && Buffer.byteLength(part) <= 120, part);
          // eslint's own rule would object to these characters in an expression, hence the escapes by property
          assert.doesNotMatch(part, /[\p{Cc}<>:"\\|?*]|^\.|[. ]$/u);
        }
      }
    });
  }

  it('has the date as 20261123T165500Z', () =>
    assert.equal(compactDate(values.startedAt), '20261123T165500Z'));

  it('gets a number when it is taken, so that no recording is lost or overwritten', async () => {
    const { recorder, folder } = await startRecorder({ filename: 'always', folder: await temporaryFolder() });
    const files: string[] = [];
    for (const seed of [1, 2, 3]) {
      const { sentFlowPort } = await recorder.arm(`${seed}`);
      await pace([{ phone: new Phone(sentFlowPort), packets: packetsOf(voice(15, seed)) }]);
      files.push(path.relative(folder, only(await recorder.endConversation(`${seed}`)).file));
    }
    assert.deepEqual(files, ['always.wav', 'always-2.wav', 'always-3.wav']);
  });
});
