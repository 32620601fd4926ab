/** What the calls of each device add up to, from the telephony events: is there a conversation, is it held, is it over. */
import { lifeKey, type Life } from './call-history';
import type { O2GEvent } from '../spec';
import type { CallChange } from './call';
import { Calls } from './call-tracker';

export interface Conversation {
  readonly deviceNumber: string;
  /** `waiting`: there are calls, none of them answered; `over`: a conversation, or the last call, has ended. */
  readonly state: 'waiting' | 'talking' | 'held' | 'over';
  /** The calls that it is made of, as they are now, the oldest first. */
  readonly calls: readonly CallChange[];
  /** What each of them has done so far, elsewhere too. */
  readonly lives: readonly Life[];
}

/** A call as it is for one device, and what it did. */
interface CallOfDevice {
  readonly now: CallChange;
  readonly life: Life;
}

/** A conversation of so many calls isn't one: the oldest are left out. */
const MOST_CALLS = 50;
/** Nor does a call change so often: those after the first are left out. */
const MOST_CHANGES = 200;

export class Conversations {
  readonly #calls = new Calls();
  /** Calls of each device's conversation, by id; one that ended stays until the conversation is over. */
  readonly #byDevice = new Map<string, Map<string, CallOfDevice>>();
  /** What each call that lives has done. */
  readonly #lives = new Map<string, Life>();

  /**
   * Takes the next event, or a snapshot.
   * @param atMs when it arrived, in ms since 1970
   * @returns what it changed, a device each
   */
  follow(event: O2GEvent, atMs: number): Conversation[] {
    return this.#calls.follow(event, atMs).flatMap((change) => this.#take(change, atMs));
  }

  /** What a device's calls are now; undefined when it has none. */
  of(deviceNumber: string): Conversation | undefined {
    const calls = this.#byDevice.get(deviceNumber);
    return calls && conversationOf(deviceNumber, [...calls.values()]);
  }

  /** A change is about the devices that it names, and about those that the call has left. */
  #take(change: CallChange, atMs: number): Conversation[] {
    const key = lifeKey(change);
    const before = this.#lives.get(key) ?? [];
    const life = [...before.slice(0, 1), ...before.slice(1).slice(2 - MOST_CHANGES), { atMs, change }];
    if (change.state === 'ended') this.#lives.delete(key);
    else this.#lives.set(key, life);
    const devices = new Set([...change.devices, ...(before.at(-1)?.change.devices ?? [])]);
    return [...devices].map((deviceNumber) => this.#add(deviceNumber, key, change, life));
  }

  #add(deviceNumber: string, key: string, change: CallChange, life: Life): Conversation {
    const calls = this.#byDevice.get(deviceNumber) ?? new Map<string, CallOfDevice>();
    this.#byDevice.set(deviceNumber, calls);
    // The call goes on elsewhere: for this device it has ended.
    calls.set(key, {
      now: change.devices.includes(deviceNumber) ? change : { ...change, change: 'ended', state: 'ended' },
      life,
    });
    for (const oldest of [...calls.keys()].slice(0, Math.max(0, calls.size - MOST_CALLS)))
      calls.delete(oldest);
    const conversation = conversationOf(deviceNumber, [...calls.values()]);
    if (conversation.state === 'over') this.#forgetEnded(deviceNumber, calls);
    return conversation;
  }

  /** Calls that still ring belong to the next conversation. */
  #forgetEnded(deviceNumber: string, calls: Map<string, CallOfDevice>): void {
    for (const [key, { now }] of calls) if (now.state === 'ended') calls.delete(key);
    if (calls.size === 0) this.#byDevice.delete(deviceNumber);
  }
}

function conversationOf(deviceNumber: string, all: readonly CallOfDevice[]): Conversation {
  const states = new Set(all.map(({ now }) => now.state));
  const madeOf = (state: Conversation['state'], some: readonly CallOfDevice[]): Conversation => ({
    deviceNumber,
    state,
    calls: some.map(({ now }) => now),
    lives: some.map(({ life }) => life),
  });
  if (states.has('talking')) return madeOf('talking', all);
  if (states.has('held')) return madeOf('held', all);
  const ended = all.filter(({ now }) => now.state === 'ended');
  return ended.length > 0 ? madeOf('over', ended) : madeOf('waiting', all);
}
