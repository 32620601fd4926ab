export { EventChannel, type ChannelEnd, type Splitter } from './event-channel';
export { RefusedFilter, checkFilter, type Filter, type Subscriber } from './filter';
export { Sessions, newToken, type Credential, type Session } from './sessions';
export { Subscriptions, type Subscription } from './subscriptions';
export { Urls } from './urls';
export { Webhook } from './webhook';
