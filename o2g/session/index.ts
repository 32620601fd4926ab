export type { ConnectionReport } from './connection';
export { callIn, logIn, type LoginStep, type OpenSession } from './login';
export { objectsIn, readAnswer, readSubscription } from './responses';
export { Session, type Attachment, type CloseReason, type SessionOptions } from './session';
export { chooseChannelUrl, readServerUrl, type Access, type Offered } from './site-urls';
export { backOffMs, type State } from './state-machine';
