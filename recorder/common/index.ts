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
  type Correction,
  type DeviceContext,
  type Gap,
  type GapKind,
  type RawFile,
  type Recorded,
  type TakeOver,
  type TelephoneEvent,
} from './types';
export { WorkerQuestions, workerFile } from './worker-rpc';
