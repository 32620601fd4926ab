export {
  RecorderError,
  type Alarm,
  type AlarmName,
  type Channel,
  type ChannelReport,
  type DeviceContext,
  type Gap,
  type GapKind,
  type RecorderErrorCode,
  type TelephoneEvent,
} from './common';
export type { Description, FinishedRecording } from './completion';
export type { DeviceSnapshot, Level } from './conversation';
export { checkFileKey, readFileKeys, splitKeys, type FileKey } from './encryption';
export {
  readPublicKey,
  verifyFolder,
  type Retention,
  type RetentionState,
  type FolderVerification,
  type VerifyOptions,
  type RetentionRequest,
} from './evidence';
export { openRecording, type OpenRecording } from './files';
export { checkOptions, type RecorderOptions } from './options';
export {
  Recorder,
  type ArmOptions,
  type RecordRequestFields,
  type Describe,
  type RecorderEvents,
  type RecorderMetrics,
  type RecorderParts,
  type RecordingEnd,
} from './recorder';
export type { KeyTexts } from './srtp';
