export { checkDays, checkRange } from './checks';
export { RecorderError, invalid, messageOf, systemCode, type RecorderErrorCode } from './errors';
export {
  CHANNELS,
  SAMPLES_PER_MS,
  SAMPLE_RATE,
  type Alarm,
  type AlarmName,
  type Channel,
  type ChannelReport,
  type ClockCorrection,
  type DeviceContext,
  type Gap,
  type GapKind,
  type RawFile,
  type RecordingMetadata,
  type TakeOver,
  type TelephoneEvent,
} from './types';
export { WorkerRpc, workerFile } from './worker-rpc';
