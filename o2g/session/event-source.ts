/**
 * How the events of a subscription come: on the event channel, or by webhook. Knows when something was last heard, and since when events
 * may be missing.
 */
import { asO2GError, O2GError, type O2GEvent } from '../spec';
import type { Clock, Log } from '../util';
import type { ChannelListener, Transport } from '../transport';

export interface ReceptionNeeds {
  /** Host and port of the site, for the log. */
  host(): string;
  onEvent(event: O2GEvent): void;
  /** The channel ended or broke, after it had been open. @param lastedMs how long it was */
  onEnd(reason: string, lastedMs: number): void;
  /** Resolves when the attempt to establish is over. A channel may end in the moment it opens: not before that can it be lost. */
  established(): Promise<void>;
}

/** Lines that are no events are told at most so often. */
const MALFORMED_TOLD_MS = 60_000;

export class Reception {
  readonly #transport: Transport;
  readonly #needs: ReceptionNeeds;
  readonly #clock: Clock;
  readonly #log: Log;
  #channel = new AbortController();
  #openedAt = 0;
  #heardAt = 0;
  #eventAt = 0;
  /** Since when events may be missing; undefined while none can be. */
  #blindSince: number | undefined;
  #unheard = false;
  #malformedLines = 0;
  #malformedToldAt = -Infinity;

  constructor(transport: Transport, needs: ReceptionNeeds, clock: Clock, log: Log) {
    this.#transport = transport;
    this.#needs = needs;
    this.#clock = clock;
    this.#log = log;
  }

  /** When the channel or the webhook last brought anything, ms since the epoch; 0 before. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Events come by webhook, and none of this subscription has come yet. */
  get unheard(): boolean {
    return this.#unheard;
  }

  get malformedLines(): number {
    return this.#malformedLines;
  }

  /**
   * Listens from now on: to the event channel, or to the webhook when there is none.
   * @returns when the channel is open; its later end is told by `onEnd`
   * @throws what `Transport.channel` throws before it opens
   */
  listen(channelUrl: URL | undefined): Promise<void> {
    this.stop();
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
        onHeard: () => {
          this.#heardAt = this.#clock.now();
        },
        onEvent: (event) => {
          this.#take(event);
        },
        onMalformed: (reason, excerpt) => {
          this.#tellMalformed(reason, excerpt);
        },
      };
      const onEnd = (clean: boolean, error: O2GError): void => {
        if (!open) return reject(error);
        void this.#needs.established().then(() => {
          if (!signal.aborted) this.#ended(clean, error.message);
        });
      };
      this.#transport.channel(channelUrl, listener, signal).then(
        () => {
          onEnd(true, new O2GError('NOT_CONNECTED', 'the server ended the event channel'));
        },
        (error: unknown) => {
          onEnd(false, asO2GError(error));
        },
      );
    });
  }

  /** Takes an event that came by webhook. @param onFirst it is the first one of this subscription */
  takeFromWebhook(event: O2GEvent, onFirst: () => void): void {
    this.#heardAt = this.#clock.now();
    if (this.#unheard) {
      this.#unheard = false;
      onFirst();
    }
    this.#take(event);
  }

  /** Ends the channel; that is told to nobody. */
  stop(): void {
    this.#channel.abort();
  }

  /** Gives up a channel that is open but dead. */
  giveUp(silentMs: number): void {
    this.stop();
    this.#ended(false, `nothing was heard for ${Math.round(silentMs / 1000)} s`);
  }

  /** What came since the channel was last heard is lost. */
  miss(): void {
    this.#blindSince ??= this.#heardAt;
  }

  /**
   * The same when the session is gone: that may have been so for a while before somebody noticed, with the channel open and nothing but
   * keepalives on it.
   * @param answeredAt when an answer last showed the session to be there, ms since the epoch; an event may have done so later
   */
  missSinceProven(answeredAt: number): void {
    this.#blindSince = Math.min(this.#blindSince ?? this.#heardAt, Math.max(answeredAt, this.#eventAt));
  }

  /** Milliseconds in which events may be missing, once. */
  takeBlindMs(): number | undefined {
    const since = this.#blindSince;
    this.#blindSince = undefined;
    return since === undefined ? undefined : this.#clock.now() - since;
  }

  #take(event: O2GEvent): void {
    // The channel speaks for itself with this one, whatever has become of the session.
    if (event.eventName !== 'OnChannelInformation') this.#eventAt = this.#clock.now();
    this.#needs.onEvent(event);
  }

  #ended(clean: boolean, reason: string): void {
    // A clean end comes between two events; a break may have swallowed what the server had already written.
    if (!clean) this.miss();
    this.#needs.onEnd(reason, this.#clock.now() - this.#openedAt);
  }

  /** Garbage comes in floods: the first line of it is told, and from then on one a minute. */
  #tellMalformed(reason: string, excerpt: string): void {
    this.#malformedLines += 1;
    const now = this.#clock.now();
    if (now - this.#malformedToldAt < MALFORMED_TOLD_MS) return;
    this.#malformedToldAt = now;
    // It may be a piece of an event: what is quoted in it, and numbers, are of people, and a log is read by many.
    const words = excerpt
      .replace(/\p{Cc}+/gu, ' ')
      .replace(/"[^"]*(?:"|$)/g, '"…"')
      .replace(/\d{3,}/g, '…');
    this.#log.warn(
      `${this.#needs.host()}: the event channel brought ${reason}, it is skipped (${this.#malformedLines} so far): ${words}`,
    );
  }
}
