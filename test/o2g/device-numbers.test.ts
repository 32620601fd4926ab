import assert from 'node:assert/strict';
import { readDevices } from '../../o2g/spec/device-numbers';

describe('readDevices', () => {
  for (const [value, devices] of [
    ['70120', ['70120']],
    [70120, ['70120']],
    ['70000-70002, 70120', ['70000', '70001', '70002', '70120']],
    ['70000 - 70001 ; 70120\n70121', ['70000', '70001', '70120', '70121']],
    [
      ['70120', 70121, '70130-70131'],
      ['70120', '70121', '70130', '70131'],
    ],
    ['0098-0101', ['0098', '0099', '0100', '0101']],
    ['70120, 70120, 70119-70121', ['70120', '70119', '70121']],
    ['*21', ['*21']],
    [' , ', []],
  ] as const) {
    it(`reads ${JSON.stringify(value)}`, () => {
      assert.deepEqual(readDevices('devices', value), devices);
    });
  }

  for (const value of [
    '70/../1',
    '70120?x',
    '70010-70000',
    '9-10',
    '70000-7000a',
    '',
    'é',
    '0-99999999',
    {},
    true,
    -1,
    1.5,
    [null],
    '../x',
  ]) {
    it(`refuses ${JSON.stringify(value)} naming field, value and rule`, () => {
      if (value === '') return assert.deepEqual(readDevices('devices', value), []);
      assert.throws(() => readDevices('devices', value), {
        code: 'INVALID_INPUT',
        message: /^devices: .+ is refused, it must be /,
      });
    });
  }
});
