import { randomBytes } from 'node:crypto';
import {
  conversationOf,
  onUserStateModified,
  deviceStatesOf,
  userInfo,
  type OxeDevice,
  type OxeNode,
  type EventObject,
  type Oxe,
} from '../oxe';
import type { IpRecording, RtpPlayer } from './rtp-player';
import type { Settings } from '../settings';
import { Refusal, violation, type Enumeration, type Representation } from '../specification';
import { newMasterKeys } from './srtp';

/** A TDM recording in force: the PCM time slot a device's voice is copied to. */
interface TdmRecording {
  readonly ip: false;
  readonly device: OxeDevice;
  readonly slot: string;
}

export type Recording = IpRecording | TdmRecording;

/** A device on a DR link: monitored, perhaps recorded, perhaps beeped. */
interface LinkedDevice {
  readonly device: OxeDevice;
  recording: Recording | undefined;
  beep: Representation<'StartBeepRequest'> | undefined;
}

/** A registered recorder link of an OXE node (a CSTA DR link). */
export interface DrLink {
  readonly id: string;
  readonly node: OxeNode;
  /** Credential of the session that registered it; none for a link of somebody else. */
  readonly owner: string | undefined;
  readonly type: Enumeration<'IPRecorderType'>;
  readonly secure: boolean;
  readonly devices: Map<string, LinkedDevice>;
  /** Devices that were forgotten without a word: a request that still counts on them is no mistake of the client. */
  readonly forgottenDevices: Set<string>;
}

/** What the links need of the world around them. */
export interface LinkContext {
  readonly oxe: Oxe;
  readonly rtpPlayer: RtpPlayer;
  readonly settings: Pick<Settings, 'srtp' | 'listMonitored'>;
  publish(event: EventObject): void;
  log(line: string): void;
}

/** The DR links of all nodes, and what is monitored, recorded and beeped on them (Voice Recording). */
export class DrLinks {
  readonly #context: LinkContext;
  readonly #byNode = new Map<number, Map<string, DrLink>>();
  /** Every registration id that was ever given: a request with another is not late, but wrong. */
  readonly #issued = new Set<string>();

  constructor(context: LinkContext) {
    this.#context = context;
    for (const nodeId of context.oxe.nodes.keys()) this.#byNode.set(nodeId, new Map());
  }

  /** The links of a node. @throws Refusal 404 for a node that does not exist */
  ofNode(nodeId: number): DrLink[] {
    const links = this.#byNode.get(nodeId);
    if (!links) throw new Refusal(404, 'NOT_FOUND', `There is no OXE node ${nodeId}`);
    return [...links.values()];
  }

  /** @throws Refusal 404 for a link or node that does not exist; a violation when the link never did, or is somebody else's */
  find(nodeId: number, id: string): DrLink {
    this.ofNode(nodeId);
    const link = this.#byNode.get(nodeId)?.get(id);
    if (!link)
      throw new Refusal(404, 'NOT_FOUND', `There is no DR link ${id} on node ${nodeId}`, {
        violation: !this.#issued.has(id),
      });
    if (link.owner === undefined)
      throw violation(403, 'NOT_ALLOWED', `DR link ${id} was registered by another recorder`);
    return link;
  }

  /** @param secured what the recorder asked for; left out, the OXE's configuration decides. An OXE without encryption gives none. */
  register(
    node: OxeNode,
    owner: string | undefined,
    type: DrLink['type'] = 'OTHER',
    secured?: boolean,
  ): DrLink {
    const link: DrLink = {
      id: randomBytes(9).toString('base64url'),
      node,
      owner,
      type,
      secure: node.secured && secured !== false,
      devices: new Map(),
      forgottenDevices: new Set(),
    };
    this.#byNode.get(node.nodeId)?.set(link.id, link);
    this.#issued.add(link.id);
    this.#context.log(
      `node ${node.nodeId}: link registered (${type}, ${link.secure ? 'secure' : 'not secure'})`,
    );
    return link;
  }

  /** Ends a link and everything on it. */
  unregister(link: DrLink, reason: string): void {
    for (const linked of [...link.devices.values()]) this.unmonitor(link, linked.device.id);
    this.#byNode.get(link.node.nodeId)?.delete(link.id);
    this.#context.log(`node ${link.node.nodeId}: link ended (${reason})`);
  }

  /** Ends the links that a session registered. */
  unregisterOfSession(credential: string): void {
    for (const link of this.all()) if (link.owner === credential) this.unregister(link, 'its session ended');
  }

  unregisterAll(reason: string): void {
    for (const link of this.all()) this.unregister(link, reason);
  }

  /** A link that another recorder registered, with devices recorded on it. */
  addForeign(node: OxeNode, deviceNumbers: readonly string[]): DrLink {
    const link = this.register(node, undefined);
    for (const number of deviceNumbers) {
      const device = this.#context.oxe.devices.get(number);
      if (!device) throw new RangeError(`there is no device ${number}`);
      const recording: IpRecording = {
        ip: true,
        device,
        ipRecorderAddr: '192.0.2.1',
        sentFlowPort: 6000,
        receivedFlowPort: 6002,
        keys: undefined,
      };
      link.devices.set(number, { device, recording, beep: undefined });
      this.#context.oxe.countMonitor(device, 1);
    }
    return link;
  }

  /** A link is gone without a word. */
  forget(link: DrLink): void {
    for (const { device } of [...link.devices.values()]) this.#removeDevice(link, device.id);
    this.#byNode.get(link.node.nodeId)?.delete(link.id);
  }

  /** A device is no longer monitored on any link, without a word. */
  forgetMonitor(number: string): void {
    for (const link of this.all()) {
      if (!link.devices.has(number)) continue;
      this.#removeDevice(link, number);
      link.forgottenDevices.add(number);
    }
  }

  /** A device is no longer recorded on any link, without a word. */
  forgetRecording(number: string): void {
    for (const link of this.all()) {
      const linked = link.devices.get(number);
      if (!linked?.recording) continue;
      this.#endRecording(linked);
      link.forgottenDevices.add(number);
    }
  }

  /** Other keys for the recordings of a device, without a word. */
  rekey(number: string): void {
    for (const link of this.all()) {
      const recording = link.devices.get(number)?.recording;
      if (!recording?.ip || !recording.keys) continue;
      recording.keys = newMasterKeys(this.#context.settings.srtp);
      this.#context.rtpPlayer.rekeyed(recording);
    }
  }

  /** The links of all nodes. */
  all(): DrLink[] {
    return [...this.#byNode.values()].flatMap((links) => [...links.values()]);
  }

  /** Begins to monitor a device; again is harmless. @throws Refusal 404 for a device that the node does not have */
  monitor(link: DrLink, number: string): OxeDevice {
    const device = this.#context.oxe.devices.get(number);
    if (device?.user.node !== link.node)
      throw new Refusal(404, 'NOT_FOUND', `There is no device ${number} on node ${link.node.nodeId}`);
    if (link.devices.has(number)) return device;
    link.devices.set(number, { device, recording: undefined, beep: undefined });
    link.forgottenDevices.delete(number);
    if (this.#context.oxe.countMonitor(device, 1)) this.#publishUserCreated(device);
    this.#context.log(`${number}: monitored`);
    return device;
  }

  /** Ceases to monitor a device, so to record and to beep it. */
  unmonitor(link: DrLink, number: string): void {
    const { user } = this.#requireDevice(link, number).device;
    if (this.#removeDevice(link, number))
      this.#context.publish({ eventName: 'OnUserDeleted', loginName: user.login });
    this.#context.log(`${number}: no longer monitored`);
  }

  /** Takes a device off a link and tells nobody. @returns whether its user is no longer monitored at all */
  #removeDevice(link: DrLink, number: string): boolean {
    const linked = this.#requireDevice(link, number);
    this.#endRecording(linked);
    link.devices.delete(number);
    return this.#context.oxe.countMonitor(linked.device, -1);
  }

  /**
   * Records an IP device; again changes address, ports and keys.
   * @throws Refusal when it is not monitored on this link, or no IP device
   */
  recordIp(link: DrLink, request: Representation<'StartRecordRequest'>): IpRecording {
    const { deviceNumber, ...target } = request;
    const linked = this.#requireDevice(link, deviceNumber, 'recorded');
    if (!linked.device.ip)
      throw new Refusal(
        400,
        'BAD_PARAMETER',
        `${deviceNumber} is no IP device: record it through a PCM time slot`,
      );
    this.#endRecording(linked, 'keep the beep');
    const recording: IpRecording = {
      ip: true,
      device: linked.device,
      ...target,
      keys: link.secure ? newMasterKeys(this.#context.settings.srtp) : undefined,
    };
    linked.recording = recording;
    this.#context.rtpPlayer.start(recording);
    this.#context.log(
      `${deviceNumber}: recorded to ${target.ipRecorderAddr}, sent flow ${target.sentFlowPort}, received flow ${target.receivedFlowPort}`,
    );
    return recording;
  }

  recordTdm(
    link: DrLink,
    { deviceNumber, crystal, board, timeslot }: Representation<'StartTDMRecordRequest'>,
  ): void {
    const linked = this.#requireDevice(link, deviceNumber, 'recorded');
    this.#endRecording(linked, 'keep the beep');
    linked.recording = { ip: false, device: linked.device, slot: `${crystal}/${board}/${timeslot}` };
    this.#context.log(`${deviceNumber}: recorded to PCM time slot ${linked.recording.slot}`);
  }

  stopRecord(link: DrLink, number: string): void {
    const linked = this.#requireDevice(link, number);
    if (!linked.recording) throw new Refusal(404, 'NOT_FOUND', `${number} is not recorded on this link`);
    this.#endRecording(linked);
    this.#context.log(`${number}: no longer recorded`);
  }

  /** @throws Refusal when the device is not recorded, or recorded by TDM without being in communication */
  beep(link: DrLink, request: Representation<'StartBeepRequest'>): void {
    const { deviceNumber } = request;
    const linked = this.#requireDevice(link, deviceNumber, 'beeped');
    if (!linked.recording) {
      throw new Refusal(403, 'NOT_EXPECTED', `${deviceNumber} can't be beeped: it is not recorded`, {
        violation: !link.forgottenDevices.has(deviceNumber),
      });
    }
    if (!linked.recording.ip && !conversationOf(linked.device)) {
      throw new Refusal(
        403,
        'NOT_EXPECTED',
        `${deviceNumber} can't be beeped: recorded by TDM, it must be in communication`,
      );
    }
    linked.beep = request;
    this.#context.log(`${deviceNumber}: beeped with tone ${request.tone}`);
  }

  stopBeep(link: DrLink, number: string): void {
    const linked = this.#requireDevice(link, number);
    if (!linked.beep) throw new Refusal(404, 'NOT_FOUND', `${number} is not beeped`);
    linked.beep = undefined;
    this.#context.log(`${number}: no longer beeped`);
  }

  /** A device on a link. @throws Refusal; a violation when the client was never told otherwise */
  #requireDevice(link: DrLink, number: string, action?: string): LinkedDevice {
    const linked = link.devices.get(number);
    if (linked) return linked;
    if (action === undefined) throw new Refusal(404, 'NOT_FOUND', `${number} is not monitored on this link`);
    const excused =
      link.forgottenDevices.has(number) || this.#context.oxe.devices.get(number)?.user.node !== link.node;
    throw new Refusal(403, 'NOT_EXPECTED', `${number} can't be ${action}: it is not monitored on this link`, {
      violation: !excused,
    });
  }

  #endRecording(linked: LinkedDevice, beep: 'end the beep' | 'keep the beep' = 'end the beep'): void {
    if (linked.recording?.ip) this.#context.rtpPlayer.stop(linked.recording);
    linked.recording = undefined;
    if (beep === 'end the beep') linked.beep = undefined;
  }

  /** A user that O2G did not know before: the three events that a monitored device starts with. */
  #publishUserCreated({ user }: OxeDevice): void {
    this.#context.publish({ eventName: 'OnUserCreated', user: userInfo(user, true) });
    if (!this.#context.oxe.raisesEventsFor(user)) return;
    this.#context.publish({
      eventName: 'OnDeviceStateModified',
      loginName: user.login,
      deviceStates: deviceStatesOf(user),
    });
    this.#context.publish(onUserStateModified(user));
  }

  /** A link as `GET …/link` and `GET /system/status` show it. */
  describe(link: DrLink): Representation<'DRLink'> {
    const linked = [...link.devices.values()];
    const listed = linked.filter(
      ({ recording }) => recording !== undefined || this.#context.settings.listMonitored,
    );
    return {
      identifier: link.id,
      nbRecordedDevices: linked.filter(({ recording }) => recording !== undefined).length,
      recordedDevices: listed.map(describeDevice),
    };
  }
}

function describeDevice({ device, recording }: LinkedDevice): Representation<'RecordedDevice'> {
  if (!recording) return { number: device.id, recorded: false };
  if (!recording.ip)
    return { number: device.id, recorded: true, recordingResource: recording.slot, ip: false };
  return {
    number: device.id,
    recorded: true,
    recordingResource: recording.ipRecorderAddr,
    ip: true,
    sentFlowPort: recording.sentFlowPort,
    receivedFlowPort: recording.receivedFlowPort,
  };
}
