/**
 * Who gets an event: the interests of the nodes, and the queue that keeps events while a deploy replaces the nodes.
 */
import { asO2GError, type O2GEvent, type Selector } from '../spec';
import type { Clock, Logger } from '../util';
import { EventRouter, type Interest } from './event-router';

/** Events kept while a deploy replaces the nodes; more than this is told as lost. */
const MAX_HELD_EVENTS = 100_000;

export class EventDispatcher {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #interests = new Map<string, Interest>();
  #router = new EventRouter([]);
  #held: { event: O2GEvent; receivedAt: number }[] | undefined;
  #droppedCount = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  get holding(): boolean {
    return this.#held !== undefined;
  }

  /** Everything that is asked for now. */
  get selectors(): Selector[] {
    return [...this.#interests.values()].flatMap(({ selectors }) => selectors);
  }

  setInterest(id: string, interest: Interest | undefined): void {
    if (interest) this.#interests.set(id, interest);
    else this.#interests.delete(id);
    this.#router = new EventRouter([...this.#interests.values()]);
  }

  hold(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (this.#droppedCount > 0)
      this.#log.warn(`${this.#droppedCount} events came during a deploy that took too long, they are lost`);
    this.#droppedCount = 0;
    for (const { event, receivedAt } of held) this.#deliver(event, receivedAt);
  }

  dispatch(event: O2GEvent): void {
    const receivedAt = this.#clock.now();
    if (this.#held === undefined) this.#deliver(event, receivedAt);
    else if (this.#held.length < MAX_HELD_EVENTS) this.#held.push({ event, receivedAt });
    else this.#droppedCount += 1;
  }

  #deliver(event: O2GEvent, receivedAt: number): void {
    const recipients = this.#router.recipientsOf(event);
    const [only] = recipients;
    if (only === undefined) return;
    if (recipients.length === 1) return this.#deliverTo(only, event, receivedAt);
    // The first may keep the parsed object; the others' copies are made before any flow can change it.
    const copies = recipients.map((_, index) => (index === 0 ? event : cloneEvent(event)));
    for (const [index, recipient] of recipients.entries())
      this.#deliverTo(recipient, copies[index] ?? event, receivedAt);
  }

  #deliverTo(recipient: Interest, event: O2GEvent, receivedAt: number): void {
    try {
      recipient.deliver(event, receivedAt);
    } catch (error) {
      this.#log.warn(`a taker of ${event.eventName.slice(0, 80)} failed: ${asO2GError(error).message}`);
    }
  }
}

/** A copy of what JSON.parse made; an event that is nested deeper than the stack is shared rather than lost. */
function cloneEvent(event: O2GEvent): O2GEvent {
  try {
    return structuredClone(event);
  } catch {
    return event;
  }
}
