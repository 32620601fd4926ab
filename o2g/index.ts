export {
  FilteredCallTracker,
  CallHistory,
  readCallFilter,
  type Conversation,
  type PlacedCall,
} from './calls';
export { testConnection, type ConnectionTestOptions } from './connection-test';
export {
  Link,
  type Coverage,
  type IpTarget,
  type LinkStateStore,
  type LinkOptions,
  type LinkReport,
  type RecorderPort,
  type RecorderPorts,
  type PauseReason,
  type RecordTarget,
  type DesiredRecording,
  type DesiredState,
  type RecordResult,
  type SrtpKeys,
  type StoredLink,
} from './link';
export {
  Session,
  onlyObjects,
  readServerUrl,
  type Access,
  type CloseReason,
  type ConnectionReport,
  type SessionOptions,
  type State,
} from './session';
export {
  MAX_DEVICES,
  O2GError,
  asO2GError,
  validated,
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
  TunnelTransport,
  AgentListener,
  readFormat,
  type AgentOptions,
  type TunnelFormat,
} from './tunnel';
export { Signal, TokenRegistry, mapConcurrently, parseJsonObject, type Logger } from './util';
