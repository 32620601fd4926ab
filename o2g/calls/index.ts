export { FilteredCallTracker, readCallFilter } from './call-filter';
export { CallHistory, type PlacedCall } from './call-history';
export { DeviceConversations, type Conversation } from './device-conversations';
