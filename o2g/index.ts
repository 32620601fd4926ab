export { CallFollowing, CallHistory, readCallFilter, type Conversation, type PlacedCall } from './calls';
export { tryConnection, type TrialOptions } from './connection-test';
export {
  Link,
  type Coverage,
  type IpTarget,
  type LinkMemory,
  type LinkOptions,
  type LinkReport,
  type MediaPort,
  type MediaPorts,
  type PauseReason,
  type RecordTarget,
  type RecordWish,
  type Recorded,
  type SrtpKeys,
  type StoredLink,
} from './link';
export {
  Session,
  objectsIn,
  readServerUrl,
  type Access,
  type CloseReason,
  type ConnectionReport,
  type SessionOptions,
  type State,
} from './session';
export {
  MOST_DEVICES,
  O2GError,
  asO2GError,
  checked,
  invalid,
  isEvent,
  packageOf,
  readDevices,
  readSelectors,
  type O2GEvent,
  type Representation,
  type Selector,
} from './spec';
export { HttpTransport, type TlsOptions } from './transport';
export {
  Agent,
  DEFAULT_FORMAT,
  Tunnel,
  TunnelDoor,
  readFormat,
  type AgentOptions,
  type TunnelFormat,
} from './tunnel';
export { Signal, Tokens, forEachBounded, objectIn, type Log } from './util';
