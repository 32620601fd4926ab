/** What the calls of each device add up to, from the telephony events: is there a conversation, is it held, is it over. */
import { callKey, type CallTimeline } from './call-history';
import type { O2GEvent } from '../spec';
import type { CallChange } from './call';
import { CallTracker } from './call-tracker';

export interface Conversation {
  readonly deviceNumber: string;
  /** `waiting`: there are calls, none of them answered; `over`: a conversation, or the last call, has ended. */
  readonly state: 'waiting' | 'talking' | 'held' | 'over';
  /** The calls that it is made of, as they are now, the oldest first. */
  readonly calls: readonly CallChange[];
  /** What each of them has done so far, elsewhere too. */
  readonly timelines: readonly CallTimeline[];
}

/** A call as it is for one device, and what it did. */
interface DeviceCall {
  readonly lastChange: CallChange;
  readonly timeline: CallTimeline;
}

/** A conversation of so many calls isn't one: the oldest are left out. */
const MAX_CALLS_PER_CONVERSATION = 50;
/** Nor does a call change so often: those after the first are left out. */
const MAX_CHANGES_PER_CALL = 200;

export class DeviceConversations {
  readonly #tracker = new CallTracker();
  /** Calls of each device's conversation, by id; one that ended stays until the conversation is over. */
  readonly #callsByDevice = new Map<string, Map<string, DeviceCall>>();
  /** What each call that lives has done. */
  readonly #timelines = new Map<string, CallTimeline>();

  /**
   * Takes the next event, or a snapshot.
   * @param atMs when it arrived, in ms since 1970
   * @returns what it changed, a device each
   */
  follow(event: O2GEvent, atMs: number): Conversation[] {
    return this.#tracker.follow(event, atMs).flatMap((change) => this.#applyChange(change, atMs));
  }

  /** What a device's calls are now; undefined when it has none. */
  of(deviceNumber: string): Conversation | undefined {
    const calls = this.#callsByDevice.get(deviceNumber);
    return calls && conversationOf(deviceNumber, [...calls.values()]);
  }

  /** A change is about the devices that it names, and about those that the call has left. */
  #applyChange(change: CallChange, atMs: number): Conversation[] {
    const key = callKey(change);
    const before = this.#timelines.get(key) ?? [];
    const timeline = [
      ...before.slice(0, 1),
      ...before.slice(1).slice(2 - MAX_CHANGES_PER_CALL),
      { atMs, change },
    ];
    if (change.state === 'ended') this.#timelines.delete(key);
    else this.#timelines.set(key, timeline);
    const devices = new Set([...change.devices, ...(before.at(-1)?.change.devices ?? [])]);
    return [...devices].map((deviceNumber) => this.#updateDevice(deviceNumber, key, change, timeline));
  }

  #updateDevice(deviceNumber: string, key: string, change: CallChange, timeline: CallTimeline): Conversation {
    const calls = this.#callsByDevice.get(deviceNumber) ?? new Map<string, DeviceCall>();
    this.#callsByDevice.set(deviceNumber, calls);
    // The call goes on elsewhere: for this device it has ended.
    calls.set(key, {
      lastChange: change.devices.includes(deviceNumber)
        ? change
        : { ...change, change: 'ended', state: 'ended' },
      timeline,
    });
    for (const oldest of [...calls.keys()].slice(0, Math.max(0, calls.size - MAX_CALLS_PER_CONVERSATION)))
      calls.delete(oldest);
    const conversation = conversationOf(deviceNumber, [...calls.values()]);
    if (conversation.state === 'over') this.#forgetEnded(deviceNumber, calls);
    return conversation;
  }

  /** Calls that still ring belong to the next conversation. */
  #forgetEnded(deviceNumber: string, calls: Map<string, DeviceCall>): void {
    for (const [key, { lastChange }] of calls) if (lastChange.state === 'ended') calls.delete(key);
    if (calls.size === 0) this.#callsByDevice.delete(deviceNumber);
  }
}

function conversationOf(deviceNumber: string, all: readonly DeviceCall[]): Conversation {
  const states = new Set(all.map(({ lastChange }) => lastChange.state));
  const conversationIn = (state: Conversation['state'], some: readonly DeviceCall[]): Conversation => ({
    deviceNumber,
    state,
    calls: some.map(({ lastChange }) => lastChange),
    timelines: some.map(({ timeline }) => timeline),
  });
  if (states.has('talking')) return conversationIn('talking', all);
  if (states.has('held')) return conversationIn('held', all);
  const ended = all.filter(({ lastChange }) => lastChange.state === 'ended');
  return ended.length > 0 ? conversationIn('over', ended) : conversationIn('waiting', all);
}
