import { outsideSide, type Call, type CallCause, type Side } from './call';
import { participant } from './events';
import type { Exchange } from './exchange';
import { replaceParty } from './scenarios';

const ringing = (call: Call): Side => {
  const side = call.sides.find(({ state }) => state === 'RINGING_INCOMING');
  if (!side) throw new RangeError(`nobody rings in call ${call.ref}`);
  return side;
};

/** The call goes on to ring elsewhere: forwarded, redirected, overflown. The one who rang is told where it went. */
export function divert(exchange: Exchange, call: Call, to: string, cause: CallCause): void {
  const gone = ringing(call);
  const come = exchange.party(to, 'RINGING_INCOMING');
  call.remove(gone);
  call.add(come);
  exchange.removed(call, gone, { cause, newDestination: come.number });
  exchange.tellState(gone);
  replaceParty(exchange, call, gone, come, cause);
  exchange.created(call, come, cause);
}

/** Somebody else takes the ringing call. */
export function pickUp(exchange: Exchange, call: Call, by: string): void {
  const gone = ringing(call);
  const come = exchange.party(by, 'ACTIVE', { oneDevice: true });
  exchange.release(call, gone, { cause: 'PICKED_UP', newDestination: come.number });
  call.add(come);
  exchange.created(call, come, 'PICKED_UP');
  exchange.move(come, 'ACTIVE');
  exchange.tellState(come);
  connectAll(exchange, call, come, gone, 'PICKED_UP');
}

/** A user parks the call: it is out, the other party waits. */
export function park(exchange: Exchange, call: Call, by: Side): void {
  exchange.release(call, by, { cause: 'PARKED' });
  for (const side of call.sides) {
    exchange.modified(call, side, {
      cause: 'PARKED',
      modifiedLegs: exchange.move(side, 'HELD'),
      removedParticipantIds: [by.participantId],
    });
  }
}

/** A user takes a parked call. */
export function unpark(exchange: Exchange, call: Call, by: string): void {
  const come = exchange.party(by, 'ACTIVE', { oneDevice: true });
  call.add(come);
  exchange.created(call, come);
  exchange.move(come, 'ACTIVE');
  exchange.tellState(come);
  connectAll(exchange, call, come, undefined, undefined);
}

function connectAll(
  exchange: Exchange,
  call: Call,
  come: Side,
  gone: Side | undefined,
  cause: CallCause | undefined,
): void {
  for (const side of call.others(come)) {
    exchange.modified(call, side, {
      cause,
      modifiedLegs: exchange.move(side, 'ACTIVE'),
      addedParticipants: [participant(come)],
      removedParticipantIds: gone ? [gone.participantId] : [],
    });
    exchange.tellState(side);
  }
}

/**
 * A call that waits at a pilot rings at an agent.
 * @param to the pro-acd device; by default that of the first ready agent
 * @throws RangeError when the call is at no pilot, or no agent is ready
 */
export function distribute(exchange: Exchange, call: Call, to?: string): void {
  const waiting = call.sides.find(({ kind }) => kind === 'SERVICE');
  const pilot = waiting && exchange.oxe.pilots.get(waiting.number);
  if (!pilot) throw new RangeError(`call ${call.ref} waits at no pilot`);
  const number = to ?? exchange.oxe.readyAgents(pilot.pgNumber)[0]?.number;
  if (number === undefined) throw new RangeError(`no agent of group ${pilot.pgNumber} is ready`);
  call.acd = {
    callInfo: { queueWaitingTime: 12, globalWaitingTime: 15, agentGroup: pilot.pgNumber, local: true },
    queueData: { waitingTime: 20 },
    pilotNumber: pilot.number,
    ...call.acd,
  };
  const come = exchange.party(number, 'RINGING_INCOMING');
  call.remove(waiting);
  call.add(come);
  replaceParty(exchange, call, waiting, come, 'DISTRIBUTED');
  exchange.created(call, come, 'DISTRIBUTED');
}

/** A call reaches a pilot after it rang elsewhere, or a caller is put back into the queue. */
export function enterDistribution(exchange: Exchange, call: Call, pilotNumber: string): void {
  const gone = ringing(call);
  const pilot = outsideSide(pilotNumber, 'SERVICE', 'RINGING_INCOMING');
  call.remove(gone);
  call.add(pilot);
  exchange.removed(call, gone, { cause: 'ACD_ENTER_DISTRIBUTION', newDestination: pilotNumber });
  exchange.tellState(gone);
  replaceParty(exchange, call, gone, pilot, 'ACD_ENTER_DISTRIBUTION');
}
