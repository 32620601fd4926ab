/**
 * One session with one O2G server: the face of its parts, each in a file of its own, which know each other only as far as they are joined
 * here. What hangs on the session (DR links) is attached to it and closed before it.
 */
import { randomUUID } from 'node:crypto';
import { readAnswer } from './responses';
import {
  requestOf,
  isSessionLoss,
  O2GError,
  type AnswerOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
  type O2GEvent,
} from '../spec';
import { systemClock, Signal, type Clock, type Log } from '../util';
import { Connection, type ConnectionReport } from './connection';
import { Delivery } from './event-dispatcher';
import type { Interest } from './event-router';
import { SessionLife, type SessionLifeOptions } from './connection-lifecycle';
import type { SessionInfo } from './login';
import { Reception } from './event-source';
import { Requests } from './request-sender';
import { SignsOfLife } from './liveness';
import { Subscription } from './subscription';
import type { Transport } from '../transport';
import { visit, type Ask } from './other-site';

export interface SessionOptions extends SessionLifeOptions {
  /** Milliseconds a request waits for the connection before it fails with `NOT_CONNECTED`. */
  readonly offlineWaitMs: number;
}

/** How an operation is performed; all is as described at `call`. */
export interface CallOptions {
  readonly once?: boolean;
  readonly repeat?: boolean;
  readonly signal?: AbortSignal;
}

export interface SessionParts {
  readonly transport: Transport;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Why something ends: it was `removed` (or changed), or the whole program comes to its `stop`. */
export type CloseReason = 'removed' | 'stop';

/** Something that lives on the session and must end before it, such as a DR link. */
export interface Attachment {
  /** @returns `kept` when it lives on at the server and needs the session for it */
  close(why: CloseReason): Promise<'gone' | 'kept'>;
}

export class Session {
  /** Tells this object from its successors. */
  readonly id = randomUUID();
  /** Every event, before any flow gets it: for the palette's own use; must not be changed or kept. */
  readonly onEvent: Signal<O2GEvent>;
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #reception: Reception;
  readonly #delivery: Delivery;
  readonly #subscription: Subscription;
  readonly #signs: SignsOfLife;
  readonly #life: SessionLife;
  readonly #attachments = new Set<Attachment>();

  #events = 0;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions, { transport, log, clock = systemClock }: SessionParts) {
    this.#options = options;
    this.onEvent = new Signal(log);
    const connection = (this.#connection = new Connection(
      options.sites,
      {
        perform: (effect, input) => {
          this.#life.perform(effect, input);
        },
        isUnheard: () => this.#reception.unheard,
      },
      clock,
      log,
    ));
    const requests = (this.#requests = new Requests(connection, transport, clock, log));
    const reception = (this.#reception = new Reception(
      transport,
      {
        host: () => this.host,
        onEvent: (event) => {
          this.#receive(event);
        },
        onEnd: (reason, lastedMs) => {
          this.#life.channelLost(reason, lastedMs);
        },
        established: () => this.#life.established,
      },
      clock,
      log,
    ));
    const delivery = (this.#delivery = new Delivery(clock, log));
    const subscription = (this.#subscription = new Subscription(options, {
      transport,
      connection,
      requests,
      reception,
      delivery,
      log,
      update: (filter) => this.call('updateSubscription', {}, filter),
      forgetSession: () => {
        this.#life.forgetSession();
      },
    }));
    const signs = (this.#signs = new SignsOfLife(
      connection,
      requests,
      reception,
      {
        onDead: (silentMs) => {
          reception.giveUp(silentMs);
        },
        onSessionLost: (open) => {
          this.#life.sessionLost(open);
        },
      },
      clock,
      log,
    ));
    this.#life = new SessionLife(options, { connection, requests, reception, subscription, signs, clock });
  }

  /** Every change of state or of its reason. */
  get onState(): Signal<ConnectionReport> {
    return this.#connection.onState;
  }

  /** Why there is no connection: the first failure of an outage, and every refusal. */
  get onFailure(): Signal<O2GError> {
    return this.#connection.onFailure;
  }

  get report(): ConnectionReport {
    return this.#connection.report;
  }

  /** The login of a monitored user, whose snapshot serves as a sign of life of the way that events come; set by the links. */
  set probeLogin(login: string) {
    this.#signs.setLogin(login);
  }

  /** What the server said of the session when it was opened; undefined without a session. */
  get info(): SessionInfo | undefined {
    return this.#connection.open?.info;
  }

  /** Counts the sessions opened: another number, another session. */
  get generation(): number {
    return this.#life.generation;
  }

  get offlineWaitMs(): number {
    return this.#options.offlineWaitMs;
  }

  /** Host and port of the site that is spoken to. */
  get host(): string {
    return this.#connection.host;
  }

  /** Host and port of every site, that of the first preference first. */
  get hosts(): string[] {
    return this.#options.sites.map(({ host }) => host);
  }

  /** ISO 8601 UTC: when the event channel last brought anything; undefined before. */
  get heardAt(): string | undefined {
    const { heardAt } = this.#reception;
    return heardAt === 0 ? undefined : new Date(heardAt).toISOString();
  }

  /** Counters since this object was made. */
  get metrics(): Readonly<
    Record<'events' | 'malformedLines' | 'requests' | 'sessionsOpened' | 'channelsLost', number>
  > {
    return {
      events: this.#events,
      malformedLines: this.#reception.malformedLines,
      requests: this.#requests.sent,
      sessionsOpened: this.generation,
      channelsLost: this.#life.channelsLost,
    };
  }

  /** Opens the session and keeps it open until `close`. Does nothing when that is already so. */
  open(): void {
    if (!this.#closing) this.#connection.input('open', '');
  }

  /** Attaches something that must be closed before the session. @returns detaches it again */
  attach(attachment: Attachment): () => void {
    this.#attachments.add(attachment);
    return () => {
      this.#attachments.delete(attachment);
    };
  }

  /**
   * Performs an operation of the specification. Waits for the connection if there is none, repeats what passes by itself
   * (`repeatAfter`), and after the loss of the session repeats once in the new one.
   * @param options.once true: a lost session is reported with `INVALID_SESSION` instead, for requests that name a link of that session
   * @param options.repeat false: what passes by itself is reported too, for callers that try again in their own time
   * @param options.signal gives up, with `CLOSED`
   * @throws O2GError `INVALID_INPUT` before anything is sent; `NOT_CONNECTED`, `TIMEOUT`, `CLOSED`; the server's type
   */
  async call<Name extends OperationName>(
    name: Name,
    parameters: ParametersOf<Name>,
    body: BodyOf<Name>,
    { once, repeat, signal }: CallOptions = {},
  ): Promise<AnswerOf<Name>> {
    const request = requestOf(name, parameters, body);
    for (let recovered = false; ; recovered = true) {
      const open = await this.#requests.usable(this.offlineWaitMs);
      if (name === 'askTelephonySnapshot') this.#signs.leaveSnapshots();
      try {
        const answer =
          repeat === false
            ? this.#requests.send(open, request, signal)
            : this.#requests.sendRepeatedly(open, request, signal);
        return readAnswer(name, await answer);
      } catch (error) {
        if (!isSessionLoss(error)) throw error;
        this.#life.sessionLost(open);
        if (recovered || once) throw error;
      }
    }
  }

  /**
   * Works at one of the sites that is not spoken to now, with a session of its own.
   * @throws Denied when that site refuses the account; O2GError
   */
  async visit<T>(host: string, work: (ask: Ask) => Promise<T>): Promise<T> {
    const site = this.#options.sites.find((each) => each.host === host);
    const { open } = this.#connection;
    if (!site || !open) throw new O2GError('NOT_CONNECTED', `${host} is no site that can be visited now`);
    return visit(site, open.side, this.#options.account, (call) => this.#requests.sendOutside(call), work);
  }

  /** Says what `id` (a node) wants to get, or with undefined that it wants nothing more. The subscription follows. */
  interest(id: string, interest: Interest | undefined): void {
    this.#delivery.set(id, interest);
    if (!this.#delivery.holding) this.#followInterests();
  }

  /** Keeps events and the subscription as they are while a deploy replaces the nodes. */
  hold(): void {
    this.#delivery.hold();
  }

  /** Ends `hold`: the nodes of now get the events held, and the subscription follows what they want. */
  resume(): void {
    if (!this.#delivery.holding) return;
    this.#delivery.resume();
    this.#followInterests();
  }

  /**
   * Takes an event that came by webhook.
   * @returns false when there is no subscription that it could belong to
   */
  takeFromWebhook(event: O2GEvent): boolean {
    const isStart = event.eventName === 'OnServerStart';
    // A server that has just started has no sessions: ours is checked at once, not at the next keepalive.
    if (isStart) void this.#signs.keepAlive();
    if (!isStart && !this.#subscription.isActive) return false;
    this.#reception.takeFromWebhook(event, () => {
      this.#connection.tell();
    });
    return true;
  }

  /**
   * Closes links, subscription and session, in this order, in a few seconds at most. Idempotent; waiting requests end with `CLOSED`.
   * A link that is kept beyond a stop keeps the session at the server too.
   */
  close(why: CloseReason): Promise<void> {
    return (this.#closing ??= this.#close(why));
  }
  #receive(event: O2GEvent): void {
    this.#events += 1;
    const isOurs = this.#signs.follow(event);
    this.onEvent.emit(event);
    if (!isOurs) this.#delivery.receive(event);
  }

  #followInterests(): void {
    // A refused subscription may be accepted now; a refused password isn't touched by what is subscribed to.
    if (this.#connection.state === 'refused' && this.#connection.open !== undefined)
      this.#connection.input('due', 'what is subscribed to has changed');
    this.#subscription.follow();
  }

  async #close(why: CloseReason): Promise<void> {
    this.#life.stop();
    const ends = await Promise.all([...this.#attachments].map((attachment) => attachment.close(why)));
    await this.#life.end(ends.includes('kept'));
  }
}
