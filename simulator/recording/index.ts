export { Links, type DrLink } from './dr-links';
export { Media, type FlowCount } from './rtp-player';
export type { MasterKeys } from './srtp';
export { voiceOf } from './voice';
