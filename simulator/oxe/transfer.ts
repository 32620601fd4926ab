import { enquiryOf, type Call, type Side } from './call';
import { participant } from './events';
import type { Exchange } from './exchange';

/** Joins the other parties of a call and of its enquiry; the one who transfers is out of both. @returns the joined call */
export function transfer(exchange: Exchange, held: Call, by: Side): Call {
  const enquiry = enquiryOf(held);
  const bySide = by.user && enquiry.sideOf(by.user);
  if (!bySide) throw new RangeError(`${by.number} is not in both calls`);
  const [first, second] = [held.others(by), enquiry.others(bySide)];
  const joined = exchange.open(by.user.node);
  joined.inherit(held);
  joined.inherit(enquiry);
  exchange.release(held, by, { cause: 'TRANSFERRED', replacedByCallRef: joined.ref });
  exchange.release(enquiry, bySide, { cause: 'TRANSFERRED', replacedByCallRef: joined.ref });
  replace(exchange, held, joined);
  replace(exchange, enquiry, joined);
  // Transferred while still ringing: the first party now waits for the answer itself.
  if (second.some(({ state }) => state === 'RINGING_INCOMING'))
    for (const side of first) exchange.move(side, 'RINGING_OUTGOING');
  tellJoined(exchange, joined, first, { previousCallRef: held.ref, gone: by, come: second });
  tellJoined(exchange, joined, second, { previousCallRef: enquiry.ref, gone: bySide, come: first });
  return joined;
}

/** Sends the other party to a number without asking there first: it rings, the one who transfers is out. */
export function blindTransfer(exchange: Exchange, call: Call, by: Side, to: string): Call {
  const waiting = call.others(by);
  const joined = exchange.open(by.user?.node);
  joined.inherit(call);
  exchange.release(call, by, { cause: 'TRANSFERRED', replacedByCallRef: joined.ref });
  replace(exchange, call, joined);
  const called = exchange.party(to, 'RINGING_INCOMING');
  joined.add(called);
  for (const side of waiting) exchange.move(side, 'RINGING_OUTGOING');
  tellJoined(exchange, joined, waiting, { previousCallRef: call.ref, gone: by, come: [called] });
  exchange.created(joined, called, 'TRANSFERRED');
  return joined;
}

/** Moves all who are in a call into the one that replaces it. */
export function replace(exchange: Exchange, call: Call, by: Call): void {
  for (const side of [...call.sides]) {
    call.remove(side);
    by.add(side);
  }
  call.replacedBy = by;
  exchange.close(call);
}

interface Joining {
  readonly previousCallRef: string;
  readonly gone: Side;
  readonly come: readonly Side[];
}

function tellJoined(
  exchange: Exchange,
  joined: Call,
  sides: readonly Side[],
  { previousCallRef, gone, come }: Joining,
): void {
  for (const side of sides) {
    exchange.modified(joined, side, {
      cause: 'TRANSFERRED',
      previousCallRef,
      modifiedLegs: exchange.move(side, side.state),
      addedParticipants: come.map(participant),
      removedParticipantIds: [gone.participantId],
    });
    exchange.tellState(side);
  }
}
