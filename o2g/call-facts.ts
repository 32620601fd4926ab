/**
 * Reading what O2G tells of a call. What isn't of the specified type is as if it weren't there, null and `[]` are as absent, and nothing
 * that is read here refers to the event it came from.
 */
import { REPRESENTATIONS, type Representation, type RepresentationName } from './representations';

/** An object of an event, before anything is known about its fields. */
export type Wire = Readonly<Record<string, unknown>>;

export const isWire = (value: unknown): value is Wire => typeof value === 'object' && value !== null && !Array.isArray(value);
const NOTHING: Wire = {};
export const wireOf = (value: unknown): Wire => (isWire(value) ? value : NOTHING);
export const wiresOf = (value: unknown): Wire[] => (Array.isArray(value) ? value.filter(isWire) : []);
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
export const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => textOf(item) !== undefined) : []);

/** The states of a call that lives. */
export type LiveState = 'ringing' | 'dialing' | 'talking' | 'held';

/**
 * MediaState in the words of a change. `ringing` is the user's own phone; whoever calls is `dialing` until somebody answers, as in the call
 * models of desk phones and of CTI servers, so that one word tells a screen pop from an outgoing call. IDLE and UNKNOWN tell nothing.
 */
const MEDIA: ReadonlyMap<unknown, LiveState | 'over'> = new Map<unknown, LiveState | 'over'>([
  ['OFF_HOOK', 'dialing'], ['DIALING', 'dialing'], ['RINGING_OUTGOING', 'dialing'], ['RINGING_INCOMING', 'ringing'],
  ['ACTIVE', 'talking'], ['HELD', 'held'], ['RELEASING', 'over'],
]);
/** What several legs of one user add up to: the first of these. */
const FOREMOST = ['talking', 'held', 'ringing', 'dialing'] as const;
const OUT: ReadonlySet<unknown> = new Set(['RELEASING', 'IDLE']);

/**
 * The state of a call as an event or a snapshot tells it: that of its callData, else what the told legs add up to.
 * @param devices the user's devices that were in the call before: it is over when none of them is left
 */
export function stateOf(call: Wire, devices: readonly string[]): LiveState | 'over' | undefined {
  const told = MEDIA.get(wireOf(call.callData).state);
  if (told !== undefined) return told;
  const legs = legsOf(call);
  const states = new Set(legs.map(({ state }) => MEDIA.get(state)));
  const live = FOREMOST.find((state) => states.has(state));
  if (live !== undefined || !states.has('over')) return live;
  return devices.every((device) => legs.some(({ deviceId, state }) => deviceId === device && OUT.has(state))) ? 'over' : undefined;
}

/** The legs that an event tells as being in the call or changed; `removedLegs` are apart. */
const legsOf = (call: Wire): Wire[] => [...wiresOf(call.legs), ...wiresOf(call.addedLegs), ...wiresOf(call.modifiedLegs)];

/** No user has so many devices, and no OXE conference so many parties (it ends at 29): a limit to what a broken server can pile up. */
const MOST = 64;
export const atMost = <Item>(items: readonly Item[]): readonly Item[] => (items.length > MOST ? items.slice(0, MOST) : items);

/**
 * The user's devices in a call after what was told; the same list when nothing changed. The last device stays: a call without any says
 * less than one with the device it was on.
 * @param whole the told legs are all there are (snapshot), not what changed
 */
export function devicesAfter(devices: readonly string[], call: Wire, whole: boolean): readonly string[] {
  const legs = legsOf(call);
  const inside = new Set(whole && legs.length > 0 ? [] : devices);
  for (const { deviceId, state } of legs) {
    const device = textOf(deviceId);
    if (device === undefined) continue;
    if (OUT.has(state)) inside.delete(device);
    else inside.add(device);
  }
  for (const { deviceId } of wiresOf(call.removedLegs)) inside.delete(textOf(deviceId) ?? '');
  if (inside.size === 0) return devices.length > 0 ? devices : [...new Set(legs.flatMap(({ deviceId }) => textOf(deviceId) ?? []))];
  if (inside.size === devices.length && devices.every((device) => inside.has(device))) return devices;
  return atMost([...inside]);
}

/** What travels with a call. Never changed in place: it may be shared. */
export interface CallData {
  readonly acd?: Representation<'AcdCallData'>;
  readonly trunk?: Representation<'TrunkIdentification'>;
  readonly tags?: readonly Representation<'Tag'>[];
  /** Correlator data: the text, or the hexadecimal digits when the server gives nothing else. */
  readonly data?: string;
}

/** What travels with a call after what was told; each part stays until another is told. */
export function dataAfter(known: CallData | undefined, callData: Wire): CallData | undefined {
  const acd = copyOf('AcdCallData', callData.acdCallData);
  const trunk = copyOf('TrunkIdentification', callData.trunkIdentification);
  const tags = wiresOf(callData.tags).flatMap((tag) => (textOf(tag.name) === undefined ? [] : copyOf('Tag', tag) ?? []));
  // Shipped clients disagree on the name of the correlator data.
  const data = textOf(callData.associateData) ?? textOf(callData.associatedData) ?? textOf(callData.hexaBinaryAssociatedData);
  if (acd === undefined && trunk === undefined && tags.length === 0 && data === undefined) return known;
  return { ...known, ...(acd && { acd }), ...(trunk && { trunk }), ...(tags.length > 0 && { tags }), ...(data !== undefined && { data }) };
}

/** The number that was called first; a user without one goes by the login. */
export function initialCalledOf(callData: Wire): string | undefined {
  const { phoneNumber, loginName } = wireOf(wireOf(callData.initialCalled).id);
  return textOf(phoneNumber) ?? textOf(loginName);
}

/** A copy of the fields that the specification knows; undefined when there are none. */
export function copyOf<Name extends RepresentationName>(name: Name, value: unknown): Representation<Name> | undefined {
  if (!isWire(value)) return undefined;
  const copy: Record<string, unknown> = {};
  for (const [field, written] of Object.entries(REPRESENTATIONS[name])) {
    const told = copyOfField(written, value[field]);
    if (told !== undefined) copy[field] = told;
  }
  return Object.keys(copy).length > 0 ? (copy as Representation<Name>) : undefined;
}

/** Where one value is told for a list it is a list of one: `trunkNeqt` is an array or a number, by server. */
function copyOfField(written: string, value: unknown): unknown {
  const type = written.replace(/[?*+]$/, '');
  const one = (item: unknown): unknown => (isRepresentation(type) ? copyOf(type, item) : isScalar(item) ? item : undefined);
  if (!/[*+]$/.test(written)) return one(value);
  const items = (Array.isArray(value) ? value : [value]).map(one).filter((item) => item !== undefined);
  return items.length > 0 ? items : undefined;
}

const isRepresentation = (type: string): type is RepresentationName => Object.hasOwn(REPRESENTATIONS, type);
const isScalar = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
