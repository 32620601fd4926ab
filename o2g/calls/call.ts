/** The life of one call of one user: its record, kept small because there may be one a device, and the steps it takes. */
import type { CallData, LiveState } from './parse-event';
import { partyOf, type Participant, type Party } from './participants';
import type { Representation } from '../spec';

export type CallCause = NonNullable<Representation<'OnCallRemoved'>['cause']>;
export const CHANGE_NAMES = ['started', 'answered', 'held', 'retrieved', 'parties', 'ended'] as const;
export type ChangeName = (typeof CHANGE_NAMES)[number];

/** One change in the life of one call of one user. */
export interface CallChange {
  readonly change: ChangeName;
  readonly state: LiveState | 'ended';
  /**
   * The first callRef; it stays while callRefs replace one another. It is one user's: two users of one call have the same. What comes back
   * to its user under its old callRef (parked and taken again) begins anew under the same id; `startedAt` tells the two apart.
   */
  readonly id: string;
  readonly callRef: string;
  /** The callRef that this change replaced. */
  readonly previousCallRef?: string;
  readonly user: string;
  /** The user's devices in the call. */
  readonly devices: readonly string[];
  readonly direction: 'incoming' | 'outgoing';
  /** A party is outside the system. */
  readonly external: boolean;
  readonly parties: readonly Party[];
  /** The number that was called first, whoever answers now. */
  readonly initialCalled?: string;
  readonly cause?: CallCause;
  /** ISO 8601 UTC, like all times here: when the event arrived that told it. */
  readonly startedAt: string;
  readonly answeredAt?: string;
  readonly endedAt?: string;
  /** Milliseconds of ringing or dialing, of talking, of being held; absent as long as there were none. */
  readonly ringMs?: number;
  readonly talkMs?: number;
  readonly holdMs?: number;
  readonly acd?: Representation<'AcdCallData'>;
  readonly trunk?: Representation<'TrunkIdentification'>;
  readonly tags?: readonly Representation<'Tag'>[];
  /** Correlator data. */
  readonly data?: string;
  /** A snapshot told it, not an event. */
  readonly recovered?: true;
}

/** What is known of how a call ends, before it does. */
export interface CallEnding {
  /** When the first RELEASING came, in ms after the start. */
  readonly releasedAfterMs?: number | undefined;
  readonly cause?: CallCause | undefined;
  readonly replacedBy?: string | undefined;
}

/** None, one or several, kept without a list around one: that would be a tenth of a record, three times. */
export type OneOrMany<Item extends string | object> = Item | readonly Item[];

export const listOf = <Item extends string | object>(value: OneOrMany<Item>): readonly Item[] =>
  isMany(value) ? value : [value];
export const oneOrManyOf = <Item extends string | object>(list: readonly Item[]): OneOrMany<Item> =>
  list.length === 1 && list[0] !== undefined ? list[0] : list;
const isMany = <Item extends string | object>(value: OneOrMany<Item>): value is readonly Item[] =>
  Array.isArray(value);

/** A live call. Lists and objects in it are replaced, never changed. Times are in ms after the start: small integers cost no heap. */
export interface LiveCall {
  readonly id: string;
  callRef: string;
  state: LiveState;
  readonly direction: CallChange['direction'];
  devices: OneOrMany<string>;
  participants: OneOrMany<Participant>;
  initialCalled: string | undefined;
  /** Its `CallData` as JSON: a third of the objects' size, and each change gets its own. */
  data: string | undefined;
  /** ms since 1970. */
  readonly startedAtMs: number;
  answeredAfterMs: number | undefined;
  /** When the present state began. */
  stateSinceMs: number;
  ringMs: number | undefined;
  talkMs: number | undefined;
  holdMs: number | undefined;
  /** `held` was told and `retrieved` was not, whatever the state (a held call may ring back: RECALL). */
  held: boolean;
  ending: CallEnding | undefined;
}

/** The one place where a record is made: all have the same keys in the same order, which halves their size. */
export function newCall(
  callRef: string,
  state: LiveState,
  direction: CallChange['direction'],
  startedAtMs: number,
): LiveCall {
  return {
    id: callRef,
    callRef,
    state,
    direction,
    devices: [],
    participants: [],
    initialCalled: undefined,
    data: undefined,
    startedAtMs,
    answeredAfterMs: undefined,
    stateSinceMs: 0,
    ringMs: undefined,
    talkMs: undefined,
    holdMs: undefined,
    held: state === 'held',
    ending: undefined,
  };
}

const COUNTER_BY_STATE = { ringing: 'ringMs', dialing: 'ringMs', talking: 'talkMs', held: 'holdMs' } as const;

/**
 * Puts a call into a state.
 * @param isJoined it got there by transfer or conference: leaving hold is no `retrieved` then, the user talks to others than those held
 * @returns the changes that makes, in order. None when it is in that state, and none for what a change has no name for: a call that was
 *   answered and rings again (RECALL, transfer before the answer)
 */
export function enterState(call: LiveCall, state: LiveState, atMs: number, isJoined: boolean): ChangeName[] {
  if (call.state === state) return [];
  accumulateTime(call, atMs);
  const { held } = call;
  const wasAnswered = call.talkMs !== undefined || call.holdMs !== undefined;
  call.state = state;
  call.ending = undefined;
  if (state === 'ringing' || state === 'dialing') return [];
  call.held = state === 'held';
  if (state === 'talking' && held) return isJoined ? [] : ['retrieved'];
  if (state === 'held' && wasAnswered) return held ? [] : ['held'];
  call.answeredAfterMs ??= call.stateSinceMs;
  // What is held was answered, whether or not that was seen.
  return state === 'held' ? ['answered', 'held'] : ['answered'];
}

/** The call is being released: its time stands still, it ends with OnCallRemoved. Only the first release has a time. */
export function release(call: LiveCall, atMs: number, details: Omit<CallEnding, 'releasedAfterMs'>): void {
  if (!isReleased(call)) accumulateTime(call, atMs);
  call.ending = {
    releasedAfterMs: call.ending?.releasedAfterMs ?? call.stateSinceMs,
    cause: details.cause ?? call.ending?.cause,
    replacedBy: details.replacedBy ?? call.ending?.replacedBy,
  };
}

/** A call that was being released goes on, under another callRef or because a snapshot says so. */
export function resumeReleased(call: LiveCall, atMs: number): void {
  if (!isReleased(call)) return;
  call.stateSinceMs = Math.max(call.stateSinceMs, atMs - call.startedAtMs);
  call.ending = undefined;
}

export const isReleased = (call: LiveCall): boolean => call.ending?.releasedAfterMs !== undefined;

/** Adds the time in the present state to its counter. The clock of the host may have been set back meanwhile. */
function accumulateTime(call: LiveCall, atMs: number): void {
  const elapsed = elapsedMs(call, atMs);
  const counter = COUNTER_BY_STATE[call.state];
  call[counter] = (call[counter] ?? 0) + elapsed;
  call.stateSinceMs += elapsed;
}

const elapsedMs = (call: LiveCall, atMs: number): number =>
  isReleased(call) ? 0 : Math.max(0, atMs - call.startedAtMs - call.stateSinceMs);

/** Where a change comes from. */
export interface ChangeContext {
  readonly user: string;
  readonly atMs: number;
  readonly cause?: CallCause | undefined;
  readonly previousCallRef?: string | undefined;
  readonly recovered?: true | undefined;
}

const STATE_AFTER_CHANGE: Readonly<Partial<Record<ChangeName, CallChange['state']>>> = {
  answered: 'talking',
  held: 'held',
  retrieved: 'talking',
  ended: 'ended',
};

/** A change, to be given away: nothing in it is shared with the record. */
export function changeOf(
  change: ChangeName,
  call: LiveCall,
  { user, atMs, cause, previousCallRef, recovered }: ChangeContext,
): CallChange {
  const { id, callRef, direction, initialCalled, startedAtMs, answeredAfterMs } = call;
  const participants = listOf(call.participants);
  const data = dataOf(call);
  return {
    change,
    state: STATE_AFTER_CHANGE[change] ?? call.state,
    id,
    callRef,
    ...(previousCallRef !== undefined && { previousCallRef }),
    user,
    devices: [...listOf(call.devices)],
    direction,
    external: isExternal(participants, data),
    parties: participants.map(partyOf),
    ...(initialCalled !== undefined && { initialCalled }),
    ...(cause !== undefined && { cause }),
    startedAt: isoTime(startedAtMs),
    ...(answeredAfterMs !== undefined && { answeredAt: isoTime(startedAtMs + answeredAfterMs) }),
    ...(change === 'ended' && {
      endedAt: isoTime(startedAtMs + (call.ending?.releasedAfterMs ?? call.stateSinceMs)),
    }),
    ...counters(call, atMs),
    ...data,
    ...(recovered && { recovered }),
  };
}

/** The last change of a call. */
export function endedChangeOf(call: LiveCall, context: ChangeContext): CallChange {
  if (!isReleased(call)) accumulateTime(call, context.atMs);
  return changeOf('ended', call, context);
}

function counters(call: LiveCall, atMs: number): Pick<CallChange, 'ringMs' | 'talkMs' | 'holdMs'> {
  const elapsed = elapsedMs(call, atMs);
  const total = (counter: 'ringMs' | 'talkMs' | 'holdMs'): number | undefined => {
    const now = COUNTER_BY_STATE[call.state] === counter ? elapsed : 0;
    return call[counter] === undefined && now === 0 ? undefined : (call[counter] ?? 0) + now;
  };
  const [ringMs, talkMs, holdMs] = [total('ringMs'), total('talkMs'), total('holdMs')];
  return {
    ...(ringMs !== undefined && { ringMs }),
    ...(talkMs !== undefined && { talkMs }),
    ...(holdMs !== undefined && { holdMs }),
  };
}

/** Only external calls have a trunk (TrunkIdentification): with one, a party of unknown type is outside, and one not yet told of, too. */
function isExternal(participants: readonly Participant[], { trunk }: CallData): boolean {
  if (participants.some(({ type }) => type === 'EXTERNAL')) return true;
  return (
    trunk !== undefined && (participants.length === 0 || participants.some(({ type }) => type === 'UNKNOWN'))
  );
}

/** What travels with a call; an object of its own each time. */
export const dataOf = ({ data }: LiveCall): CallData =>
  data === undefined ? {} : (JSON.parse(data) as CallData);

export function setData(call: LiveCall, data: CallData): void {
  if (Object.keys(data).length > 0) call.data = JSON.stringify(data);
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
