export type { ByteCounts } from './byte-histogram';
export type { Inbox } from './packet-buffer';
export type { Run } from './packet-run';
export type { Packet } from './packet';
export { COMFORT_NOISE, codecName } from './rtp-header';
export { Flow, type FlowListener } from './rtp-stream';
export { samplesAfter, type Start } from './rtp-time';
