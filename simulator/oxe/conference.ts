import { enquiryOf, type Call, type CallCause, type Side } from './call';
import { participant } from './events';
import type { Exchange } from './exchange';
import { replace } from './transfer';

/** An OXE conference has at most so many parties. */
const MOST_PARTIES = 29;

/** Makes one call of two that the same user has: a new conference, or one more party for the one there is. */
export function conference(exchange: Exchange, held: Call, by: Side): Call {
  const enquiry = enquiryOf(held);
  const bySide = by.user && enquiry.sideOf(by.user);
  if (!bySide) throw new RangeError(`${by.number} is not in both calls`);
  if (held.sides.length + enquiry.sides.length - 1 > MOST_PARTIES)
    throw new RangeError(`a conference has at most ${MOST_PARTIES} parties`);
  return held.sides.length > 2
    ? extend(exchange, held, enquiry, by, bySide)
    : found(exchange, held, enquiry, by, bySide);
}

/** A new conference replaces the enquiry call; the held call is merged into it and ends. */
function found(exchange: Exchange, held: Call, enquiry: Call, by: Side, bySide: Side): Call {
  const [first, second] = [held.others(by), enquiry.others(bySide)];
  const joined = exchange.open(by.user?.node);
  joined.inherit(held);
  joined.inherit(enquiry);
  replace(exchange, enquiry, joined);
  for (const side of first) joined.add(side);
  exchange.modified(joined, bySide, {
    cause: 'CONFERENCED',
    previousCallRef: enquiry.ref,
    modifiedLegs: exchange.move(bySide, 'ACTIVE'),
    addedParticipants: first.map(participant),
  });
  merge(exchange, held, joined, by);
  for (const side of second) {
    exchange.modified(joined, side, {
      cause: 'CONFERENCED',
      previousCallRef: enquiry.ref,
      modifiedLegs: exchange.move(side, 'ACTIVE'),
      addedParticipants: first.map(participant),
    });
  }
  tellMerged(exchange, joined, first, held.ref, second);
  return joined;
}

/** One more joins a conference: its reference stays, the enquiry call is merged into it and ends. */
function extend(exchange: Exchange, joined: Call, enquiry: Call, by: Side, bySide: Side): Call {
  const present = joined.others(by);
  const come = enquiry.others(bySide);
  for (const side of come) joined.add(side);
  for (const side of [by, ...present]) {
    const modifiedLegs = exchange.move(side, 'ACTIVE');
    exchange.modified(joined, side, {
      cause: 'CONFERENCED',
      modifiedLegs,
      addedParticipants: come.map(participant),
    });
  }
  merge(exchange, enquiry, joined, bySide);
  tellMerged(exchange, joined, come, enquiry.ref, present);
  joined.enquiry = undefined;
  return joined;
}

/** Ends a call that was merged into a conference, for the user who has both. */
function merge(exchange: Exchange, merged: Call, joined: Call, side: Side): void {
  exchange.release(merged, side, { cause: 'CONFERENCED', replacedByCallRef: joined.ref });
  for (const other of [...merged.sides]) merged.remove(other);
  merged.replacedBy = joined;
  exchange.close(merged);
}

/** Tells those whose call was merged that the conference is their call now. */
function tellMerged(
  exchange: Exchange,
  joined: Call,
  sides: readonly Side[],
  previousCallRef: string,
  come: readonly Side[],
): void {
  for (const side of sides) {
    exchange.modified(joined, side, {
      cause: 'CONFERENCED',
      previousCallRef,
      modifiedLegs: exchange.move(side, 'ACTIVE'),
      addedParticipants: come.map(participant),
    });
  }
}

/** One party leaves a conference; when only one is left, that one's call is cleared. */
export function leave(exchange: Exchange, call: Call, side: Side, cause?: CallCause): void {
  exchange.release(call, side, { cause });
  for (const other of call.sides) {
    exchange.modified(call, other, {
      cause: 'PARTICIPANT_LEFT',
      removedParticipantIds: [side.participantId],
    });
  }
  if (call.sides.length < 2) exchange.releaseAll(call, 'CLEARED');
}
