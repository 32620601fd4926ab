import type { Oxe } from './oxe';
import {
  Call,
  outsideSide,
  userSide,
  type OxeDevice,
  type OxeNode,
  type OxeUser,
  type CallCause,
  type MediaState,
  type Side,
  type SideOptions,
} from './call';
import type { Representation } from '../specification';
import {
  legs,
  onCallCreated,
  onCallModified,
  onCallRemoved,
  onUserStateModified,
  type Changes,
  type Removal,
} from './events';

/** Any event, of this specification or not. */
export type EventObject = { readonly eventName: string } & Readonly<Record<string, unknown>>;

/** What the exchange needs of the world around it. */
export interface Surroundings {
  /** Hands an event to the subscriptions. */
  publish(event: EventObject): void;
  /** Tells the media side that a device entered, left, or changed a conversation. */
  mediaChanged(device: OxeDevice): void;
}

const STATES_OF_A_BUSY_USER: ReadonlySet<MediaState> = new Set<MediaState>([
  'ACTIVE',
  'HELD',
  'RINGING_OUTGOING',
  'DIALING',
  'OFF_HOOK',
]);

/**
 * Moves calls and tells about it: the small steps of which the scenarios in the files beside this one are made.
 * A step changes the model first, then raises the events of each monitored user concerned.
 */
export class Exchange {
  /** Live calls by callRef. */
  readonly calls = new Map<string, Call>();
  private count = 0;
  private trunks = 0;

  constructor(
    readonly oxe: Oxe,
    private readonly around: Surroundings,
  ) {}

  /** A new, empty call. Its reference has the form of real ones: time, counter and node, little end first. */
  open(node: OxeNode | undefined): Call {
    this.count = (this.count + 1) & 0xffff;
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(Math.floor(Date.now() / 1000));
    bytes.writeUInt16LE(this.count, 4);
    bytes.writeUInt16LE(node?.nodeId ?? 0, 6);
    const call = new Call(bytes.toString('hex'));
    this.calls.set(call.ref, call);
    return call;
  }

  /** The user that a number belongs to, as a party with its devices in service; any other number is outside. */
  party(
    number: string,
    state: MediaState,
    options: SideOptions & { readonly oneDevice?: boolean } = {},
  ): Side {
    const device = this.oxe.devices.get(number);
    if (!device)
      return outsideSide(number, this.oxe.pilots.has(number) ? 'SERVICE' : 'EXTERNAL', state, options);
    const { user } = device;
    const inService = user.devices.filter(({ state: deviceState }) => deviceState === 'IN_SERVICE');
    const rings = number === user.number && !options.oneDevice ? inService : [device];
    return userSide(user, rings, state, options);
  }

  /** A trunk for a call that comes from outside or goes there. */
  takeTrunk(): Representation<'TrunkIdentification'> {
    this.trunks += 1;
    return { networkTimeslot: 1 + (this.trunks % 30), trunkNeqt: [1000 + (this.trunks % 120)] };
  }

  /** Puts a side and all its legs into a state. @returns the legs, for `modifiedLegs` */
  move(side: Side, state: MediaState): Representation<'Leg'>[] {
    side.state = state;
    for (const id of side.legs.keys()) side.legs.set(id, state);
    this.mediaOf(side);
    return legs(side);
  }

  created(call: Call, side: Side, cause?: CallCause): void {
    const user = this.audience(side);
    if (user) this.around.publish(onCallCreated(call, side, user, cause));
  }

  modified(call: Call, side: Side, changes: Changes): void {
    const user = this.audience(side);
    if (user) this.around.publish(onCallModified(call, side, user, changes));
  }

  removed(call: Call, side: Side, removal: Removal = {}): void {
    const user = this.audience(side);
    if (user) this.around.publish(onCallRemoved(call, user, removal));
  }

  /** The user to tell about a call: one who knows of it and is monitored. */
  private audience({ user, alerted }: Side): OxeUser | undefined {
    return user && alerted && this.oxe.tells(user) ? user : undefined;
  }

  /** Tells the user's state when it is another than told before. */
  tellState(side: Side): void {
    const { user } = side;
    if (!user) return;
    const state = [...user.calls].some((call) =>
      STATES_OF_A_BUSY_USER.has(call.sideOf(user)?.state ?? 'IDLE'),
    )
      ? 'BUSY'
      : 'FREE';
    if (state === user.state) return;
    user.state = state;
    if (this.oxe.tells(user)) this.around.publish(onUserStateModified(user));
  }

  /** One party's end of a call: RELEASING, then removed, then free; the others are not told here. */
  release(call: Call, side: Side, how: Removal & { readonly replacedByCallRef?: string } = {}): void {
    const { newDestination, ...change } = how;
    const removedParticipantIds = call.others(side).map(({ participantId }) => participantId);
    this.modified(call, side, {
      ...change,
      modifiedLegs: this.move(side, 'RELEASING'),
      removedParticipantIds,
    });
    call.remove(side);
    this.mediaOf(side);
    this.removed(call, side, { cause: how.cause, ...(newDestination !== undefined && { newDestination }) });
    this.tellState(side);
  }

  /** Ends a call for all who are in it. */
  releaseAll(call: Call, cause?: CallCause): void {
    // Each is told that all the others left, so the sides stay until the last was told.
    for (const side of [...call.sides]) {
      const removedParticipantIds = call.others(side).map(({ participantId }) => participantId);
      this.modified(call, side, { cause, modifiedLegs: this.move(side, 'RELEASING'), removedParticipantIds });
    }
    for (const side of [...call.sides]) {
      call.remove(side);
      this.mediaOf(side);
      this.removed(call, side, { cause });
      this.tellState(side);
    }
    this.close(call);
  }

  close(call: Call): void {
    this.calls.delete(call.ref);
  }

  /** Events of an agent's state, told under the agent's own login. */
  agentState(user: OxeUser, state: Representation<'AgentState'>): void {
    this.oxe.setAgentState(user, state);
    if (this.oxe.tells(user))
      this.around.publish({ eventName: 'OnAgentStateChanged', loginName: user.login, state });
  }

  /** Lets everyone in a call hear who talks now: a party outside has no device whose move would tell. */
  mediaOfAll(call: Call): void {
    for (const side of call.sides) this.mediaOf(side);
  }

  private mediaOf(side: Side): void {
    const { user } = side;
    if (!user) return;
    for (const device of user.devices) if (device.monitors > 0) this.around.mediaChanged(device);
  }
}
