/** What is kept of a device with a call, in a process of its own with --expose-gc: tells the heap's growth per device. */
import { DeviceTable } from '../../o2g/link/device-table';
import { CallTracker } from '../../o2g/calls/call-tracker';
import { systemClock } from '../../o2g/util/clock';
import type { O2GEvent } from '../../o2g/spec/event';

const KINDS: Readonly<Record<string, () => (index: number) => unknown>> = {
  /** The least that a recorder has to know. */
  minimal: () => {
    const calls = new Map<string, object>();
    return (index) => {
      const { callRef, loginName } = talking(index) as O2GEvent & { callRef: string };
      calls.set(callRef, { device: loginName?.slice(3), state: 'ACTIVE', recording: true });
      return calls;
    };
  },
  calls: () => {
    const calls = new CallTracker();
    return (index) => {
      calls.follow(talking(index), 1_764_000_000_000 + index);
      return calls;
    };
  },
  link: () => {
    const nothing = (): void => undefined;
    const book = new DeviceTable(systemClock, { info: nothing, warn: nothing, debug: nothing }, false);
    return (index) => {
      const deviceNumber = String(100_000 + index);
      const record = {
        mode: 'ip',
        ipRecorderAddr: '127.0.0.1',
        sentFlowPort: 20000 + (index % 1000),
        receivedFlowPort: 30000 + (index % 1000),
      } as const;
      book.setDesired(deviceNumber, { fromConfig: true, record });
      book.updateActual(deviceNumber, { monitored: true, userId: `oxe${deviceNumber}`, uncertain: false });
      book.updateActual(deviceNumber, { record, beep: undefined });
      return book;
    };
  },
};

/** Parsed each time, as from the wire: nothing is shared between two events. */
function talking(index: number): O2GEvent {
  const device = String(100_000 + index);
  const person = {
    id: { loginName: `oxe${device}`, phoneNumber: device, companyPhone: device },
    firstName: 'Élodie',
    lastName: `Lefèvre ${index}`,
  };
  return JSON.parse(
    JSON.stringify({
      eventName: 'OnCallModified',
      loginName: `oxe${device}`,
      callRef: (0x6b2a0000 + index).toString(16).padStart(16, '0'),
      cause: 'NORMAL',
      callData: {
        initialCalled: { ...person, type: { main: 'USER', subType: 'pbx' } },
        state: 'ACTIVE',
        tags: [],
        associateData: `order ${index}`,
      },
      modifiedLegs: [],
      addedLegs: [
        { deviceId: device, state: 'ACTIVE', ringingRemote: false, capabilities: { drop: true, hold: true } },
      ],
      removedLegs: [],
      modifiedParticipants: [],
      addedParticipants: [
        {
          participantId: `039067${index}`,
          identity: {
            id: { phoneNumber: `039067${index}` },
            firstName: 'Zoë',
            lastName: `Müller ${index}`,
            type: { main: 'EXTERNAL', subType: 'public' },
          },
        },
      ],
      removedParticipantIds: [],
      deviceCapabilities: [{ deviceId: device, makeCall: false }],
    }),
  ) as O2GEvent;
}

const [kind = '', devices = '0'] = process.argv.slice(2);
const take = KINDS[kind]?.();
if (!take || !global.gc) throw new Error(`what is ${kind}? And is --expose-gc given?`);
global.gc();
const before = process.memoryUsage().heapUsed;
const began = process.cpuUsage();
let kept: unknown;
for (let index = 0; index < Number(devices); index += 1) kept = take(index);
const { user, system } = process.cpuUsage(began);
global.gc();
const bytes = (process.memoryUsage().heapUsed - before) / Number(devices);
process.send?.({ told: 'heap', bytes, cpuUs: (user + system) / Number(devices), kept: typeof kept });
