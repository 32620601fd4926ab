import { autoplay, type AutoplayOptions } from './autoplay';
import type { EventObject } from '../oxe/exchange';
import { CallHandle, type HandleContext } from '../oxe/handle';
import type { CallOptions } from '../oxe/scenarios';
import { deviceStates } from '../oxe/events';
import { userInfo, type OxeUser } from '../oxe/oxe';
import type { UserOptions } from '../settings/population';
import type { Enumeration } from '../specification/enumerations';
import type { Representation } from '../specification/representations';
import type { World } from '../world';

/** The OXE's side: calls, users, devices, agents, links of others. */
export interface Telephony {
  /** Starts a call and returns at once; its events follow. @throws RangeError when a party would call itself */
  call(options: CallOptions): CallHandle;
  /** All calls in progress are over: everyone hangs up. */
  endCalls(): Promise<void>;
  /** Number of calls in progress. */
  callCount(): number;
  /** Starts calls by itself, one after the other. @returns a function that stops it */
  autoplay(options?: AutoplayOptions): () => void;
  /** Sends any event to the subscriptions that asked for it; one that the specification doesn't know to all of them. */
  emit(event: EventObject): Promise<void>;
  /** Puts a user into the OXE, or replaces the one of this number. */
  addUser(user: UserOptions): void;
  /** Changes a user's name: OnUserInfoChanged. */
  changeUser(
    login: string,
    change: { readonly firstName?: string; readonly lastName?: string },
  ): Promise<void>;
  /** A device goes in or out of service: OnDeviceStateModified. */
  deviceState(deviceNumber: string, state: Enumeration<'OperationalState'>): Promise<void>;
  /** An agent logs on or off, withdraws, is ready: OnAgentStateChanged. */
  agentState(login: string, state: Representation<'AgentState'>): Promise<void>;
  /** A link of another recorder, which a client must leave alone. @returns its registration id */
  addForeignLink(nodeId: number, deviceNumbers?: readonly string[]): string;
}

export function telephonyOf(world: World, stoppers: Set<() => void>): Telephony {
  const { oxe, exchange, subscriptions, links, journal } = world;
  const context: HandleContext = {
    exchange,
    written: () => subscriptions.written(),
    log: (line) => {
      journal.log(line);
      journal.changed();
    },
  };
  const user = (login: string): OxeUser => {
    const found = oxe.users.get(login);
    if (!found) throw new RangeError(`there is no user ${login}`);
    return found;
  };
  const tell = (about: OxeUser, event: EventObject): Promise<void> => {
    if (oxe.tells(about)) subscriptions.publish(event);
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
      const changed = Object.assign(user(login), change);
      return tell(changed, {
        eventName: 'OnUserInfoChanged',
        loginName: login,
        user: userInfo(changed, true),
      });
    },
    deviceState: (deviceNumber, state) => {
      const device = oxe.devices.get(deviceNumber);
      if (!device) throw new RangeError(`there is no device ${deviceNumber}`);
      device.state = state;
      const changed = deviceStates(device.user).filter(({ deviceId }) => deviceId === deviceNumber);
      return tell(device.user, {
        eventName: 'OnDeviceStateModified',
        loginName: device.user.login,
        deviceStates: changed,
      });
    },
    agentState: (login, state) => {
      exchange.agentState(user(login), state);
      return subscriptions.written();
    },
    addForeignLink: (nodeId, deviceNumbers = []) => links.addForeign(oxe.node(nodeId), deviceNumbers).id,
  };
  return telephony;
}
