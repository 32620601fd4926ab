/** The event channel's reader against the least that can be done: find the line's end, decode, parse. */
import { EventReader } from '../o2g/channel';
import { measure, report, type Contender } from './measure';

const CHUNK = 64 * 1024;

function stream(events: number): Buffer {
  const lines = Array.from({ length: events }, (_, index) => JSON.stringify({
    eventName: 'OnCallModified', loginName: `oxe${70000 + (index % 100)}`, callRef: index.toString(16).padStart(16, '0'),
    callData: { initialCalled: { id: { loginName: 'oxe70120', phoneNumber: '70120' } }, state: 'ACTIVE', tags: [], associateData: 'Élodie 電話 '.repeat(8) },
    modifiedLegs: [{ deviceId: '70120', state: 'ACTIVE' }], addedLegs: [], removedLegs: [], modifiedParticipants: [],
    addedParticipants: [{ participantId: '0390670000', identity: { id: { phoneNumber: '0390670000' }, type: { main: 'EXTERNAL', subType: 'public' } } }],
    removedParticipantIds: [], deviceCapabilities: [],
  }));
  return Buffer.from(`${lines.join('\r\n')}\r\n`);
}

function floor(bytes: Buffer): number {
  let rest: Buffer = Buffer.alloc(0);
  let parsed = 0;
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const chunk = rest.length > 0 ? Buffer.concat([rest, bytes.subarray(at, at + CHUNK)]) : bytes.subarray(at, at + CHUNK);
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      JSON.parse(chunk.toString('utf8', start, end));
      parsed += 1;
      start = end + 1;
    }
    rest = chunk.subarray(start);
  }
  return parsed;
}

function ours(bytes: Buffer): number {
  let parsed = 0;
  const reader = new EventReader({ onEvent: () => { parsed += 1; }, onMalformed: () => undefined });
  for (let at = 0; at < bytes.length; at += CHUNK) reader.push(bytes.subarray(at, at + CHUNK));
  return parsed;
}

export async function reader(tiny: boolean): Promise<void> {
  const events = tiny ? 1000 : 100_000;
  const bytes = stream(events);
  const contender = (name: string, read: (stream: Buffer) => number): Contender => ({
    name,
    run: () => { if (read(bytes) !== events) throw new Error(`${name} lost events`); },
  });
  report('reader', 'event', await measure([contender('floor: split and parse', floor), contender('EventReader', ours)], events, tiny ? 1 : 7));
}
