import type { O2GEvent } from '../../../o2g/spec/event';
import { CallTracker } from '../../../o2g/calls/call-tracker';
import type { CallChange } from '../../../o2g/calls/call';

export type Fields = Readonly<Record<string, unknown>>;

/** The user that most stories are about, and whom it talks to. */
export const USER = 'oxe70120';
export const OUTSIDE = '0390670000';

/** A user of the system as the others see it: 70130 is oxe70130. */
export const colleague = (number: string): Fields => ({
  participantId: number,
  identity: { id: { loginName: `oxe${number}`, phoneNumber: number }, type: { main: 'USER' } },
});
export const outside = (number = OUTSIDE): Fields => ({
  participantId: number,
  identity: { id: { phoneNumber: number }, type: { main: 'EXTERNAL', subType: 'public' } },
});
export const secret = (participantId: string): Fields => ({ participantId, anonymous: true });

const leg = (deviceId: string, state: string): Fields => ({ deviceId, state });
const deviceOf = (loginName: string): string => loginName.replace('oxe', '');

/** What makes an event differ from the plainest of its kind. */
interface Extra {
  readonly of?: string;
  readonly data?: Fields;
  readonly with?: readonly Fields[];
  readonly fields?: Fields;
}

/** OnCallCreated, with one leg on the user's device. */
export function created(
  callRef: string,
  state: string,
  { of = USER, data, with: participants = [outside()], fields }: Extra = {},
): O2GEvent {
  return {
    eventName: 'OnCallCreated',
    loginName: of,
    callRef,
    callData: { state, tags: [], ...data },
    legs: [leg(deviceOf(of), state)],
    participants,
    deviceCapabilities: [],
    ...fields,
  };
}

/** OnCallModified, with the lists that servers send empty. */
export function modified(callRef: string, state: string, { of = USER, data, fields }: Extra = {}): O2GEvent {
  return {
    eventName: 'OnCallModified',
    loginName: of,
    callRef,
    callData: { state, tags: [], ...data },
    modifiedLegs: [leg(deviceOf(of), state)],
    addedLegs: [],
    removedLegs: [],
    modifiedParticipants: [],
    addedParticipants: [],
    removedParticipantIds: [],
    deviceCapabilities: [],
    ...fields,
  };
}

export const removed = (callRef: string, { of = USER, fields }: Extra = {}): O2GEvent => ({
  eventName: 'OnCallRemoved',
  loginName: of,
  callRef,
  deviceCapabilities: [],
  ...fields,
});

export const snapshot = (loginName: string, calls: readonly Fields[]): O2GEvent => ({
  eventName: 'OnTelephonyState',
  loginName,
  state: { calls, deviceCapabilities: [], userState: calls.length > 0 ? 'BUSY' : 'FREE' },
});

/** Times of the stories: one event a second, the first at this one. */
export const START = Date.parse('2026-11-23T16:55:00.000Z');
export const at = (second: number): string => new Date(START + second * 1000).toISOString();

/** What a reducer makes of a story, one event a second. */
export const changesOf = (
  events: readonly O2GEvent[],
  calls = new CallTracker(),
  firstSecond = 0,
): CallChange[] =>
  events.flatMap((event, index) => calls.follow(event, START + (firstSecond + index) * 1000));

/** A change in one line: `oxe70120 A started ringing [0390670000]`; the state where the change does not say it itself. */
export function line({ change, user, id, callRef, state, parties, cause, recovered }: CallChange): string {
  const words = [user, callRef === id ? id : `${id}=${callRef}`, change];
  if (change === 'started' || change === 'parties') words.push(state);
  words.push(`[${parties.map(({ number }) => number).join(' ')}]`);
  if (cause !== undefined) words.push(cause);
  if (recovered) words.push('recovered');
  return words.join(' ');
}

/** The user's calls as an O2G would answer: the events applied as they are written, with nothing derived. Independent of the reducer. */
export function snapshotAfter(loginName: string, events: readonly O2GEvent[]): O2GEvent {
  const calls = new Map<string, Fields>();
  for (const event of events.filter((told) => told.loginName === loginName)) applyTo(calls, event);
  return snapshot(loginName, [...calls.values()]);
}

function applyTo(calls: Map<string, Fields>, event: O2GEvent): void {
  const callRef = event.callRef as string;
  const { legs, participants } = event;
  if (event.eventName === 'OnCallCreated')
    calls.set(callRef, { callRef, callData: event.callData, legs, participants });
  if (event.eventName === 'OnCallRemoved') calls.delete(callRef);
  if (event.eventName !== 'OnCallModified') return;
  const before = calls.get(callRef) ??
    calls.get(event.previousCallRef as string) ?? { callData: {}, legs: [], participants: [] };
  calls.delete(event.previousCallRef as string);
  calls.set(callRef, {
    callRef,
    callData: mergedData(before.callData as Fields, event.callData as Fields | undefined),
    legs: merged(
      before.legs,
      event,
      'Legs',
      'deviceId',
      ((event.removedLegs as Fields[] | undefined) ?? []).map(({ deviceId }) => deviceId),
    ),
    participants: merged(
      before.participants,
      event,
      'Participants',
      'participantId',
      (event.removedParticipantIds as unknown[] | undefined) ?? [],
    ),
  });
}

/** An empty list of tags means that none is told. */
function mergedData(before: Fields, told: Fields = {}): Fields {
  const { tags, ...rest } = told;
  return { ...before, ...rest, tags: (tags as unknown[] | undefined)?.length ? tags : (before.tags ?? []) };
}

function merged(
  before: unknown,
  event: O2GEvent,
  what: string,
  key: string,
  gone: readonly unknown[],
): Fields[] {
  const all = new Map((before as Fields[]).map((item) => [item[key], item]));
  for (const list of [`added${what}`, `modified${what}`]) {
    for (const item of (event[list] as Fields[] | undefined) ?? [])
      all.set(item[key], { ...all.get(item[key]), ...item });
  }
  for (const id of gone) all.delete(id);
  return [...all.values()];
}
