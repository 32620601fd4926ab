import assert from 'node:assert/strict';

import { PROPERTIES } from '../../scripts/lint/contract';
import { formsOf } from '../../scripts/lint/html';
import { repositoryFiles } from '../../scripts/lint/repository';
import { ROOT } from '../support/toolchain';

const REFUSED: [
  type: string,
  property: string,
  value: unknown,
  rule: string,
  others?: Record<string, unknown>,
][] = [
  ['o2g-server', 'url', '', 'required'],
  ['o2g-server', 'url', 'o2g.example.com', 'address'],
  ['o2g-server', 'url', 'https://o2g.example.com/api/rest', 'address'],
  ['o2g-server', 'url', 'https://admin:secret@o2g.example.com', 'address'],
  ['o2g-server', 'secondaryUrl', 'ftp://o2g.example.com', 'address'],
  ['o2g-server', 'eventPort', '65536', 'number'],
  ['o2g-server', 'timeout', 'ten', 'number'],
  ['o2g-link', 'oxeNode', '', 'required'],
  ['o2g-link', 'oxeNode', 'seven', 'number'],
  ['o2g-link', 'devices', '70099-70000', 'devices'],
  ['o2g-link', 'devices', '70000-700', 'devices'],
  ['o2g-link', 'devices', '70000/70001', 'devices'],
  ['o2g-link', 'record', '70000/70001', 'devices'],
  ['o2g-link', 'media', '', 'required', { record: 'all' }],
  ['o2g-recorder', 'address', '', 'required'],
  ['o2g-recorder', 'address', 'recorder.example.com', 'ipv4'],
  ['o2g-recorder', 'portMax', '20002', 'ports'],
  ['o2g-recorder', 'portMax', '70000', 'number'],
  ['o2g-recorder', 'folder', '', 'required'],
  ['o2g-recorder', 'filename', '{{deviceNumber}}/{{password}}', 'filename'],
  ['o2g-recorder', 'maxMinutes', '0', 'number'],
  ['o2g-recorder', 'retentionDays', '-1', 'number'],
  ['o2g-record', 'resumeAfter', '0', 'number', { action: 'pause' }],
  ['o2g-monitor', 'deviceNumber', 'no-device', 'devices'],
  ['o2g-record', 'ipRecorderAddr', '192.0.2.256', 'ipv4'],
  ['o2g-record', 'ipRecorderAddr', '2001:db8::1', 'ipv4'],
  ['o2g-record', 'ipRecorderAddr', 'recorder.example.com', 'ipv4'],
  ['o2g-record', 'sentFlowPort', '70000', 'number'],
  ['o2g-record', 'sentFlowPort', '0', 'number'],
  ['o2g-record', 'receivedFlowPort', '20000', 'otherPort', { sentFlowPort: '20000' }],
  ['o2g-record', 'timeslot', '31', 'number', { mode: 'tdm' }],
  ['o2g-record', 'crystal', '-1', 'number', { mode: 'tdm' }],
  ['o2g-beep', 'tone', '20', 'number'],
  ['o2g-beep', 'presenceDuration', '256', 'number'],
  ['o2g-beep', 'silenceDuration', '1.5', 'number'],
  ['o2g-status', 'nodeIds', '7 and 8', 'nodeIds', { query: 'logins' }],
  ['o2g-events', 'selectors', [{ names: [], ids: [] }], 'names'],
  ['o2g-events', 'selectors', [], 'selectors'],
  ['o2g-calls', 'devices', '70099-70000', 'devices'],
  ['o2g-calls', 'changes', ['answered', 'forgotten'], 'changes'],
];

const ACCEPTED: [type: string, property: string, value: unknown, others?: Record<string, unknown>][] = [
  ['o2g-server', 'url', 'https://o2g.example.com'],
  ['o2g-server', 'url', 'http://192.0.2.1:8080/'],
  ['o2g-server', 'url', '${O2G_URL}'],
  ['o2g-server', 'timeout', 10],
  ['o2g-server', 'timeout', '30'],
  ['o2g-server', 'eventPort', ''],
  ['o2g-link', 'devices', ''],
  ['o2g-link', 'devices', '70000 - 70099, 70120;\n*71'],
  ['o2g-link', 'oxeNode', '${OXE_NODE}'],
  ['o2g-monitor', 'deviceNumber', '70000-70099, 70120'],
  ['o2g-record', 'receivedFlowPort', '20002', { sentFlowPort: '20000' }],
  ['o2g-record', 'receivedFlowPort', ''],
  ['o2g-record', 'sentFlowPort', '70000', { mode: 'tdm' }],
  ['o2g-record', 'sentFlowPort', '70000', { action: 'stop' }],
  ['o2g-record', 'sentFlowPort', '70000', { action: 'hold' }],
  ['o2g-record', 'timeslot', '31', { mode: 'ip' }],
  ['o2g-record', 'sentFlowPort', '70000', { recorder: 'a-recorder' }],
  ['o2g-record', 'resumeAfter', '0', { action: 'start' }],
  ['o2g-link', 'media', undefined, { record: undefined }],
  ['o2g-link', 'record', 'all'],
  ['o2g-recorder', 'filename', '{{{ user }}}/{{&party}} {{id}}'],
  ['o2g-recorder', 'folder', '${RECORDINGS}'],
  ['o2g-beep', 'tone', '${TONE}'],
  ['o2g-beep', 'tone', undefined],
  ['o2g-status', 'nodeIds', '7, 8', { query: 'logins' }],
  ['o2g-status', 'nodeIds', '7 and 8', { query: 'user' }],
  ['o2g-events', 'selectors', [], { dynamic: true }],
  ['o2g-calls', 'changes', ['answered', 'ended']],
  ['o2g-calls', 'changes', '${CHANGES}'],
];

const FORMS = formsOf(repositoryFiles(ROOT));

/** What the validator of a property answers for a node that isn't being edited. */
function verdict(
  type: string,
  property: string,
  value: unknown,
  others: Record<string, unknown> = {},
): unknown {
  const definition = FORMS.find((form) => form.type === type)?.definitions[type];
  const validate = definition?.defaults[property]?.validate;
  assert.ok(validate, `${type}.${property} has no validator`);
  assert.equal(validate.length, 2, 'Node-RED takes words only from a validator with two parameters');
  return validate.call(
    { id: 'tested', ...PROPERTIES[type], ...others, [property]: value, _def: definition },
    value,
    {},
  );
}

describe("the validators of the nodes' forms", () => {
  it('refuse what the runtime would refuse, each by its rule', () => {
    for (const [type, property, value, rule, others] of REFUSED)
      assert.match(
        String(verdict(type, property, value, others)),
        new RegExp(`:rule\\.${rule}$`),
        `${type}: ${JSON.stringify(value)} as ${property} isn't refused by the rule "${rule}"`,
      );
  });

  it('accept what the runtime accepts', () => {
    for (const [type, property, value, others = {}] of ACCEPTED)
      assert.equal(
        verdict(type, property, value, others),
        true,
        `${type}: ${JSON.stringify(value)} as ${property} with ${JSON.stringify(others)} is refused`,
      );
  });
});
