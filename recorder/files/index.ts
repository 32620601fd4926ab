export { PART, audioOf, metadataOf, nameOfAudio, rawBeside } from './file-names';
export { DEFAULT_FILENAME, checkTemplate } from './name-template';
export { isAbandoned, thisOwner, type Owner } from './owner';
export { openRecording, type OpenRecording } from './read-recording';
export { Recording, type RecordingOptions, type Sidecar } from './recording-file';
