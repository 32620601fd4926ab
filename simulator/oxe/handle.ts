import type { Representation } from '../specification';
import { currentCall, type Call, type CallCause, type MediaState, type Party } from './call';
import { conference } from './conference';
import { distribute, divert, enterDistribution, park, pickUp, unpark } from './diversion';
import type { Exchange } from './exchange';
import {
  annotate,
  answer,
  enquire,
  fail,
  hangUp,
  hold,
  retrieve,
  ring,
  start,
  type CallOptions,
} from './scenarios';
import { blindTransfer, transfer } from './transfer';

/** What a handle needs beside the exchange. */
export interface HandleContext {
  readonly exchange: Exchange;
  /** Resolves when all events raised so far are written to the channels that read. */
  written(): Promise<void>;
  log(line: string): void;
}

/**
 * One call, moved step by step by whoever holds the handle. Every step is done at once; its promise resolves when the
 * events are written to the open channels (or queued, where nobody reads). A step that the call's state does not allow
 * throws a RangeError and changes nothing.
 *
 * `by` names the party that acts, by any of its numbers or its login. Left out, it is the user who was called, or the
 * user who calls when the called one is outside.
 */
export class CallHandle {
  readonly #context: HandleContext;
  readonly #origin: Call;
  private constructor(context: HandleContext, origin: Call) {
    this.#context = context;
    this.#origin = origin;
  }

  /** Starts a call. */
  static start(context: HandleContext, options: CallOptions): CallHandle {
    const handle = new CallHandle(context, start(context.exchange, options));
    context.log(
      `call ${handle.callRef}: ${options.from} calls ${options.to}${options.fails === undefined ? '' : `, ${options.fails}`}`,
    );
    return handle;
  }

  /** The reference as it is now: transfer and conference change it. */
  get callRef(): string {
    return this.#call.ref;
  }

  /** Whether somebody is still in the call. */
  get alive(): boolean {
    return this.#call.parties.length > 0;
  }

  /** Each party's number with its state. */
  get parties(): Record<string, MediaState> {
    return Object.fromEntries(this.#call.parties.map(({ number, state }) => [number, state]));
  }

  /** The called one rings; needed after `dialing` only, otherwise it just waits for the events. */
  ringing(): Promise<this> {
    if (this.#call.initiator?.state === 'DIALING') ring(this.#exchange, this.#call);
    return this.#finish('rings');
  }

  /** The one who rings answers; `by` may name the device that does. */
  answered(by?: string): Promise<this> {
    answer(this.#exchange, this.#call, by);
    return this.#finish('answered');
  }

  hold(by?: string): Promise<this> {
    hold(this.#exchange, this.#call, this.#actor(by));
    return this.#finish('held');
  }

  retrieve(by?: string): Promise<this> {
    retrieve(this.#exchange, this.#call, this.#actor(by));
    return this.#finish('retrieved');
  }

  /** Holds this call and calls somebody else. @returns the enquiry call's handle */
  async enquiry(
    to: string,
    options: Omit<CallOptions, 'from' | 'to'> & { readonly by?: string } = {},
  ): Promise<CallHandle> {
    const { by, ...rest } = options;
    const enquiry = new CallHandle(
      this.#context,
      enquire(this.#exchange, this.#call, this.#actor(by), { ...rest, to }),
    );
    await this.#finish(`enquiry to ${to} as ${enquiry.callRef}`);
    return enquiry;
  }

  /** Joins the held party and that of the enquiry; the user is out of both calls. Before the enquiry is answered, too. */
  transfer(by?: string): Promise<this> {
    transfer(this.#exchange, this.#call, this.#actor(by));
    return this.#finish('transferred');
  }

  /** Sends the other party on to a number that begins to ring. */
  blindTransfer(to: string, by?: string): Promise<this> {
    blindTransfer(this.#exchange, this.#call, this.#actor(by), to);
    return this.#finish(`transferred to ${to}`);
  }

  /** Makes one conference of this call and its enquiry; again, for one more party, up to 29. */
  conference(by?: string): Promise<this> {
    conference(this.#exchange, this.#call, this.#actor(by));
    return this.#finish('conferenced');
  }

  /** A party leaves a conference, or hangs up; without `by` the call ends for everyone. */
  hangUp(by?: string, cause?: CallCause): Promise<this> {
    hangUp(this.#exchange, this.#call, by === undefined ? undefined : this.#actor(by), cause);
    return this.#finish(by === undefined ? 'ended' : `${by} hung up`);
  }

  /** The caller gives up before the answer. */
  abandon(): Promise<this> {
    hangUp(this.#exchange, this.#call, undefined, 'ABANDONED');
    return this.#finish('abandoned');
  }

  /** It rang for long enough. */
  noAnswer(): Promise<this> {
    hangUp(this.#exchange, this.#call, undefined, 'NOT_ANSWERED');
    return this.#finish('not answered');
  }

  /** The caller hears a tone instead of ringing: only after `dialing`. */
  fails(cause: CallCause): Promise<this> {
    fail(this.#exchange, this.#call, cause);
    return this.#finish(cause);
  }

  /** Forwarding of the ringing device sends the call on. */
  forward(to: string): Promise<this> {
    return this.#diverted(to, 'FORWARDED');
  }

  /** The ringing user sends the call on. */
  redirect(to: string): Promise<this> {
    return this.#diverted(to, 'REDIRECTED');
  }

  /** Nobody answered in time: the call goes to the overflow destination. */
  overflow(to: string): Promise<this> {
    return this.#diverted(to, 'OVERFLOWN');
  }

  /** Somebody else takes the ringing call. */
  pickUp(by: string): Promise<this> {
    pickUp(this.#exchange, this.#call, by);
    return this.#finish(`picked up by ${by}`);
  }

  park(by?: string): Promise<this> {
    park(this.#exchange, this.#call, this.#actor(by));
    return this.#finish('parked');
  }

  /** A user takes the parked call. */
  unpark(by: string): Promise<this> {
    unpark(this.#exchange, this.#call, by);
    return this.#finish(`taken by ${by}`);
  }

  /** A call to a pilot rings at an agent's device: the given one, or the first ready one. */
  distribute(to?: string): Promise<this> {
    distribute(this.#exchange, this.#call, to);
    return this.#finish('distributed');
  }

  /** A call that rings at a user goes to a pilot. */
  enterDistribution(pilot: string): Promise<this> {
    enterDistribution(this.#exchange, this.#call, pilot);
    return this.#finish(`enters the distribution at ${pilot}`);
  }

  /** Attaches correlator data. */
  correlate(associateData: string): Promise<this> {
    annotate(this.#exchange, this.#call, { associateData });
    return this.#finish('correlated');
  }

  /** Sets a tag; one of the same name is replaced. */
  tag(tag: Representation<'Tag'>): Promise<this> {
    annotate(this.#exchange, this.#call, { tag });
    return this.#finish(`tagged ${tag.name}`);
  }

  #diverted(to: string, cause: CallCause): Promise<this> {
    divert(this.#exchange, this.#call, to, cause);
    return this.#finish(`${cause} to ${to}`);
  }

  get #call(): Call {
    return currentCall(this.#origin);
  }

  get #exchange(): Exchange {
    return this.#context.exchange;
  }

  #actor(by: string | undefined): Party {
    const call = this.#call;
    const party = by === undefined ? defaultActor(call) : call.party(by);
    if (!party) throw new RangeError(`${by ?? 'no user'} is in call ${call.ref}`);
    return party;
  }

  async #finish(step: string): Promise<this> {
    this.#exchange.notifyMediaOfAll(this.#call);
    this.#context.log(`call ${this.callRef}: ${step}`);
    await this.#context.written();
    return this;
  }
}

function defaultActor(call: Call): Party | undefined {
  const users = call.parties.filter(({ user }) => user);
  return users.find((party) => party !== call.initiator) ?? users[0];
}
