export { PART_EXTENSION, audioPath, metadataPath, nameFromAudioPath, rawPathBeside } from './file-names';
export { DEFAULT_FILENAME, checkTemplate } from './name-template';
export { isAbandoned, currentOwner, type FileOwner } from './owner';
export { openRecording, type OpenRecording } from './read-recording';
export { RecordingFile, type RecordingFileOptions, type Sidecar } from './recording-file';
