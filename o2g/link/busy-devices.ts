/** Which devices are in a call right now, from the telephony events: they are repaired first. */
import type { O2GEvent, Representation } from '../spec';

type Leg = Representation<'Leg'>;
const ENDED_LEG_STATES: ReadonlySet<string> = new Set(['RELEASING', 'IDLE']);

/** As many as a full DR link can have; the end of an older one was lost. */
const MAX_BUSY_CALLS = 30_000;

export class BusyDevices {
  /** Devices by call; a callRef is unique only together with its user. */
  readonly #devicesByCall = new Map<string, Set<string>>();

  get devices(): ReadonlySet<string> {
    return new Set([...this.#devicesByCall.values()].flatMap((devices) => [...devices]));
  }

  /** @returns the devices that began to talk: their leg is ACTIVE */
  follow(event: O2GEvent): readonly string[] {
    const { eventName, loginName, callRef } = event;
    const isRemoved = eventName === 'OnCallRemoved';
    // Looked at for every event of a server: most are about no call.
    if (!isRemoved && eventName !== 'OnCallCreated' && eventName !== 'OnCallModified') return EMPTY_LIST;
    if (typeof loginName !== 'string' || typeof callRef !== 'string') return EMPTY_LIST;
    const call = `${loginName} ${callRef}`;
    if (isRemoved) {
      this.#devicesByCall.delete(call);
      return EMPTY_LIST;
    }
    if (typeof event.previousCallRef === 'string')
      this.#devicesByCall.delete(`${loginName} ${event.previousCallRef}`);
    const devices = this.#devicesByCall.get(call) ?? new Set<string>();
    const talking: string[] = [];
    for (const legs of [event.legs, event.addedLegs, event.modifiedLegs]) {
      for (const { deviceId, state } of legsOf(legs)) {
        if (state === 'ACTIVE') talking.push(deviceId);
        if (state !== undefined && ENDED_LEG_STATES.has(state)) devices.delete(deviceId);
        else devices.add(deviceId);
      }
    }
    for (const { deviceId } of legsOf(event.removedLegs)) devices.delete(deviceId);
    if (devices.size > 0) this.#devicesByCall.set(call, devices);
    else this.#devicesByCall.delete(call);
    if (this.#devicesByCall.size > MAX_BUSY_CALLS)
      this.#devicesByCall.delete(this.#devicesByCall.keys().next().value ?? '');
    return talking;
  }
}

const EMPTY_LIST: readonly never[] = [];

function legsOf(value: unknown): readonly Leg[] {
  if (!Array.isArray(value) || value.length === 0) return EMPTY_LIST;
  return value.filter(
    (leg: unknown): leg is Leg => typeof leg === 'object' && leg !== null && 'deviceId' in leg,
  );
}
