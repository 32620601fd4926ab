/**
 * One session with one O2G server: the face of its parts, each in a file of its own, which know each other only as far as they are joined
 * here. What hangs on the session (DR links) is attached to it and closed before it.
 */
import { randomUUID } from 'node:crypto';
import { readResponse } from './responses';
import {
  requestOf,
  isSessionLoss,
  O2GError,
  type ResponseOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
  type O2GEvent,
} from '../spec';
import { systemClock, Signal, type Clock, type Logger } from '../util';
import { Connection, type ConnectionReport } from './connection';
import { EventDispatcher } from './event-dispatcher';
import type { Interest } from './event-router';
import { ConnectionLifecycle, type ConnectionLifecycleOptions } from './connection-lifecycle';
import type { SessionInfo } from './login';
import { SessionEventSource } from './event-source';
import { RequestSender } from './request-sender';
import { Liveness } from './liveness';
import { Subscription } from './subscription';
import type { Transport } from '../transport';
import { runAtSite, type PerformOperation } from './other-site';

export interface SessionOptions extends ConnectionLifecycleOptions {
  /** Milliseconds a request waits for the connection before it fails with `NOT_CONNECTED`. */
  readonly offlineWaitMs: number;
}

/** How an operation is performed; all is as described at `call`. */
export interface OperationOptions {
  readonly sameSession?: boolean;
  readonly retry?: boolean;
  readonly signal?: AbortSignal;
}

export interface SessionDependencies {
  readonly transport: Transport;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** Why something ends: it was `removed` (or changed), or the whole program comes to its `stop`. */
export type CloseReason = 'removed' | 'stop';

/** Something that lives on the session and must end before it, such as a DR link. */
export interface Attachment {
  /** @returns `leftOpen` when it lives on at the server and needs the session for it */
  close(reason: CloseReason): Promise<'closed' | 'leftOpen'>;
}

export class Session {
  /** Tells this object from its successors. */
  readonly id = randomUUID();
  /** Every event, before any flow gets it: for the palette's own use; must not be changed or kept. */
  readonly onEvent: Signal<O2GEvent>;
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #requestSender: RequestSender;
  readonly #eventSource: SessionEventSource;
  readonly #dispatcher: EventDispatcher;
  readonly #subscription: Subscription;
  readonly #liveness: Liveness;
  readonly #lifecycle: ConnectionLifecycle;
  readonly #attachments = new Set<Attachment>();

  #eventCount = 0;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions, { transport, log, clock = systemClock }: SessionDependencies) {
    this.#options = options;
    this.onEvent = new Signal(log);
    const connection = (this.#connection = new Connection(
      options.sites,
      {
        perform: (effect, input) => {
          this.#lifecycle.perform(effect, input);
        },
        isUnheard: () => this.#eventSource.unheard,
      },
      clock,
      log,
    ));
    const requestSender = (this.#requestSender = new RequestSender(connection, transport, clock, log));
    const eventSource = (this.#eventSource = new SessionEventSource(
      transport,
      {
        host: () => this.host,
        onEvent: (event) => {
          this.#handleEvent(event);
        },
        onEnd: (reason, durationMs) => {
          this.#lifecycle.channelLost(reason, durationMs);
        },
        established: () => this.#lifecycle.established,
      },
      clock,
      log,
    ));
    const dispatcher = (this.#dispatcher = new EventDispatcher(clock, log));
    const subscription = (this.#subscription = new Subscription(options, {
      transport,
      connection,
      requestSender,
      eventSource,
      dispatcher,
      log,
      updateFilter: (filter) => this.perform('updateSubscription', {}, filter),
      forgetSession: () => {
        this.#lifecycle.forgetSession();
      },
    }));
    const liveness = (this.#liveness = new Liveness(
      connection,
      requestSender,
      eventSource,
      {
        onDead: (silentMs) => {
          eventSource.abandon(silentMs);
        },
        onSessionLost: (open) => {
          this.#lifecycle.sessionLost(open);
        },
      },
      clock,
      log,
    ));
    this.#lifecycle = new ConnectionLifecycle(options, {
      connection,
      requestSender,
      eventSource,
      subscription,
      liveness,
      clock,
    });
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
    this.#liveness.setLogin(login);
  }

  /** What the server said of the session when it was opened; undefined without a session. */
  get info(): SessionInfo | undefined {
    return this.#connection.open?.info;
  }

  /** Counts the sessions opened: another number, another session. */
  get generation(): number {
    return this.#lifecycle.generation;
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
    const { heardAt } = this.#eventSource;
    return heardAt === 0 ? undefined : new Date(heardAt).toISOString();
  }

  /** Counters since this object was made. */
  get metrics(): Readonly<
    Record<'events' | 'malformedLines' | 'requests' | 'sessionsOpened' | 'channelsLost', number>
  > {
    return {
      events: this.#eventCount,
      malformedLines: this.#eventSource.malformedLines,
      requests: this.#requestSender.sentCount,
      sessionsOpened: this.generation,
      channelsLost: this.#lifecycle.channelsLost,
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
  async perform<Name extends OperationName>(
    name: Name,
    parameters: ParametersOf<Name>,
    body: BodyOf<Name>,
    { sameSession, retry, signal }: OperationOptions = {},
  ): Promise<ResponseOf<Name>> {
    const request = requestOf(name, parameters, body);
    for (let recovered = false; ; recovered = true) {
      const open = await this.#requestSender.waitForSession(this.offlineWaitMs);
      if (name === 'requestTelephonySnapshot') this.#liveness.releaseProbe();
      try {
        const response =
          retry === false
            ? this.#requestSender.send(open, request, signal)
            : this.#requestSender.sendWithRetries(open, request, signal);
        return readResponse(name, await response);
      } catch (error) {
        if (!isSessionLoss(error)) throw error;
        this.#lifecycle.sessionLost(open);
        if (recovered || sameSession) throw error;
      }
    }
  }

  /**
   * Works at one of the sites that is not spoken to now, with a session of its own.
   * @throws Denied when that site refuses the account; O2GError
   */
  async runAtSite<T>(host: string, task: (perform: PerformOperation) => Promise<T>): Promise<T> {
    const site = this.#options.sites.find((each) => each.host === host);
    const { open } = this.#connection;
    if (!site || !open) throw new O2GError('NOT_CONNECTED', `${host} is no site that can be visited now`);
    return runAtSite(
      site,
      open.access,
      this.#options.account,
      (request) => this.#requestSender.sendWithoutSession(request),
      task,
    );
  }

  /** Says what `id` (a node) wants to get, or with undefined that it wants nothing more. The subscription follows. */
  setInterest(id: string, interest: Interest | undefined): void {
    this.#dispatcher.setInterest(id, interest);
    if (!this.#dispatcher.holding) this.#syncSubscription();
  }

  /** Keeps events and the subscription as they are while a deploy replaces the nodes. */
  hold(): void {
    this.#dispatcher.hold();
  }

  /** Ends `hold`: the nodes of now get the events held, and the subscription follows what they want. */
  resume(): void {
    if (!this.#dispatcher.holding) return;
    this.#dispatcher.resume();
    this.#syncSubscription();
  }

  /**
   * Takes an event that came by webhook.
   * @returns false when there is no subscription that it could belong to
   */
  receiveFromWebhook(event: O2GEvent): boolean {
    const isServerStart = event.eventName === 'OnServerStart';
    // A server that has just started has no sessions: ours is checked at once, not at the next keepalive.
    if (isServerStart) void this.#liveness.keepAlive();
    if (!isServerStart && !this.#subscription.isActive) return false;
    this.#eventSource.receiveFromWebhook(event, () => {
      this.#connection.emitReport();
    });
    return true;
  }

  /**
   * Closes links, subscription and session, in this order, in a few seconds at most. Idempotent; waiting requests end with `CLOSED`.
   * A link that is kept beyond a stop keeps the session at the server too.
   */
  close(reason: CloseReason): Promise<void> {
    return (this.#closing ??= this.#close(reason));
  }
  #handleEvent(event: O2GEvent): void {
    this.#eventCount += 1;
    const isProbeResponse = this.#liveness.handleEvent(event);
    this.onEvent.emit(event);
    if (!isProbeResponse) this.#dispatcher.dispatch(event);
  }

  #syncSubscription(): void {
    // A refused subscription may be accepted now; a refused password isn't touched by what is subscribed to.
    if (this.#connection.state === 'refused' && this.#connection.open !== undefined)
      this.#connection.input('due', 'what is subscribed to has changed');
    this.#subscription.syncFilter();
  }

  async #close(reason: CloseReason): Promise<void> {
    this.#lifecycle.stop();
    const ends = await Promise.all([...this.#attachments].map((attachment) => attachment.close(reason)));
    await this.#lifecycle.end(ends.includes('leftOpen'));
  }
}
