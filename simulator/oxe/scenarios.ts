import type { Representation } from '../specification';
import { leaveConference } from './conference';
import type { Call, CallCause, Party } from './call';
import { legsOf, participantOf } from './events';
import type { Exchange } from './exchange';

/** A call to start. Numbers of users are directory numbers of any of their devices; all others are outside. */
export interface CallOptions {
  readonly from: string;
  readonly to: string;
  /** The caller's device is dialling; `ringing()` lets the called one ring. @default false */
  readonly dialing?: boolean;
  /** The call fails with this cause instead of ringing: `BUSY`, `INVALID_NUMBER`, `DO_NOT_DISTURB`, `ALL_TRUNK_BUSY` … */
  readonly fails?: CallCause;
  /** The caller keeps its identity secret. @default false */
  readonly anonymous?: boolean;
  /** Name that the network gives for a caller outside. */
  readonly displayName?: string;
  readonly tags?: Representation<'Tag'>[];
  /** Correlator data. */
  readonly associateData?: string;
  /** ACD data of the call. A call to a pilot gets them when it is distributed. */
  readonly acd?: Representation<'AcdCallData'>;
  /** @default one of the OXE's, when a party is outside */
  readonly trunk?: Representation<'TrunkIdentification'>;
}

/** Starts a call: dialling, ringing, waiting at a pilot, or failed. */
export function start(exchange: Exchange, options: CallOptions): Call {
  const { from, to, anonymous, displayName } = options;
  const alerting = options.dialing !== true && options.fails === undefined;
  const caller = exchange.createParty(from, alerting ? 'RINGING_OUTGOING' : 'DIALING', {
    anonymous,
    displayName,
    oneDevice: true,
  });
  const called = exchange.createParty(to, alerting ? 'RINGING_INCOMING' : 'IDLE');
  if (caller.user && caller.user === called.user) throw new RangeError(`${from} and ${to} are the same user`);
  const call = exchange.open(caller.user?.node ?? called.user?.node);
  setCallData(exchange, call, caller, called, options);
  called.alerted = alerting;
  call.add(caller);
  call.add(called);
  exchange.publishCreated(call, caller);
  exchange.publishUserState(caller);
  if (options.fails !== undefined) fail(exchange, call, options.fails);
  else if (alerting) exchange.publishCreated(call, called);
  return call;
}

function setCallData(
  exchange: Exchange,
  call: Call,
  caller: Party,
  called: Party,
  options: CallOptions,
): void {
  const outside = caller.kind === 'EXTERNAL' || called.kind === 'EXTERNAL';
  call.initiator = caller;
  call.initialCalled = called.number;
  call.anonymous = caller.anonymous;
  call.tags = options.tags ?? [];
  call.associateData = options.associateData;
  call.acd = options.acd;
  call.trunk = options.trunk ?? (outside ? exchange.allocateTrunk() : undefined);
}

/** A call that was dialled begins to ring. */
export function ring(exchange: Exchange, call: Call): void {
  for (const party of call.parties) {
    if (party.state === 'DIALING')
      exchange.publishModified(call, party, { modifiedLegs: exchange.setState(party, 'RINGING_OUTGOING') });
    else if (!party.alerted) alert(exchange, call, party);
  }
}

function alert(exchange: Exchange, call: Call, party: Party): void {
  exchange.setState(party, 'RINGING_INCOMING');
  call.alert(party);
  exchange.publishCreated(call, party);
}

/** The caller hears a tone: busy, congestion, invalid number. The called one never rings. */
export function fail(exchange: Exchange, call: Call, cause: CallCause): void {
  if (call.initiator)
    exchange.publishModified(call, call.initiator, { cause, modifiedLegs: legsOf(call.initiator) });
}

/** The one who rings answers, on one device; its other devices stop ringing. */
export function answer(exchange: Exchange, call: Call, by: string | undefined, cause?: CallCause): void {
  const called =
    by === undefined ? call.parties.find(({ state }) => state === 'RINGING_INCOMING') : call.party(by);
  if (called?.state !== 'RINGING_INCOMING')
    throw new RangeError(`${by ?? 'nobody'} rings in call ${call.ref}`);
  const device = by !== undefined && called.legs.has(by) ? by : called.legs.keys().next().value;
  const removedLegs = legsOf(called)
    .filter(({ deviceId }) => deviceId !== device)
    .map(({ deviceId }) => ({ deviceId }));
  for (const { deviceId } of removedLegs) called.legs.delete(deviceId);
  exchange.publishModified(call, called, {
    cause,
    modifiedLegs: exchange.setState(called, 'ACTIVE'),
    removedLegs,
  });
  exchange.publishUserState(called);
  for (const party of call.others(called)) connect(exchange, call, party, cause);
  setAgentBusy(exchange, called);
}

/** The far end answered: a side that waited for it talks now. */
function connect(exchange: Exchange, call: Call, party: Party, cause?: CallCause): void {
  if (party.state !== 'RINGING_OUTGOING' && party.state !== 'DIALING') return;
  exchange.publishModified(call, party, { cause, modifiedLegs: exchange.setState(party, 'ACTIVE') });
  exchange.publishUserState(party);
}

export function hold(exchange: Exchange, call: Call, party: Party): void {
  if (party.state !== 'ACTIVE') throw new RangeError(`${party.number} can't hold: it is ${party.state}`);
  exchange.publishModified(call, party, { modifiedLegs: exchange.setState(party, 'HELD') });
}

export function retrieve(exchange: Exchange, call: Call, party: Party): void {
  if (party.state !== 'HELD') throw new RangeError(`${party.number} can't retrieve: it is ${party.state}`);
  exchange.publishModified(call, party, { modifiedLegs: exchange.setState(party, 'ACTIVE') });
}

/** Calls somebody else while this call is held. */
export function enquire(
  exchange: Exchange,
  call: Call,
  party: Party,
  options: Omit<CallOptions, 'from'>,
): Call {
  if (!party.user) throw new RangeError(`${party.number} is outside: its enquiries are not seen here`);
  if (party.state === 'ACTIVE') hold(exchange, call, party);
  const from = party.legs.keys().next().value ?? party.number;
  call.enquiry = start(exchange, { ...options, from });
  return call.enquiry;
}

/**
 * Ends a call: all of it, or only a party's share in a conference.
 * @param cause what the events tell; a plain end of a conversation has none, an unanswered call says how it ended
 */
export function hangUp(exchange: Exchange, call: Call, by: Party | undefined, cause?: CallCause): void {
  const activeParties = call.parties.filter(({ state }) => state === 'ACTIVE');
  if (by && call.parties.length > 2) leaveConference(exchange, call, by, cause);
  else exchange.releaseAll(call, cause ?? unansweredCause(call, by));
  for (const party of by && call.parties.length > 0 ? [by] : activeParties) setAgentWrapUp(exchange, party);
}

function unansweredCause(call: Call, by: Party | undefined): CallCause | undefined {
  const ringing = call.parties.some(({ state }) => state === 'RINGING_INCOMING');
  if (!ringing) return undefined;
  return by === undefined || by === call.initiator ? 'ABANDONED' : 'NOT_ANSWERED';
}

/** Changes what travels with the call; its users are told. */
export function annotate(
  exchange: Exchange,
  call: Call,
  change: { associateData?: string; tag?: Representation<'Tag'> },
): void {
  if (change.associateData !== undefined) call.associateData = change.associateData;
  if (change.tag) call.tags = [...call.tags.filter(({ name }) => name !== change.tag?.name), change.tag];
  for (const party of call.parties) exchange.publishModified(call, party, {});
}

/** Tells the users of a call that one party took another's place. */
export function replaceParty(
  exchange: Exchange,
  call: Call,
  oldParty: Party,
  newParty: Party,
  cause: CallCause,
): void {
  for (const party of call.others(newParty)) {
    exchange.publishModified(call, party, {
      cause,
      addedParticipants: [participantOf(newParty)],
      removedParticipantIds: [oldParty.participantId],
    });
  }
}

function setAgentBusy(exchange: Exchange, party: Party): void {
  const agent = party.user && exchange.oxe.agentOn(party.user);
  if (agent?.agent) exchange.setAgentState(agent, { ...agent.agent.state, subState: 'BUSY' });
}

function setAgentWrapUp(exchange: Exchange, party: Party): void {
  const agent = party.user && exchange.oxe.agentOn(party.user);
  if (agent?.agent?.state.subState === 'BUSY')
    exchange.setAgentState(agent, { ...agent.agent.state, subState: 'WRAPUP' });
}
