import { callInfo, callsOf, deviceStates, onTelephonyState, telephonicState, type OxeUser } from '../../oxe';
import { notFound, userOf, type Handlers } from './context';

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
  getCalls: (context) => ({ calls: callsOf(userOf(context)) }),

  getCall: (context) => {
    const user = userOf(context);
    const call = context.world.exchange.calls.get(context.parameters.callRef ?? '');
    const side = call?.sideOf(user);
    if (!call || !side?.alerted)
      throw notFound(context, `${user.login} has no call ${context.parameters.callRef ?? ''}`);
    return callInfo(call, side);
  },

  getDeviceStates: (context) => ({ deviceStates: deviceStates(userOf(context)) }),

  getDeviceState: (context) => {
    const user = userOf(context);
    const state = deviceStates(user).find(({ deviceId }) => deviceId === context.parameters.deviceId);
    if (!state) throw notFound(context, `${user.login} has no device ${context.parameters.deviceId ?? ''}`);
    return state;
  },

  getTelephonicState: (context) => telephonicState(userOf(context)),

  askTelephonySnapshot: (context) => {
    const {
      world: { oxe, subscriptions },
    } = context;
    for (const user of concerned(context)) if (oxe.tells(user)) subscriptions.publish(onTelephonyState(user));
    return undefined;
  },

  getAgentState: (context) => {
    const user = userOf(context);
    if (!user.agent) throw notFound(context, `${user.login} is no ACD agent`);
    return user.agent.state;
  },

  askAgentSnapshot: (context) => {
    const {
      world: { oxe, subscriptions },
    } = context;
    for (const user of concerned(context)) {
      if (user.agent && oxe.tells(user)) {
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
function concerned(context: Parameters<typeof userOf>[0]): Iterable<OxeUser> {
  const all = context.session.administrator && context.query.loginName === undefined;
  return all ? context.world.oxe.monitoredUsers : [userOf(context)];
}
