export { actOnDevices } from './device-action-node';
export { keepRecordings } from './recording-actions';
