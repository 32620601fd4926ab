export { DEFAULT_LAW, LINEAR, lawOf, type Law } from './g711';
export { SampleFormat, type FormatName } from './sample-format';
export { PAGE_FRAMES, Timeline, type Page } from './timeline';
export { LARGEST_FILE, frameLength, headerLength, readWavHeader, wavHeader, type WavForm } from './wav';
