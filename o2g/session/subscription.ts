/**
 * The one subscription of a session (Subscription management): made with everything that anybody asked for, taken up again after a break,
 * changed when what is asked for changes.
 */
import { chooseChannelUrl } from './site-urls';
import { readSubscription } from './responses';
import {
  requestOf,
  asO2GError,
  Denied,
  isDefinite,
  isSessionLoss,
  isUnanswered,
  mayHaveArrived,
  O2GError,
  specified,
  unionFilter,
  type Filter,
} from '../spec';
import type { Connection } from './connection';
import type { Delivery } from './event-dispatcher';
import type { Log } from '../util';
import type { OpenSession } from './login';
import type { Reception } from './event-source';
import type { Requests } from './request-sender';
import type { Transport } from '../transport';

export interface SubscriptionOptions {
  /** Port of the event channel, 1..65535; undefined: as the server names it. */
  readonly eventPort?: number | undefined;
  /** Life of a channel in minutes: 0 (as long as the session) or 2..60. */
  readonly lifetime: number;
  /** Where O2G sends events to; undefined: they come on the event channel. */
  readonly webHookUrl?: string | undefined;
}

export interface SubscriptionParts {
  readonly transport: Transport;
  readonly connection: Connection;
  readonly requests: Requests;
  readonly reception: Reception;
  readonly delivery: Delivery;
  readonly log: Log;
  /** Sends another filter, as `Session.call` sends. */
  update(filter: Filter): Promise<void>;
  /** Forgets the session: it is being closed. */
  forgetSession(): void;
}

interface ActiveSubscription {
  readonly id: string;
  /** Undefined when the events come by webhook. */
  readonly channelUrl: URL | undefined;
}

/** A channel that is not ready so often in a row is not going to be: some servers may say 500 of a subscription that they forgot. */
const NOT_READY_CHANNELS = 3;

export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #parts: SubscriptionParts;
  #active: ActiveSubscription | undefined;
  #filterInForce = '';
  #updating = false;

  constructor(options: SubscriptionOptions, parts: SubscriptionParts) {
    this.#options = options;
    this.#parts = parts;
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
      const gone = code === 'REFUSED' || (code === 'NOT_READY' && failures >= NOT_READY_CHANNELS);
      if (known === undefined || !gone) throw error;
      // The server (or the tunnel's agent) doesn't know the subscription any more: a new one, without what the old one had queued.
      await this.#makeSureItIsGone(known.id);
      this.#active = undefined;
      this.#parts.reception.miss();
      await this.#listen((this.#active = await this.#subscribe()));
    }
  }

  /** The session is gone, and the subscription with it. */
  forget(): void {
    if (this.#active) this.#parts.reception.miss();
    this.#active = undefined;
    this.#filterInForce = '';
    this.#parts.reception.stop();
  }

  /** To be called before `forget` when the server doesn't know the session any more: nobody knows since when. */
  missSinceProven(): void {
    const { reception, requests } = this.#parts;
    if (this.#active) reception.missSinceProven(requests.provenAt);
  }

  /** Ends it at the server, which belongs to the end of the session. */
  async end(open: OpenSession): Promise<void> {
    if (this.#active)
      await this.#parts.requests.endBriefly(
        open,
        requestOf('unsubscribe', { subscriptionId: this.#active.id }, undefined),
      );
  }

  /** What is asked for may have changed: the filter follows. Does nothing while it is following already. */
  follow(): void {
    if (!this.#updating) void this.#updateFilter();
  }

  /** PUTs the filter until it is what is wanted. */
  async #updateFilter(): Promise<void> {
    const { connection, delivery, log } = this.#parts;
    this.#updating = true;
    // Nodes come and go in groups: let the whole group come first.
    await new Promise(setImmediate);
    while (connection.state === 'connected' && !delivery.holding) {
      const filter = this.#wantedFilter();
      const wanted = JSON.stringify(filter);
      if (wanted === this.#filterInForce) break;
      this.#filterInForce = wanted;
      try {
        await this.#parts.update(filter);
      } catch (error) {
        // What was subscribed to before goes on; the next change is tried again.
        log.warn(`${connection.host}: the subscription stays as it was: ${asO2GError(error).message}`);
        if (!isDefinite(error)) this.#filterInForce = '';
        break;
      }
    }
    this.#updating = false;
  }

  #wantedFilter(selectors = this.#parts.delivery.selectors): Filter {
    return unionFilter(selectors, this.#parts.connection.open?.info.admin === true);
  }

  #listen({ channelUrl }: ActiveSubscription): Promise<void> {
    return this.#parts.reception.listen(channelUrl);
  }

  /** One name that the server doesn't know refuses all of them: it must not keep those of the specification away. */
  async #subscribe(): Promise<ActiveSubscription> {
    const filter = this.#wantedFilter();
    try {
      return await this.#subscribeTo(filter);
    } catch (error) {
      const known = this.#wantedFilter(specified(this.#parts.delivery.selectors));
      const wanted = JSON.stringify(filter);
      if (!(error instanceof Denied) || JSON.stringify(known) === wanted) throw error;
      const active = await this.#subscribeTo(known);
      this.#parts.log.warn(
        `${this.#parts.connection.host}: ${error.message}; it was accepted without the event names that the specification doesn't have`,
      );
      // Asked for again when something else is asked for.
      this.#filterInForce = wanted;
      return active;
    }
  }

  async #subscribeTo(filter: Filter): Promise<ActiveSubscription> {
    const { transport, connection, requests } = this.#parts;
    const { lifetime, webHookUrl, eventPort } = this.#options;
    const { open } = connection;
    if (!open) throw new O2GError('NOT_CONNECTED', `no session with ${connection.host}`);
    const way = webHookUrl === undefined ? { timeout: lifetime } : { webHookUrl };
    const identifier = transport.identify();
    const plain = requestOf('subscribe', {}, { filter, version: '1.0', ...way });
    const request = identifier === undefined ? plain : { ...plain, target: `${plain.target}?${identifier}` };
    const { id, offered } = readSubscription(
      await requests.send(open, request).catch((error: unknown) => this.#unknown(error)),
    );
    this.#filterInForce = JSON.stringify(filter);
    if (webHookUrl !== undefined) return { id, channelUrl: undefined };
    return {
      id,
      channelUrl:
        identifier === undefined
          ? chooseChannelUrl(connection.site, open.side, offered, eventPort)
          : connection.site,
    };
  }

  /** The next subscription would be a second, and a session has one. @throws O2GError while the server can't say */
  async #makeSureItIsGone(subscriptionId: string): Promise<void> {
    const {
      connection: { open },
      requests,
    } = this.#parts;
    if (!open) return;
    try {
      await requests.ask(open, 'unsubscribe', { subscriptionId }, undefined);
    } catch (error) {
      if (isSessionLoss(error) || isUnanswered(error)) throw error;
    }
  }

  /** The subscription may have been made, and a session has one only: without its identifier it goes with the session. */
  async #unknown(error: unknown): Promise<never> {
    const {
      connection: { open },
      requests,
    } = this.#parts;
    if (open && mayHaveArrived(error)) {
      await requests.endBriefly(open, requestOf('closeSession', {}, undefined));
      this.#parts.forgetSession();
    }
    throw error;
  }
}
