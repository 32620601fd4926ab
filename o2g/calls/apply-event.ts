/** What an event or a snapshot says of one call, put into its record: the changes that makes. */
import {
  dataAfter,
  devicesAfter,
  initialCalledOf,
  stateOf,
  tellsData,
  textOf,
  wireOf,
  type LiveState,
  type Wire,
} from './parse-event';
import { participantsAfter, type Participant } from './participants';
import {
  become,
  changeOf,
  dataOf,
  fewOf,
  isReleased,
  listOf,
  newCall,
  release,
  revive,
  withData,
  type CallChange,
  type ChangeName,
  type LiveCall,
  type Telling,
} from './call';

/** Where something is told of a call: OnCallCreated, OnCallModified, or as a part of OnTelephonyState. */
export type Source = 'created' | 'modified' | 'snapshot';

/** Causes of a call that goes on in another composition. */
export const JOINS: ReadonlySet<unknown> = new Set(['TRANSFERRED', 'CONFERENCED']);
/** What a caller hears instead of ringing. Told while the call still stands, it is why it ends when the end doesn't say. */
const FAILURES: ReadonlySet<unknown> = new Set([
  'ALL_TRUNK_BUSY',
  'BUSY',
  'DESTINATION_NOT_OBTAINABLE',
  'DO_NOT_DISTURB',
  'INVALID_NUMBER',
  'LOCKOUT',
  'NOT_ANSWERED',
  'NO_AVAILABLE_AGENT',
  'RESOURCES_NOT_AVAILABLE',
]);

/** A call that was not known. Undefined when there is too little to say that it lives. */
export function beginCall(
  callRef: string,
  told: Wire,
  source: Source,
  telling: Telling,
): { call: LiveCall; change: CallChange } | undefined {
  const toldState = stateOf(told, []);
  const devices = devicesAfter([], told, true);
  const participants = participantsAfter([], told, true);
  const direction = directionOf(toldState, told, [telling.user, ...devices], participants);
  const state = firstState(toldState, wireOf(told.callData), source, direction);
  if (state === undefined) return undefined;
  const call = newCall(callRef, state, direction, telling.atMs);
  note(call, told, devices, participants);
  noteFailure(call, telling);
  const change = changeOf('started', call, telling);
  if (toldState === 'over') release(call, telling.atMs, { cause: telling.cause });
  return { call, change };
}

/** A call that is created lives, whatever its state; one in a snapshot whose state is unknown is taken for a conversation. */
function firstState(
  told: LiveState | 'over' | undefined,
  callData: Wire,
  source: Source,
  direction: CallChange['direction'],
): LiveState | undefined {
  if (told !== undefined && told !== 'over') return told;
  if (source === 'created') return direction === 'incoming' ? 'ringing' : 'dialing';
  return source === 'snapshot' && told === undefined && callData.state !== 'IDLE' ? 'talking' : undefined;
}

/**
 * Who called. Ringing and dialing tell; for a call first seen later the initiator does, else who was called first: with an outgoing call
 * that is another party, and servers leave it out.
 * @param own what the user goes by: login, devices
 */
function directionOf(
  state: LiveState | 'over' | undefined,
  told: Wire,
  own: readonly string[],
  participants: readonly Participant[],
): CallChange['direction'] {
  if (state === 'ringing') return 'incoming';
  if (state === 'dialing') return 'outgoing';
  const initiator = textOf(told.initiator);
  // Logins of OXE users are oxe<directory number>; the leg may be on another device than that of the number.
  if (initiator !== undefined && (own.includes(initiator) || own.includes(`oxe${initiator}`)))
    return 'outgoing';
  if (participants.some(({ id }) => id === initiator)) return 'incoming';
  const callData = wireOf(told.callData);
  const called = initialCalledOf(callData);
  if (called === undefined) return callData.acdCallData === undefined ? 'outgoing' : 'incoming';
  return participants.some(({ number, login }) => number === called || login === called)
    ? 'outgoing'
    : 'incoming';
}

/**
 * Puts what is told into the record of a known call. One event may make several changes: the state first, then the parties.
 * @param replaced the call goes on under a new callRef
 */
export function updateCall(
  call: LiveCall,
  told: Wire,
  source: Source,
  telling: Telling,
  replaced: boolean,
): CallChange[] {
  const { atMs, cause } = telling;
  const whole = source !== 'modified';
  const devices = listOf(call.devices);
  const state = stateOf(told, devices);
  // Who hangs up removes the participants with it: the end of a call still says who was in it.
  if (state === 'over') {
    release(call, atMs, { cause, replacedBy: textOf(told.replacedByCallRef) });
    return [];
  }
  if (replaced || (state !== undefined && (whole || JOINS.has(cause)))) revive(call, atMs);
  // A release is final: what still comes is late.
  if (isReleased(call)) return [];
  const before = listOf(call.participants);
  const participants = participantsAfter(before, told, whole);
  const others = participants !== before;
  const names: ChangeName[] =
    state === undefined ? [] : become(call, state, atMs, replaced || (others && JOINS.has(cause)));
  // A new callRef is told with whatever else there is to tell, else alone: it comes with another composition of the call.
  if (others || (replaced && names.length === 0)) names.push('parties');
  note(call, told, devicesAfter(devices, told, whole), participants);
  noteFailure(call, telling);
  return names.map((name) => changeOf(name, call, telling));
}

/** Takes over who is in the call and what travels with it. Equal strings are kept once. */
function note(
  call: LiveCall,
  told: Wire,
  devices: readonly string[],
  participants: readonly Participant[],
): void {
  const callData = wireOf(told.callData);
  const called = initialCalledOf(callData);
  call.devices = fewOf(devices);
  call.participants = fewOf(participants);
  if (called !== undefined && called !== call.initialCalled)
    call.initialCalled = devices.find((device) => device === called) ?? called;
  if (tellsData(callData)) withData(call, dataAfter(dataOf(call), callData));
}

function noteFailure(call: LiveCall, { cause }: Telling): void {
  if (call.state === 'dialing' && FAILURES.has(cause)) call.ending = { ...call.ending, cause };
}
