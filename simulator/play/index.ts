export { PLAY_NAMES, type PlayName } from './plays';
export type { AutoplayOptions, Telephony } from './telephony-api';
export { telephonyOf } from './telephony';
