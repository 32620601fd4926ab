/** Which devices are in a call right now, from the telephony events: they are repaired first. */
import type { O2GEvent, Representation } from '../spec';

type Leg = Representation<'Leg'>;
const OVER: ReadonlySet<string> = new Set(['RELEASING', 'IDLE']);

/** As many as a full DR link can have; the end of an older one was lost. */
const REMEMBERED_CALLS = 30_000;

export class BusyDevices {
  /** Devices by call; a callRef is unique only together with its user. */
  readonly #byCall = new Map<string, Set<string>>();

  get devices(): ReadonlySet<string> {
    return new Set([...this.#byCall.values()].flatMap((devices) => [...devices]));
  }

  /** @returns the devices that began to talk: their leg is ACTIVE */
  follow(event: O2GEvent): readonly string[] {
    const { eventName, loginName, callRef } = event;
    const over = eventName === 'OnCallRemoved';
    // Looked at for every event of a server: most are about no call.
    if (!over && eventName !== 'OnCallCreated' && eventName !== 'OnCallModified') return NONE;
    if (typeof loginName !== 'string' || typeof callRef !== 'string') return NONE;
    const call = `${loginName} ${callRef}`;
    if (over) {
      this.#byCall.delete(call);
      return NONE;
    }
    if (typeof event.previousCallRef === 'string')
      this.#byCall.delete(`${loginName} ${event.previousCallRef}`);
    const devices = this.#byCall.get(call) ?? new Set<string>();
    const talking: string[] = [];
    for (const told of [event.legs, event.addedLegs, event.modifiedLegs]) {
      for (const { deviceId, state } of legs(told)) {
        if (state === 'ACTIVE') talking.push(deviceId);
        if (state !== undefined && OVER.has(state)) devices.delete(deviceId);
        else devices.add(deviceId);
      }
    }
    for (const { deviceId } of legs(event.removedLegs)) devices.delete(deviceId);
    if (devices.size > 0) this.#byCall.set(call, devices);
    else this.#byCall.delete(call);
    if (this.#byCall.size > REMEMBERED_CALLS) this.#byCall.delete(this.#byCall.keys().next().value ?? '');
    return talking;
  }
}

const NONE: readonly never[] = [];

function legs(value: unknown): readonly Leg[] {
  if (!Array.isArray(value) || value.length === 0) return NONE;
  return value.filter(
    (leg: unknown): leg is Leg => typeof leg === 'object' && leg !== null && 'deviceId' in leg,
  );
}
