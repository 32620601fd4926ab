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
export interface Ending {
  /** When the first RELEASING came, in ms after the start. */
  readonly releasedMs?: number | undefined;
  readonly cause?: CallCause | undefined;
  readonly replacedBy?: string | undefined;
}

/** None, one or several, kept without a list around one: that would be a tenth of a record, three times. */
export type Few<Item extends string | object> = Item | readonly Item[];

export const listOf = <Item extends string | object>(few: Few<Item>): readonly Item[] =>
  isList(few) ? few : [few];
export const fewOf = <Item extends string | object>(list: readonly Item[]): Few<Item> =>
  list.length === 1 && list[0] !== undefined ? list[0] : list;
const isList = <Item extends string | object>(few: Few<Item>): few is readonly Item[] => Array.isArray(few);

/** A live call. Lists and objects in it are replaced, never changed. Times are in ms after the start: small integers cost no heap. */
export interface LiveCall {
  readonly id: string;
  callRef: string;
  state: LiveState;
  readonly direction: CallChange['direction'];
  devices: Few<string>;
  participants: Few<Participant>;
  initialCalled: string | undefined;
  /** Its `CallData` as JSON: a third of the objects' size, and each change gets its own. */
  data: string | undefined;
  /** ms since 1970. */
  readonly startedAt: number;
  answeredMs: number | undefined;
  /** When the present state began. */
  sinceMs: number;
  ringMs: number | undefined;
  talkMs: number | undefined;
  holdMs: number | undefined;
  /** `held` was told and `retrieved` was not, whatever the state (a held call may ring back: RECALL). */
  held: boolean;
  ending: Ending | undefined;
}

/** The one place where a record is made: all have the same keys in the same order, which halves their size. */
export function newCall(
  callRef: string,
  state: LiveState,
  direction: CallChange['direction'],
  startedAt: number,
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
    startedAt,
    answeredMs: undefined,
    sinceMs: 0,
    ringMs: undefined,
    talkMs: undefined,
    holdMs: undefined,
    held: state === 'held',
    ending: undefined,
  };
}

const COUNTER = { ringing: 'ringMs', dialing: 'ringMs', talking: 'talkMs', held: 'holdMs' } as const;

/**
 * Puts a call into a state.
 * @param joined it got there by transfer or conference: leaving hold is no `retrieved` then, the user talks to others than those held
 * @returns the changes that makes, in order. None when it is in that state, and none for what a change has no name for: a call that was
 *   answered and rings again (RECALL, transfer before the answer)
 */
export function become(call: LiveCall, state: LiveState, atMs: number, joined: boolean): ChangeName[] {
  if (call.state === state) return [];
  settle(call, atMs);
  const { held } = call;
  const known = call.talkMs !== undefined || call.holdMs !== undefined;
  call.state = state;
  call.ending = undefined;
  if (state === 'ringing' || state === 'dialing') return [];
  call.held = state === 'held';
  if (state === 'talking' && held) return joined ? [] : ['retrieved'];
  if (state === 'held' && known) return held ? [] : ['held'];
  call.answeredMs ??= call.sinceMs;
  // What is held was answered, whether or not that was seen.
  return state === 'held' ? ['answered', 'held'] : ['answered'];
}

/** The call is being released: its time stands still, it ends with OnCallRemoved. Only the first release has a time. */
export function release(call: LiveCall, atMs: number, told: Omit<Ending, 'releasedMs'>): void {
  if (!isReleased(call)) settle(call, atMs);
  call.ending = {
    releasedMs: call.ending?.releasedMs ?? call.sinceMs,
    cause: told.cause ?? call.ending?.cause,
    replacedBy: told.replacedBy ?? call.ending?.replacedBy,
  };
}

/** A call that was being released goes on, under another callRef or because a snapshot says so. */
export function revive(call: LiveCall, atMs: number): void {
  if (!isReleased(call)) return;
  call.sinceMs = Math.max(call.sinceMs, atMs - call.startedAt);
  call.ending = undefined;
}

export const isReleased = (call: LiveCall): boolean => call.ending?.releasedMs !== undefined;

/** Adds the time in the present state to its counter. The clock of the host may have been set back meanwhile. */
function settle(call: LiveCall, atMs: number): void {
  const running = runningMs(call, atMs);
  const counter = COUNTER[call.state];
  call[counter] = (call[counter] ?? 0) + running;
  call.sinceMs += running;
}

const runningMs = (call: LiveCall, atMs: number): number =>
  isReleased(call) ? 0 : Math.max(0, atMs - call.startedAt - call.sinceMs);

/** Where a change comes from. */
export interface Telling {
  readonly user: string;
  readonly atMs: number;
  readonly cause?: CallCause | undefined;
  readonly previousCallRef?: string | undefined;
  readonly recovered?: true | undefined;
}

const STATE_AFTER: Readonly<Partial<Record<ChangeName, CallChange['state']>>> = {
  answered: 'talking',
  held: 'held',
  retrieved: 'talking',
  ended: 'ended',
};

/** A change, to be given away: nothing in it is shared with the record. */
export function changeOf(
  change: ChangeName,
  call: LiveCall,
  { user, atMs, cause, previousCallRef, recovered }: Telling,
): CallChange {
  const { id, callRef, direction, initialCalled, startedAt, answeredMs } = call;
  const participants = listOf(call.participants);
  const data = dataOf(call);
  return {
    change,
    state: STATE_AFTER[change] ?? call.state,
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
    startedAt: iso(startedAt),
    ...(answeredMs !== undefined && { answeredAt: iso(startedAt + answeredMs) }),
    ...(change === 'ended' && { endedAt: iso(startedAt + (call.ending?.releasedMs ?? call.sinceMs)) }),
    ...counters(call, atMs),
    ...data,
    ...(recovered && { recovered }),
  };
}

/** The last change of a call. */
export function endOf(call: LiveCall, telling: Telling): CallChange {
  if (!isReleased(call)) settle(call, telling.atMs);
  return changeOf('ended', call, telling);
}

function counters(call: LiveCall, atMs: number): Pick<CallChange, 'ringMs' | 'talkMs' | 'holdMs'> {
  const running = runningMs(call, atMs);
  const shown = (counter: 'ringMs' | 'talkMs' | 'holdMs'): number | undefined => {
    const now = COUNTER[call.state] === counter ? running : 0;
    return call[counter] === undefined && now === 0 ? undefined : (call[counter] ?? 0) + now;
  };
  const [ringMs, talkMs, holdMs] = [shown('ringMs'), shown('talkMs'), shown('holdMs')];
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

export function withData(call: LiveCall, data: CallData): void {
  if (Object.keys(data).length > 0) call.data = JSON.stringify(data);
}

const iso = (ms: number): string => new Date(ms).toISOString();
