/**
 * One session with one O2G server: it performs what `machine.ts` decides, owns the one subscription and its channel, and carries every
 * request. What hangs on the session (DR links) is attached to it and closed before it.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { chooseChannelUrl, type Access } from './addresses';
import { readAnswer, readSubscription, repeatAfter } from './answers';
import { requestOf, type AnswerOf, type BodyOf, type OperationName, type ParametersOf, type Request } from './api';
import type { O2GEvent } from './channel';
import { systemClock, type Clock, type Timer } from './clock';
import { Delivery } from './delivery';
import { asO2GError, Denied, isDefinite, isSessionLoss, mayHaveArrived, O2GError } from './errors';
import { unionFilter, type Filter, type Interest } from './events';
import { callIn, logIn, type Account, type OpenSession, type SessionInfo } from './login';
import type { Log } from './log';
import { backOffMs, next, type Input, type State } from './machine';
import { Signal } from './signal';
import type { Answer, ChannelListener, Transport } from './transport';
import { visit, type Ask } from './visit';
import { Keepalive, Watchdog } from './vitals';

export interface SessionOptions {
  /** The sites in the order of preference: one, or the two of a geographic pair. Origins only. */
  readonly sites: readonly [URL, ...URL[]];
  readonly access: Access;
  /** Port of the event channel, 1..65535; undefined: as the server names it. */
  readonly eventPort?: number | undefined;
  readonly account: Account;
  /** Milliseconds a request waits for the connection before it fails with `NOT_CONNECTED`. */
  readonly offlineWaitMs: number;
  /** Life of a channel in minutes: 0 (as long as the session) or 2..60. */
  readonly lifetime: number;
  /** Where O2G sends events to; undefined: they come on the event channel. */
  readonly webHookUrl?: string | undefined;
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

/** What the session says of itself whenever that changes. */
export interface ConnectionReport {
  readonly state: State;
  /** In words; empty when there is nothing to explain. */
  readonly reason: string;
  /** ISO 8601 UTC: when this state began. */
  readonly since: string;
  /** True when events come by webhook and none has come yet: its address, a firewall or a login in front of Node-RED may be wrong. */
  readonly unheard?: true;
  /** Milliseconds without events, told once when the channel is back after a break in which some may be lost. */
  readonly blindMs?: number;
}

/** Why something ends: it was `removed` (or changed), or the whole program comes to its `stop`. */
export type CloseReason = 'removed' | 'stop';

/** Something that lives on the session and must end before it, such as a DR link. */
export interface Attachment {
  /** @returns `kept` when it lives on at the server and needs the session for it */
  close(why: CloseReason): Promise<'gone' | 'kept'>;
}

/** Ends a close that a dead server would hang: Node-RED kills a node that closes for longer than 15 s. */
const CLOSE_WITHIN_MS = 2_000;
/** An account that worked before may be locked for a while: one try a minute doesn't lock it again. */
const SLOW_RETRY_MS = 60_000;
/** Channels that end sooner than this, one after the other, are not re-opened at once: a sick server would be hammered. */
const SHORT_LIFE_MS = 2_000;
/** Lines that are no events are told at most so often. */
const MALFORMED_TOLD_MS = 60_000;
/** A channel that is not ready so often in a row is not going to be: some servers may say 500 of a subscription that they forgot. */
const NOT_READY_CHANNELS = 3;
/** Requests that may wait for the connection at the same time. */
const WAITING_REQUESTS = 20_000;

interface ActiveSubscription {
  readonly id: string;
  /** Undefined when the events come by webhook. */
  readonly channelUrl: URL | undefined;
}

export class Session {
  /** Tells this object from its successors. */
  readonly id = randomUUID();
  /** Every change of state or of its reason. */
  readonly onState: Signal<ConnectionReport>;
  /** Why there is no connection: the first failure of an outage, and every refusal. */
  readonly onFailure: Signal<O2GError>;
  /** Every event, before any flow gets it: for the palette's own use; must not be changed or kept. */
  readonly onEvent: Signal<O2GEvent>;
  readonly #options: SessionOptions;
  readonly #transport: Transport;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #keepalive: Keepalive;
  readonly #watchdog: Watchdog;
  readonly #attachments = new Set<Attachment>();
  /** Ends the requests under way when the session is closed. */
  readonly #life = new AbortController();

  #state: State = 'closed';
  #reason = '';
  #since: number;
  #failureTold = false;

  /** Which of the sites is spoken to. */
  #site = 0;
  #open: OpenSession | undefined;
  #generation = 0;
  readonly #counts = { events: 0, malformedLines: 0, requests: 0, channelsLost: 0 };
  #malformedToldAt = -Infinity;
  #subscription: ActiveSubscription | undefined;
  #workedBefore = false;
  /** Failures in a row. */
  #failures = 0;
  #retry: Timer | undefined;
  #establishing: Promise<void> = Promise.resolve();
  #channel = new AbortController();
  #openedAt = 0;
  #heardAt = 0;
  #lastRequestAt = 0;
  /** When the session was last known to be there: by an answer or by an event. The channel's keepalives may outlive it. */
  #provenAt = 0;
  /** Since when events may be missing; undefined while none can be. */
  #blindSince: number | undefined;
  /** Events come by webhook, and none of this subscription has come yet. */
  #unheard = false;
  #probeLogin: string | undefined;
  /** Whose snapshot was asked for as a sign of life: its answer is for no flow. */
  #probed: string | undefined;

  #filterInForce = '';
  #updatingFilter = false;
  #waiting = 0;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions, { transport, log, clock = systemClock }: SessionParts) {
    this.#options = options;
    this.#transport = transport;
    this.#log = log;
    this.#clock = clock;
    this.#since = clock.now();
    // Every request under way listens to it; from the eleventh on Node.js would warn of a leak.
    setMaxListeners(0, this.#life.signal);
    this.onState = new Signal(log);
    this.onFailure = new Signal(log);
    this.onEvent = new Signal(log);
    this.#delivery = new Delivery(clock, log);
    this.#keepalive = new Keepalive(clock, () => this.#lastRequestAt, () => this.#keepAlive());
    this.#watchdog = new Watchdog(clock, {
      heardAt: () => this.#heardAt,
      probe: () => this.#probe(),
      onDead: (silentMs) => { this.#channelDead(silentMs); },
    });
  }

  get report(): ConnectionReport {
    const report = { state: this.#state, reason: this.#reason, since: new Date(this.#since).toISOString() };
    return this.#state === 'connected' && this.#unheard ? { ...report, reason: 'no event has come to the webhook yet', unheard: true } : report;
  }

  /** The login of a monitored user, whose snapshot serves as a sign of life of the way that events come; set by the links. */
  set probeLogin(login: string) {
    const first = this.#probeLogin === undefined;
    this.#probeLogin = login;
    if (first && this.#unheard) this.#probe();
  }

  /** What the server said of the session when it was opened; undefined without a session. */
  get info(): SessionInfo | undefined {
    return this.#open?.info;
  }

  /** Counts the sessions opened: another number, another session. */
  get generation(): number {
    return this.#generation;
  }

  get offlineWaitMs(): number {
    return this.#options.offlineWaitMs;
  }

  /** Host and port of the site that is spoken to. */
  get host(): string {
    return this.#typed.host;
  }

  /** Host and port of every site, that of the first preference first. */
  get hosts(): string[] {
    return this.#options.sites.map(({ host }) => host);
  }

  /** ISO 8601 UTC: when the event channel last brought anything; undefined before. */
  get heardAt(): string | undefined {
    return this.#heardAt === 0 ? undefined : new Date(this.#heardAt).toISOString();
  }

  /** Counters since this object was made. */
  get metrics(): Readonly<Record<'events' | 'malformedLines' | 'requests' | 'sessionsOpened' | 'channelsLost', number>> {
    return { ...this.#counts, sessionsOpened: this.#generation };
  }

  /** Opens the session and keeps it open until `close`. Does nothing when that is already so. */
  open(): void {
    if (!this.#closing) this.#input('open', '');
  }

  /** Attaches something that must be closed before the session. @returns detaches it again */
  attach(attachment: Attachment): () => void {
    this.#attachments.add(attachment);
    return () => { this.#attachments.delete(attachment); };
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
    name: Name, parameters: ParametersOf<Name>, body: BodyOf<Name>, options: CallOptions = {},
  ): Promise<AnswerOf<Name>> {
    const request = requestOf(name, parameters, body);
    for (let recovered = false; ; recovered = true) {
      const open = await this.#usable();
      // A flow that asks for snapshots gets them all: none is ours any more.
      if (name === 'askTelephonySnapshot') this.#probed = undefined;
      try {
        const signal = options.signal ?? this.#life.signal;
        return readAnswer(name, await (options.repeat === false ? this.#send(open, request, signal) : this.#repeatedly(open, request, signal)));
      } catch (error) {
        if (!isSessionLoss(error)) throw error;
        this.#sessionLost(open);
        if (recovered || options.once) throw error;
      }
    }
  }

  /**
   * Works at one of the sites that is not spoken to now, with a session of its own.
   * @throws Denied when that site refuses the account; O2GError
   */
  async visit<T>(host: string, work: (ask: Ask) => Promise<T>): Promise<T> {
    const site = this.#options.sites.find((each) => each.host === host);
    if (!site || !this.#open) throw new O2GError('NOT_CONNECTED', `${host} is no site that can be visited now`);
    return visit(site, this.#open.side, this.#options.account, (call) => this.#transport.request(call, this.#life.signal), work);
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
    // A server that has just started has no sessions: ours is checked at once, not at the next keepalive.
    if (event.eventName === 'OnServerStart') void this.#keepAlive();
    if (this.#subscription === undefined && event.eventName !== 'OnServerStart') return false;
    this.#heardAt = this.#clock.now();
    if (this.#unheard) {
      this.#unheard = false;
      this.onState.emit(this.report);
    }
    this.#receive(event);
    return true;
  }

  /**
   * Closes links, subscription and session, in this order, in a few seconds at most. Idempotent; waiting requests end with `CLOSED`.
   * A link that is kept beyond a stop keeps the session at the server too.
   */
  close(why: CloseReason): Promise<void> {
    return (this.#closing ??= this.#close(why));
  }

  // --- the machine ------------------------------------------------------------------------------------------------------------

  #input(input: Input, reason: string, blindMs?: number): void {
    const before = this.#state;
    const [state, effect] = next(before, input);
    if (state === before && effect === 'none') return;
    this.#state = state;
    this.#reason = reason;
    if (state !== before) this.#since = this.#clock.now();
    this.#tell(before);
    if (state === 'connected') this.#failureTold = false;
    switch (effect) {
      case 'establish': this.#startEstablishing(input); break;
      case 'backOff': this.#backOff(); break;
      case 'slowRetry': this.#slowRetry(); break;
      case 'announce': this.#announce(); break;
      case 'release': case 'none': break;
    }
    this.onState.emit(blindMs === undefined ? this.report : { ...this.report, blindMs });
  }

  /** One line a change of state. Failures are told by `onFailure`, the first of an outage only. */
  #tell(before: State): void {
    const line = `${this.host}: ${this.#state}${this.#reason === '' ? '' : ` (${this.#reason})`}`;
    if (this.#state === before || this.#state === 'refused') this.#log.debug(line);
    else if (this.#state === 'recovering') this.#log.warn(line);
    else this.#log.info(line);
  }

  #failed(error: O2GError): void {
    const denied = error instanceof Denied;
    this.#input(denied ? 'denied' : 'failed', error.message);
    if (!denied && this.#failureTold) return;
    this.#failureTold = true;
    this.onFailure.emit(error);
  }

  #startEstablishing(input: Input): void {
    this.#retry?.cancel();
    // A lost channel is opened again at once, unless that has just been done in vain.
    if (input === 'channelLost' && this.#failures > 1) return this.#retryAfter(backOffMs(this.#failures - 1, Math.random()));
    this.#establishing = this.#establish();
  }

  async #establish(): Promise<void> {
    const had = this.#open;
    try {
      this.#open ??= await this.#logIn();
      if (this.#closing) return;
      await this.#listenSubscribed();
      this.#input('ready', '', this.#takeBlindTime());
    } catch (error) {
      if (this.#closing) return;
      if (isSessionLoss(error)) {
        const stale = had !== undefined && this.#open === had;
        this.#blindSinceProven();
        this.#forgetSession();
        if (stale) return this.#establish();
      }
      this.#failed(asO2GError(error));
    }
  }

  async #logIn(): Promise<OpenSession> {
    const { access, account } = this.#options;
    const session = await logIn(this.#typed, access, account, (call) => this.#transport.request(call, this.#life.signal));
    this.#lastRequestAt = this.#provenAt = this.#clock.now();
    this.#generation += 1;
    return session;
  }

  async #listenSubscribed(): Promise<void> {
    const known = this.#subscription;
    try {
      await this.#listen((this.#subscription ??= await this.#subscribe()));
    } catch (error) {
      const { code } = asO2GError(error);
      const gone = code === 'REFUSED' || (code === 'NOT_READY' && this.#failures >= NOT_READY_CHANNELS);
      if (known === undefined || !gone) throw error;
      // The server (or the tunnel's agent) doesn't know the subscription any more: a new one, without what the old one had queued.
      await this.#endSubscription(known.id);
      this.#subscription = undefined;
      this.#blindSince ??= this.#heardAt;
      await this.#listen((this.#subscription = await this.#subscribe()));
    }
    this.#workedBefore = true;
  }

  async #subscribe(): Promise<ActiveSubscription> {
    if (!this.#open) throw new O2GError('NOT_CONNECTED', `no session with ${this.host}`);
    const { side } = this.#open;
    const filter = this.#wantedFilter();
    const { lifetime, webHookUrl, eventPort } = this.#options;
    const way = webHookUrl === undefined ? { timeout: lifetime } : { webHookUrl };
    const identifier = this.#transport.identify();
    const plain = requestOf('subscribe', {}, { filter, version: '1.0', ...way });
    const request = identifier === undefined ? plain : { ...plain, target: `${plain.target}?${identifier}` };
    const { id, offered } = readSubscription(await this.#send(this.#open, request, this.#life.signal).catch((error: unknown) => this.#subscriptionUnknown(error)));
    this.#filterInForce = JSON.stringify(filter);
    if (webHookUrl !== undefined) return { id, channelUrl: undefined };
    return { id, channelUrl: identifier === undefined ? chooseChannelUrl(this.#typed, side, offered, eventPort) : this.#typed };
  }

  /** Makes sure that a subscription is gone: the next one would be a second, and a session has one. @throws O2GError while the server can't say */
  async #endSubscription(subscriptionId: string): Promise<void> {
    if (!this.#open) return;
    try {
      readAnswer('unsubscribe', await this.#send(this.#open, requestOf('unsubscribe', { subscriptionId }, undefined), this.#life.signal));
    } catch (error) {
      if (isSessionLoss(error) || ['NOT_READY', 'NOT_CONNECTED', 'TIMEOUT', 'CLOSED'].includes(asO2GError(error).code)) throw error;
    }
  }

  /** The subscription may have been made, and a session has one only: without its identifier it goes with the session. */
  async #subscriptionUnknown(error: unknown): Promise<never> {
    const open = this.#open;
    if (open && mayHaveArrived(error)) {
      await this.#endBriefly(open, requestOf('closeSession', {}, undefined));
      this.#forgetSession();
    }
    throw error;
  }

  /** Resolves when the channel is open; its later end is an input of the machine. */
  #listen({ channelUrl }: ActiveSubscription): Promise<void> {
    this.#channel.abort();
    const { signal } = (this.#channel = new AbortController());
    if (!channelUrl) {
      this.#unheard = true;
      return Promise.resolve();
    }
    let open = false;
    return new Promise((resolve, reject) => {
      const onOpen = (): void => {
        open = true;
        this.#openedAt = this.#heardAt = this.#clock.now();
        resolve();
      };
      const listener: ChannelListener = {
        onOpen,
        onHeard: () => { this.#heardAt = this.#clock.now(); },
        onEvent: (event) => { this.#receive(event); },
        onMalformed: (reason, excerpt) => { this.#tellMalformed(reason, excerpt); },
      };
      const onEnd = (clean: boolean, error: O2GError): void => {
        if (!open) return reject(error);
        // A channel may end in the moment it opens: not before that has become `connected` can it be lost.
        void this.#establishing.then(() => { if (!signal.aborted) this.#channelEnded(clean, error.message); });
      };
      this.#transport.channel(channelUrl, listener, signal).then(
        () => { onEnd(true, new O2GError('NOT_CONNECTED', 'the server ended the event channel')); },
        (error: unknown) => { onEnd(false, asO2GError(error)); },
      );
    });
  }

  /** Garbage comes in floods: the first line of it is told, and from then on one a minute. */
  #tellMalformed(reason: string, excerpt: string): void {
    this.#counts.malformedLines += 1;
    const now = this.#clock.now();
    if (now - this.#malformedToldAt < MALFORMED_TOLD_MS) return;
    this.#malformedToldAt = now;
    const words = excerpt.replace(/\p{Cc}+/gu, ' ');
    this.#log.warn(`${this.host}: the event channel brought ${reason}, it is skipped (${this.#counts.malformedLines} so far): ${words}`);
  }

  #channelEnded(clean: boolean, reason: string): void {
    this.#counts.channelsLost += 1;
    // A clean end comes between two events; a break may have swallowed what the server had already written.
    if (!clean) this.#blindSince ??= this.#heardAt;
    this.#failures = this.#clock.now() - this.#openedAt < SHORT_LIFE_MS ? this.#failures + 1 : 0;
    this.#stopVitals();
    this.#input('channelLost', reason);
  }

  #channelDead(silentMs: number): void {
    this.#channel.abort();
    this.#channelEnded(false, `nothing was heard for ${Math.round(silentMs / 1000)} s`);
  }

  #announce(): void {
    this.#keepalive.start(this.#open?.info.timeToLive);
    // A webhook is no connection that could be half open; the audit of the links finds out whether the session lives.
    if (this.#options.webHookUrl === undefined) this.#watchdog.start();
    else this.#probe();
    this.#followInterests();
  }

  #backOff(): void {
    this.#failures += 1;
    const { sites } = this.#options;
    if (sites.length > 1 && (this.#open === undefined || this.#failures > 1)) {
      this.#forgetSession();
      this.#site = (this.#site + 1) % sites.length;
    }
    this.#retryAfter(backOffMs(this.#failures, Math.random()));
  }

  /** A wrong password is never tried again, one that worked before once a minute; so is a refused subscription. */
  #slowRetry(): void {
    this.#stopVitals();
    if (this.#workedBefore || this.#open !== undefined) this.#retryAfter(SLOW_RETRY_MS);
  }

  #retryAfter(ms: number): void {
    this.#retry?.cancel();
    this.#retry = this.#clock.after(ms, () => { this.#input('due', this.#reason); });
  }

  #sessionLost(open: OpenSession): void {
    // Several requests may notice the same loss; by then the session of now may be another one.
    if (this.#open !== open) return;
    this.#blindSinceProven();
    this.#forgetSession();
    this.#failures = 0;
    this.#input('sessionLost', 'O2G does not know the session any more');
  }

  #forgetSession(): void {
    if (this.#subscription) this.#blindSince ??= this.#heardAt;
    this.#open = undefined;
    this.#subscription = undefined;
    this.#filterInForce = '';
    this.#channel.abort();
    this.#stopVitals();
  }

  /** A session may have been gone for a while before somebody noticed, with its channel open and nothing but keepalives on it. */
  #blindSinceProven(): void {
    if (this.#subscription) this.#blindSince = Math.min(this.#blindSince ?? this.#heardAt, this.#provenAt);
  }

  #takeBlindTime(): number | undefined {
    const since = this.#blindSince;
    this.#blindSince = undefined;
    return since === undefined ? undefined : this.#clock.now() - since;
  }

  // --- events -----------------------------------------------------------------------------------------------------------------

  #receive(event: O2GEvent): void {
    this.#counts.events += 1;
    if (event.eventName !== 'OnChannelInformation') this.#provenAt = this.#clock.now();
    // Without a link it is those whose events come that can be asked for.
    if (this.#probeLogin === undefined && typeof event.loginName === 'string' && event.eventName !== 'OnUserDeleted') this.#probeLogin = event.loginName;
    this.onEvent.emit(event);
    if (event.eventName === 'OnTelephonyState' && this.#probed !== undefined && event.loginName === this.#probed) {
      this.#probed = undefined;
      return;
    }
    this.#delivery.receive(event);
  }

  #followInterests(): void {
    // A refused subscription may be accepted now; a refused password isn't touched by what is subscribed to.
    if (this.#state === 'refused' && this.#open !== undefined) this.#input('due', 'what is subscribed to has changed');
    if (!this.#updatingFilter) void this.#updateFilter();
  }

  /** PUTs the filter until it is what is wanted. */
  async #updateFilter(): Promise<void> {
    this.#updatingFilter = true;
    // Nodes come and go in groups: let the whole group come first.
    await new Promise(setImmediate);
    while (this.#state === 'connected' && !this.#delivery.holding) {
      const filter = this.#wantedFilter();
      const wanted = JSON.stringify(filter);
      if (wanted === this.#filterInForce) break;
      this.#filterInForce = wanted;
      try {
        await this.call('updateSubscription', {}, filter);
      } catch (error) {
        // What was subscribed to before goes on; the next change is tried again.
        this.#log.warn(`${this.host}: the subscription stays as it was: ${asO2GError(error).message}`);
        if (!isDefinite(error)) this.#filterInForce = '';
        break;
      }
    }
    this.#updatingFilter = false;
  }

  #wantedFilter(): Filter {
    return unionFilter(this.#delivery.selectors, this.#open?.info.admin === true);
  }

  // --- requests ---------------------------------------------------------------------------------------------------------------

  get #typed(): URL {
    return this.#options.sites[this.#site] ?? this.#options.sites[0];
  }

  /** The open session, after waiting for it as long as the options allow. */
  #usable(): Promise<OpenSession> {
    if (this.#state === 'connected' && this.#open) return Promise.resolve(this.#open);
    if (this.#state === 'refused' || this.#state === 'closed') return Promise.reject(this.#unusable());
    if (this.#waiting >= WAITING_REQUESTS) {
      return Promise.reject(new O2GError('NOT_CONNECTED', `${this.#waiting} requests wait for ${this.host} already`));
    }
    this.#waiting += 1;
    return new Promise<OpenSession>((resolve, reject) => {
      const timer = this.#clock.after(this.#options.offlineWaitMs, () => { settle(); reject(this.#unusable()); });
      const off = this.onState.on(({ state }) => {
        if (state === 'connecting' || state === 'recovering') return;
        settle();
        if (state === 'connected' && this.#open) resolve(this.#open);
        else reject(this.#unusable());
      });
      const settle = (): void => { timer.cancel(); off(); this.#waiting -= 1; };
    });
  }

  #unusable(): O2GError {
    if (this.#state === 'closed') return new O2GError('CLOSED', `the session with ${this.host} is closed`);
    return new O2GError('NOT_CONNECTED', `no connection to ${this.host}: ${this.#reason === '' ? this.#state : this.#reason}`);
  }

  async #repeatedly(open: OpenSession, request: Request, signal: AbortSignal): Promise<Answer> {
    const began = this.#clock.now();
    for (let repeats = 0; ; repeats += 1) {
      const outcome = await this.#send(open, request, signal).catch(asO2GError);
      const wait = repeatAfter(outcome, repeats, this.#clock.now() - began);
      if (wait === undefined) {
        if (outcome instanceof O2GError) throw outcome;
        return outcome;
      }
      await new Promise<void>((resolve) => { this.#clock.after(wait, resolve); });
    }
  }

  async #send(open: OpenSession, request: Request, signal: AbortSignal): Promise<Answer> {
    this.#counts.requests += 1;
    const sentAt = (this.#lastRequestAt = this.#clock.now());
    const answer = await this.#transport.request(callIn(open, request), signal);
    if (answer.status >= 200 && answer.status <= 299 && this.#open === open) this.#provenAt = Math.max(this.#provenAt, sentAt);
    return answer;
  }

  // --- signs of life ----------------------------------------------------------------------------------------------------------

  async #keepAlive(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    try {
      const request = requestOf('keepSessionAlive', {}, undefined);
      const { expirationDate } = readAnswer('keepSessionAlive', await this.#send(open, request, this.#life.signal));
      if (expirationDate !== undefined && this.#open === open) this.#open = { ...open, info: { ...open.info, expirationDate } };
    } catch (error) {
      // 403 and 500 both say that the session doesn't exist; a server that doesn't answer is found out by the channel.
      const { code } = asO2GError(error);
      if (!['NOT_CONNECTED', 'TIMEOUT', 'CLOSED', 'NOT_READY'].includes(code)) this.#sessionLost(open);
    }
  }

  #probe(): boolean {
    const loginName = this.#probeLogin;
    if (loginName === undefined || !this.#open) return false;
    this.#probed = loginName;
    void this.#askForSign(this.#open, loginName);
    return true;
  }

  /** Not by `call`, whose snapshots are for flows. */
  async #askForSign(open: OpenSession, loginName: string): Promise<void> {
    try {
      readAnswer('askTelephonySnapshot', await this.#send(open, requestOf('askTelephonySnapshot', { loginName }, undefined), this.#life.signal));
    } catch (error) {
      if (isSessionLoss(error)) this.#sessionLost(open);
      // A user that isn't there any more never answers: another one is asked the next time.
      if (isDefinite(error) && this.#probeLogin === loginName) this.#probeLogin = undefined;
      this.#log.debug(`${this.host}: no snapshot as a sign of life: ${asO2GError(error).message}`);
    }
  }

  #stopVitals(): void {
    this.#keepalive.stop();
    this.#watchdog.stop();
  }

  // --- the end ----------------------------------------------------------------------------------------------------------------

  async #close(why: CloseReason): Promise<void> {
    this.#retry?.cancel();
    this.#stopVitals();
    const ends = await Promise.all([...this.#attachments].map((attachment) => attachment.close(why)));
    // A login under way is awaited: cut off, it could leave a session behind that nobody knows.
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(CLOSE_WITHIN_MS, resolve);
      void this.#establishing.then(() => { timer.cancel(); resolve(); });
    });
    const open = this.#open;
    const subscription = this.#subscription;
    this.#input('close', '');
    // What was being established meanwhile has started them again.
    this.#retry?.cancel();
    this.#stopVitals();
    this.#channel.abort();
    if (open && !ends.includes('kept')) {
      if (subscription) await this.#endBriefly(open, requestOf('unsubscribe', { subscriptionId: subscription.id }, undefined));
      await this.#endBriefly(open, requestOf('closeSession', {}, undefined));
    }
    this.#life.abort();
    this.#open = undefined;
    this.#transport.close();
  }

  async #endBriefly(open: OpenSession, request: Request): Promise<void> {
    try {
      await this.#send(open, request, AbortSignal.timeout(CLOSE_WITHIN_MS));
    } catch (error) {
      // The server can't be told; its session ends with its time to live.
      this.#log.debug(`${this.host}: closing was not heard: ${asO2GError(error).message}`);
    }
  }
}
