import assert from 'node:assert/strict';
import { requestOf } from '../../o2g/spec/operations';
import { validate } from '../../o2g/spec/validation';
import type { RepresentationName } from '../../o2g/spec/representations';

const link = { nodeId: '7', registerId: '12/34 56' };
const record = {
  deviceNumber: '70120',
  ipRecorderAddr: '192.0.2.10',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
};
const beep = { deviceNumber: '70120', tone: 25, presenceDuration: 50, silenceDuration: 15 };

describe('requestOf', () => {
  it('fills the path, encoded, and writes the body', () => {
    assert.deepEqual(requestOf('startMonitor', link, { deviceNumber: '70120' }), {
      method: 'POST',
      target: '/iprecord/7/link/12%2F34%2056/monitor',
      body: '{"deviceNumber":"70120"}',
    });
  });

  it('writes flags without a value, lists with commas, and leaves out what is not wanted', () => {
    assert.equal(
      requestOf('getLogins', { nodeIds: '7,8', onlyACD: true, onlyWithExtLogin: false }, undefined).target,
      '/logins?nodeIds=7,8&onlyACD',
    );
    assert.equal(requestOf('getCalls', {}, undefined).target, '/telephony/calls');
    assert.equal(
      requestOf('getCalls', { loginName: 'a b&c' }, undefined).target,
      '/telephony/calls?loginName=a%20b%26c',
    );
  });

  for (const deviceNumber of ['', '.', '..']) {
    it(`refuses ${JSON.stringify(deviceNumber)} as a part of the path`, () => {
      assert.throws(() => requestOf('stopMonitor', { ...link, deviceNumber }, undefined), {
        code: 'INVALID_INPUT',
      });
    });
  }
});

describe('what is sent is valid, or INVALID_INPUT names field, value and rule', () => {
  for (const [name, body, message] of [
    [
      'StartRecordRequest',
      { ...record, sentFlowPort: 70000 },
      /^sentFlowPort: 70000 is refused, it must be a whole number from 1 to 65535/,
    ],
    ['StartRecordRequest', { ...record, sentFlowPort: 0 }, /^sentFlowPort: 0 /],
    ['StartRecordRequest', { ...record, sentFlowPort: '20000' }, /^sentFlowPort: "20000" /],
    ['StartRecordRequest', { ...record, receivedFlowPort: 1.5 }, /^receivedFlowPort: 1.5 /],
    [
      'StartRecordRequest',
      { ...record, ipRecorderAddr: '2001:db8::1' },
      /^ipRecorderAddr: "2001:db8::1" .*IPv4/,
    ],
    [
      'StartRecordRequest',
      { ...record, ipRecorderAddr: 'recorder.example.com' },
      /^ipRecorderAddr: .*neither host names nor IPv6/,
    ],
    ['StartRecordRequest', { ...record, deviceNumber: '70120/../1' }, /^deviceNumber: .*directory number/],
    ['StartRecordRequest', { ...record, extra: 1 }, /^extra: 1 is refused, it must be left out/],
    [
      'StartRecordRequest',
      { deviceNumber: '70120' },
      /^ipRecorderAddr: nothing is refused, it must be given/,
    ],
    [
      'StartTDMRecordRequest',
      { deviceNumber: '70120', crystal: 2, board: 0, timeslot: 31 },
      /^timeslot: 31 .*1 to 30/,
    ],
    ['StartBeepRequest', { ...beep, tone: 20 }, /^tone: 20 .*21 to 30/],
    [
      'StartBeepRequest',
      { ...beep, presenceDuration: 256 },
      /^presenceDuration: 256 .*0 to 255 \(steps of 10 ms\)/,
    ],
    ['StartBeepRequest', { ...beep, silenceDuration: -1 }, /^silenceDuration: -1 /],
    ['SubscriptionRequest', { version: '1.0', timeout: 1 }, /^timeout: 1 .*2 to 60/],
    ['RegisterServiceRequest', { type: 'OTHERS' }, /^type: "OTHERS" .*one of NICE, OTHER/],
    ['RegisterServiceRequest', { secured: 'true' }, /^secured: "true" .*true or false/],
    ['Filter', { selectors: [{ names: [] }] }, /^names: .*at least one/],
    ['Filter', { selectors: {} }, /^selectors: .*a list/],
    ['MonitorRequest', null, /^MonitorRequest: null .*an object/],
    ['MonitorRequest', { deviceNumber: 2 ** 40 }, /^deviceNumber: 1099511627776 /],
  ] as const satisfies readonly (readonly [RepresentationName, unknown, RegExp])[]) {
    it(`${name} ${JSON.stringify(body)}`, () => {
      assert.throws(
        () => {
          validate(name, body);
        },
        { code: 'INVALID_INPUT', message },
      );
    });
  }

  for (const [name, body] of [
    ['StartRecordRequest', record],
    ['StartBeepRequest', { ...beep, presenceDuration: 0, silenceDuration: 255 }],
    ['StartTDMRecordRequest', { deviceNumber: '70120', crystal: 2, board: 0, timeslot: 10 }],
    ['RegisterServiceRequest', {}],
    [
      'SubscriptionRequest',
      { version: '1.0', timeout: 0, filter: { selectors: [{ names: ['telephony'], ids: ['*'] }] } },
    ],
  ] as const satisfies readonly (readonly [RepresentationName, unknown])[]) {
    it(`${name} ${JSON.stringify(body)} is let through`, () => {
      validate(name, body);
    });
  }
});
