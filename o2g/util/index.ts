export { systemClock, type Clock, type Timer } from './clock';
export { ConcurrencyLimiter, mapConcurrently } from './concurrency';
export { isObject, parseJsonObject, type JsonObject } from './json';
export type { Logger } from './logger';
export { Signal } from './signal';
export { TokenRegistry } from './token-registry';
