export type { ByteHistogram } from './byte-histogram';
export type { PacketBuffer } from './packet-buffer';
export type { PacketRun } from './packet-run';
export type { Packet } from './packet';
export { COMFORT_NOISE_PAYLOAD_TYPE, codecName } from './rtp-header';
export { RtpStream, type RtpStreamListener } from './rtp-stream';
export { samplesAfter, type StreamStart } from './rtp-time';
