/**
 * The events of an open session: subscription, channel or webhook, and who gets them. It has a state of its own (`state-machine.ts`):
 * the session records whether events come or not.
 */
import {
  asO2GError,
  DeniedError,
  isSessionLoss,
  mayHaveArrived,
  type O2GError,
  type O2GEvent,
} from '../spec';
import { Signal, type Clock, type Logger, type Timer } from '../util';
import { ChannelLiveness } from './channel-liveness';
import { EventDispatcher } from './event-dispatcher';
import { SessionEventSource, type ChannelEnd, type Listening } from './event-source';
import type { OpenSession } from './login';
import type { RequestSender } from './request-sender';
import { isDoubtful, type SessionCheck } from './session-check';
import {
  backOffMs,
  nextEvents,
  refusedRetryMs,
  type EventEffect,
  type EventInput,
  type EventState,
} from './state-machine';
import { Subscription, type SubscriptionOptions } from './subscription';
import type { Transport } from '../transport';

/** The session that events belong to. */
interface FeedSession {
  readonly open: OpenSession;
  readonly site: URL;
}

/** A change of the events, or of the reason why there are none. */
export interface EventReport {
  readonly state: EventState;
  /** Milliseconds without events, once, when they are live again after a break in which some may be lost. */
  readonly blindMs?: number | undefined;
}

/** Channels that end sooner than this, one after the other, are not re-opened at once: a sick server would be hammered. */
const MIN_CHANNEL_LIFETIME_MS = 2_000;
/** A channel that is not ready so often in a row is not going to be: some servers may say 500 of a subscription that they forgot. */
const MAX_NOT_READY_CHANNELS = 3;

export class EventFeed {
  /** Every event, before any flow gets it. */
  readonly onEvent: Signal<O2GEvent>;
  readonly onChange: Signal<EventReport>;
  /** The subscription is refused, the first time in a row. */
  readonly onRefused: Signal<O2GError>;
  /** Something makes the session doubtful. */
  readonly onDoubt: Signal<OpenSession>;
  /** The session can't be used any more: it has, or may have, a subscription that nobody knows, or is gone. */
  readonly onSessionUnusable: Signal<OpenSession>;
  readonly dispatcher: EventDispatcher;
  readonly #options: SubscriptionOptions;
  readonly #source: SessionEventSource;
  readonly #subscription: Subscription;
  readonly #liveness: ChannelLiveness;
  readonly #clock: Clock;
  readonly #log: Logger;
  #state: EventState = 'off';
  #reason = '';
  #session: FeedSession | undefined;
  /** The session in which subscribing or opening the channel is under way. */
  #attempt: FeedSession | undefined;
  #retry: Timer | undefined;
  /** Failures, and refusals, in a row. */
  #failures = 0;
  #refusals = 0;
  /** Subscriptions in a row whose answer was lost. */
  #lostResponses = 0;
  #eventCount = 0;
  #channelsLost = 0;
  #updating = false;

  constructor(
    options: SubscriptionOptions,
    transport: Transport,
    requestSender: RequestSender,
    sessionCheck: SessionCheck,
    clock: Clock,
    log: Logger,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.onEvent = new Signal(log);
    this.onChange = new Signal(log);
    this.onRefused = new Signal(log);
    this.onDoubt = new Signal(log);
    this.onSessionUnusable = new Signal(log);
    this.dispatcher = new EventDispatcher(clock, log);
    this.#source = new SessionEventSource(transport, clock, log);
    this.#subscription = new Subscription(options, transport, requestSender, sessionCheck);
    this.#liveness = new ChannelLiveness(requestSender, this.#source, clock, log);
    this.#source.onEvent.on((event) => {
      this.#handleEvent(event);
    });
    this.#liveness.onDead.on((silentMs) => {
      this.#source.abandon(silentMs);
    });
    this.#liveness.onDoubt.on((open) => {
      this.onDoubt.emit(open);
    });
  }

  get state(): EventState {
    return this.#state;
  }

  /** Why there are no events, or not all of them; empty when there is nothing to explain. */
  get reason(): string {
    return this.#reason === '' && this.#subscription.missing !== ''
      ? `subscribed without ${this.#subscription.missing}`
      : this.#reason;
  }

  /** Events come by webhook, and none of this subscription has come yet. */
  get unheard(): boolean {
    return this.#source.unheard;
  }

  /** When the channel or the webhook last brought anything, ms since the epoch; 0 before. */
  get heardAt(): number {
    return this.#source.heardAt;
  }

  get metrics(): Readonly<Record<'events' | 'malformedLines' | 'channelsLost', number>> {
    return {
      events: this.#eventCount,
      malformedLines: this.#source.malformedLines,
      channelsLost: this.#channelsLost,
    };
  }

  get hasSubscription(): boolean {
    return this.#subscription.active !== undefined;
  }

  /** The login of a monitored user, whose snapshot serves as a probe of the channel. */
  set probeLogin(login: string) {
    this.#liveness.setLogin(login);
  }

  /** A flow requests a snapshot: its answer is for flows. */
  releaseProbe(): void {
    this.#liveness.releaseProbe();
  }

  /** A session is open: subscribes and listens. */
  start(open: OpenSession, site: URL): void {
    this.#session = { open, site };
    this.#input('start', '');
  }

  /**
   * There is no session any more.
   * @param lastConfirmedAt when an answer last showed it to be there, ms since the epoch; undefined: events are missing only since they were last heard
   */
  stop(lastConfirmedAt?: number): void {
    if (this.#subscription.active) {
      if (lastConfirmedAt === undefined) this.#source.markGap();
      else this.#source.markGapSince(lastConfirmedAt);
    }
    this.#session = undefined;
    this.#subscription.forget();
    this.#input('stop', '');
  }

  /** What is subscribed to may have changed: the filter follows, unless a deploy is replacing the nodes. */
  requestsChanged(): void {
    if (this.dispatcher.holding) return;
    // A refused subscription may be accepted now.
    if (this.#state === 'refused') this.#input('changed', 'what is subscribed to has changed');
    else if (!this.#updating) void this.#updateFilter();
  }

  /** Takes an event that came by webhook. */
  receiveFromWebhook(event: O2GEvent): void {
    this.#source.receiveFromWebhook(event, () => {
      this.#emitReport();
    });
  }

  /** Ends channel and subscription. Never rejects. */
  async end(open: OpenSession): Promise<void> {
    // Its end must not open the channel again.
    this.#session = undefined;
    this.#input('stop', '');
    await this.#subscription.end(open);
  }

  #handleEvent(event: O2GEvent): void {
    this.#eventCount += 1;
    const isProbeResponse = this.#liveness.isProbeResponse(event);
    this.onEvent.emit(event);
    if (!isProbeResponse) this.dispatcher.dispatch(event);
  }

  #input(input: EventInput, reason: string): void {
    const before = this.#state;
    const [state, effect] = nextEvents(before, input);
    if (state === before && effect === 'none') return;
    this.#state = state;
    this.#reason = reason;
    this.#perform(effect, input);
    this.#emitReport(effect === 'announce' ? this.#source.takeBlindMs() : undefined);
  }

  #emitReport(blindMs?: number): void {
    this.onChange.emit({ state: this.#state, blindMs });
  }

  #perform(effect: EventEffect, input: EventInput): void {
    this.#retry?.cancel();
    if (effect !== 'none') this.#liveness.stop();
    switch (effect) {
      case 'listen':
        // A lost channel is opened again at once, unless that has just been done in vain.
        if (input === 'ended' && this.#failures > 1)
          this.#retryAfter(backOffMs(this.#failures - 1, Math.random()));
        else void this.#listen();
        break;
      case 'backOff':
        this.#failures += 1;
        this.#retryAfter(backOffMs(this.#failures, Math.random()));
        break;
      case 'slowRetry':
        this.#refusals += 1;
        this.#retryAfter(refusedRetryMs(this.#refusals));
        break;
      case 'announce':
        this.#refusals = 0;
        this.#lostResponses = 0;
        if (this.#session) this.#liveness.start(this.#session.open, this.#options.webHookUrl === undefined);
        if (!this.#updating) void this.#updateFilter();
        break;
      case 'release':
        this.#failures = 0;
        this.#source.stop();
        break;
      case 'none':
        break;
    }
  }

  #retryAfter(ms: number): void {
    this.#retry = this.#clock.after(ms, () => {
      this.#input('due', this.#reason);
    });
  }

  /** Never rejects: what it finds is an input. Does nothing while an attempt in this session is under way, because a session has one subscription. */
  async #listen(): Promise<void> {
    const session = this.#session;
    if (!session || this.#attempt === session) return;
    this.#attempt = session;
    try {
      const { ended } = await this.#openOnce(session.open, session.site);
      this.#endAttempt(session);
      if (this.#session !== session) return;
      this.#input('live', '');
      const end = await ended;
      if (this.#session === session) this.#channelEnded(end);
    } catch (error) {
      this.#endAttempt(session);
      if (this.#session === session) this.#failed(session.open, asO2GError(error));
    }
  }

  /** Before its outcome is an input, which may begin the next one. */
  #endAttempt(session: FeedSession): void {
    if (this.#attempt === session) this.#attempt = undefined;
  }

  /** Listens with the subscription that there is, or a new one. @returns its end @throws O2GError */
  async #openOnce(open: OpenSession, site: URL): Promise<Pick<Listening, 'ended'>> {
    const known = this.#subscription.active;
    const listen = async (channelUrl: URL | undefined): Promise<Pick<Listening, 'ended'>> => {
      const { opened, ended } = this.#source.listen(channelUrl, site.host);
      await opened;
      return { ended };
    };
    try {
      const { channelUrl } = known ?? (await this.#subscribe(open, site));
      return await listen(channelUrl);
    } catch (error) {
      const { code } = asO2GError(error);
      const isGone = code === 'REFUSED' || (code === 'NOT_READY' && this.#failures >= MAX_NOT_READY_CHANNELS);
      if (known === undefined || !isGone) throw error;
      // The server (or the tunnel's agent) doesn't know the subscription any more: a new one, without what the old one had queued.
      await this.#subscription.replace(open);
      this.#source.markGap();
      return await listen((await this.#subscribe(open, site)).channelUrl);
    }
  }

  async #subscribe(open: OpenSession, site: URL): ReturnType<Subscription['subscribe']> {
    const active = await this.#subscription.subscribe(open, site, this.dispatcher.selectors);
    if (this.#subscription.missing !== '')
      this.#log.warn(`${site.host}: subscribed without ${this.#subscription.missing}`);
    return active;
  }

  #channelEnded({ reason, durationMs }: ChannelEnd): void {
    this.#channelsLost += 1;
    this.#failures = durationMs < MIN_CHANNEL_LIFETIME_MS ? this.#failures + 1 : 0;
    this.#input('ended', reason);
  }

  #failed(open: OpenSession, error: O2GError): void {
    if (error.code === 'CLOSED') return;
    if (isSessionLoss(error)) return this.onSessionUnusable.emit(open);
    // A session has one subscription: one whose answer was lost goes with the session. Should that not help, recording comes first.
    if (!this.#subscription.active && mayHaveArrived(error)) {
      this.#lostResponses += 1;
      if (this.#lostResponses === 1) return this.onSessionUnusable.emit(open);
    }
    const denied = error instanceof DeniedError;
    if (denied && this.#refusals === 0) this.onRefused.emit(error);
    this.#input(denied ? 'denied' : 'failed', error.message);
    // The server itself may be away, or the session gone.
    if (isDoubtful(error)) this.onDoubt.emit(open);
  }

  /** PUTs the filter until it is the one that is requested. */
  async #updateFilter(): Promise<void> {
    this.#updating = true;
    // Nodes come and go in groups: the whole group comes first.
    await new Promise(setImmediate);
    try {
      for (;;) {
        const open = this.#state === 'live' && !this.dispatcher.holding ? this.#session?.open : undefined;
        if (!open || !(await this.#subscription.update(open, this.dispatcher.selectors))) break;
      }
    } catch (error) {
      // What was subscribed to before goes on.
      const known = asO2GError(error);
      this.#log.warn(`${this.#session?.site.host ?? ''}: the subscription stays as it was: ${known.message}`);
      if (this.#session && isSessionLoss(known)) this.onDoubt.emit(this.#session.open);
    } finally {
      this.#updating = false;
    }
  }
}
