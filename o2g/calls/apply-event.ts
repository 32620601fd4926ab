/** What an event or a snapshot says of one call, put into its record: the changes that makes. */
import {
  dataAfter,
  devicesAfter,
  initialCalledOf,
  stateOf,
  hasCallData,
  nonEmptyText,
  rawObjectOf,
  type LiveState,
  type RawObject,
} from './parse-event';
import { participantsAfter, type Participant } from './participants';
import {
  enterState,
  changeOf,
  dataOf,
  oneOrManyOf,
  isReleased,
  listOf,
  newCall,
  release,
  resumeReleased,
  setData,
  type CallChange,
  type ChangeName,
  type LiveCall,
  type ChangeContext,
} from './call';

/** Where something is told of a call: OnCallCreated, OnCallModified, or as a part of OnTelephonyState. */
export type UpdateSource = 'created' | 'modified' | 'snapshot';

/** Causes of a call that goes on in another composition. */
export const JOIN_CAUSES: ReadonlySet<unknown> = new Set(['TRANSFERRED', 'CONFERENCED']);
/** What a caller hears instead of ringing. Told while the call still stands, it is why it ends when the end doesn't say. */
const FAILURE_CAUSES: ReadonlySet<unknown> = new Set([
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
export function startCall(
  callRef: string,
  reported: RawObject,
  source: UpdateSource,
  context: ChangeContext,
): { call: LiveCall; change: CallChange } | undefined {
  const reportedState = stateOf(reported, []);
  const devices = devicesAfter([], reported, true);
  const participants = participantsAfter([], reported, true);
  const direction = directionOf(reportedState, reported, [context.user, ...devices], participants);
  const state = firstState(reportedState, rawObjectOf(reported.callData), source, direction);
  if (state === undefined) return undefined;
  const call = newCall(callRef, state, direction, context.atMs);
  storeDetails(call, reported, devices, participants);
  storeFailureCause(call, context);
  const change = changeOf('started', call, context);
  if (reportedState === 'over') release(call, context.atMs, { cause: context.cause });
  return { call, change };
}

/** A call that is created lives, whatever its state; one in a snapshot whose state is unknown is taken for a conversation. */
function firstState(
  reported: LiveState | 'over' | undefined,
  callData: RawObject,
  source: UpdateSource,
  direction: CallChange['direction'],
): LiveState | undefined {
  if (reported !== undefined && reported !== 'over') return reported;
  if (source === 'created') return direction === 'incoming' ? 'ringing' : 'dialing';
  return source === 'snapshot' && reported === undefined && callData.state !== 'IDLE' ? 'talking' : undefined;
}

/**
 * Who called. Ringing and dialing tell; for a call first seen later the initiator does, else who was called first: with an outgoing call
 * that is another party, and servers leave it out.
 * @param userIds what the user goes by: login, devices
 */
function directionOf(
  state: LiveState | 'over' | undefined,
  reported: RawObject,
  userIds: readonly string[],
  participants: readonly Participant[],
): CallChange['direction'] {
  if (state === 'ringing') return 'incoming';
  if (state === 'dialing') return 'outgoing';
  const initiator = nonEmptyText(reported.initiator);
  // Logins of OXE users are oxe<directory number>; the leg may be on another device than that of the number.
  if (initiator !== undefined && (userIds.includes(initiator) || userIds.includes(`oxe${initiator}`)))
    return 'outgoing';
  if (participants.some(({ id }) => id === initiator)) return 'incoming';
  const callData = rawObjectOf(reported.callData);
  const called = initialCalledOf(callData);
  if (called === undefined) return callData.acdCallData === undefined ? 'outgoing' : 'incoming';
  return participants.some(({ number, login }) => number === called || login === called)
    ? 'outgoing'
    : 'incoming';
}

/**
 * Puts what is told into the record of a known call. One event may make several changes: the state first, then the parties.
 * @param isReplaced the call goes on under a new callRef
 */
export function updateCall(
  call: LiveCall,
  reported: RawObject,
  source: UpdateSource,
  context: ChangeContext,
  isReplaced: boolean,
): CallChange[] {
  const { atMs, cause } = context;
  const isComplete = source !== 'modified';
  const devices = listOf(call.devices);
  const state = stateOf(reported, devices);
  // Who hangs up removes the participants with it: the end of a call still says who was in it.
  if (state === 'over') {
    release(call, atMs, { cause, replacedBy: nonEmptyText(reported.replacedByCallRef) });
    return [];
  }
  if (isReplaced || (state !== undefined && (isComplete || JOIN_CAUSES.has(cause))))
    resumeReleased(call, atMs);
  // A release is final: what still comes is late.
  if (isReleased(call)) return [];
  const before = listOf(call.participants);
  const participants = participantsAfter(before, reported, isComplete);
  const partiesChanged = participants !== before;
  const names: ChangeName[] =
    state === undefined
      ? []
      : enterState(call, state, atMs, isReplaced || (partiesChanged && JOIN_CAUSES.has(cause)));
  // A new callRef is told with whatever else there is to tell, else alone: it comes with another composition of the call.
  if (partiesChanged || (isReplaced && names.length === 0)) names.push('parties');
  storeDetails(call, reported, devicesAfter(devices, reported, isComplete), participants);
  storeFailureCause(call, context);
  return names.map((name) => changeOf(name, call, context));
}

/** Takes over who is in the call and what travels with it. Equal strings are kept once. */
function storeDetails(
  call: LiveCall,
  reported: RawObject,
  devices: readonly string[],
  participants: readonly Participant[],
): void {
  const callData = rawObjectOf(reported.callData);
  const called = initialCalledOf(callData);
  call.devices = oneOrManyOf(devices);
  call.participants = oneOrManyOf(participants);
  if (called !== undefined && called !== call.initialCalled)
    call.initialCalled = devices.find((device) => device === called) ?? called;
  if (hasCallData(callData)) setData(call, dataAfter(dataOf(call), callData));
}

function storeFailureCause(call: LiveCall, { cause }: ChangeContext): void {
  if (call.state === 'dialing' && FAILURE_CAUSES.has(cause)) call.ending = { ...call.ending, cause };
}
