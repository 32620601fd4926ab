import type { OxeUser, Call, CallCause, Party } from './call';
import type { Representation } from '../specification';

/** What an OnCallModified tells beside the state: all of it optional, the lists are empty when left out. */
export interface CallChanges {
  readonly cause?: CallCause | undefined;
  readonly previousCallRef?: string;
  readonly replacedByCallRef?: string;
  readonly modifiedLegs?: Representation<'Leg'>[];
  readonly addedLegs?: Representation<'Leg'>[];
  readonly removedLegs?: Representation<'Leg'>[];
  readonly modifiedParticipants?: Representation<'Participant'>[];
  readonly addedParticipants?: Representation<'Participant'>[];
  readonly removedParticipantIds?: string[];
}

export interface CallRemoval {
  readonly cause?: CallCause | undefined;
  readonly newDestination?: string;
}

/*
 * Key order, absent keys and empty lists are those of a real capture: the order of the specification's tables with
 * eventName first, nothing for null, no false booleans, empty lists kept.
 */

export const onCallCreated = (
  call: Call,
  party: Party,
  user: OxeUser,
  cause?: CallCause,
): Representation<'OnCallCreated'> => ({
  eventName: 'OnCallCreated',
  loginName: user.login,
  callRef: call.ref,
  ...(cause && { cause }),
  callData: callDataOf(call, party),
  ...(call.initiator && { initiator: call.initiator.participantId }),
  legs: legsOf(party),
  participants: call.others(party).map(participantOf),
  deviceCapabilities: deviceCapabilitiesOf(user),
});

export const onCallModified = (
  call: Call,
  party: Party,
  user: OxeUser,
  changes: CallChanges,
): Representation<'OnCallModified'> => ({
  eventName: 'OnCallModified',
  loginName: user.login,
  callRef: call.ref,
  ...(changes.cause && { cause: changes.cause }),
  ...(changes.previousCallRef !== undefined && { previousCallRef: changes.previousCallRef }),
  ...(changes.replacedByCallRef !== undefined && { replacedByCallRef: changes.replacedByCallRef }),
  callData: callDataOf(call, party),
  modifiedLegs: changes.modifiedLegs ?? [],
  addedLegs: changes.addedLegs ?? [],
  removedLegs: changes.removedLegs ?? [],
  modifiedParticipants: changes.modifiedParticipants ?? [],
  addedParticipants: changes.addedParticipants ?? [],
  removedParticipantIds: changes.removedParticipantIds ?? [],
  deviceCapabilities: [],
});

export const onCallRemoved = (
  call: Call,
  user: OxeUser,
  { cause, newDestination }: CallRemoval,
): Representation<'OnCallRemoved'> => ({
  eventName: 'OnCallRemoved',
  loginName: user.login,
  callRef: call.ref,
  ...(cause && { cause }),
  ...(newDestination !== undefined && { newDestination }),
  deviceCapabilities: [],
});

export const onUserStateModified = (user: OxeUser): Representation<'OnUserStateModified'> => ({
  eventName: 'OnUserStateModified',
  loginName: user.login,
  state: user.state,
});

export const onTelephonyState = (user: OxeUser): Representation<'OnTelephonyState'> => ({
  eventName: 'OnTelephonyState',
  loginName: user.login,
  state: telephonicStateOf(user),
});

/** The telephonic state of a user, as the snapshot and `GET /telephony/state` show it. */
export const telephonicStateOf = (user: OxeUser): Representation<'TelephonicState'> => ({
  calls: callsOf(user),
  deviceCapabilities: deviceCapabilitiesOf(user),
  userState: user.state,
});

/** A user's calls, each as this user sees it. */
export const callsOf = (user: OxeUser): Representation<'Call'>[] =>
  [...user.calls].flatMap((call) => {
    const party = call.partyOf(user);
    return party ? [callInfo(call, party)] : [];
  });

export const callInfo = (call: Call, party: Party): Representation<'Call'> => ({
  callRef: call.ref,
  callData: callDataOf(call, party),
  legs: legsOf(party),
  participants: call.others(party).map(participantOf),
});

export const deviceStatesOf = (user: OxeUser): Representation<'DeviceState'>[] =>
  user.devices.map(({ id, state }) => ({ deviceId: id, state }));

/** The legs of a side as they are now. */
export const legsOf = (party: Party): Representation<'Leg'>[] =>
  [...party.legs].map(([deviceId, state]) => ({
    deviceId,
    state,
    ...(state === 'RINGING_OUTGOING' && { ringingRemote: true }),
  }));

/** A party as the others see it. */
export function participantOf(party: Party): Representation<'Participant'> {
  const { participantId } = party;
  return party.anonymous
    ? { participantId, anonymous: true }
    : { participantId, identity: identityOf(party) };
}

function identityOf(party: Party): Representation<'PartyInfo'> {
  const { user } = party;
  if (!user) {
    return {
      id: { phoneNumber: party.number },
      ...(party.displayName !== undefined && { displayName: party.displayName }),
      type:
        party.kind === 'SERVICE'
          ? { main: 'SERVICE', subType: 'pbx' }
          : { main: 'EXTERNAL', subType: 'public' },
    };
  }
  return {
    id: { loginName: user.login, phoneNumber: user.number },
    firstName: user.firstName,
    lastName: user.lastName,
    type: { main: 'USER' },
  };
}

const callDataOf = (call: Call, party: Party): Representation<'CallData'> => ({
  // The one who called is not told whom: a capture of an outgoing call has no initialCalled.
  ...(call.initialCalled !== undefined &&
    call.initiator !== party && { initialCalled: { id: { phoneNumber: call.initialCalled } } }),
  ...(call.anonymous && { anonymous: true }),
  state: party.state,
  tags: call.tags.filter(
    ({ visibilities }) => visibilities === undefined || visibilities.includes(party.user?.login ?? ''),
  ),
  ...(call.associateData !== undefined && correlatorData(call.associateData)),
  ...(call.acd && { acdCallData: call.acd }),
  ...(call.trunk && { trunkIdentification: call.trunk }),
});

const correlatorData = (
  text: string,
): Pick<Representation<'CallData'>, 'associateData' | 'hexaBinaryAssociatedData'> => ({
  associateData: text,
  hexaBinaryAssociatedData: Buffer.from(text).toString('hex'),
});

/** A free device can start a call; one that is in a call can't, and says so by saying nothing. */
function deviceCapabilitiesOf(user: OxeUser): Representation<'DeviceCapabilities'>[] {
  const busy = new Set<string>();
  for (const call of user.calls) {
    const party = call.partyOf(user);
    if (party && party.state !== 'RINGING_INCOMING') for (const id of party.legs.keys()) busy.add(id);
  }
  return user.devices.map(({ id }) =>
    busy.has(id)
      ? { deviceId: id }
      : { deviceId: id, makeCall: true, makeBusinessCall: true, unParkCall: true },
  );
}
