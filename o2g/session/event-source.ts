/**
 * How the events of a subscription come: on the event channel, or by webhook. Knows when something was last heard, and since when events
 * may be missing.
 */
import { asO2GError, O2GError, type O2GEvent } from '../spec';
import { Signal, type Clock, type Logger } from '../util';
import type { ChannelListener, Transport } from '../transport';

/** How a channel ended. */
export interface ChannelEnd {
  readonly reason: string;
  /** How long it was open, in ms. */
  readonly durationMs: number;
}

/** A channel, or the webhook, that is being listened to. */
export interface Listening {
  /** Resolves when it is open; rejects with what `Transport.readChannel` throws before. */
  readonly opened: Promise<void>;
  /** Resolves when it has ended or broken after that; never when it was stopped, or for a webhook. */
  readonly ended: Promise<ChannelEnd>;
}

/** Lines that are no events are told at most so often. */
const MALFORMED_LINE_LOG_INTERVAL_MS = 60_000;

export class SessionEventSource {
  readonly #transport: Transport;
  /** Every event, probes included. */
  readonly onEvent: Signal<O2GEvent>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #host = '';
  #channel = new AbortController();
  #endChannel: (end: ChannelEnd) => void = () => undefined;
  #openedAt = 0;
  #heardAt = 0;
  #lastEventAt = 0;
  /** Since when events may be missing; undefined while none can be. */
  #blindSince: number | undefined;
  #unheard = false;
  #malformedLines = 0;
  #malformedLoggedAt = -Infinity;

  constructor(transport: Transport, clock: Clock, log: Logger) {
    this.#transport = transport;
    this.onEvent = new Signal(log);
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
   * @param host of the site, for the log
   */
  listen(channelUrl: URL | undefined, host: string): Listening {
    this.stop();
    this.#host = host;
    const { signal } = (this.#channel = new AbortController());
    const ended = new Promise<ChannelEnd>((resolve) => {
      this.#endChannel = resolve;
    });
    if (!channelUrl) {
      this.#unheard = true;
      return { opened: Promise.resolve(), ended };
    }
    return { opened: this.#openChannel(channelUrl, signal), ended };
  }

  #openChannel(channelUrl: URL, signal: AbortSignal): Promise<void> {
    let open = false;
    return new Promise((resolve, reject) => {
      const listener: ChannelListener = {
        onOpen: () => {
          open = true;
          this.#openedAt = this.#heardAt = this.#clock.now();
          resolve();
        },
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
        if (!open) reject(error);
        else if (!signal.aborted) this.#handleEnd(clean, error.message);
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

  /** Ends the channel without reporting its end. */
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
    this.onEvent.emit(event);
  }

  #handleEnd(clean: boolean, reason: string): void {
    // A clean end comes between two events; a break may have swallowed what the server had already written.
    if (!clean) this.markGap();
    this.#endChannel({ reason, durationMs: this.#clock.now() - this.#openedAt });
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
      `${this.#host}: the event channel brought ${reason}, it is skipped (${this.#malformedLines} so far): ${masked}`,
    );
  }
}
