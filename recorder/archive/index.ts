export { writeAccess, type Access } from './access-log';
export { Archive } from './archive';
export type { Place } from './catalogue';
export { openAudio, readMetadata, type Audio } from './recording-files';
export { readSearch } from './search';
export { verify, type Verification } from './verification';
export { waveformOf, type Waveform } from './waveform';
export { readFileKeys, type FileKey } from '../encryption';
export type { OpenRecording } from '../files';
