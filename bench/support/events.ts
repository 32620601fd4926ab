/** The events that the suites read: seven a call, 64 calls at a time, with names in several scripts; 700 bytes on average. */

const CALLS = 64;
const NAMES = ['Élodie Lefèvre', 'Γιώργος Παππάς', '山田 太郎', 'Zoë Müller', 'Nguyễn Văn An', 'John Smith'];

/** The lines of one block, each ended as O2G ends them: a stream repeats it. */
export const BLOCK: readonly string[] = render();
export const BLOCK_BYTES: Buffer = Buffer.from(BLOCK.join(''));

/** The bytes of so many events. */
export function bytesOf(events: number): Buffer {
  const whole = Array<Buffer>(Math.floor(events / BLOCK.length)).fill(BLOCK_BYTES);
  return Buffer.concat([...whole, Buffer.from(BLOCK.slice(0, events % BLOCK.length).join(''))]);
}

/** All calls move together: the first event of each, then the second of each … */
function render(): string[] {
  const calls = Array.from({ length: CALLS }, (_, index) => eventsOf(index));
  return Array.from({ length: 7 }, (_, step) =>
    calls.map((events) => `${JSON.stringify(events[step])}\r\n`),
  ).flat();
}

function eventsOf(index: number): object[] {
  const deviceId = String(70000 + index);
  const loginName = `oxe${deviceId}`;
  const callRef = (0x6b2a0000 + index).toString(16).padStart(16, '0');
  const name = NAMES[index % NAMES.length] ?? '';
  const caller = {
    participantId: `039067${String(1000 + index)}`,
    identity: {
      id: { phoneNumber: `039067${String(1000 + index)}` },
      firstName: name,
      lastName: name,
      type: { main: 'EXTERNAL', subType: 'public' },
    },
    anonymous: false,
    undroppable: false,
  };
  const callee = {
    participantId: loginName,
    identity: {
      id: { loginName, phoneNumber: deviceId, companyPhone: deviceId },
      firstName: name,
      lastName: name,
      type: { main: 'USER', subType: 'pbx' },
    },
    anonymous: false,
    undroppable: true,
  };
  const callData = (state: string): object => ({
    initialCalled: {
      id: { loginName, phoneNumber: deviceId, companyPhone: deviceId },
      firstName: name,
      lastName: name,
      type: { main: 'USER', subType: 'pbx' },
    },
    deviceCall: false,
    anonymous: false,
    state,
    tags: [{ name: 'queue', value: `${name} ${index}`, visibilities: ['ALL'] }],
    associateData: `order ${index} ${name}`,
  });
  const capabilities = [
    { deviceId, makeCall: false, makeBusinessCall: false, makePrivateCall: false, unParkCall: false },
  ];
  const leg = (state: string): object => ({
    deviceId,
    state,
    ringingRemote: false,
    capabilities: {
      answer: state === 'RINGING',
      drop: true,
      hold: state === 'ACTIVE',
      retrieve: state === 'HELD',
      redirect: false,
      sendDtmf: state === 'ACTIVE',
    },
  });
  const modified = (state: string, cause: string): object => ({
    eventName: 'OnCallModified',
    loginName,
    callRef,
    cause,
    callData: callData(state),
    modifiedLegs: [leg(state)],
    addedLegs: [],
    removedLegs: [],
    modifiedParticipants: [],
    addedParticipants: state === 'ACTIVE' ? [caller] : [],
    removedParticipantIds: [],
    deviceCapabilities: capabilities,
  });
  return [
    {
      eventName: 'OnCallCreated',
      loginName,
      callRef,
      cause: 'NORMAL',
      callData: callData('RINGING_INCOMING'),
      initiator: caller.participantId,
      legs: [leg('RINGING')],
      participants: [callee, caller],
      deviceCapabilities: capabilities,
    },
    { eventName: 'OnUserStateModified', loginName, state: 'BUSY' },
    modified('ACTIVE', 'NORMAL'),
    modified('HELD', 'NORMAL'),
    modified('ACTIVE', 'NORMAL'),
    { eventName: 'OnCallRemoved', loginName, callRef, cause: 'NORMAL' },
    { eventName: 'OnUserStateModified', loginName, state: 'FREE' },
  ];
}
