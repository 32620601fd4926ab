/**
 * One session with one O2G server, as links and nodes use it: operations, events, and what it reports.
 * What hangs on the session (DR links) is attached to it and closed before it.
 */
import { randomUUID } from 'node:crypto';
import { readResponse } from './responses';
import {
  asO2GError,
  isSessionLoss,
  isUnanswered,
  requestOf,
  O2GError,
  type ResponseOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
  type O2GEvent,
} from '../spec';
import { systemClock, type Signal, type Clock, type Logger } from '../util';
import { Connection, type ConnectionOptions, type ConnectionReport, type SessionReport } from './connection';
import type { Interest } from './event-router';
import type { OpenSession, SessionInfo } from './login';
import type { Transport } from '../transport';
import { runAtSite, type PerformOperation } from './other-site';
import { isDoubtful } from './session-check';

export interface SessionOptions extends ConnectionOptions {
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
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #attachments = new Set<Attachment>();
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions, { transport, log, clock = systemClock }: SessionDependencies) {
    this.#options = options;
    this.#connection = new Connection(options, transport, clock, log);
  }

  /** Every event, before any flow gets it: for the palette's own use; must not be changed or kept. */
  get onEvent(): Signal<O2GEvent> {
    return this.#connection.events.onEvent;
  }

  /** Every change of state or of its reason. */
  get onState(): Signal<ConnectionReport> {
    return this.#connection.onReport;
  }

  /** Why there is no connection: the first failure of an outage, and every refusal. */
  get onFailure(): Signal<O2GError> {
    return this.#connection.onFailure;
  }

  get report(): ConnectionReport {
    return this.#connection.report;
  }

  /** Every change of the session alone: whether requests can be sent, whatever its events are. */
  get onSession(): Signal<SessionReport> {
    return this.#connection.onSession;
  }

  /** The session alone, without its events. */
  get session(): SessionReport {
    return this.#connection.session;
  }

  /** The login of a monitored user, whose snapshot serves as a probe of the way that events come; set by the links. */
  set probeLogin(login: string) {
    this.#connection.events.probeLogin = login;
  }

  /** What the server said of the session when it was opened; undefined without a session. */
  get info(): SessionInfo | undefined {
    return this.#connection.info;
  }

  /** Counts the sessions opened: another number, another session. */
  get generation(): number {
    return this.#connection.generation;
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
    const { heardAt } = this.#connection.events;
    return heardAt === 0 ? undefined : new Date(heardAt).toISOString();
  }

  /** Counters since this object was made. */
  get metrics(): Readonly<
    Record<'events' | 'malformedLines' | 'requests' | 'sessionsOpened' | 'channelsLost', number>
  > {
    return {
      ...this.#connection.events.metrics,
      requests: this.#connection.requestSender.sentCount,
      sessionsOpened: this.generation,
    };
  }

  /** Opens the session and keeps it open until `close`. Does nothing when that is already so. */
  open(): void {
    if (!this.#closing) this.#connection.connect();
  }

  /** Attaches something that must be closed before the session. @returns detaches it again */
  attach(attachment: Attachment): () => void {
    this.#attachments.add(attachment);
    return () => {
      this.#attachments.delete(attachment);
    };
  }

  /**
   * Performs an operation of the specification. Waits for the session if there is none, and repeats what passes by itself
   * (`retryDelayMs`). An answer that leaves open whether the session still exists is followed by a keepalive; when it is gone, the
   * operation is repeated once in the new one.
   * @param options.sameSession true: a lost session is reported with `INVALID_SESSION` instead, for requests that name a link of that session
   * @param options.retry false: what passes by itself is reported too, for callers that try again in their own time
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
      const open = await this.#connection.waitForSession(this.offlineWaitMs);
      if (name === 'requestTelephonySnapshot') this.#connection.events.releaseProbe();
      const { requestSender } = this.#connection;
      try {
        const response =
          retry === false
            ? requestSender.send(open, request, signal)
            : requestSender.sendWithRetries(open, request, signal);
        return readResponse(name, await response);
      } catch (error) {
        const lost = await this.#isLost(open, error);
        if (!lost) throw error;
        if (recovered || sameSession)
          throw new O2GError('INVALID_SESSION', asO2GError(error).message, asO2GError(error).cause);
      }
    }
  }

  /** Whether the session turns out to be gone, after a request in it failed. */
  async #isLost(open: OpenSession, error: unknown): Promise<boolean> {
    if (isSessionLoss(error)) this.#connection.sessionLost(open);
    else if (isUnanswered(error)) void this.#connection.doubt(open);
    else if (isDoubtful(error)) await this.#connection.doubt(open);
    return this.#connection.open !== open && !isUnanswered(error);
  }

  /**
   * Works at one of the sites that is not spoken to now, with a session of its own.
   * @throws Denied when that site refuses the account; O2GError
   */
  async runAtSite<T>(host: string, task: (perform: PerformOperation) => Promise<T>): Promise<T> {
    const site = this.#options.sites.find((each) => each.host === host);
    const { open, requestSender } = this.#connection;
    if (!site || !open) throw new O2GError('NOT_CONNECTED', `${host} is no site that can be visited now`);
    return runAtSite(
      site,
      open.access,
      this.#options.account,
      (request) => requestSender.sendWithoutSession(request),
      task,
    );
  }

  /** Says what `id` (a node) wants to get, or with undefined that it wants nothing more. The subscription follows. */
  setInterest(id: string, interest: Interest | undefined): void {
    this.#connection.events.dispatcher.setInterest(id, interest);
    this.#connection.events.requestsChanged();
  }

  /** Keeps events and the subscription as they are while a deploy replaces the nodes. */
  hold(): void {
    this.#connection.events.dispatcher.hold();
  }

  /** Ends `hold`: the current nodes get the events held, and the subscription follows what they want. */
  resume(): void {
    const { events } = this.#connection;
    if (!events.dispatcher.holding) return;
    events.dispatcher.resume();
    events.requestsChanged();
  }

  /**
   * Takes an event that came by webhook.
   * @returns false when there is no subscription that it could belong to
   */
  receiveFromWebhook(event: O2GEvent): boolean {
    const isServerStart = event.eventName === 'OnServerStart';
    if (isServerStart) this.#connection.serverStarted();
    if (!isServerStart && !this.#connection.events.hasSubscription) return false;
    this.#connection.events.receiveFromWebhook(event);
    return true;
  }

  /**
   * Closes links, subscription and session, in this order, in a few seconds at most. Idempotent; waiting requests end with `CLOSED`.
   * A link that is kept beyond a stop keeps the session at the server too.
   */
  close(reason: CloseReason): Promise<void> {
    return (this.#closing ??= this.#close(reason));
  }

  async #close(reason: CloseReason): Promise<void> {
    this.#connection.stop();
    const ends = await Promise.all([...this.#attachments].map((attachment) => attachment.close(reason)));
    await this.#connection.end(ends.includes('leftOpen'));
  }
}
