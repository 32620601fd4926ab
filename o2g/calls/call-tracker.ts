/**
 * From the telephony events of O2G to the lives of calls. No clock and no I/O: events and their times come in, changes go out.
 *
 * A call is one user's: two users who talk to each other have a call each, with the same callRef. OnCallModified may replace a callRef
 * (transfer, conference); the call goes on under its id. OnTelephonyState, a snapshot, says all there is: it puts right what a gap hid.
 */
import { textOf, wiresOf, type Wire } from './parse-event';
import {
  endOf,
  fewOf,
  listOf,
  type CallCause,
  type CallChange,
  type Few,
  type LiveCall,
  type Telling,
} from './call';
import { beginCall, JOINS, updateCall, type Source } from './apply-event';
import { invalid, type O2GEvent } from '../spec';
import { isObject } from '../util';

/** Far more than the OXE nodes behind one O2G can have: what a broken server may pile up before the oldest is given up. */
const MOST_CALLS = 250_000;
/** So long after the end of a call an event of it may come, delivered twice or overtaken on its way (webhook); at most for so many ends. */
const LATE_MS = 10_000;
const MOST_OVER = 10_000;
/** The last time that a Date can hold. */
const LAST_MS = 8.64e15;

export class Calls {
  readonly #byUser = new Map<string, Few<LiveCall>>();
  /** When references of a user were over, oldest first: removed, or replaced by another. */
  readonly #over = new Map<string, number>();
  readonly #most: number;
  #size = 0;

  constructor(mostCalls = MOST_CALLS) {
    this.#most = mostCalls;
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
    if (!(Math.abs(atMs) <= LAST_MS)) throw invalid('atMs', atMs, 'a time in milliseconds since 1970');
    const user = textOf(event.loginName);
    if (user === undefined) return [];
    switch (event.eventName) {
      case 'OnCallCreated':
        return this.#tell('created', event, { user, atMs });
      case 'OnCallModified':
        return this.#tell('modified', event, { user, atMs });
      case 'OnCallRemoved':
        return this.#removed(event, { user, atMs });
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
  #tell(source: Source, told: Wire, { user, atMs, recovered }: Telling): CallChange[] {
    const callRef = textOf(told.callRef);
    if (callRef === undefined) return [];
    const known = this.#find(user, callRef);
    // It came twice, or a snapshot was faster; what it says is older than what is known.
    if (known && source === 'created') return [];
    const telling: Telling = {
      user,
      atMs,
      recovered,
      cause: textOf(told.cause),
      previousCallRef: textOf(told.previousCallRef),
    };
    const named = telling.previousCallRef === callRef ? undefined : this.#find(user, telling.previousCallRef);
    if (known && named)
      return [this.#merge(named, telling), ...updateCall(known, told, source, telling, false)];
    if (known) return updateCall(known, told, source, telling, false);
    const previous = named ?? this.#announced(user, callRef);
    if (!previous)
      return this.#isLate(user, callRef, source, atMs) ? [] : this.#begin(callRef, told, source, telling);
    const replaced = { ...telling, previousCallRef: previous.callRef };
    this.#noteOver(user, previous.callRef, atMs);
    previous.callRef = callRef;
    return updateCall(previous, told, source, replaced, true);
  }

  /**
   * What is told of an unknown call is late: a live call began under this callRef and has another now, or the callRef was over a moment ago.
   * OnCallCreated and a snapshot are never taken for late then: a call that was parked or forwarded may be back.
   */
  #isLate(user: string, callRef: string, source: Source, atMs: number): boolean {
    if (this.#of(user).some(({ id }) => id === callRef)) return true;
    const overMs = source === 'modified' ? this.#over.get(`${user} ${callRef}`) : undefined;
    return overMs !== undefined && atMs - overMs < LATE_MS;
  }

  #noteOver(user: string, callRef: string, atMs: number): void {
    const key = `${user} ${callRef}`;
    this.#over.delete(key);
    this.#over.set(key, atMs);
    for (const [oldest, overMs] of this.#over) {
      if (this.#over.size <= MOST_OVER && atMs - overMs < LATE_MS) break;
      this.#over.delete(oldest);
    }
  }

  #begin(callRef: string, told: Wire, source: Source, telling: Telling): CallChange[] {
    const begun = beginCall(callRef, told, source, telling);
    if (!begun) return [];
    this.#over.delete(`${telling.user} ${callRef}`);
    this.#add(telling.user, begun.call);
    return [begun.change, ...this.#giveUp(telling)];
  }

  /** A callRef that lives already took the place of another: the other is part of it now. No OnCallRemoved will come for it. */
  #merge(merged: LiveCall, { user, atMs, cause, recovered }: Telling): CallChange {
    this.#noteOver(user, merged.callRef, atMs);
    return this.#end(merged, { user, atMs, recovered, cause: JOINS.has(cause) ? cause : 'CONFERENCED' });
  }

  #removed(event: Wire, telling: Telling): CallChange[] {
    const call = this.#find(telling.user, textOf(event.callRef));
    if (!call) return [];
    this.#noteOver(telling.user, call.callRef, telling.atMs);
    return [this.#end(call, { ...telling, cause: this.#endCause(call, telling.user, textOf(event.cause)) })];
  }

  /** Compares what is known of a user's calls with a snapshot of them. Without a readable list it says nothing; an absent one is empty. */
  #reconcile(state: unknown, telling: Telling): CallChange[] {
    if (!isObject(state) || !Array.isArray(state.calls ?? [])) return [];
    const { user } = telling;
    const told = wiresOf(state.calls);
    const callRefs = told.flatMap(({ callRef }) => textOf(callRef) ?? []);
    const alive = new Set(
      callRefs.map((callRef) => this.#find(user, callRef) ?? this.#announced(user, callRef)),
    );
    const vanished = this.#of(user).filter((call) => !alive.has(call));
    return [
      ...vanished.map((call) =>
        this.#end(call, { ...telling, cause: this.#endCause(call, user, undefined) }),
      ),
      ...told.flatMap((call) => this.#tell('snapshot', call, telling)),
    ];
  }

  /**
   * Why a call ended. Servers may leave the cause out of any event, and OnCallRemoved may say less than the release before it; that a
   * call was transferred or became part of a conference shows in other ways, too.
   */
  #endCause(call: LiveCall, user: string, told: CallCause | undefined): CallCause | undefined {
    const { cause, replacedBy } = call.ending ?? {};
    if (JOINS.has(cause)) return cause;
    if (told !== undefined || cause !== undefined) return told ?? cause;
    if (replacedBy !== undefined) return this.#find(user, replacedBy) ? 'CONFERENCED' : 'TRANSFERRED';
    return this.#of(user).some((other) => other !== call && includes(other, call))
      ? 'CONFERENCED'
      : undefined;
  }

  #end(call: LiveCall, telling: Telling): CallChange {
    this.#remove(telling.user, call);
    return endOf(call, telling);
  }

  #giveUp({ atMs }: Telling): CallChange[] {
    const [oldest] = this.#size > this.#most ? this.#byUser : [];
    const [call] = oldest ? listOf(oldest[1]) : [];
    return oldest && call ? [this.#end(call, { user: oldest[0], atMs, recovered: true })] : [];
  }

  #of(user: string): readonly LiveCall[] {
    const calls = this.#byUser.get(user);
    return calls === undefined ? NONE : listOf(calls);
  }

  #find(user: string, callRef: string | undefined): LiveCall | undefined {
    return this.#of(user).find((call) => call.callRef === callRef);
  }

  /** The call whose release announced that this callRef replaces it. */
  #announced(user: string, callRef: string): LiveCall | undefined {
    return this.#of(user).find(({ ending }) => ending?.replacedBy === callRef);
  }

  #add(user: string, call: LiveCall): void {
    this.#byUser.set(user, fewOf([...this.#of(user), call]));
    this.#size += 1;
  }

  #remove(user: string, call: LiveCall): void {
    const others = this.#of(user).filter((other) => other !== call);
    if (others.length > 0) this.#byUser.set(user, fewOf(others));
    else this.#byUser.delete(user);
    this.#size -= 1;
  }
}

const NONE: readonly LiveCall[] = [];

/** True when all parties of a call are in a conference, too. */
function includes(conference: LiveCall, call: LiveCall): boolean {
  const [some, all] = [listOf(call.participants), listOf(conference.participants)];
  return (
    some.length > 0 &&
    some.length < all.length &&
    some.every(({ id }) => all.some((other) => other.id === id))
  );
}
