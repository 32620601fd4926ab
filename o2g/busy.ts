/** Which devices are in a call right now, from the telephony events: they are repaired first. */
import type { O2GEvent } from './channel';
import type { Representation } from './representations';

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
  follow(event: O2GEvent): string[] {
    if (typeof event.loginName !== 'string' || typeof event.callRef !== 'string') return [];
    const call = `${event.loginName} ${event.callRef}`;
    if (event.eventName === 'OnCallRemoved') this.#byCall.delete(call);
    if (event.eventName !== 'OnCallCreated' && event.eventName !== 'OnCallModified') return [];
    if (typeof event.previousCallRef === 'string') this.#byCall.delete(`${event.loginName} ${event.previousCallRef}`);
    const devices = this.#byCall.get(call) ?? new Set<string>();
    const talking: string[] = [];
    for (const { deviceId, state } of [...legs(event.legs), ...legs(event.addedLegs), ...legs(event.modifiedLegs)]) {
      if (state === 'ACTIVE') talking.push(deviceId);
      if (state !== undefined && OVER.has(state)) devices.delete(deviceId);
      else devices.add(deviceId);
    }
    for (const { deviceId } of legs(event.removedLegs)) devices.delete(deviceId);
    if (devices.size > 0) this.#byCall.set(call, devices);
    else this.#byCall.delete(call);
    if (this.#byCall.size > REMEMBERED_CALLS) this.#byCall.delete(this.#byCall.keys().next().value ?? '');
    return talking;
  }
}

function legs(value: unknown): Leg[] {
  return Array.isArray(value) ? value.filter((leg: unknown): leg is Leg => typeof leg === 'object' && leg !== null && 'deviceId' in leg) : [];
}
