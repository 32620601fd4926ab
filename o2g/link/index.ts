export type { RecordTarget, RecordWish } from './desired-state';
export type { Coverage } from './device-table';
export { Link, type LinkMemory, type LinkOptions, type StoredLink } from './link';
export type { IpTarget, MediaPort, MediaPorts, PauseReason, SrtpKeys } from './recorder-port';
export type { LinkReport } from './registration';
export type { Recorded } from './types';
