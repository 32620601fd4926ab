import type { EventChannel, ChannelEnd } from './event-channel';
import { compileFilter, matchesFilter, type CompiledFilter, type Filter, type Subscriber } from './filter';
import type { EventObject } from '../oxe';
import type { Webhook } from './webhook';

/** A subscription: a filter, and the events for it that nobody has read yet. */
export interface Subscription {
  readonly id: string;
  readonly subscriber: Subscriber;
  /** The session it belongs to and dies with, by its credential. */
  readonly credential: string;
  filter: Filter;
  compiled: CompiledFilter;
  /** Lifetime of its channel in minutes; 0 for as long as the session lives. */
  readonly timeout: number;
  readonly webhook: Webhook | undefined;
  /** Events that wait for a channel, as lines. */
  readonly queue: string[];
  /** Events that fell out of the full queue. */
  dropped: number;
  channel: EventChannel | undefined;
}

/** What may go wrong with events on their way, on purpose. */
export interface EventFaultState {
  /** Further copies of every event. */
  extraCopies: number;
  /** So many of the next events vanish. */
  loseCount: number;
}

/** All subscriptions, and the way from an event to those that want it. */
export class Subscriptions {
  readonly #queueSize: number;
  readonly all = new Map<string, Subscription>();
  /** Every id that was ever given out: a request with another is not late, but wrong. */
  readonly issuedIds = new Set<string>();
  readonly faults: EventFaultState = { extraCopies: 0, loseCount: 0 };

  constructor(queueSize: number) {
    this.#queueSize = queueSize;
  }

  add(
    options: Pick<Subscription, 'id' | 'subscriber' | 'credential' | 'filter' | 'timeout' | 'webhook'>,
  ): Subscription {
    const subscription: Subscription = {
      ...options,
      compiled: compileFilter(options.filter, options.subscriber),
      queue: [],
      dropped: 0,
      channel: undefined,
    };
    this.all.set(subscription.id, subscription);
    this.issuedIds.add(subscription.id);
    return subscription;
  }

  /** The one subscription of a session. */
  ofSession(credential: string): Subscription | undefined {
    for (const subscription of this.all.values())
      if (subscription.credential === credential) return subscription;
    return undefined;
  }

  replaceFilter(subscription: Subscription, filter: Filter): void {
    subscription.filter = filter;
    subscription.compiled = compileFilter(filter, subscription.subscriber);
  }

  /** Ends a subscription: its channel is closed, what is queued is dropped. */
  remove(subscription: Subscription, end: ChannelEnd): void {
    this.removeSilently(subscription);
    subscription.channel?.end(end);
  }

  /** Ends a subscription and leaves its channel open: nobody is told. */
  removeSilently(subscription: Subscription): void {
    this.all.delete(subscription.id);
    subscription.webhook?.close();
    subscription.queue.length = 0;
  }

  /** Hands an event to every subscription whose filter it passes. The text is made once for all of them. */
  publish(event: EventObject): void {
    if (this.all.size === 0) return;
    if (this.faults.loseCount > 0) {
      this.faults.loseCount -= 1;
      return;
    }
    const login = typeof event.loginName === 'string' ? event.loginName : undefined;
    let line: string | undefined;
    for (const subscription of this.all.values()) {
      if (!matchesFilter(subscription.compiled, event.eventName, login)) continue;
      line ??= JSON.stringify(event);
      for (let copies = 0; copies <= this.faults.extraCopies; copies += 1)
        this.#deliver(subscription, event.eventName, line);
    }
  }

  /** Resolves when every event raised so far is written to the channels that read, or answered by the webhooks. */
  async written(): Promise<void> {
    for (const { channel, webhook } of this.all.values()) {
      if (channel?.writable) await channel.written();
      await webhook?.delivered();
    }
  }

  /** A channel was opened: it gets what is queued. One that was open before is closed. */
  attach(subscription: Subscription, channel: EventChannel): void {
    const previous = subscription.channel;
    subscription.channel = channel;
    previous?.end('clean');
    this.flush(subscription);
  }

  /** A channel ended: what it didn't get is queued again, ahead of what came since. */
  detach(subscription: Subscription, channel: EventChannel, unwritten: readonly string[]): void {
    if (subscription.channel === channel) subscription.channel = undefined;
    if (this.all.has(subscription.id)) subscription.queue.unshift(...unwritten);
    this.flush(subscription);
  }

  /** Writes what is queued to the channel, when there is one that takes it. */
  flush(subscription: Subscription): void {
    if (subscription.channel?.writable)
      for (const line of subscription.queue.splice(0)) subscription.channel.writeLine(line);
  }

  #deliver(subscription: Subscription, eventName: string, line: string): void {
    const { channel, webhook, queue } = subscription;
    if (webhook) {
      webhook.push(line);
    } else if (eventName === 'OnServerStart') {
      return; // "to be received, this event needs a webhook url"
    } else if (channel?.writable) {
      channel.writeLine(line);
    } else {
      queue.push(line);
      if (queue.length > this.#queueSize) {
        queue.shift();
        subscription.dropped += 1;
      }
    }
  }
}
