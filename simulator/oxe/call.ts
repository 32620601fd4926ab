/** Calls of the OXE, and who takes part in them: nodes, users, devices, numbers outside. */
import type { Enumeration, Representation } from '../specification';

/** One OXE of the network, as `GET /system/status` shows it. */
export interface OxeNode {
  readonly nodeId: number;
  readonly name: string;
  readonly secured: boolean;
  loaded: boolean;
  ctiLinkUp: boolean;
}

export interface OxeDevice {
  readonly id: string;
  readonly type: Enumeration<'DeviceType'>;
  readonly subType: string;
  readonly ip: boolean;
  readonly user: OxeUser;
  state: Enumeration<'OperationalState'>;
  /** DR links on which it is monitored; its user's events flow while there is one. */
  monitorCount: number;
}

export interface OxeUser {
  readonly login: string;
  readonly number: string;
  firstName: string;
  lastName: string;
  readonly node: OxeNode;
  readonly devices: OxeDevice[];
  readonly voicemail: Representation<'Voicemail'> | undefined;
  readonly externalLogin: string | undefined;
  readonly password: string | undefined;
  /** Pro-acd device and group of an agent, with the agent's state. */
  readonly agent:
    | { readonly proAcdDeviceNumber: string; readonly pgNumber: string; state: Representation<'AgentState'> }
    | undefined;
  readonly calls: Set<Call>;
  /** The state that the last OnUserStateModified told. */
  state: Enumeration<'UserState'>;
  /** How many of its devices are monitored, counted once a link. */
  monitorCount: number;
}

export type MediaState = Enumeration<'MediaState'>;
export type CallCause = Enumeration<'CallCause'>;

/** One party of a call: a user with a leg on each device involved, a number outside the OXE, or a pilot. */
export interface Party {
  readonly number: string;
  readonly participantId: string;
  readonly kind: 'USER' | 'EXTERNAL' | 'SERVICE';
  readonly user: OxeUser | undefined;
  readonly displayName: string | undefined;
  readonly anonymous: boolean;
  state: MediaState;
  /** Whether the party knows of the call: the called one doesn't while the caller dials, or when the call fails. */
  alerted: boolean;
  /** The state of each of the user's devices in this call. */
  readonly legs: Map<string, MediaState>;
}

/** A call in the OXE. All of its users know it by the same callRef. */
export class Call {
  readonly parties: Party[] = [];
  initiator: Party | undefined;
  initialCalled: string | undefined;
  anonymous = false;
  tags: Representation<'Tag'>[] = [];
  associateData: string | undefined;
  acd: Representation<'AcdCallData'> | undefined;
  trunk: Representation<'TrunkIdentification'> | undefined;
  /** The call that took this one's place, by transfer or conference. */
  replacedBy: Call | undefined;
  /** The enquiry call that one of its users started while this one is held. */
  enquiry: Call | undefined;

  constructor(readonly ref: string) {}

  /** The side of a party, by any of its numbers. */
  party(number: string): Party | undefined {
    return this.parties.find(
      (party) => party.number === number || party.legs.has(number) || party.user?.login === number,
    );
  }

  partyOf(user: OxeUser): Party | undefined {
    return this.parties.find((party) => party.user === user);
  }

  others(party: Party): Party[] {
    return this.parties.filter((other) => other !== party);
  }

  add(party: Party): void {
    this.parties.push(party);
    if (party.alerted) party.user?.calls.add(this);
  }

  alert(party: Party): void {
    party.alerted = true;
    party.user?.calls.add(this);
  }

  remove(party: Party): void {
    this.parties.splice(this.parties.indexOf(party), 1);
    party.user?.calls.delete(this);
  }

  /** Takes over what a call that it replaces carries along: tags, correlator data, ACD, trunk, who was called first. */
  inherit(call: Call): void {
    this.initiator ??= call.initiator;
    this.initialCalled ??= call.initialCalled;
    this.anonymous ||= call.anonymous;
    this.associateData ??= call.associateData;
    this.acd ??= call.acd;
    this.trunk ??= call.trunk;
    if (this.tags.length === 0) this.tags = [...call.tags];
  }
}

/** The enquiry call of a call. @throws RangeError when it has none that lives */
export function enquiryOf(call: Call): Call {
  if (!call.enquiry || call.enquiry.parties.length === 0)
    throw new RangeError(`call ${call.ref} has no enquiry call`);
  return call.enquiry;
}

/** Follows replacements to the call that lives on. */
export const currentCall = (call: Call): Call => (call.replacedBy ? currentCall(call.replacedBy) : call);

export interface PartyOptions {
  readonly displayName?: string | undefined;
  readonly anonymous?: boolean | undefined;
}

let anonymousPartyCount = 0;

/** A party that is not a user: a number outside, or a pilot. */
export function nonUserParty(
  number: string,
  kind: 'EXTERNAL' | 'SERVICE',
  state: MediaState,
  options: PartyOptions = {},
): Party {
  const anonymous = options.anonymous ?? false;
  if (anonymous) anonymousPartyCount += 1;
  return {
    number,
    kind,
    state,
    anonymous,
    alerted: true,
    user: undefined,
    displayName: options.displayName,
    legs: new Map(),
    // The identifier of a secret party must not give its number away.
    participantId: anonymous ? `secret-${anonymousPartyCount}` : number,
  };
}

/** A user as a party, with a leg on each of the devices. */
export const userParty = (
  user: OxeUser,
  devices: readonly OxeDevice[],
  state: MediaState,
  options: PartyOptions = {},
): Party => ({
  number: user.number,
  participantId: user.number,
  kind: 'USER',
  user,
  state,
  alerted: true,
  displayName: options.displayName,
  anonymous: options.anonymous ?? false,
  legs: new Map(devices.map(({ id }) => [id, state])),
});

/** What a user's device takes part in, for the media side. */
export interface Conversation {
  readonly call: Call;
  readonly party: Party;
  readonly held: boolean;
}

/** The conversation of a device: active, or held when none is active. */
export function conversationOf(device: OxeDevice): Conversation | undefined {
  let held: Conversation | undefined;
  for (const call of device.user.calls) {
    const party = call.partyOf(device.user);
    const state = party?.legs.get(device.id);
    if (party && state === 'ACTIVE') return { call, party, held: false };
    if (party && state === 'HELD') held ??= { call, party, held: true };
  }
  return held;
}
