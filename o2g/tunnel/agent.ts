/**
 * The other end of the tunnel: connects out to it and forwards to an O2G server over HTTP. O2G has an agent of its own; this one is for servers
 * without, for tests and for demos. A subscription with an identifier is made without it, and its event channel read here.
 */
import { setMaxListeners } from 'node:events';
import { WebSocket, type RawData } from 'ws';
import { chooseChannelUrl, backOffMs } from '../session';
import { asO2GError } from '../spec';
import { HttpTransport, type TlsOptions, type Answer, type Call } from '../transport';
import type { Log } from '../util';
import {
  LARGEST_MESSAGE,
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
  readonly log: Log;
}

/** A subscription whose channel is read. */
interface Followed {
  readonly identifier: string;
  readonly channelUrl: URL;
  readonly end: AbortController;
}

const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'DELETE'];
/** Of the connection between two neighbours, or set anew for the next one. */
const NOT_FORWARDED = new Set([
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
  readonly #followed = new Map<string, Followed>();
  #socket: WebSocket | undefined;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  readonly #life = new AbortController();

  constructor(options: AgentOptions) {
    this.#options = options;
    // All requests under way listen to it.
    setMaxListeners(0, this.#life.signal);
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
      maxPayload: LARGEST_MESSAGE,
    });
    this.#socket = socket;
    let reason = '';
    socket.on('open', () => {
      log.info(`connected to the tunnel at ${tunnel.host}`);
      this.#failures = 0;
    });
    socket.on('message', (data) => {
      void this.#hear(socket, data);
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', (code, words) => {
      this.#lost(reason || `${code} ${words.toString('utf8')}`.trim());
    });
  }

  close(): void {
    this.#life.abort();
    clearTimeout(this.#retry);
    for (const { end } of this.#followed.values()) end.abort();
    this.#socket?.close();
    this.#transport.close();
  }

  #lost(reason: string): void {
    // What is read now could not be handed on. Whoever is at the other end subscribes anew.
    for (const { end } of this.#followed.values()) end.abort();
    this.#followed.clear();
    if (this.#life.signal.aborted) return;
    if (this.#failures === 0) this.#options.log.warn(`no tunnel: ${reason}; it is tried again`);
    this.#failures += 1;
    this.#retry = setTimeout(
      () => {
        this.start();
      },
      backOffMs(this.#failures, Math.random()),
    );
  }

  async #hear(socket: WebSocket, data: RawData): Promise<void> {
    const { format, log } = this.#options;
    // Texts come as one Buffer: ws makes other things of binary messages only when it is told to.
    const request = readRequest(format, (data as Buffer).toString('utf8'));
    if (!request) {
      log.warn('the tunnel sent something that is no request; it is left out');
      return;
    }
    const { status, headers, body } = await this.#forward(request);
    const kept = Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] => entry[1] !== undefined && !NOT_FORWARDED.has(entry[0]),
    );
    socket.send(
      writeResponse(format, { id: request.id, status, headers: Object.fromEntries(kept), body }),
      () => undefined,
    );
  }

  async #forward(request: TunnelRequest): Promise<Answer> {
    const { o2g, log } = this.#options;
    const { method, path, headers, body } = request;
    const url = new URL(o2g.origin + path);
    if (!METHODS.includes(method) || url.origin !== o2g.origin)
      return problem(400, `${method} ${path} can't be forwarded`);
    const identifier = this.#identifierOf(method, url);
    try {
      const answer = await this.#transport.request(
        {
          method: method as Call['method'],
          url,
          headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_FORWARDED.has(name))),
          ...(body === '' ? {} : { body }),
        },
        this.#life.signal,
      );
      if (identifier !== undefined) this.#subscribed(identifier, answer);
      if (method === 'DELETE' && answer.status < 300) this.#unsubscribed(url);
      return answer;
    } catch (error) {
      const { code, message } = asO2GError(error);
      log.warn(message);
      return problem(code === 'TIMEOUT' ? 504 : 502, message);
    }
  }

  /** Takes the identifier of a subscription out of its request: an O2G server without an agent knows none. */
  #identifierOf(method: string, url: URL): string | undefined {
    if (method !== 'POST' || !url.pathname.endsWith('/subscriptions')) return undefined;
    const identifier = url.searchParams.get(this.#options.format.subscriptionQuery);
    url.searchParams.delete(this.#options.format.subscriptionQuery);
    return identifier ?? undefined;
  }

  #subscribed(identifier: string, { status, body }: Answer): void {
    if (status !== 200) return;
    const answer = JSON.parse(body) as {
      subscriptionId?: string;
      privatePollingUrl?: string;
      publicPollingUrl?: string;
    };
    if (answer.subscriptionId === undefined) return;
    const channelUrl = chooseChannelUrl(
      this.#options.o2g,
      'typed',
      { private: answer.privatePollingUrl, public: answer.publicPollingUrl },
      this.#options.eventPort,
    );
    const followed: Followed = { identifier, channelUrl, end: new AbortController() };
    this.#followed.set(answer.subscriptionId, followed);
    void this.#follow(followed);
  }

  #unsubscribed(url: URL): void {
    const id = /\/subscriptions\/([^/]+)$/.exec(url.pathname)?.[1];
    if (id === undefined) return;
    this.#followed.get(decodeURIComponent(id))?.end.abort();
    this.#followed.delete(decodeURIComponent(id));
  }

  /** Reads the channel of a subscription into the tunnel for as long as there is one; opened again when it ends, until it is refused. */
  async #follow(followed: Followed): Promise<void> {
    const { format, log } = this.#options;
    const { signal } = followed.end;
    for (let failures = 0; !signal.aborted;) {
      const life = { opened: false };
      const error = await this.#transport
        .channel(
          followed.channelUrl,
          {
            onOpen: () => {
              life.opened = true;
            },
            onHeard: () => undefined,
            onEvent: (event) => {
              this.#socket?.send(
                writeEvent(format, { subscription: followed.identifier, event }),
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
        this.#forget(followed);
        return;
      }
      failures = life.opened ? 0 : failures + 1;
      await new Promise((resolve) => {
        setTimeout(resolve, backOffMs(failures, Math.random()));
      });
    }
  }

  /** The server knows the subscription no more. */
  #forget(followed: Followed): void {
    for (const [id, each] of this.#followed) if (each === followed) this.#followed.delete(id);
  }
}

function problem(status: number, message: string): Answer {
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
