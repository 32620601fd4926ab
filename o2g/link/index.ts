export type { DesiredRecording, DesiredState, RecordTarget } from './desired-state';
export type { Coverage } from './device-table';
export { Link, type LinkStateStore, type LinkOptions, type StoredLink } from './link';
export type { IpTarget, RecorderPort, RecorderPorts, PauseReason, SrtpKeys } from './recorder-port';
export type { LinkReport } from './registration';
export type { RecordResult } from './types';
