/** What there is once a runtime: node sets get an API object each, but share its events. */
import type { EventEmitter } from 'node:events';
import type { NodeAPI } from 'node-red';

/** @returns gives what was made for this runtime, making it at the first call */
export function oncePerRuntime<T>(make: (RED: NodeAPI) => T): (RED: NodeAPI) => T {
  const made = new WeakMap<EventEmitter, { readonly thing: T }>();
  return (RED) => {
    let known = made.get(RED.events);
    if (!known) made.set(RED.events, (known = { thing: make(RED) }));
    return known.thing;
  };
}
