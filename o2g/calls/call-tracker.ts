/**
 * From the telephony events of O2G to the lives of calls. No clock and no I/O: events and their times come in, changes go out.
 *
 * A call is one user's: two users who talk to each other have a call each, with the same callRef. OnCallModified may replace a callRef
 * (transfer, conference); the call goes on under its id. OnTelephonyState, a snapshot, says all there is: it puts right what a gap hid.
 */
import { nonEmptyText, rawObjectsOf, type RawObject } from './parse-event';
import {
  endedChangeOf,
  oneOrManyOf,
  listOf,
  type CallCause,
  type CallChange,
  type OneOrMany,
  type LiveCall,
  type ChangeContext,
} from './call';
import { startCall, JOIN_CAUSES, updateCall, type UpdateSource } from './apply-event';
import { invalid, type O2GEvent } from '../spec';
import { isObject } from '../util';

/** Far more than the OXE nodes behind one O2G can have: what a broken server may pile up before the oldest is given up. */
const MAX_TRACKED_CALLS = 250_000;
/** So long after the end of a call an event of it may come, delivered twice or overtaken on its way (webhook); at most for so many ends. */
const LATE_EVENT_MS = 10_000;
const MAX_ENDED_CALL_REFS = 10_000;
/** The last time that a Date can hold. */
const MAX_DATE_MS = 8.64e15;

export class CallTracker {
  readonly #byUser = new Map<string, OneOrMany<LiveCall>>();
  /** When references of a user were over, oldest first: removed, or replaced by another. */
  readonly #endedCallRefs = new Map<string, number>();
  readonly #maxCalls: number;
  #size = 0;

  constructor(maxCalls = MAX_TRACKED_CALLS) {
    this.#maxCalls = maxCalls;
  }

  /** How many calls are alive. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes the next event of the channel; events that are not about calls make no change.
   * @param atMs when it arrived, in ms since 1970
   * @throws O2GError `INVALID_INPUT` when `atMs` is no time; never because of an event
   */
  follow(event: O2GEvent, atMs: number): CallChange[] {
    if (!(Math.abs(atMs) <= MAX_DATE_MS)) throw invalid('atMs', atMs, 'a time in milliseconds since 1970');
    const user = nonEmptyText(event.loginName);
    if (user === undefined) return [];
    switch (event.eventName) {
      case 'OnCallCreated':
        return this.#update('created', event, { user, atMs });
      case 'OnCallModified':
        return this.#update('modified', event, { user, atMs });
      case 'OnCallRemoved':
        return this.#handleRemoved(event, { user, atMs });
      case 'OnTelephonyState':
        return this.#reconcile(event.state, { user, atMs, recovered: true });
      default:
        return [];
    }
  }

  /** The live calls, each with its user. */
  *live(): IterableIterator<[user: string, call: LiveCall]> {
    for (const [user, calls] of this.#byUser) for (const call of listOf(calls)) yield [user, call];
  }

  /** What is told of one call that lives. */
  #update(source: UpdateSource, reported: RawObject, { user, atMs, recovered }: ChangeContext): CallChange[] {
    const callRef = nonEmptyText(reported.callRef);
    if (callRef === undefined) return [];
    const known = this.#find(user, callRef);
    // It came twice, or a snapshot was faster; what it says is older than what is known.
    if (known && source === 'created') return [];
    const context: ChangeContext = {
      user,
      atMs,
      recovered,
      cause: nonEmptyText(reported.cause),
      previousCallRef: nonEmptyText(reported.previousCallRef),
    };
    const named = context.previousCallRef === callRef ? undefined : this.#find(user, context.previousCallRef);
    if (known && named)
      return [this.#merge(named, context), ...updateCall(known, reported, source, context, false)];
    if (known) return updateCall(known, reported, source, context, false);
    const previous = named ?? this.#findReplacedBy(user, callRef);
    if (!previous)
      return this.#isLate(user, callRef, source, atMs) ? [] : this.#start(callRef, reported, source, context);
    const replaced = { ...context, previousCallRef: previous.callRef };
    this.#rememberEnded(user, previous.callRef, atMs);
    previous.callRef = callRef;
    return updateCall(previous, reported, source, replaced, true);
  }

  /**
   * What is told of an unknown call is late: a live call began under this callRef and has another now, or the callRef was over a moment ago.
   * OnCallCreated and a snapshot are never taken for late then: a call that was parked or forwarded may be back.
   */
  #isLate(user: string, callRef: string, source: UpdateSource, atMs: number): boolean {
    if (this.#callsOf(user).some(({ id }) => id === callRef)) return true;
    const endedAtMs = source === 'modified' ? this.#endedCallRefs.get(`${user} ${callRef}`) : undefined;
    return endedAtMs !== undefined && atMs - endedAtMs < LATE_EVENT_MS;
  }

  #rememberEnded(user: string, callRef: string, atMs: number): void {
    const key = `${user} ${callRef}`;
    this.#endedCallRefs.delete(key);
    this.#endedCallRefs.set(key, atMs);
    for (const [oldest, endedAtMs] of this.#endedCallRefs) {
      if (this.#endedCallRefs.size <= MAX_ENDED_CALL_REFS && atMs - endedAtMs < LATE_EVENT_MS) break;
      this.#endedCallRefs.delete(oldest);
    }
  }

  #start(callRef: string, reported: RawObject, source: UpdateSource, context: ChangeContext): CallChange[] {
    const started = startCall(callRef, reported, source, context);
    if (!started) return [];
    this.#endedCallRefs.delete(`${context.user} ${callRef}`);
    this.#add(context.user, started.call);
    return [started.change, ...this.#evictOldest(context)];
  }

  /** A callRef that lives already took the place of another: the other is part of it now. No OnCallRemoved will come for it. */
  #merge(merged: LiveCall, { user, atMs, cause, recovered }: ChangeContext): CallChange {
    this.#rememberEnded(user, merged.callRef, atMs);
    return this.#end(merged, {
      user,
      atMs,
      recovered,
      cause: JOIN_CAUSES.has(cause) ? cause : 'CONFERENCED',
    });
  }

  #handleRemoved(event: RawObject, context: ChangeContext): CallChange[] {
    const call = this.#find(context.user, nonEmptyText(event.callRef));
    if (!call) return [];
    this.#rememberEnded(context.user, call.callRef, context.atMs);
    return [
      this.#end(call, { ...context, cause: this.#endCause(call, context.user, nonEmptyText(event.cause)) }),
    ];
  }

  /** Compares what is known of a user's calls with a snapshot of them. Without a readable list it says nothing; an absent one is empty. */
  #reconcile(state: unknown, context: ChangeContext): CallChange[] {
    if (!isObject(state) || !Array.isArray(state.calls ?? [])) return [];
    const { user } = context;
    const reported = rawObjectsOf(state.calls);
    const callRefs = reported.flatMap(({ callRef }) => nonEmptyText(callRef) ?? []);
    const alive = new Set(
      callRefs.map((callRef) => this.#find(user, callRef) ?? this.#findReplacedBy(user, callRef)),
    );
    const vanished = this.#callsOf(user).filter((call) => !alive.has(call));
    return [
      ...vanished.map((call) =>
        this.#end(call, { ...context, cause: this.#endCause(call, user, undefined) }),
      ),
      ...reported.flatMap((call) => this.#update('snapshot', call, context)),
    ];
  }

  /**
   * Why a call ended. Servers may leave the cause out of any event, and OnCallRemoved may say less than the release before it; that a
   * call was transferred or became part of a conference shows in other ways, too.
   */
  #endCause(call: LiveCall, user: string, reported: CallCause | undefined): CallCause | undefined {
    const { cause, replacedBy } = call.ending ?? {};
    if (JOIN_CAUSES.has(cause)) return cause;
    if (reported !== undefined || cause !== undefined) return reported ?? cause;
    if (replacedBy !== undefined) return this.#find(user, replacedBy) ? 'CONFERENCED' : 'TRANSFERRED';
    return this.#callsOf(user).some((other) => other !== call && includesPartiesOf(other, call))
      ? 'CONFERENCED'
      : undefined;
  }

  #end(call: LiveCall, context: ChangeContext): CallChange {
    this.#remove(context.user, call);
    return endedChangeOf(call, context);
  }

  #evictOldest({ atMs }: ChangeContext): CallChange[] {
    const [oldest] = this.#size > this.#maxCalls ? this.#byUser : [];
    const [call] = oldest ? listOf(oldest[1]) : [];
    return oldest && call ? [this.#end(call, { user: oldest[0], atMs, recovered: true })] : [];
  }

  #callsOf(user: string): readonly LiveCall[] {
    const calls = this.#byUser.get(user);
    return calls === undefined ? NO_CALLS : listOf(calls);
  }

  #find(user: string, callRef: string | undefined): LiveCall | undefined {
    return this.#callsOf(user).find((call) => call.callRef === callRef);
  }

  /** The call whose release announced that this callRef replaces it. */
  #findReplacedBy(user: string, callRef: string): LiveCall | undefined {
    return this.#callsOf(user).find(({ ending }) => ending?.replacedBy === callRef);
  }

  #add(user: string, call: LiveCall): void {
    this.#byUser.set(user, oneOrManyOf([...this.#callsOf(user), call]));
    this.#size += 1;
  }

  #remove(user: string, call: LiveCall): void {
    const others = this.#callsOf(user).filter((other) => other !== call);
    if (others.length > 0) this.#byUser.set(user, oneOrManyOf(others));
    else this.#byUser.delete(user);
    this.#size -= 1;
  }
}

const NO_CALLS: readonly LiveCall[] = [];

/** True when all parties of a call are in a conference, too. */
function includesPartiesOf(conference: LiveCall, call: LiveCall): boolean {
  const [some, all] = [listOf(call.participants), listOf(conference.participants)];
  return (
    some.length > 0 &&
    some.length < all.length &&
    some.every(({ id }) => all.some((other) => other.id === id))
  );
}
