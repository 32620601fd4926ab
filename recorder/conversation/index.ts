export {
  Device,
  type DeviceOptions,
  type DeviceParts,
  type DeviceSnapshot,
  type Level,
} from './device-recorder';
