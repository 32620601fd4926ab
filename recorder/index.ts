export type { FinishedRecording, Description } from './completion/finish-recording';
export type { DeviceSnapshot, Level } from './conversation/device-recorder';
export { RecorderError, type RecorderErrorCode } from './common/errors';
export { readFileKeys, splitKeys, type FileKey } from './encryption/file-keys';
export type { Keeping, Kept, Which } from './evidence/retention';
export type { KeyTexts } from './srtp/key-text';
export type { RecorderOptions } from './options';
export { openRecording, type OpenRecording } from './files/read-recording';
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
} from './common/types';
