export { CallFollowing, readCallFilter } from './call-filter';
export { CallHistory, type PlacedCall } from './call-history';
export { Conversations, type Conversation } from './device-conversations';
