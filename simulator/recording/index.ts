export { DrLinks, type DrLink } from './dr-links';
export { RtpPlayer, type FlowCount } from './rtp-player';
export type { MasterKeys } from './srtp';
export { voiceOf } from './voice';
