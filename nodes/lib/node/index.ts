export { onInput, type FlowMessage } from './input';
export { nextMessageId } from './message-id';
export {
  LINK_STATUS,
  NOT_CONFIGURED,
  connectionStatus,
  ended,
  failed,
  active,
  recorderStatus,
  throttledStatus,
  working,
} from './node-status';
