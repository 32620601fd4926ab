export { writeAccess, type Access } from './access-log';
export { Archive } from './archive';
export type { RecordingLocation } from './catalogue';
export { openAudio, readMetadata, type AudioFile } from './recording-files';
export { readSearch } from './search';
export { verify, type RecordingVerification } from './verification';
export { waveformOf, type Waveform } from './waveform';
export { readFileKeys, type FileKey } from '../encryption';
export type { OpenRecording } from '../files';
