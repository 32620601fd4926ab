import type { Oxe } from './oxe';
import {
  Call,
  nonUserParty,
  userParty,
  type OxeDevice,
  type OxeNode,
  type OxeUser,
  type CallCause,
  type MediaState,
  type Party,
  type PartyOptions,
} from './call';
import type { Representation } from '../specification';
import {
  legsOf,
  onCallCreated,
  onCallModified,
  onCallRemoved,
  onUserStateModified,
  type CallChanges,
  type CallRemoval,
} from './events';

/** Any event, of this specification or not. */
export type EventObject = { readonly eventName: string } & Readonly<Record<string, unknown>>;

/** What the exchange needs of the world around it. */
export interface ExchangeContext {
  /** Hands an event to the subscriptions. */
  publish(event: EventObject): void;
  /** Tells the media side that a device entered, left, or changed a conversation. */
  mediaChanged(device: OxeDevice): void;
}

const BUSY_STATES: ReadonlySet<MediaState> = new Set<MediaState>([
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
  readonly #context: ExchangeContext;
  /** Live calls by callRef. */
  readonly calls = new Map<string, Call>();
  #callCounter = 0;
  #trunkCounter = 0;

  constructor(
    readonly oxe: Oxe,
    context: ExchangeContext,
  ) {
    this.#context = context;
  }

  /** A new, empty call. Its reference has the form of real ones: time, counter and node, little end first. */
  open(node: OxeNode | undefined): Call {
    this.#callCounter = (this.#callCounter + 1) & 0xffff;
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(Math.floor(Date.now() / 1000));
    bytes.writeUInt16LE(this.#callCounter, 4);
    bytes.writeUInt16LE(node?.nodeId ?? 0, 6);
    const call = new Call(bytes.toString('hex'));
    this.calls.set(call.ref, call);
    return call;
  }

  /** The user that a number belongs to, as a party with its devices in service; any other number is outside. */
  createParty(
    number: string,
    state: MediaState,
    options: PartyOptions & { readonly oneDevice?: boolean } = {},
  ): Party {
    const device = this.oxe.devices.get(number);
    if (!device)
      return nonUserParty(number, this.oxe.pilots.has(number) ? 'SERVICE' : 'EXTERNAL', state, options);
    const { user } = device;
    const inService = user.devices.filter(({ state: deviceState }) => deviceState === 'IN_SERVICE');
    const devices = number === user.number && !options.oneDevice ? inService : [device];
    return userParty(user, devices, state, options);
  }

  /** A trunk for a call that comes from outside or goes there. */
  allocateTrunk(): Representation<'TrunkIdentification'> {
    this.#trunkCounter += 1;
    return { networkTimeslot: 1 + (this.#trunkCounter % 30), trunkNeqt: [1000 + (this.#trunkCounter % 120)] };
  }

  /** Puts a side and all its legs into a state. @returns the legs, for `modifiedLegs` */
  setState(party: Party, state: MediaState): Representation<'Leg'>[] {
    party.state = state;
    for (const id of party.legs.keys()) party.legs.set(id, state);
    this.#notifyMedia(party);
    return legsOf(party);
  }

  publishCreated(call: Call, party: Party, cause?: CallCause): void {
    const user = this.#observedUser(party);
    if (user) this.#context.publish(onCallCreated(call, party, user, cause));
  }

  publishModified(call: Call, party: Party, changes: CallChanges): void {
    const user = this.#observedUser(party);
    if (user) this.#context.publish(onCallModified(call, party, user, changes));
  }

  publishRemoved(call: Call, party: Party, removal: CallRemoval = {}): void {
    const user = this.#observedUser(party);
    if (user) this.#context.publish(onCallRemoved(call, user, removal));
  }

  /** The user to tell about a call: one who knows of it and is monitored. */
  #observedUser({ user, alerted }: Party): OxeUser | undefined {
    return user && alerted && this.oxe.raisesEventsFor(user) ? user : undefined;
  }

  /** Tells the user's state when it is another than told before. */
  publishUserState(party: Party): void {
    const { user } = party;
    if (!user) return;
    const state = [...user.calls].some((call) => BUSY_STATES.has(call.partyOf(user)?.state ?? 'IDLE'))
      ? 'BUSY'
      : 'FREE';
    if (state === user.state) return;
    user.state = state;
    if (this.oxe.raisesEventsFor(user)) this.#context.publish(onUserStateModified(user));
  }

  /** One party's end of a call: RELEASING, then removed, then free; the others are not told here. */
  release(
    call: Call,
    party: Party,
    removal: CallRemoval & { readonly replacedByCallRef?: string } = {},
  ): void {
    const { newDestination, ...change } = removal;
    const removedParticipantIds = call.others(party).map(({ participantId }) => participantId);
    this.publishModified(call, party, {
      ...change,
      modifiedLegs: this.setState(party, 'RELEASING'),
      removedParticipantIds,
    });
    call.remove(party);
    this.#notifyMedia(party);
    this.publishRemoved(call, party, {
      cause: removal.cause,
      ...(newDestination !== undefined && { newDestination }),
    });
    this.publishUserState(party);
  }

  /** Ends a call for all who are in it. */
  releaseAll(call: Call, cause?: CallCause): void {
    // Each is told that all the others left, so the sides stay until the last was told.
    for (const party of [...call.parties]) {
      const removedParticipantIds = call.others(party).map(({ participantId }) => participantId);
      this.publishModified(call, party, {
        cause,
        modifiedLegs: this.setState(party, 'RELEASING'),
        removedParticipantIds,
      });
    }
    for (const party of [...call.parties]) {
      call.remove(party);
      this.#notifyMedia(party);
      this.publishRemoved(call, party, { cause });
      this.publishUserState(party);
    }
    this.close(call);
  }

  close(call: Call): void {
    this.calls.delete(call.ref);
  }

  /** Events of an agent's state, told under the agent's own login. */
  setAgentState(user: OxeUser, state: Representation<'AgentState'>): void {
    this.oxe.setAgentState(user, state);
    if (this.oxe.raisesEventsFor(user))
      this.#context.publish({ eventName: 'OnAgentStateChanged', loginName: user.login, state });
  }

  /** Lets everyone in a call hear who talks now: a party outside has no device whose move would tell. */
  notifyMediaOfAll(call: Call): void {
    for (const party of call.parties) this.#notifyMedia(party);
  }

  #notifyMedia(party: Party): void {
    const { user } = party;
    if (!user) return;
    for (const device of user.devices) if (device.monitorCount > 0) this.#context.mediaChanged(device);
  }
}
