/** What there is once a runtime: node sets get an API object each, but share its events. */
import type { EventEmitter } from 'node:events';
import type { NodeAPI } from 'node-red';

/** @returns gives what was made for this runtime, making it at the first call */
export function oncePerRuntime<T>(make: (RED: NodeAPI) => T): (RED: NodeAPI) => T {
  const instances = new WeakMap<EventEmitter, { readonly value: T }>();
  return (RED) => {
    let instance = instances.get(RED.events);
    if (!instance) instances.set(RED.events, (instance = { value: make(RED) }));
    return instance.value;
  };
}
