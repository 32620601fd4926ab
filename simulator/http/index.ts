export { Overrides, type Override } from './canned-answers';
export { EventsPort } from './events-port';
export { Listener } from './listener';
export { Rest, type ResponseTiming } from './rest';
