export { recoverUnfinished } from './crash-recovery';
export { finishRecording, type Description, type FinishedRecording } from './finish-recording';
