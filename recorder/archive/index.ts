export { writeAccess, type Access } from './access-log';
export { Archive } from './archive';
export type { Place } from './catalogue';
export { readMetadata, openAudio, type Audio } from './recording-files';
export { readSearch } from './search';
export { verify, type Verification } from './verification';
export { waveformOf, type Waveform } from './waveform';
export { readFileKeys, type FileKey } from '../encryption/file-keys';
export type { OpenRecording } from '../files/read-recording';
