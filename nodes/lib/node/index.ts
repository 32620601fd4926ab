export { onInput, type FlowMessage } from './input';
export { nextMessageId } from './message-id';
export {
  LINK_STATUS,
  NOT_CONFIGURED,
  connectionStatus,
  ended,
  failed,
  inForce,
  recorderStatus,
  statusOf,
  working,
} from './node-status';
