/**
 * Who gets an event: the interests of the nodes, and the queue that keeps events while a deploy replaces the nodes.
 */
import { asO2GError, type O2GEvent, type Selector } from '../spec';
import type { Clock, Log } from '../util';
import { Routes, type Interest } from './event-router';

/** Events kept while a deploy replaces the nodes; more than this is told as lost. */
const HELD_EVENTS = 100_000;

export class Delivery {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #interests = new Map<string, Interest>();
  #routes = new Routes([]);
  #held: { event: O2GEvent; receivedAt: number }[] | undefined;
  #lost = 0;

  constructor(clock: Clock, log: Log) {
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

  set(id: string, interest: Interest | undefined): void {
    if (interest) this.#interests.set(id, interest);
    else this.#interests.delete(id);
    this.#routes = new Routes([...this.#interests.values()]);
  }

  hold(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (this.#lost > 0)
      this.#log.warn(`${this.#lost} events came during a deploy that took too long, they are lost`);
    this.#lost = 0;
    for (const { event, receivedAt } of held) this.#deliver(event, receivedAt);
  }

  receive(event: O2GEvent): void {
    const receivedAt = this.#clock.now();
    if (this.#held === undefined) this.#deliver(event, receivedAt);
    else if (this.#held.length < HELD_EVENTS) this.#held.push({ event, receivedAt });
    else this.#lost += 1;
  }

  #deliver(event: O2GEvent, receivedAt: number): void {
    const takers = this.#routes.of(event);
    const [only] = takers;
    if (only === undefined) return;
    if (takers.length === 1) return this.#give(only, event, receivedAt);
    // The first may keep the parsed object; the others' copies are made before any flow can change it.
    const copies = takers.map((_, index) => (index === 0 ? event : copied(event)));
    for (const [index, taker] of takers.entries()) this.#give(taker, copies[index] ?? event, receivedAt);
  }

  #give(taker: Interest, event: O2GEvent, receivedAt: number): void {
    try {
      taker.deliver(event, receivedAt);
    } catch (error) {
      this.#log.warn(`a taker of ${event.eventName.slice(0, 80)} failed: ${asO2GError(error).message}`);
    }
  }
}

/** A copy of what JSON.parse made; an event that is nested deeper than the stack is shared rather than lost. */
function copied(event: O2GEvent): O2GEvent {
  try {
    return structuredClone(event);
  } catch {
    return event;
  }
}
