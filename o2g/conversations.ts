/** What the calls of each device add up to, from the telephony events: is there a conversation, is it held, is it over. */
import type { O2GEvent } from './channel';
import type { CallChange } from './call-state';
import { Calls } from './calls';

export interface Conversation {
  readonly deviceNumber: string;
  /** `waiting`: there are calls, none of them answered; `over`: a conversation, or the last call, has ended. */
  readonly state: 'waiting' | 'talking' | 'held' | 'over';
  /** The calls that it is made of, as they are now, the oldest first. */
  readonly calls: readonly CallChange[];
}

/** A conversation of so many calls isn't one: the oldest are left out. */
const MOST_CALLS = 50;

export class Conversations {
  readonly #calls = new Calls();
  /** Calls of each device's conversation, by id; one that ended stays until the conversation is over. */
  readonly #byDevice = new Map<string, Map<string, CallChange>>();
  /** Where each call was last. */
  readonly #devices = new Map<string, readonly string[]>();

  /**
   * Takes the next event, or a snapshot.
   * @param atMs when it arrived, in ms since 1970
   * @returns what it changed, a device each
   */
  follow(event: O2GEvent, atMs: number): Conversation[] {
    return this.#calls.follow(event, atMs).flatMap((change) => this.#devicesOf(change).map((deviceNumber) => this.#add(deviceNumber, change)));
  }

  /** What a device's calls are now; undefined when it has none. */
  of(deviceNumber: string): Conversation | undefined {
    const calls = this.#byDevice.get(deviceNumber);
    return calls && conversationOf(deviceNumber, [...calls.values()]);
  }

  /** The devices that a change is about: those it names, and those that the call has left. */
  #devicesOf(change: CallChange): string[] {
    const key = keyOf(change);
    const before = this.#devices.get(key) ?? [];
    if (change.state === 'ended') this.#devices.delete(key);
    else this.#devices.set(key, change.devices);
    return [...new Set([...change.devices, ...before])];
  }

  #add(deviceNumber: string, change: CallChange): Conversation {
    const calls = this.#byDevice.get(deviceNumber) ?? new Map<string, CallChange>();
    this.#byDevice.set(deviceNumber, calls);
    // The call goes on elsewhere: for this device it has ended.
    calls.set(keyOf(change), change.devices.includes(deviceNumber) ? change : { ...change, change: 'ended', state: 'ended' });
    for (const oldest of [...calls.keys()].slice(0, Math.max(0, calls.size - MOST_CALLS))) calls.delete(oldest);
    const conversation = conversationOf(deviceNumber, [...calls.values()]);
    if (conversation.state === 'over') this.#forgetEnded(deviceNumber, calls);
    return conversation;
  }

  /** Calls that still ring belong to the next conversation. */
  #forgetEnded(deviceNumber: string, calls: Map<string, CallChange>): void {
    for (const [key, { state }] of calls) if (state === 'ended') calls.delete(key);
    if (calls.size === 0) this.#byDevice.delete(deviceNumber);
  }
}

/** Two users in one call have a call each, with the same id. */
const keyOf = ({ id, user }: CallChange): string => `${user} ${id}`;

function conversationOf(deviceNumber: string, calls: readonly CallChange[]): Conversation {
  const states = new Set(calls.map(({ state }) => state));
  if (states.has('talking')) return { deviceNumber, state: 'talking', calls };
  if (states.has('held')) return { deviceNumber, state: 'held', calls };
  const ended = calls.filter(({ state }) => state === 'ended');
  return ended.length > 0 ? { deviceNumber, state: 'over', calls: ended } : { deviceNumber, state: 'waiting', calls };
}
