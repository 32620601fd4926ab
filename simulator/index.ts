export { HELP, UsageError, parseCommand, type Command } from './control';
export type { Faults, RestartOptions } from './faults';
export type { Override } from './http';
export type { Expectation, LoginAttempt, RequestPattern, RequestRecord } from './journal';
export type { ChannelEnd } from './o2g';
export type { LinkView, Observation, RecordingView, SessionView, SubscriptionView } from './observation';
export type { CallCause, CallHandle, CallOptions, EventObject, MediaState } from './oxe';
export { PLAY_NAMES, type AutoplayOptions, type PlayName, type Telephony } from './play';
export { voiceOf, type FlowCount } from './recording';
export {
  numbersOf,
  type AgentOptions,
  type AnnouncedUrls,
  type DeviceOptions,
  type NodeOptions,
  type Settings,
  type SimulatorOptions,
  type SrtpOptions,
  type UserOptions,
} from './settings';
export type { Simulator } from './simulator-api';
export { startSimulator } from './simulator';
export { OPERATIONS, problemsOf } from './specification';
