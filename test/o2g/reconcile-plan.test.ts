import assert from 'node:assert/strict';
import { planSteps, type ActualState } from '../../o2g/link/reconcile-plan';
import type { RecordTarget, DesiredState } from '../../o2g/link/desired-state';

const target: RecordTarget = {
  mode: 'ip',
  ipRecorderAddr: '192.0.2.10',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
};
const other: RecordTarget = { ...target, sentFlowPort: 20004, receivedFlowPort: 20006 };
const slot: RecordTarget = { mode: 'tdm', crystal: 2, board: 0, timeslot: 10 };
const beep = { tone: 25, presenceDuration: 50, silenceDuration: 15 };

const steps = (want: DesiredState | undefined, seen: ActualState | undefined): string[] => {
  const wanted = new Map(want ? [['70120', want]] : []);
  const actual = new Map(seen ? [['70120', seen]] : []);
  return planSteps(wanted, actual, new Set()).map((step) => step.action);
};

describe('the steps from what is to what shall be', () => {
  for (const [what, want, seen, expected] of [
    ['a new device is monitored', { fromConfig: true }, undefined, ['monitor']],
    [
      'what is as it shall be needs nothing',
      { fromConfig: true, record: target },
      { monitored: true, record: target },
      [],
    ],
    [
      'a recording needs its monitor first',
      { fromConfig: false, record: target },
      undefined,
      ['monitor', 'record'],
    ],
    [
      'a lost recording is asked again, and its beep after it',
      { fromConfig: true, record: target, beep },
      { monitored: true },
      ['record', 'beep'],
    ],
    [
      'other ports are another recording',
      { fromConfig: true, record: target },
      { monitored: true, record: other },
      ['record'],
    ],
    [
      'a time slot is not a pair of ports',
      { fromConfig: true, record: slot },
      { monitored: true, record: target },
      ['record'],
    ],
    [
      'in doubt, what GET cannot tell is sent again',
      { fromConfig: true, record: target, beep },
      { monitored: true, record: target, beep, uncertain: true },
      ['monitor', 'beep'],
    ],
    [
      'a recording that nobody wants is stopped',
      { fromConfig: true },
      { monitored: true, record: target },
      ['stopRecord'],
    ],
    ['also on a device that nobody wants', undefined, { monitored: true, record: target }, ['stopRecord']],
    ['a monitor that nobody wants stays: it ends with the link', undefined, { monitored: true }, []],
    [
      'a beep that nobody wants is stopped',
      { fromConfig: true, record: target },
      { monitored: true, record: target, beep },
      ['stopBeep'],
    ],
  ] as const satisfies readonly (readonly [
    string,
    DesiredState | undefined,
    ActualState | undefined,
    readonly string[],
  ])[]) {
    it(what, () => {
      assert.deepEqual(steps(want, seen), expected);
    });
  }

  it('devices in a call come first, in the order in which they are wanted', () => {
    const wanted = new Map(['1', '2', '3', '4'].map((device) => [device, { fromConfig: true }]));
    assert.deepEqual(
      planSteps(wanted, new Map(), new Set(['3', '4'])).map(({ deviceNumber }) => deviceNumber),
      ['3', '4', '1', '2'],
    );
  });
});
