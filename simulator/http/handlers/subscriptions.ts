import {
  checkFilter,
  RefusedFilter,
  newToken,
  Webhook,
  type Filter,
  type Subscriber,
  type Session,
  type Subscription,
} from '../../o2g';
import { Refusal, violation, type Representation } from '../../specification';
import type { World } from '../../world';
import type { RequestContext, Handlers } from './context';

const DEFAULT_TIMEOUT_MINUTES = 10;

/** "Subscription management": one subscription a session. */
export const subscriptionHandlers: Handlers<'subscribe' | 'updateSubscription' | 'unsubscribe'> = {
  subscribe: (context) => {
    const { world, session, body } = context;
    if (world.readiness.subscriptionRefusal !== undefined)
      return refusedSubscription(world, world.readiness.subscriptionRefusal);
    try {
      checkFilter(body.filter ?? {}, session, isMonitoredLogin(world));
    } catch (error) {
      if (error instanceof RefusedFilter) return refusedSubscription(world, error.message);
      throw error;
    }
    removePreviousSubscription(context);
    return acceptedSubscription(context, createSubscription(world, session, body));
  },

  updateSubscription: ({ world, session, body }) => {
    const subscription = world.subscriptions.ofSession(session.credential.token);
    if (!subscription) throw new Refusal(400, 'NOT_EXPECTED', 'This session has no subscription to update');
    try {
      checkFilter(body, session, isMonitoredLogin(world));
    } catch (error) {
      if (error instanceof RefusedFilter) throw new Refusal(400, 'BAD_PARAMETER', error.message);
      throw error;
    }
    world.subscriptions.replaceFilter(subscription, body);
    world.journal.log(`subscription of ${session.login} changed: ${describeFilter(body)}`);
    return undefined;
  },

  unsubscribe: ({ world, session, parameters }) => {
    const id = parameters.subscriptionId ?? '';
    const subscription = world.subscriptions.all.get(id);
    if (subscription?.credential !== session.credential.token) {
      throw new Refusal(400, 'NOT_FOUND', 'This session has no such subscription', {
        violation: !world.subscriptions.issuedIds.has(id),
      });
    }
    world.subscriptions.remove(subscription, 'clean');
    world.journal.log(`subscription of ${session.login} removed`);
    return undefined;
  },
};

const isMonitoredLogin =
  (world: World) =>
  (login: string): boolean =>
    (world.oxe.users.get(login)?.monitorCount ?? 0) > 0;

function createSubscription(
  world: World,
  session: Session,
  { filter = {}, timeout = DEFAULT_TIMEOUT_MINUTES, webHookUrl }: Representation<'SubscriptionRequest'>,
): Subscription {
  const subscriber: Subscriber = { administrator: session.administrator, login: session.login };
  const subscription = world.subscriptions.add({
    id: newToken(session.login),
    subscriber,
    credential: session.credential.token,
    filter,
    timeout,
    webhook: webHookUrl === undefined ? undefined : new Webhook(new URL(webHookUrl)),
  });
  if (webHookUrl !== undefined && subscription.compiled.has('OnServerStart'))
    world.readiness.serverStartWebhooks.add(webHookUrl);
  world.journal.log(
    `subscription of ${session.login}: ${describeFilter(filter)}${webHookUrl === undefined ? '' : ', by webhook'}`,
  );
  return subscription;
}

/** A session has one subscription: PUT and the filter's lack of an id make no sense otherwise. */
function removePreviousSubscription({ world, session }: RequestContext<'subscribe'>): void {
  const previous = world.subscriptions.ofSession(session.credential.token);
  if (!previous) return;
  world.journal.addViolation(
    'POST /subscriptions: the session has a subscription already; PUT changes it, DELETE ends it',
  );
  world.subscriptions.remove(previous, 'clean');
}

function refusedSubscription({ journal }: World, message: string): Representation<'Subscription'> {
  journal.log(`subscription refused: ${message}`);
  return { message, status: 'REFUSED' };
}

/** `mode` and `format` are what real servers add to the specification's fields. */
function acceptedSubscription(
  { world: { urls }, host }: RequestContext<'subscribe'>,
  { id }: Subscription,
): Representation<'Subscription'> {
  const path = `/OTEvents?subscriptionId=${id}`;
  return {
    subscriptionId: id,
    publicPollingUrl: urls.events('public', host) + path,
    privatePollingUrl: urls.events('private', host) + path,
    status: 'ACCEPTED',
    mode: 'CHUNK',
    format: 'JSON',
  };
}

const describeFilter = ({ selectors = [] }: Filter): string =>
  selectors
    .map(({ names, ids = [] }) => `${names.join(' ')} of ${ids.length === 0 ? 'no ids' : ids.join(' ')}`)
    .join(', ') || 'nothing';

/** Refuses what a channel asks for: unknown subscriptions, and those that went away with their session. */
export function subscriptionOfChannel(world: World, id: string | undefined): Subscription {
  if (id === undefined || id === '') throw violation(400, 'BAD_PARAMETER', 'subscriptionId is missing');
  const subscription = world.subscriptions.all.get(id);
  if (subscription) return subscription;
  if (!world.subscriptions.issuedIds.has(id))
    throw violation(404, 'NOT_FOUND', 'There is no such subscription');
  throw new Refusal(403, 'INVALID_SESSION', 'This subscription has ended');
}
