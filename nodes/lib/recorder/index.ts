export { RecorderAdapter, fromRecorderError } from './recorder-adapter';
