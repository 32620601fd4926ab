export type { ConnectionReport, SessionReport } from './connection';
export { httpRequestOf, logIn, type LoginStep, type OpenSession } from './login';
export { onlyObjects, readResponse, readSubscription } from './responses';
export { Session, type Attachment, type CloseReason, type SessionOptions } from './session';
export { chooseChannelUrl, readServerUrl, type Access, type OfferedUrls } from './site-urls';
export { backOffMs, type State } from './state-machine';
