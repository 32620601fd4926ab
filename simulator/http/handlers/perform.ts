import type { OperationName } from '../../specification';
import type { RequestContext, Handlers } from './context';
import { ipRecordHandlers } from './iprecord';
import { sessionHandlers } from './sessions';
import { subscriptionHandlers } from './subscriptions';
import { systemHandlers } from './system';
import { telephonyHandlers } from './telephony';
import { userHandlers } from './users';

const HANDLERS: Handlers = {
  ...sessionHandlers,
  ...userHandlers,
  ...subscriptionHandlers,
  ...telephonyHandlers,
  ...systemHandlers,
  ...ipRecordHandlers,
};

/** Does what a checked request asks for. @returns the body of a 200, `undefined` for a 204. @throws Refusal */
export const perform = <N extends OperationName>(context: RequestContext<N>): object | undefined =>
  HANDLERS[context.name](context);
