export { BuiltInRecorder, inOurWords } from './recorder-adapter';
