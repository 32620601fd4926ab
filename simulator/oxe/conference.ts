import { enquiryOf, type Call, type CallCause, type Party } from './call';
import { participantOf } from './events';
import type { Exchange } from './exchange';
import { replaceCall } from './transfer';

/** An OXE conference has at most so many parties. */
const MAX_CONFERENCE_PARTIES = 29;

/** Makes one call of two that the same user has: a new conference, or one more party for the one there is. */
export function conference(exchange: Exchange, held: Call, by: Party): Call {
  const enquiry = enquiryOf(held);
  const byInEnquiry = by.user && enquiry.partyOf(by.user);
  if (!byInEnquiry) throw new RangeError(`${by.number} is not in both calls`);
  if (held.parties.length + enquiry.parties.length - 1 > MAX_CONFERENCE_PARTIES)
    throw new RangeError(`a conference has at most ${MAX_CONFERENCE_PARTIES} parties`);
  return held.parties.length > 2
    ? extendConference(exchange, held, enquiry, by, byInEnquiry)
    : createConference(exchange, held, enquiry, by, byInEnquiry);
}

/** A new conference replaces the enquiry call; the held call is merged into it and ends. */
function createConference(
  exchange: Exchange,
  held: Call,
  enquiry: Call,
  by: Party,
  byInEnquiry: Party,
): Call {
  const [first, second] = [held.others(by), enquiry.others(byInEnquiry)];
  const joined = exchange.open(by.user?.node);
  joined.inherit(held);
  joined.inherit(enquiry);
  replaceCall(exchange, enquiry, joined);
  for (const party of first) joined.add(party);
  exchange.publishModified(joined, byInEnquiry, {
    cause: 'CONFERENCED',
    previousCallRef: enquiry.ref,
    modifiedLegs: exchange.setState(byInEnquiry, 'ACTIVE'),
    addedParticipants: first.map(participantOf),
  });
  merge(exchange, held, joined, by);
  for (const party of second) {
    exchange.publishModified(joined, party, {
      cause: 'CONFERENCED',
      previousCallRef: enquiry.ref,
      modifiedLegs: exchange.setState(party, 'ACTIVE'),
      addedParticipants: first.map(participantOf),
    });
  }
  publishMerged(exchange, joined, first, held.ref, second);
  return joined;
}

/** One more joins a conference: its reference stays, the enquiry call is merged into it and ends. */
function extendConference(
  exchange: Exchange,
  joined: Call,
  enquiry: Call,
  by: Party,
  byInEnquiry: Party,
): Call {
  const present = joined.others(by);
  const added = enquiry.others(byInEnquiry);
  for (const party of added) joined.add(party);
  for (const party of [by, ...present]) {
    const modifiedLegs = exchange.setState(party, 'ACTIVE');
    exchange.publishModified(joined, party, {
      cause: 'CONFERENCED',
      modifiedLegs,
      addedParticipants: added.map(participantOf),
    });
  }
  merge(exchange, enquiry, joined, byInEnquiry);
  publishMerged(exchange, joined, added, enquiry.ref, present);
  joined.enquiry = undefined;
  return joined;
}

/** Ends a call that was merged into a conference, for the user who has both. */
function merge(exchange: Exchange, merged: Call, joined: Call, party: Party): void {
  exchange.release(merged, party, { cause: 'CONFERENCED', replacedByCallRef: joined.ref });
  for (const other of [...merged.parties]) merged.remove(other);
  merged.replacedBy = joined;
  exchange.close(merged);
}

/** Tells those whose call was merged that the conference is their call now. */
function publishMerged(
  exchange: Exchange,
  joined: Call,
  parties: readonly Party[],
  previousCallRef: string,
  added: readonly Party[],
): void {
  for (const party of parties) {
    exchange.publishModified(joined, party, {
      cause: 'CONFERENCED',
      previousCallRef,
      modifiedLegs: exchange.setState(party, 'ACTIVE'),
      addedParticipants: added.map(participantOf),
    });
  }
}

/** One party leaves a conference; when only one is left, that one's call is cleared. */
export function leaveConference(exchange: Exchange, call: Call, party: Party, cause?: CallCause): void {
  exchange.release(call, party, { cause });
  for (const other of call.parties) {
    exchange.publishModified(call, other, {
      cause: 'PARTICIPANT_LEFT',
      removedParticipantIds: [party.participantId],
    });
  }
  if (call.parties.length < 2) exchange.releaseAll(call, 'CLEARED');
}
