export {
  DeviceRecorder,
  type DeviceRecorderOptions,
  type DeviceRecorderParts,
  type DeviceSnapshot,
  type Level,
} from './device-recorder';
