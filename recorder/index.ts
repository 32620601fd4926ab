export type { FinishedRecording, Description } from './complete';
export type { DeviceSnapshot, Level } from './device';
export { RecorderError, type RecorderErrorCode } from './errors';
export { readFileKeys, splitKeys, type FileKey } from './file-keys';
export type { Keeping, Kept, Which } from './keeping';
export type { KeyTexts } from './keys';
export type { RecorderOptions } from './options';
export { openRecording, type OpenRecording } from './reading';
export {
  Recorder,
  type Armed,
  type ArmOptions,
  type Describe,
  type RecorderEvents,
  type RecorderMetrics,
  type RecorderParts,
  type RecordingEnd,
} from './recorder';
export type {
  Alarm,
  AlarmName,
  Channel,
  ChannelReport,
  DeviceContext,
  Gap,
  GapKind,
  TelephoneEvent,
} from './types';
