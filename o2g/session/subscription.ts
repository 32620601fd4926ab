/**
 * The one subscription of a session (Subscription management): made with everything that anybody asked for, taken up again after a break,
 * changed when what is asked for changes.
 */
import { chooseChannelUrl } from './site-urls';
import { readSubscription } from './responses';
import {
  requestOf,
  asO2GError,
  DeniedError,
  isDefiniteRefusal,
  isSessionLoss,
  isUnanswered,
  mayHaveArrived,
  O2GError,
  specifiedSelectors,
  unionFilter,
  type Filter,
} from '../spec';
import type { Connection } from './connection';
import type { EventDispatcher } from './event-dispatcher';
import type { Logger } from '../util';
import type { OpenSession } from './login';
import type { SessionEventSource } from './event-source';
import type { RequestSender } from './request-sender';
import type { Transport } from '../transport';

export interface SubscriptionOptions {
  /** Port of the event channel, 1..65535; undefined: as the server names it. */
  readonly eventPort?: number | undefined;
  /** Life of a channel in minutes: 0 (as long as the session) or 2..60. */
  readonly lifetime: number;
  /** Where O2G sends events to; undefined: they come on the event channel. */
  readonly webHookUrl?: string | undefined;
}

export interface SubscriptionDependencies {
  readonly transport: Transport;
  readonly connection: Connection;
  readonly requestSender: RequestSender;
  readonly eventSource: SessionEventSource;
  readonly dispatcher: EventDispatcher;
  readonly log: Logger;
  /** Sends another filter, as `Session.call` sends. */
  updateFilter(filter: Filter): Promise<void>;
  /** Forgets the session: it is being closed. */
  forgetSession(): void;
}

interface ActiveSubscription {
  readonly id: string;
  /** Undefined when the events come by webhook. */
  readonly channelUrl: URL | undefined;
}

/** A channel that is not ready so often in a row is not going to be: some servers may say 500 of a subscription that they forgot. */
const MAX_NOT_READY_CHANNELS = 3;

export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #dependencies: SubscriptionDependencies;
  #active: ActiveSubscription | undefined;
  #activeFilter = '';
  #updating = false;

  constructor(options: SubscriptionOptions, dependencies: SubscriptionDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  get isActive(): boolean {
    return this.#active !== undefined;
  }

  /**
   * Listens, with the subscription that there is or a new one.
   * @param failures attempts in a row that have failed before this one
   * @throws Denied when the subscription is refused; O2GError
   */
  async listen(failures: number): Promise<void> {
    const known = this.#active;
    try {
      await this.#listen((this.#active ??= await this.#subscribe()));
    } catch (error) {
      const { code } = asO2GError(error);
      const isGone = code === 'REFUSED' || (code === 'NOT_READY' && failures >= MAX_NOT_READY_CHANNELS);
      if (known === undefined || !isGone) throw error;
      // The server (or the tunnel's agent) doesn't know the subscription any more: a new one, without what the old one had queued.
      await this.#deleteAtServer(known.id);
      this.#active = undefined;
      this.#dependencies.eventSource.markGap();
      await this.#listen((this.#active = await this.#subscribe()));
    }
  }

  /** The session is gone, and the subscription with it. */
  forget(): void {
    if (this.#active) this.#dependencies.eventSource.markGap();
    this.#active = undefined;
    this.#activeFilter = '';
    this.#dependencies.eventSource.stop();
  }

  /** To be called before `forget` when the server doesn't know the session any more: nobody knows since when. */
  markGapSinceLastResponse(): void {
    const { eventSource, requestSender } = this.#dependencies;
    if (this.#active) eventSource.markGapSince(requestSender.lastConfirmedAt);
  }

  /** Ends it at the server, which belongs to the end of the session. */
  async end(open: OpenSession): Promise<void> {
    if (this.#active)
      await this.#dependencies.requestSender.sendBestEffort(
        open,
        requestOf('unsubscribe', { subscriptionId: this.#active.id }, undefined),
      );
  }

  /** What is asked for may have changed: the filter follows. Does nothing while it is following already. */
  syncFilter(): void {
    if (!this.#updating) void this.#updateFilter();
  }

  /** PUTs the filter until it is what is wanted. */
  async #updateFilter(): Promise<void> {
    const { connection, dispatcher, log } = this.#dependencies;
    this.#updating = true;
    // Nodes come and go in groups: let the whole group come first.
    await new Promise(setImmediate);
    while (connection.state === 'connected' && !dispatcher.holding) {
      const filter = this.#desiredFilter();
      const desired = JSON.stringify(filter);
      if (desired === this.#activeFilter) break;
      this.#activeFilter = desired;
      try {
        await this.#dependencies.updateFilter(filter);
      } catch (error) {
        // What was subscribed to before goes on; the next change is tried again.
        log.warn(`${connection.host}: the subscription stays as it was: ${asO2GError(error).message}`);
        if (!isDefiniteRefusal(error)) this.#activeFilter = '';
        break;
      }
    }
    this.#updating = false;
  }

  #desiredFilter(selectors = this.#dependencies.dispatcher.selectors): Filter {
    return unionFilter(selectors, this.#dependencies.connection.open?.info.admin === true);
  }

  #listen({ channelUrl }: ActiveSubscription): Promise<void> {
    return this.#dependencies.eventSource.listen(channelUrl);
  }

  /** One name that the server doesn't know refuses all of them: it must not keep those of the specification away. */
  async #subscribe(): Promise<ActiveSubscription> {
    const filter = this.#desiredFilter();
    try {
      return await this.#subscribeTo(filter);
    } catch (error) {
      const known = this.#desiredFilter(specifiedSelectors(this.#dependencies.dispatcher.selectors));
      const desired = JSON.stringify(filter);
      if (!(error instanceof DeniedError) || JSON.stringify(known) === desired) throw error;
      const active = await this.#subscribeTo(known);
      this.#dependencies.log.warn(
        `${this.#dependencies.connection.host}: ${error.message}; it was accepted without the event names that the specification doesn't have`,
      );
      // Asked for again when something else is asked for.
      this.#activeFilter = desired;
      return active;
    }
  }

  async #subscribeTo(filter: Filter): Promise<ActiveSubscription> {
    const { transport, connection, requestSender } = this.#dependencies;
    const { lifetime, webHookUrl, eventPort } = this.#options;
    const { open } = connection;
    if (!open) throw new O2GError('NOT_CONNECTED', `no session with ${connection.host}`);
    const deliveryOptions = webHookUrl === undefined ? { timeout: lifetime } : { webHookUrl };
    const identifier = transport.createSubscriptionQuery();
    const plain = requestOf('subscribe', {}, { filter, version: '1.0', ...deliveryOptions });
    const request = identifier === undefined ? plain : { ...plain, target: `${plain.target}?${identifier}` };
    const { id, offered } = readSubscription(
      await requestSender.send(open, request).catch((error: unknown) => this.#handleLostResponse(error)),
    );
    this.#activeFilter = JSON.stringify(filter);
    if (webHookUrl !== undefined) return { id, channelUrl: undefined };
    return {
      id,
      channelUrl:
        identifier === undefined
          ? chooseChannelUrl(connection.site, open.access, offered, eventPort)
          : connection.site,
    };
  }

  /** The next subscription would be a second, and a session has one. @throws O2GError while the server can't say */
  async #deleteAtServer(subscriptionId: string): Promise<void> {
    const {
      connection: { open },
      requestSender,
    } = this.#dependencies;
    if (!open) return;
    try {
      await requestSender.perform(open, 'unsubscribe', { subscriptionId }, undefined);
    } catch (error) {
      if (isSessionLoss(error) || isUnanswered(error)) throw error;
    }
  }

  /** The subscription may have been made, and a session has one only: without its identifier it goes with the session. */
  async #handleLostResponse(error: unknown): Promise<never> {
    const {
      connection: { open },
      requestSender,
    } = this.#dependencies;
    if (open && mayHaveArrived(error)) {
      await requestSender.sendBestEffort(open, requestOf('closeSession', {}, undefined));
      this.#dependencies.forgetSession();
    }
    throw error;
  }
}
