/** The one subscription of a session (Subscription management): its requests, and the filter that the server has accepted. */
import { chooseChannelUrl } from './site-urls';
import { readSubscription } from './responses';
import {
  requestOf,
  asO2GError,
  DeniedError,
  filterLadder,
  isDefiniteRefusal,
  isSessionLoss,
  isUnanswered,
  type FilterAttempt,
  type Rights,
  type Selector,
} from '../spec';
import type { OpenSession } from './login';
import type { RequestSender } from './request-sender';
import { isDoubtful, type SessionCheck } from './session-check';
import type { Transport } from '../transport';

export interface SubscriptionOptions {
  /** Port of the event channel, 1..65535; undefined: as the server names it. */
  readonly eventPort?: number | undefined;
  /** Life of a channel in minutes: 0 (as long as the session) or 2..60. */
  readonly lifetime: number;
  /** Where O2G sends events to; undefined: they come on the event channel. */
  readonly webHookUrl?: string | undefined;
}

interface ActiveSubscription {
  readonly id: string;
  /** Undefined when the events come by webhook. */
  readonly channelUrl: URL | undefined;
}

export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #transport: Transport;
  readonly #requestSender: RequestSender;
  readonly #sessionCheck: SessionCheck;
  #active: ActiveSubscription | undefined;
  /** What was requested when the server last accepted or refused a filter, as text. */
  #requested = '';
  #missing = '';

  constructor(
    options: SubscriptionOptions,
    transport: Transport,
    requestSender: RequestSender,
    sessionCheck: SessionCheck,
  ) {
    this.#options = options;
    this.#transport = transport;
    this.#requestSender = requestSender;
    this.#sessionCheck = sessionCheck;
  }

  get active(): ActiveSubscription | undefined {
    return this.#active;
  }

  /** What the server refused of what was requested, in words; empty when nothing. */
  get missing(): string {
    return this.#missing;
  }

  /**
   * Subscribes, with less and less as long as the server refuses.
   * @throws DeniedError when even the least is refused; O2GError
   */
  async subscribe(open: OpenSession, site: URL, selectors: readonly Selector[]): Promise<ActiveSubscription> {
    const ladder = filterLadder(selectors, rightsOf(open));
    let refusal: DeniedError | undefined;
    for (const attempt of ladder) {
      try {
        this.#active = await this.#subscribeWith(open, site, attempt);
        this.#requested = JSON.stringify(ladder[0]?.filter);
        this.#missing = attempt.missing === '' ? '' : `${attempt.missing} (${refusal?.message ?? ''})`;
        return this.#active;
      } catch (error) {
        // A server may say no to the request because it doesn't know the session any more.
        if (isDoubtful(error)) await this.#sessionCheck.requireAlive(open);
        if (!isRefusal(error)) throw error;
        refusal ??= asDenied(error);
      }
    }
    throw refusal ?? new DeniedError('REFUSED', 'O2G refuses the subscription');
  }

  /**
   * Changes the filter when something else is requested than before.
   * @returns whether a request was sent @throws O2GError: the former filter stays
   */
  async update(open: OpenSession, selectors: readonly Selector[]): Promise<boolean> {
    const [wanted] = filterLadder(selectors, rightsOf(open));
    const requested = JSON.stringify(wanted?.filter);
    if (!wanted || requested === this.#requested) return false;
    this.#requested = requested;
    try {
      await this.#requestSender.perform(open, 'updateSubscription', {}, wanted.filter);
      this.#missing = '';
    } catch (error) {
      // The next change, or the next attempt, tries it again; what is refused for good isn't repeated.
      if (!isDefiniteRefusal(error)) this.#requested = '';
      throw error;
    }
    return true;
  }

  /** The session is gone, and the subscription with it. */
  forget(): void {
    this.#active = undefined;
    this.#requested = '';
    this.#missing = '';
  }

  /** Ends it at the server, before another one: a session has one. @throws O2GError while the server can't say */
  async replace(open: OpenSession): Promise<void> {
    const subscriptionId = this.#active?.id;
    if (subscriptionId === undefined) return;
    try {
      await this.#requestSender.perform(open, 'unsubscribe', { subscriptionId }, undefined);
    } catch (error) {
      if (isSessionLoss(error) || isUnanswered(error)) throw error;
    }
    this.forget();
  }

  /** Ends it at the server, which belongs to the end of the session. Never rejects. */
  async end(open: OpenSession): Promise<void> {
    if (this.#active)
      await this.#requestSender.sendBestEffort(
        open,
        requestOf('unsubscribe', { subscriptionId: this.#active.id }, undefined),
      );
  }

  async #subscribeWith(open: OpenSession, site: URL, { filter }: FilterAttempt): Promise<ActiveSubscription> {
    const { lifetime, webHookUrl, eventPort } = this.#options;
    const delivery = webHookUrl === undefined ? { timeout: lifetime } : { webHookUrl };
    const plain = requestOf('subscribe', {}, { filter, version: '1.0', ...delivery });
    const identifier = this.#transport.createSubscriptionQuery();
    const request = identifier === undefined ? plain : { ...plain, target: `${plain.target}?${identifier}` };
    const { id, offered } = readSubscription(await this.#requestSender.send(open, request));
    if (webHookUrl !== undefined) return { id, channelUrl: undefined };
    const channelUrl =
      identifier === undefined ? chooseChannelUrl(site, open.access, offered, eventPort) : site;
    return { id, channelUrl };
  }
}

/** A 200 that says REFUSED, or a definite 4xx. */
const isRefusal = (error: unknown): boolean =>
  error instanceof DeniedError || (isDefiniteRefusal(error) && asO2GError(error).code !== 'INVALID_INPUT');

function asDenied(error: unknown): DeniedError {
  if (error instanceof DeniedError) return error;
  const { message, cause } = asO2GError(error);
  return new DeniedError('REFUSED', `O2G refuses the subscription: ${message}`, cause);
}

function rightsOf({ info: { admin } }: OpenSession): Rights {
  if (admin === undefined) return undefined;
  return admin ? 'administrator' : 'user';
}
