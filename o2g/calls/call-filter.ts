/** Calls as a flow wants to be told of them: those of some devices, and some of their changes. */
import { readDevices, invalid, type O2GEvent } from '../spec';
import { CHANGE_NAMES, type CallChange, type ChangeName } from './call';
import { CallTracker } from './call-tracker';

export interface CallFilter {
  /** Undefined: all. */
  readonly devices: ReadonlySet<string> | undefined;
  /** Undefined: all. */
  readonly changes: ReadonlySet<ChangeName> | undefined;
}

/**
 * Reads a filter as people write it; a part that is blank lets everything through.
 * @param devices `70000-70099, 70120`, or a list
 * @param changes names of changes, as a list or as a text with commas
 * @throws O2GError `INVALID_INPUT`
 */
export function readCallFilter(devices: unknown, changes: unknown): CallFilter {
  const numbers = readDevices('devices', devices ?? '');
  const names = readNames(changes ?? []);
  return {
    devices: numbers.length > 0 ? new Set(numbers) : undefined,
    changes: names.length > 0 ? new Set(names) : undefined,
  };
}

function readNames(value: unknown): ChangeName[] {
  const words: unknown =
    typeof value === 'string' ? value.split(/[,;\s]+/).filter((word) => word !== '') : value;
  if (!Array.isArray(words)) throw invalid('changes', value, CHANGES_RULE);
  return words.map((word: unknown) => {
    const name = CHANGE_NAMES.find((known) => known === word);
    if (name === undefined) throw invalid('changes', word, CHANGES_RULE);
    return name;
  });
}

const CHANGES_RULE = `a list of ${CHANGE_NAMES.join(', ')}`;

/**
 * Follows all calls and tells of those that a filter lets through. A call that has once been on one of the devices is told of until it ends,
 * on whichever of the user's devices it goes on: what began in a flow ends there.
 */
export class FilteredCallTracker {
  readonly #tracker = new CallTracker();
  /** Live calls that came through a filter of devices. */
  readonly #reportedCalls = new Set<string>();

  /**
   * Takes the next event of the channel.
   * @param atMs when it arrived, in ms since 1970
   * @throws O2GError `INVALID_INPUT` when `atMs` is no time; never because of an event
   */
  follow(event: O2GEvent, atMs: number, { devices, changes }: CallFilter): CallChange[] {
    return this.#tracker
      .follow(event, atMs)
      .flatMap((change) => (devices ? this.#changesOnDevices(change, devices) : change))
      .filter(({ change }) => changes?.has(change) !== false);
  }

  /** How many calls are alive that a filter lets through. */
  size({ devices }: CallFilter): number {
    return devices ? this.#reportedCalls.size : this.#tracker.size;
  }

  #changesOnDevices(change: CallChange, devices: ReadonlySet<string>): CallChange[] {
    const key = `${change.user} ${change.id}`;
    const known = this.#reportedCalls.has(key);
    if (change.change === 'ended') this.#reportedCalls.delete(key);
    if (known) return [change];
    if (change.change === 'ended' || !change.devices.some((device) => devices.has(device))) return [];
    this.#reportedCalls.add(key);
    // It comes to one of the devices in the midst of its life: first seen now.
    return [{ ...change, change: 'started' }];
  }
}
