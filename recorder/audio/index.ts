export { DEFAULT_LAW, G711_TO_LINEAR, lawOf, type Law } from './g711';
export { SampleFormat, type FormatName } from './sample-format';
export { PAGE_FRAMES, Timeline, type Page } from './timeline';
export { MAX_WAV_BYTES, bytesPerFrame, headerLength, readWavHeader, wavHeader, type WavFormat } from './wav';
