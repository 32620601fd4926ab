export { actOnDevices } from './device-action-node';
export { recordingActions } from './recording-actions';
