/**
 * The one way out: everything that the library sends or reads goes through these two methods. There are two of them: HTTP (`http-transport.ts`), and the
 * tunnel of an agent that connects to us (`tunnel-transport.ts`).
 */
import type { EventLineListener } from './event-line-parser';

/** One request, complete: nothing is added to it on the way. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Decoded as UTF-8; empty when there was none. */
  readonly body: string;
}

export interface ChannelListener extends EventLineListener {
  /** Events are on their way. */
  onOpen(): void;
  /** Something came, be it only a blank line: the channel is alive. */
  onData(): void;
}

export interface Transport {
  /**
   * Settles with every HTTP answer, 4xx and 5xx too; redirects are not followed.
   * @throws O2GError `TIMEOUT`, `NOT_CONNECTED` (cause: the system's code), `SERVER_PROBLEM` for an answer that is too long or compressed, or
   *   `CLOSED`; nothing else
   */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /**
   * Reads the event channel to its end: resolves at its clean end, rejects when it breaks. Both mean: open it again.
   * @throws O2GError `NOT_READY` when the server answers 429 or 5xx, `REFUSED` for anything else than 2xx, `TIMEOUT`, `NOT_CONNECTED`, `CLOSED`
   */
  readChannel(url: URL, listener: ChannelListener, signal: AbortSignal): Promise<void>;
  /**
   * Begins another subscription: what its request carries as query, such as `id=…`, when its events come without a channel of their own.
   * Undefined over HTTP, where `POST /subscriptions` has no query and its answer names the channel.
   */
  createSubscriptionQuery(): string | undefined;
  /** Closes the connections that are kept alive. */
  close(): void;
}
