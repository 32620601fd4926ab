import type { OxeUser, Call, CallCause, Side } from './call';
import type { Representation } from '../specification';

/** What an OnCallModified tells beside the state: all of it optional, the lists are empty when left out. */
export interface Changes {
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

export interface Removal {
  readonly cause?: CallCause | undefined;
  readonly newDestination?: string;
}

/*
 * Key order, absent keys and empty lists are those of a real capture: the order of the specification's tables with
 * eventName first, nothing for null, no false booleans, empty lists kept.
 */

export const onCallCreated = (
  call: Call,
  side: Side,
  user: OxeUser,
  cause?: CallCause,
): Representation<'OnCallCreated'> => ({
  eventName: 'OnCallCreated',
  loginName: user.login,
  callRef: call.ref,
  ...(cause && { cause }),
  callData: callData(call, side),
  ...(call.initiator && { initiator: call.initiator.participantId }),
  legs: legs(side),
  participants: call.others(side).map(participant),
  deviceCapabilities: capabilities(user),
});

export const onCallModified = (
  call: Call,
  side: Side,
  user: OxeUser,
  changes: Changes,
): Representation<'OnCallModified'> => ({
  eventName: 'OnCallModified',
  loginName: user.login,
  callRef: call.ref,
  ...(changes.cause && { cause: changes.cause }),
  ...(changes.previousCallRef !== undefined && { previousCallRef: changes.previousCallRef }),
  ...(changes.replacedByCallRef !== undefined && { replacedByCallRef: changes.replacedByCallRef }),
  callData: callData(call, side),
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
  { cause, newDestination }: Removal,
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
  state: telephonicState(user),
});

/** The telephonic state of a user, as the snapshot and `GET /telephony/state` show it. */
export const telephonicState = (user: OxeUser): Representation<'TelephonicState'> => ({
  calls: callsOf(user),
  deviceCapabilities: capabilities(user),
  userState: user.state,
});

/** A user's calls, each as this user sees it. */
export const callsOf = (user: OxeUser): Representation<'Call'>[] =>
  [...user.calls].flatMap((call) => {
    const side = call.sideOf(user);
    return side ? [callInfo(call, side)] : [];
  });

export const callInfo = (call: Call, side: Side): Representation<'Call'> => ({
  callRef: call.ref,
  callData: callData(call, side),
  legs: legs(side),
  participants: call.others(side).map(participant),
});

export const deviceStates = (user: OxeUser): Representation<'DeviceState'>[] =>
  user.devices.map(({ id, state }) => ({ deviceId: id, state }));

/** The legs of a side as they are now. */
export const legs = (side: Side): Representation<'Leg'>[] =>
  [...side.legs].map(([deviceId, state]) => ({
    deviceId,
    state,
    ...(state === 'RINGING_OUTGOING' && { ringingRemote: true }),
  }));

/** A party as the others see it. */
export function participant(side: Side): Representation<'Participant'> {
  const { participantId } = side;
  return side.anonymous ? { participantId, anonymous: true } : { participantId, identity: identity(side) };
}

function identity(side: Side): Representation<'PartyInfo'> {
  const { user } = side;
  if (!user) {
    return {
      id: { phoneNumber: side.number },
      ...(side.displayName !== undefined && { displayName: side.displayName }),
      type:
        side.kind === 'SERVICE'
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

const callData = (call: Call, side: Side): Representation<'CallData'> => ({
  // The one who called is not told whom: a capture of an outgoing call has no initialCalled.
  ...(call.initialCalled !== undefined &&
    call.initiator !== side && { initialCalled: { id: { phoneNumber: call.initialCalled } } }),
  ...(call.anonymous && { anonymous: true }),
  state: side.state,
  tags: call.tags.filter(
    ({ visibilities }) => visibilities === undefined || visibilities.includes(side.user?.login ?? ''),
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
function capabilities(user: OxeUser): Representation<'DeviceCapabilities'>[] {
  const busy = new Set<string>();
  for (const call of user.calls) {
    const side = call.sideOf(user);
    if (side && side.state !== 'RINGING_INCOMING') for (const id of side.legs.keys()) busy.add(id);
  }
  return user.devices.map(({ id }) =>
    busy.has(id)
      ? { deviceId: id }
      : { deviceId: id, makeCall: true, makeBusinessCall: true, unParkCall: true },
  );
}
