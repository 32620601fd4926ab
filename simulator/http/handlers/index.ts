export type { RequestContext } from './context';
export { perform } from './perform';
export { subscriptionOfChannel } from './subscriptions';
