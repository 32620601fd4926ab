export { systemClock, type Clock, type Timer } from './clock';
export { Gate, forEachBounded } from './concurrency';
export { isObject, objectIn, type JsonObject } from './json';
export type { Log } from './logger';
export { Signal } from './signal';
export { Tokens } from './token-registry';
