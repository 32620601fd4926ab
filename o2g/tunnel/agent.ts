/**
 * The other end of the tunnel: connects out to it and forwards to an O2G server over HTTP. O2G has an agent of its own; this one is for servers
 * without, for tests and for demos. A subscription with an identifier is made without it, and its event channel read here.
 */
import { setMaxListeners } from 'node:events';
import { WebSocket, type RawData } from 'ws';
import { chooseChannelUrl, backOffMs } from '../session';
import { asO2GError } from '../spec';
import { HttpTransport, type TlsOptions, type HttpResponse, type HttpRequest } from '../transport';
import type { Logger } from '../util';
import {
  MAX_MESSAGE_BYTES,
  readRequest,
  writeEvent,
  writeResponse,
  type TunnelFormat,
  type TunnelRequest,
} from './message-format';

export interface AgentOptions {
  /** `wss://…` or `ws://…`: where the tunnel is. */
  readonly tunnel: URL;
  /** Shown to the tunnel. A secret. */
  readonly token: string;
  /** Origin of the O2G server. */
  readonly o2g: URL;
  /** Port of its event channel; undefined: the one that it names. */
  readonly eventPort?: number;
  readonly format: TunnelFormat;
  readonly timeoutMs: number;
  /** For the tunnel and for O2G. */
  readonly tls?: TlsOptions;
  readonly log: Logger;
}

/** A subscription whose channel is read. */
interface FollowedSubscription {
  readonly identifier: string;
  readonly channelUrl: URL;
  readonly abortController: AbortController;
}

const FORWARDED_METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'DELETE'];
/** Of the connection between two neighbours, or set anew for the next one. */
const UNFORWARDED_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
  'accept-encoding',
]);

export class Agent {
  readonly #options: AgentOptions;
  readonly #transport: HttpTransport;
  /** Subscriptions by their id at the server. */
  readonly #subscriptions = new Map<string, FollowedSubscription>();
  #socket: WebSocket | undefined;
  #failures = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #closeController = new AbortController();

  constructor(options: AgentOptions) {
    this.#options = options;
    // All requests under way listen to it.
    setMaxListeners(0, this.#closeController.signal);
    this.#transport = new HttpTransport({
      timeoutMs: options.timeoutMs,
      ...(options.tls ? { tls: options.tls } : {}),
    });
  }

  /** Connects, and again after every loss, until `close`. */
  start(): void {
    const { tunnel, token, tls, log } = this.#options;
    const socket = new WebSocket(tunnel, {
      ...tls,
      headers: { Authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    });
    this.#socket = socket;
    let reason = '';
    socket.on('open', () => {
      log.info(`connected to the tunnel at ${tunnel.host}`);
      this.#failures = 0;
    });
    socket.on('message', (data) => {
      void this.#handleMessage(socket, data);
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', (code, closeText) => {
      this.#handleDisconnect(reason || `${code} ${closeText.toString('utf8')}`.trim());
    });
  }

  close(): void {
    this.#closeController.abort();
    clearTimeout(this.#retryTimer);
    for (const { abortController: end } of this.#subscriptions.values()) end.abort();
    this.#socket?.close();
    this.#transport.close();
  }

  #handleDisconnect(reason: string): void {
    // What is read now could not be handed on. Whoever is at the other end subscribes anew.
    for (const { abortController: end } of this.#subscriptions.values()) end.abort();
    this.#subscriptions.clear();
    if (this.#closeController.signal.aborted) return;
    if (this.#failures === 0) this.#options.log.warn(`no tunnel: ${reason}; it is tried again`);
    this.#failures += 1;
    this.#retryTimer = setTimeout(
      () => {
        this.start();
      },
      backOffMs(this.#failures, Math.random()),
    );
  }

  async #handleMessage(socket: WebSocket, data: RawData): Promise<void> {
    const { format, log } = this.#options;
    // Texts come as one Buffer: ws makes other things of binary messages only when it is told to.
    const request = readRequest(format, (data as Buffer).toString('utf8'));
    if (!request) {
      log.warn('the tunnel sent something that is no request; it is left out');
      return;
    }
    const { status, headers, body } = await this.#forward(request);
    const forwardedHeaders = Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !UNFORWARDED_HEADERS.has(entry[0]),
    );
    socket.send(
      writeResponse(format, { id: request.id, status, headers: Object.fromEntries(forwardedHeaders), body }),
      () => undefined,
    );
  }

  async #forward(request: TunnelRequest): Promise<HttpResponse> {
    const { o2g, log } = this.#options;
    const { method, path, headers, body } = request;
    const url = new URL(o2g.origin + path);
    if (!FORWARDED_METHODS.includes(method) || url.origin !== o2g.origin)
      return errorResponse(400, `${method} ${path} can't be forwarded`);
    const identifier = this.#identifierOf(method, url);
    try {
      const response = await this.#transport.request(
        {
          method: method as HttpRequest['method'],
          url,
          headers: Object.fromEntries(
            Object.entries(headers).filter(([name]) => !UNFORWARDED_HEADERS.has(name)),
          ),
          ...(body === '' ? {} : { body }),
        },
        this.#closeController.signal,
      );
      if (identifier !== undefined) this.#addSubscription(identifier, response);
      if (method === 'DELETE' && response.status < 300) this.#removeSubscription(url);
      return response;
    } catch (error) {
      const { code, message } = asO2GError(error);
      log.warn(message);
      return errorResponse(code === 'TIMEOUT' ? 504 : 502, message);
    }
  }

  /** Takes the identifier of a subscription out of its request: an O2G server without an agent knows none. */
  #identifierOf(method: string, url: URL): string | undefined {
    if (method !== 'POST' || !url.pathname.endsWith('/subscriptions')) return undefined;
    const identifier = url.searchParams.get(this.#options.format.subscriptionQuery);
    url.searchParams.delete(this.#options.format.subscriptionQuery);
    return identifier ?? undefined;
  }

  #addSubscription(identifier: string, { status, body }: HttpResponse): void {
    if (status !== 200) return;
    const response = JSON.parse(body) as {
      subscriptionId?: string;
      privatePollingUrl?: string;
      publicPollingUrl?: string;
    };
    if (response.subscriptionId === undefined) return;
    const channelUrl = chooseChannelUrl(
      this.#options.o2g,
      'typed',
      { private: response.privatePollingUrl, public: response.publicPollingUrl },
      this.#options.eventPort,
    );
    const subscription: FollowedSubscription = {
      identifier,
      channelUrl,
      abortController: new AbortController(),
    };
    this.#subscriptions.set(response.subscriptionId, subscription);
    void this.#forwardEvents(subscription);
  }

  #removeSubscription(url: URL): void {
    const id = /\/subscriptions\/([^/]+)$/.exec(url.pathname)?.[1];
    if (id === undefined) return;
    this.#subscriptions.get(decodeURIComponent(id))?.abortController.abort();
    this.#subscriptions.delete(decodeURIComponent(id));
  }

  /** Reads the channel of a subscription into the tunnel for as long as there is one; opened again when it ends, until it is refused. */
  async #forwardEvents(subscription: FollowedSubscription): Promise<void> {
    const { format, log } = this.#options;
    const { signal } = subscription.abortController;
    for (let failures = 0; !signal.aborted;) {
      const channelState = { opened: false };
      const error = await this.#transport
        .readChannel(
          subscription.channelUrl,
          {
            onOpen: () => {
              channelState.opened = true;
            },
            onData: () => undefined,
            onEvent: (event) => {
              this.#socket?.send(
                writeEvent(format, { subscription: subscription.identifier, event }),
                () => undefined,
              );
            },
            onMalformed: (reason) => {
              log.warn(`the event channel brought ${reason}, it is skipped`);
            },
          },
          signal,
        )
        .then(() => undefined, asO2GError);
      if (error?.code === 'REFUSED') {
        this.#dropSubscription(subscription);
        return;
      }
      failures = channelState.opened ? 0 : failures + 1;
      await new Promise((resolve) => {
        setTimeout(resolve, backOffMs(failures, Math.random()));
      });
    }
  }

  /** The server knows the subscription no more. */
  #dropSubscription(subscription: FollowedSubscription): void {
    for (const [id, each] of this.#subscriptions) if (each === subscription) this.#subscriptions.delete(id);
  }
}

function errorResponse(status: number, message: string): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      httpStatus: status === 400 ? 'BAD_REQUEST' : 'BAD_GATEWAY',
      helpMessage: message,
      innerMessage: '',
    }),
  };
}
