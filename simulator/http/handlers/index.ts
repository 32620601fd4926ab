export type { Context } from './context';
export { perform } from './perform';
export { subscriptionOfChannel } from './subscriptions';
