import {
  defaultPopulation,
  PILOTS,
  usersOf,
  type NodeOptions,
  type Pilot,
  type UserOptions,
  type Settings,
} from '../settings';
import type { Representation } from '../specification';
import type { OxeDevice, OxeNode, OxeUser } from './call';

/** The OXE network: nodes, users, devices, pilots. Lookups are maps; ten thousand devices are the ordinary case. */
export class Oxe {
  readonly nodes: ReadonlyMap<number, OxeNode>;
  readonly users = new Map<string, OxeUser>();
  readonly devices = new Map<string, OxeDevice>();
  readonly pilots: ReadonlyMap<string, Pilot> = new Map(PILOTS.map((pilot) => [pilot.number, pilot]));
  /** Users with a monitored device: those that O2G knows ("must have been first monitored to be visible"). */
  readonly monitoredUsers = new Set<OxeUser>();
  /** The agent who is logged on at a pro-acd device, by its number. */
  readonly #agentByDevice = new Map<string, OxeUser>();

  constructor(settings: Pick<Settings, 'nodes' | 'secure' | 'devices'>) {
    const nodes = settings.nodes.map((node) => makeNode(node, settings.secure));
    this.nodes = new Map(nodes.map((node) => [node.nodeId, node]));
    const population = settings.devices
      ? usersOf(settings.devices)
      : defaultPopulation([...this.nodes.keys()]);
    for (const user of population) this.addUser(user);
  }

  /**
   * Puts a user and its devices into the OXE.
   * @throws RangeError when its node does not exist
   */
  addUser(options: UserOptions): OxeUser {
    const node = this.node(options.nodeId ?? this.nodes.keys().next().value ?? NaN);
    const user = makeUser(options, node);
    this.users.set(user.login, user);
    for (const device of user.devices) this.devices.set(device.id, device);
    if (user.agent?.state.mainState === 'LOG_ON')
      this.#agentByDevice.set(user.agent.proAcdDeviceNumber, user);
    return user;
  }

  /** @throws RangeError when there is no such node */
  node(nodeId: number): OxeNode {
    const node = this.nodes.get(nodeId);
    if (!node) throw new RangeError(`there is no OXE node ${nodeId}`);
    return node;
  }

  /** Whether O2G tells about this user: a device of it is monitored, and the CTI link of its node is up. */
  raisesEventsFor(user: OxeUser): boolean {
    return user.monitorCount > 0 && user.node.ctiLinkUp;
  }

  /** Counts a link that begins (+1) or ceases (-1) to monitor a device. @returns whether O2G's user came or went by it */
  countMonitor(device: OxeDevice, change: 1 | -1): boolean {
    const before = device.user.monitorCount;
    device.monitorCount += change;
    device.user.monitorCount += change;
    if (device.user.monitorCount > 0) this.monitoredUsers.add(device.user);
    else this.monitoredUsers.delete(device.user);
    return before > 0 !== device.user.monitorCount > 0;
  }

  /** The agent logged on at the user's main device. */
  agentOn(user: OxeUser): OxeUser | undefined {
    return this.#agentByDevice.get(user.number);
  }

  /** Pro-acd users of a processing group whose agent is ready, in the order of the population. */
  readyAgents(pgNumber: string): OxeUser[] {
    const ready = [...this.#agentByDevice.values()].filter(
      ({ agent }) => agent?.pgNumber === pgNumber && agent.state.subState === 'READY',
    );
    return ready.flatMap(({ agent }) => this.devices.get(agent?.proAcdDeviceNumber ?? '')?.user ?? []);
  }

  setAgentState(user: OxeUser, state: Representation<'AgentState'>): void {
    if (!user.agent) throw new RangeError(`${user.login} is no agent`);
    user.agent.state = state;
    if (state.mainState === 'LOG_ON') this.#agentByDevice.set(user.agent.proAcdDeviceNumber, user);
    else this.#agentByDevice.delete(user.agent.proAcdDeviceNumber);
  }
}

const makeNode = (node: number | NodeOptions, secure: boolean): OxeNode => {
  const options = typeof node === 'number' ? { nodeId: node } : node;
  return {
    nodeId: options.nodeId,
    name: options.name ?? `oxe-${options.nodeId}`,
    secured: options.secured ?? secure,
    loaded: true,
    ctiLinkUp: true,
  };
};

function makeUser(options: UserOptions, node: OxeNode): OxeUser {
  const user: OxeUser = {
    login: `oxe${options.number}`,
    number: options.number,
    firstName: options.firstName ?? '',
    lastName: options.lastName ?? '',
    node,
    devices: [],
    voicemail: options.voicemail,
    externalLogin: options.externalLogin,
    password: options.password,
    agent: options.agent && { ...options.agent, state: initialAgentState(options.agent) },
    calls: new Set(),
    state: 'FREE',
    monitorCount: 0,
  };
  for (const device of [{ ...options, id: options.number }, ...(options.devices ?? [])]) {
    user.devices.push({
      id: device.id,
      type: device.type ?? 'DESKPHONE',
      subType: device.subType ?? 'ALE-300',
      ip: device.ip ?? true,
      user,
      state: 'IN_SERVICE',
      monitorCount: 0,
    });
  }
  return user;
}

const initialAgentState = ({
  loggedOn = true,
  proAcdDeviceNumber,
  pgNumber,
}: NonNullable<UserOptions['agent']>): Representation<'AgentState'> =>
  loggedOn
    ? { mainState: 'LOG_ON', subState: 'READY', proAcdDeviceNumber, pgNumber }
    : { mainState: 'LOG_OFF' };

/** A user as `GET /users` and the user events show it. `devices` is for administrators and the user itself. */
export function userInfo(user: OxeUser, withDevices: boolean): Representation<'User'> {
  return {
    companyPhone: user.number,
    firstName: user.firstName,
    lastName: user.lastName,
    loginName: user.login,
    ...(user.voicemail && { voicemail: user.voicemail }),
    ...(withDevices && { devices: user.devices.map(({ type, id, subType }) => ({ type, id, subType })) }),
    nodeId: String(user.node.nodeId),
    ...(user.externalLogin !== undefined && { externalLogin: user.externalLogin }),
  };
}
