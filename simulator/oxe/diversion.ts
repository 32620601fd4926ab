import { nonUserParty, type Call, type CallCause, type Party } from './call';
import { participantOf } from './events';
import type { Exchange } from './exchange';
import { replaceParty } from './scenarios';

const ringingParty = (call: Call): Party => {
  const party = call.parties.find(({ state }) => state === 'RINGING_INCOMING');
  if (!party) throw new RangeError(`nobody rings in call ${call.ref}`);
  return party;
};

/** The call goes on to ring elsewhere: forwarded, redirected, overflown. The one who rang is told where it went. */
export function divert(exchange: Exchange, call: Call, to: string, cause: CallCause): void {
  const oldParty = ringingParty(call);
  const newParty = exchange.createParty(to, 'RINGING_INCOMING');
  call.remove(oldParty);
  call.add(newParty);
  exchange.publishRemoved(call, oldParty, { cause, newDestination: newParty.number });
  exchange.publishUserState(oldParty);
  replaceParty(exchange, call, oldParty, newParty, cause);
  exchange.publishCreated(call, newParty, cause);
}

/** Somebody else takes the ringing call. */
export function pickUp(exchange: Exchange, call: Call, by: string): void {
  const oldParty = ringingParty(call);
  const newParty = exchange.createParty(by, 'ACTIVE', { oneDevice: true });
  exchange.release(call, oldParty, { cause: 'PICKED_UP', newDestination: newParty.number });
  call.add(newParty);
  exchange.publishCreated(call, newParty, 'PICKED_UP');
  exchange.setState(newParty, 'ACTIVE');
  exchange.publishUserState(newParty);
  connectAll(exchange, call, newParty, oldParty, 'PICKED_UP');
}

/** A user parks the call: it is out, the other party waits. */
export function park(exchange: Exchange, call: Call, by: Party): void {
  exchange.release(call, by, { cause: 'PARKED' });
  for (const party of call.parties) {
    exchange.publishModified(call, party, {
      cause: 'PARKED',
      modifiedLegs: exchange.setState(party, 'HELD'),
      removedParticipantIds: [by.participantId],
    });
  }
}

/** A user takes a parked call. */
export function unpark(exchange: Exchange, call: Call, by: string): void {
  const newParty = exchange.createParty(by, 'ACTIVE', { oneDevice: true });
  call.add(newParty);
  exchange.publishCreated(call, newParty);
  exchange.setState(newParty, 'ACTIVE');
  exchange.publishUserState(newParty);
  connectAll(exchange, call, newParty, undefined, undefined);
}

function connectAll(
  exchange: Exchange,
  call: Call,
  newParty: Party,
  oldParty: Party | undefined,
  cause: CallCause | undefined,
): void {
  for (const party of call.others(newParty)) {
    exchange.publishModified(call, party, {
      cause,
      modifiedLegs: exchange.setState(party, 'ACTIVE'),
      addedParticipants: [participantOf(newParty)],
      removedParticipantIds: oldParty ? [oldParty.participantId] : [],
    });
    exchange.publishUserState(party);
  }
}

/**
 * A call that waits at a pilot rings at an agent.
 * @param to the pro-acd device; by default that of the first ready agent
 * @throws RangeError when the call is at no pilot, or no agent is ready
 */
export function distribute(exchange: Exchange, call: Call, to?: string): void {
  const pilotParty = call.parties.find(({ kind }) => kind === 'SERVICE');
  const pilot = pilotParty && exchange.oxe.pilots.get(pilotParty.number);
  if (!pilot) throw new RangeError(`call ${call.ref} waits at no pilot`);
  const number = to ?? exchange.oxe.readyAgents(pilot.pgNumber)[0]?.number;
  if (number === undefined) throw new RangeError(`no agent of group ${pilot.pgNumber} is ready`);
  call.acd = {
    callInfo: { queueWaitingTime: 12, globalWaitingTime: 15, agentGroup: pilot.pgNumber, local: true },
    queueData: { waitingTime: 20 },
    pilotNumber: pilot.number,
    ...call.acd,
  };
  const newParty = exchange.createParty(number, 'RINGING_INCOMING');
  call.remove(pilotParty);
  call.add(newParty);
  replaceParty(exchange, call, pilotParty, newParty, 'DISTRIBUTED');
  exchange.publishCreated(call, newParty, 'DISTRIBUTED');
}

/** A call reaches a pilot after it rang elsewhere, or a caller is put back into the queue. */
export function enterDistribution(exchange: Exchange, call: Call, pilotNumber: string): void {
  const oldParty = ringingParty(call);
  const pilot = nonUserParty(pilotNumber, 'SERVICE', 'RINGING_INCOMING');
  call.remove(oldParty);
  call.add(pilot);
  exchange.publishRemoved(call, oldParty, { cause: 'ACD_ENTER_DISTRIBUTION', newDestination: pilotNumber });
  exchange.publishUserState(oldParty);
  replaceParty(exchange, call, oldParty, pilot, 'ACD_ENTER_DISTRIBUTION');
}
