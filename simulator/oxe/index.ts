export {
  conversationOf,
  type Call,
  type CallCause,
  type Conversation,
  type MediaState,
  type OxeDevice,
  type OxeNode,
  type OxeUser,
} from './call';
export {
  callInfo,
  callsOf,
  deviceStatesOf,
  onTelephonyState,
  onUserStateModified,
  telephonicStateOf,
} from './events';
export { Exchange, type EventObject } from './exchange';
export { CallHandle, type HandleContext } from './handle';
export { Oxe, userInfo } from './oxe';
export type { CallOptions } from './scenarios';
