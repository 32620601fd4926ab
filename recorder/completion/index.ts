export { recover } from './crash-recovery';
export { complete, type Description, type FinishedRecording } from './finish-recording';
