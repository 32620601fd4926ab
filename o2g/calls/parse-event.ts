/**
 * Reading what O2G tells of a call. What isn't of the specified type is as if it weren't there, null and `[]` are as absent, and nothing
 * that is read here refers to the event it came from.
 */
import { isObject, type JsonObject } from '../util';
import { fieldsOf, isRepresentation, type Representation, type RepresentationName } from '../spec';

/** An object of an event, before anything is known about its fields. */
export type RawObject = Readonly<JsonObject>;

const EMPTY_OBJECT: RawObject = {};
export const rawObjectOf = (value: unknown): RawObject => (isObject(value) ? value : EMPTY_OBJECT);
const EMPTY_LIST: readonly never[] = [];
export const rawObjectsOf = (value: unknown): readonly RawObject[] =>
  isNonEmptyArray(value) ? value.filter(isObject) : EMPTY_LIST;
export const nonEmptyText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
export const nonEmptyTexts = (value: unknown): readonly string[] =>
  isNonEmptyArray(value) ? value.flatMap((item) => nonEmptyText(item) ?? []) : EMPTY_LIST;
const isNonEmptyArray = (value: unknown): value is unknown[] => Array.isArray(value) && value.length > 0;

/** The states of a call that lives. */
export type LiveState = 'ringing' | 'dialing' | 'talking' | 'held';

/**
 * MediaState in the words of a change. `ringing` is the user's own phone; whoever calls is `dialing` until somebody answers, as in the call
 * models of desk phones and of CTI servers, so that one word tells a screen pop from an outgoing call. IDLE and UNKNOWN tell nothing.
 */
const STATE_BY_MEDIA_STATE: ReadonlyMap<unknown, LiveState | 'over'> = new Map<unknown, LiveState | 'over'>([
  ['OFF_HOOK', 'dialing'],
  ['DIALING', 'dialing'],
  ['RINGING_OUTGOING', 'dialing'],
  ['RINGING_INCOMING', 'ringing'],
  ['ACTIVE', 'talking'],
  ['HELD', 'held'],
  ['RELEASING', 'over'],
]);
/** What several legs of one user add up to: the first of these. */
const STATE_PRIORITY = ['talking', 'held', 'ringing', 'dialing'] as const;
const ENDED_LEG_STATES: ReadonlySet<unknown> = new Set(['RELEASING', 'IDLE']);

/**
 * The state of a call as an event or a snapshot tells it: that of its callData, else what the told legs add up to.
 * @param devices the user's devices that were in the call before: it is over when none of them is left
 */
export function stateOf(call: RawObject, devices: readonly string[]): LiveState | 'over' | undefined {
  const reported = STATE_BY_MEDIA_STATE.get(rawObjectOf(call.callData).state);
  if (reported !== undefined) return reported;
  const legs = legsOf(call);
  const states = new Set(legs.map(({ state }) => STATE_BY_MEDIA_STATE.get(state)));
  const live = STATE_PRIORITY.find((state) => states.has(state));
  if (live !== undefined || !states.has('over')) return live;
  return devices.every((device) =>
    legs.some(({ deviceId, state }) => deviceId === device && ENDED_LEG_STATES.has(state)),
  )
    ? 'over'
    : undefined;
}

/** The legs that an event tells as being in the call or changed; `removedLegs` are apart. */
const legsOf = (call: RawObject): readonly RawObject[] =>
  mergedLists(call, ['legs', 'addedLegs', 'modifiedLegs']);

/** The objects of several lists in one; most lists of most events are empty. */
export function mergedLists(call: RawObject, lists: readonly string[]): readonly RawObject[] {
  let all: readonly RawObject[] = EMPTY_LIST;
  for (const list of lists) {
    const more = rawObjectsOf(call[list]);
    if (more.length > 0) all = all.length > 0 ? [...all, ...more] : more;
  }
  return all;
}

/** No user has so many devices, and no OXE conference so many parties (it ends at 29): a limit to what a broken server can pile up. */
const MAX_LIST_ITEMS = 64;
export const limitList = <Item>(items: readonly Item[]): readonly Item[] =>
  items.length > MAX_LIST_ITEMS ? items.slice(0, MAX_LIST_ITEMS) : items;

/**
 * The user's devices in a call after what was told. The last device stays: a call without any says less than one with the device it was on.
 * @param complete the told legs are all there are (snapshot), not what changed
 */
export function devicesAfter(
  devices: readonly string[],
  call: RawObject,
  complete: boolean,
): readonly string[] {
  const legs = legsOf(call);
  const removed = rawObjectsOf(call.removedLegs);
  if (legs.length === 0 && removed.length === 0) return devices;
  const remaining = new Set(complete && legs.length > 0 ? EMPTY_LIST : devices);
  for (const { deviceId, state } of legs) {
    const device = nonEmptyText(deviceId);
    if (device !== undefined && !ENDED_LEG_STATES.has(state)) remaining.add(device);
    else if (device !== undefined) remaining.delete(device);
  }
  for (const { deviceId } of removed) remaining.delete(nonEmptyText(deviceId) ?? '');
  if (remaining.size > 0) return limitList([...remaining]);
  return devices.length > 0
    ? devices
    : [...new Set(legs.flatMap(({ deviceId }) => nonEmptyText(deviceId) ?? []))];
}

/** What travels with a call. */
export interface CallData {
  readonly acd?: Representation<'AcdCallData'>;
  readonly trunk?: Representation<'TrunkIdentification'>;
  readonly tags?: readonly Representation<'Tag'>[];
  /** Correlator data: the text, or the hexadecimal digits when the server gives nothing else. */
  readonly data?: string;
}

/** What travels with a call after what was told; each part stays until another is told. */
export function dataAfter(known: CallData, callData: RawObject): CallData {
  const acd = copyOf('AcdCallData', callData.acdCallData);
  const trunk = copyOf('TrunkIdentification', callData.trunkIdentification);
  const tags = rawObjectsOf(callData.tags).flatMap((tag) =>
    nonEmptyText(tag.name) === undefined ? [] : (copyOf('Tag', tag) ?? []),
  );
  // Shipped clients disagree on the name of the correlator data.
  const data =
    nonEmptyText(callData.associateData) ??
    nonEmptyText(callData.associatedData) ??
    nonEmptyText(callData.hexaBinaryAssociatedData);
  return {
    ...known,
    ...(acd && { acd }),
    ...(trunk && { trunk }),
    ...(tags.length > 0 && { tags }),
    ...(data !== undefined && { data }),
  };
}

const CALL_DATA_FIELDS = [
  'acdCallData',
  'trunkIdentification',
  'tags',
  'associateData',
  'associatedData',
  'hexaBinaryAssociatedData',
] as const;

/** True when something that travels with a call is told; most events tell nothing of it but an empty list of tags. */
export const hasCallData = (callData: RawObject): boolean =>
  CALL_DATA_FIELDS.some(
    (field) =>
      callData[field] !== undefined && !(Array.isArray(callData[field]) && callData[field].length === 0),
  );

/** The number that was called first; a user without one goes by the login. */
export function initialCalledOf(callData: RawObject): string | undefined {
  const { phoneNumber, loginName } = rawObjectOf(rawObjectOf(callData.initialCalled).id);
  return nonEmptyText(phoneNumber) ?? nonEmptyText(loginName);
}

/** A copy of the fields that the specification knows; undefined when there are none. */
export function copyOf<Name extends RepresentationName>(
  name: Name,
  value: unknown,
): Representation<Name> | undefined {
  if (!isObject(value)) return undefined;
  const copy: Record<string, unknown> = {};
  let empty = true;
  for (const { field, type, many } of fieldsOf(name)) {
    const reported = many ? copyOfList(type, value[field]) : copyOfValue(type, value[field]);
    if (reported === undefined) continue;
    copy[field] = reported;
    empty = false;
  }
  return empty ? undefined : (copy as Representation<Name>);
}

const copyOfValue = (type: string, value: unknown): unknown =>
  isRepresentation(type) ? copyOf(type, value) : isScalar(value) ? value : undefined;

/** Where one value is told for a list it is a list of one: `trunkNeqt` is an array or a number, by server. */
function copyOfList(type: string, value: unknown): unknown {
  const items = (Array.isArray(value) ? value : [value])
    .map((item) => copyOfValue(type, item))
    .filter((item) => item !== undefined);
  return items.length > 0 ? items : undefined;
}

const isScalar = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
