import { enquiryOf, type Call, type Party } from './call';
import { participantOf } from './events';
import type { Exchange } from './exchange';

/** Joins the other parties of a call and of its enquiry; the one who transfers is out of both. @returns the joined call */
export function transfer(exchange: Exchange, held: Call, by: Party): Call {
  const enquiry = enquiryOf(held);
  const byInEnquiry = by.user && enquiry.partyOf(by.user);
  if (!byInEnquiry) throw new RangeError(`${by.number} is not in both calls`);
  const [first, second] = [held.others(by), enquiry.others(byInEnquiry)];
  const joined = exchange.open(by.user.node);
  joined.inherit(held);
  joined.inherit(enquiry);
  exchange.release(held, by, { cause: 'TRANSFERRED', replacedByCallRef: joined.ref });
  exchange.release(enquiry, byInEnquiry, { cause: 'TRANSFERRED', replacedByCallRef: joined.ref });
  replaceCall(exchange, held, joined);
  replaceCall(exchange, enquiry, joined);
  // Transferred while still ringing: the first party now waits for the answer itself.
  if (second.some(({ state }) => state === 'RINGING_INCOMING'))
    for (const party of first) exchange.setState(party, 'RINGING_OUTGOING');
  publishJoined(exchange, joined, first, {
    previousCallRef: held.ref,
    removedParty: by,
    addedParties: second,
  });
  publishJoined(exchange, joined, second, {
    previousCallRef: enquiry.ref,
    removedParty: byInEnquiry,
    addedParties: first,
  });
  return joined;
}

/** Sends the other party to a number without asking there first: it rings, the one who transfers is out. */
export function blindTransfer(exchange: Exchange, call: Call, by: Party, to: string): Call {
  const waiting = call.others(by);
  const joined = exchange.open(by.user?.node);
  joined.inherit(call);
  exchange.release(call, by, { cause: 'TRANSFERRED', replacedByCallRef: joined.ref });
  replaceCall(exchange, call, joined);
  const called = exchange.createParty(to, 'RINGING_INCOMING');
  joined.add(called);
  for (const party of waiting) exchange.setState(party, 'RINGING_OUTGOING');
  publishJoined(exchange, joined, waiting, {
    previousCallRef: call.ref,
    removedParty: by,
    addedParties: [called],
  });
  exchange.publishCreated(joined, called, 'TRANSFERRED');
  return joined;
}

/** Moves all who are in a call into the one that replaces it. */
export function replaceCall(exchange: Exchange, call: Call, by: Call): void {
  for (const party of [...call.parties]) {
    call.remove(party);
    by.add(party);
  }
  call.replacedBy = by;
  exchange.close(call);
}

interface JoinChange {
  readonly previousCallRef: string;
  readonly removedParty: Party;
  readonly addedParties: readonly Party[];
}

function publishJoined(
  exchange: Exchange,
  joined: Call,
  parties: readonly Party[],
  { previousCallRef, removedParty, addedParties }: JoinChange,
): void {
  for (const party of parties) {
    exchange.publishModified(joined, party, {
      cause: 'TRANSFERRED',
      previousCallRef,
      modifiedLegs: exchange.setState(party, party.state),
      addedParticipants: addedParties.map(participantOf),
      removedParticipantIds: [removedParty.participantId],
    });
    exchange.publishUserState(party);
  }
}
