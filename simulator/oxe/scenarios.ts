import type { Representation } from '../specification';
import { leave } from './conference';
import type { Call, CallCause, Side } from './call';
import { legs, participant } from './events';
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
  const caller = exchange.party(from, alerting ? 'RINGING_OUTGOING' : 'DIALING', {
    anonymous,
    displayName,
    oneDevice: true,
  });
  const called = exchange.party(to, alerting ? 'RINGING_INCOMING' : 'IDLE');
  if (caller.user && caller.user === called.user) throw new RangeError(`${from} and ${to} are the same user`);
  const call = exchange.open(caller.user?.node ?? called.user?.node);
  fill(exchange, call, caller, called, options);
  called.alerted = alerting;
  call.add(caller);
  call.add(called);
  exchange.created(call, caller);
  exchange.tellState(caller);
  if (options.fails !== undefined) fail(exchange, call, options.fails);
  else if (alerting) exchange.created(call, called);
  return call;
}

function fill(exchange: Exchange, call: Call, caller: Side, called: Side, options: CallOptions): void {
  const outside = caller.kind === 'EXTERNAL' || called.kind === 'EXTERNAL';
  call.initiator = caller;
  call.initialCalled = called.number;
  call.anonymous = caller.anonymous;
  call.tags = options.tags ?? [];
  call.associateData = options.associateData;
  call.acd = options.acd;
  call.trunk = options.trunk ?? (outside ? exchange.takeTrunk() : undefined);
}

/** A call that was dialled begins to ring. */
export function ring(exchange: Exchange, call: Call): void {
  for (const side of call.sides) {
    if (side.state === 'DIALING')
      exchange.modified(call, side, { modifiedLegs: exchange.move(side, 'RINGING_OUTGOING') });
    else if (!side.alerted) alert(exchange, call, side);
  }
}

function alert(exchange: Exchange, call: Call, side: Side): void {
  exchange.move(side, 'RINGING_INCOMING');
  call.alert(side);
  exchange.created(call, side);
}

/** The caller hears a tone: busy, congestion, invalid number. The called one never rings. */
export function fail(exchange: Exchange, call: Call, cause: CallCause): void {
  if (call.initiator) exchange.modified(call, call.initiator, { cause, modifiedLegs: legs(call.initiator) });
}

/** The one who rings answers, on one device; its other devices stop ringing. */
export function answer(exchange: Exchange, call: Call, by: string | undefined, cause?: CallCause): void {
  const called =
    by === undefined ? call.sides.find(({ state }) => state === 'RINGING_INCOMING') : call.side(by);
  if (called?.state !== 'RINGING_INCOMING')
    throw new RangeError(`${by ?? 'nobody'} rings in call ${call.ref}`);
  const device = by !== undefined && called.legs.has(by) ? by : called.legs.keys().next().value;
  const removedLegs = legs(called)
    .filter(({ deviceId }) => deviceId !== device)
    .map(({ deviceId }) => ({ deviceId }));
  for (const { deviceId } of removedLegs) called.legs.delete(deviceId);
  exchange.modified(call, called, { cause, modifiedLegs: exchange.move(called, 'ACTIVE'), removedLegs });
  exchange.tellState(called);
  for (const side of call.others(called)) connect(exchange, call, side, cause);
  agentAnswers(exchange, called);
}

/** The far end answered: a side that waited for it talks now. */
function connect(exchange: Exchange, call: Call, side: Side, cause?: CallCause): void {
  if (side.state !== 'RINGING_OUTGOING' && side.state !== 'DIALING') return;
  exchange.modified(call, side, { cause, modifiedLegs: exchange.move(side, 'ACTIVE') });
  exchange.tellState(side);
}

export function hold(exchange: Exchange, call: Call, side: Side): void {
  if (side.state !== 'ACTIVE') throw new RangeError(`${side.number} can't hold: it is ${side.state}`);
  exchange.modified(call, side, { modifiedLegs: exchange.move(side, 'HELD') });
}

export function retrieve(exchange: Exchange, call: Call, side: Side): void {
  if (side.state !== 'HELD') throw new RangeError(`${side.number} can't retrieve: it is ${side.state}`);
  exchange.modified(call, side, { modifiedLegs: exchange.move(side, 'ACTIVE') });
}

/** Calls somebody else while this call is held. */
export function enquire(
  exchange: Exchange,
  call: Call,
  side: Side,
  options: Omit<CallOptions, 'from'>,
): Call {
  if (!side.user) throw new RangeError(`${side.number} is outside: its enquiries are not seen here`);
  if (side.state === 'ACTIVE') hold(exchange, call, side);
  const from = side.legs.keys().next().value ?? side.number;
  call.enquiry = start(exchange, { ...options, from });
  return call.enquiry;
}

/**
 * Ends a call: all of it, or only a party's share in a conference.
 * @param cause what the events tell; a plain end of a conversation has none, an unanswered call says how it ended
 */
export function hangUp(exchange: Exchange, call: Call, by: Side | undefined, cause?: CallCause): void {
  const agents = call.sides.filter(({ state }) => state === 'ACTIVE');
  if (by && call.sides.length > 2) leave(exchange, call, by, cause);
  else exchange.releaseAll(call, cause ?? unansweredCause(call, by));
  for (const side of by && call.sides.length > 0 ? [by] : agents) agentHangsUp(exchange, side);
}

function unansweredCause(call: Call, by: Side | undefined): CallCause | undefined {
  const ringing = call.sides.some(({ state }) => state === 'RINGING_INCOMING');
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
  for (const side of call.sides) exchange.modified(call, side, {});
}

/** Tells the users of a call that one party took another's place. */
export function replaceParty(exchange: Exchange, call: Call, gone: Side, come: Side, cause: CallCause): void {
  for (const side of call.others(come)) {
    exchange.modified(call, side, {
      cause,
      addedParticipants: [participant(come)],
      removedParticipantIds: [gone.participantId],
    });
  }
}

function agentAnswers(exchange: Exchange, side: Side): void {
  const agent = side.user && exchange.oxe.agentOn(side.user);
  if (agent?.agent) exchange.agentState(agent, { ...agent.agent.state, subState: 'BUSY' });
}

function agentHangsUp(exchange: Exchange, side: Side): void {
  const agent = side.user && exchange.oxe.agentOn(side.user);
  if (agent?.agent?.state.subState === 'BUSY')
    exchange.agentState(agent, { ...agent.agent.state, subState: 'WRAPUP' });
}
