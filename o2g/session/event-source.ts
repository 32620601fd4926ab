/**
 * How the events of a subscription come: on the event channel, or by webhook. Knows when something was last heard, and since when events
 * may be missing.
 */
import { asO2GError, O2GError, type O2GEvent } from '../spec';
import type { Clock, Logger } from '../util';
import type { ChannelListener, Transport } from '../transport';

export interface SessionEventSourceCallbacks {
  /** Host and port of the site, for the log. */
  host(): string;
  onEvent(event: O2GEvent): void;
  /** The channel ended or broke, after it had been open. @param durationMs how long it was */
  onEnd(reason: string, durationMs: number): void;
  /** Resolves when the attempt to establish is over. A channel may end in the moment it opens: not before that can it be lost. */
  established(): Promise<void>;
}

/** Lines that are no events are told at most so often. */
const MALFORMED_LINE_LOG_INTERVAL_MS = 60_000;

export class SessionEventSource {
  readonly #transport: Transport;
  readonly #callbacks: SessionEventSourceCallbacks;
  readonly #clock: Clock;
  readonly #log: Logger;
  #channel = new AbortController();
  #openedAt = 0;
  #heardAt = 0;
  #lastEventAt = 0;
  /** Since when events may be missing; undefined while none can be. */
  #blindSince: number | undefined;
  #unheard = false;
  #malformedLines = 0;
  #malformedLoggedAt = -Infinity;

  constructor(transport: Transport, callbacks: SessionEventSourceCallbacks, clock: Clock, log: Logger) {
    this.#transport = transport;
    this.#callbacks = callbacks;
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
        onData: () => {
          this.#heardAt = this.#clock.now();
        },
        onEvent: (event) => {
          this.#handleEvent(event);
        },
        onMalformed: (reason, excerpt) => {
          this.#logMalformed(reason, excerpt);
        },
      };
      const onEnd = (clean: boolean, error: O2GError): void => {
        if (!open) return reject(error);
        void this.#callbacks.established().then(() => {
          if (!signal.aborted) this.#handleEnd(clean, error.message);
        });
      };
      this.#transport.readChannel(channelUrl, listener, signal).then(
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
  receiveFromWebhook(event: O2GEvent, onFirst: () => void): void {
    this.#heardAt = this.#clock.now();
    if (this.#unheard) {
      this.#unheard = false;
      onFirst();
    }
    this.#handleEvent(event);
  }

  /** Ends the channel; that is told to nobody. */
  stop(): void {
    this.#channel.abort();
  }

  /** Gives up a channel that is open but dead. */
  abandon(silentMs: number): void {
    this.stop();
    this.#handleEnd(false, `nothing was heard for ${Math.round(silentMs / 1000)} s`);
  }

  /** What came since the channel was last heard is lost. */
  markGap(): void {
    this.#blindSince ??= this.#heardAt;
  }

  /**
   * The same when the session is gone: that may have been so for a while before somebody noticed, with the channel open and nothing but
   * keepalives on it.
   * @param confirmedAt when an answer last showed the session to be there, ms since the epoch; an event may have done so later
   */
  markGapSince(confirmedAt: number): void {
    this.#blindSince = Math.min(this.#blindSince ?? this.#heardAt, Math.max(confirmedAt, this.#lastEventAt));
  }

  /** Milliseconds in which events may be missing, once. */
  takeBlindMs(): number | undefined {
    const since = this.#blindSince;
    this.#blindSince = undefined;
    return since === undefined ? undefined : this.#clock.now() - since;
  }

  #handleEvent(event: O2GEvent): void {
    // The channel speaks for itself with this one, whatever has become of the session.
    if (event.eventName !== 'OnChannelInformation') this.#lastEventAt = this.#clock.now();
    this.#callbacks.onEvent(event);
  }

  #handleEnd(clean: boolean, reason: string): void {
    // A clean end comes between two events; a break may have swallowed what the server had already written.
    if (!clean) this.markGap();
    this.#callbacks.onEnd(reason, this.#clock.now() - this.#openedAt);
  }

  /** Garbage comes in floods: the first line of it is told, and from then on one a minute. */
  #logMalformed(reason: string, excerpt: string): void {
    this.#malformedLines += 1;
    const now = this.#clock.now();
    if (now - this.#malformedLoggedAt < MALFORMED_LINE_LOG_INTERVAL_MS) return;
    this.#malformedLoggedAt = now;
    // It may be a piece of an event: what is quoted in it, and numbers, are of people, and a log is read by many.
    const masked = excerpt
      .replace(/\p{Cc}+/gu, ' ')
      .replace(/"[^"]*(?:"|$)/g, '"…"')
      .replace(/\d{3,}/g, '…');
    this.#log.warn(
      `${this.#callbacks.host()}: the event channel brought ${reason}, it is skipped (${this.#malformedLines} so far): ${masked}`,
    );
  }
}
