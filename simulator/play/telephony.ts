import { autoplay } from './autoplay';
import type { Telephony } from './telephony-api';
import {
  CallHandle,
  deviceStatesOf,
  userInfo,
  type EventObject,
  type HandleContext,
  type OxeUser,
} from '../oxe';
import type { World } from '../world';

export function telephonyOf(world: World, stoppers: Set<() => void>): Telephony {
  const { oxe, exchange, subscriptions, links, journal } = world;
  const context: HandleContext = {
    exchange,
    written: () => subscriptions.written(),
    log: (line) => {
      journal.log(line);
      journal.notifyChange();
    },
  };
  const findUser = (login: string): OxeUser => {
    const found = oxe.users.get(login);
    if (!found) throw new RangeError(`there is no user ${login}`);
    return found;
  };
  const publishFor = (affectedUser: OxeUser, event: EventObject): Promise<void> => {
    if (oxe.raisesEventsFor(affectedUser)) subscriptions.publish(event);
    return subscriptions.written();
  };
  const telephony: Telephony = {
    call: (options) => CallHandle.start(context, options),
    endCalls: () => {
      for (const call of [...exchange.calls.values()]) exchange.releaseAll(call);
      return subscriptions.written();
    },
    callCount: () => exchange.calls.size,
    autoplay: (options) => {
      const stop = autoplay(world, telephony, options);
      stoppers.add(stop);
      return stop;
    },
    emit: (event) => {
      subscriptions.publish(event);
      return subscriptions.written();
    },
    addUser: (options) => {
      oxe.addUser(options);
    },
    changeUser: (login, change) => {
      const changed = Object.assign(findUser(login), change);
      return publishFor(changed, {
        eventName: 'OnUserInfoChanged',
        loginName: login,
        user: userInfo(changed, true),
      });
    },
    deviceState: (deviceNumber, state) => {
      const device = oxe.devices.get(deviceNumber);
      if (!device) throw new RangeError(`there is no device ${deviceNumber}`);
      device.state = state;
      const changed = deviceStatesOf(device.user).filter(({ deviceId }) => deviceId === deviceNumber);
      return publishFor(device.user, {
        eventName: 'OnDeviceStateModified',
        loginName: device.user.login,
        deviceStates: changed,
      });
    },
    agentState: (login, state) => {
      exchange.setAgentState(findUser(login), state);
      return subscriptions.written();
    },
    addForeignLink: (nodeId, deviceNumbers = []) => links.addForeign(oxe.node(nodeId), deviceNumbers).id,
  };
  return telephony;
}
