import {
  callInfo,
  callsOf,
  deviceStatesOf,
  onTelephonyState,
  telephonicStateOf,
  type OxeUser,
} from '../../oxe';
import { notFound, requestedUser, type Handlers } from './context';

/** "Call control" and "Call Center Agent": the part that consults states. */
export const telephonyHandlers: Handlers<
  | 'getCalls'
  | 'getCall'
  | 'getDeviceStates'
  | 'getDeviceState'
  | 'getTelephonicState'
  | 'askTelephonySnapshot'
  | 'getAgentState'
  | 'askAgentSnapshot'
> = {
  getCalls: (context) => ({ calls: callsOf(requestedUser(context)) }),

  getCall: (context) => {
    const user = requestedUser(context);
    const call = context.world.exchange.calls.get(context.parameters.callRef ?? '');
    const party = call?.partyOf(user);
    if (!call || !party?.alerted)
      throw notFound(context, `${user.login} has no call ${context.parameters.callRef ?? ''}`);
    return callInfo(call, party);
  },

  getDeviceStates: (context) => ({ deviceStates: deviceStatesOf(requestedUser(context)) }),

  getDeviceState: (context) => {
    const user = requestedUser(context);
    const state = deviceStatesOf(user).find(({ deviceId }) => deviceId === context.parameters.deviceId);
    if (!state) throw notFound(context, `${user.login} has no device ${context.parameters.deviceId ?? ''}`);
    return state;
  },

  getTelephonicState: (context) => telephonicStateOf(requestedUser(context)),

  askTelephonySnapshot: (context) => {
    const {
      world: { oxe, subscriptions },
    } = context;
    for (const user of snapshotUsers(context))
      if (oxe.raisesEventsFor(user)) subscriptions.publish(onTelephonyState(user));
    return undefined;
  },

  getAgentState: (context) => {
    const user = requestedUser(context);
    if (!user.agent) throw notFound(context, `${user.login} is no ACD agent`);
    return user.agent.state;
  },

  askAgentSnapshot: (context) => {
    const {
      world: { oxe, subscriptions },
    } = context;
    for (const user of snapshotUsers(context)) {
      if (user.agent && oxe.raisesEventsFor(user)) {
        subscriptions.publish({
          eventName: 'OnAgentStateChanged',
          loginName: user.login,
          state: user.agent.state,
        });
      }
    }
    return undefined;
  },
};

/** Whom a snapshot is asked for: all monitored users, when an administrator names none. */
function snapshotUsers(context: Parameters<typeof requestedUser>[0]): Iterable<OxeUser> {
  const all = context.session.administrator && context.query.loginName === undefined;
  return all ? context.world.oxe.monitoredUsers : [requestedUser(context)];
}
