/**
 * Where agents knock: checks their token and hands each to the tunnel that it is for. It sits on a server that is there, or on a port of its own.
 */
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type * as ws from 'ws';
import { systemClock, TokenRegistry, type Clock, type Logger } from '../util';
import type { TlsOptions } from '../transport';
import type { TunnelTransport } from './tunnel-transport';
import { MAX_MESSAGE_BYTES } from './message-format';

/** Refusals are told at most so often: whoever knocks with a wrong token may do so every second. */
const REFUSAL_LOG_INTERVAL_MS = 60_000;

export class AgentListener {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #tunnels = new TokenRegistry<TunnelTransport>();
  readonly #webSocketServer = createWebSocketServer();
  #unloggedRefusals = 0;
  #refusalLoggedAt = -Infinity;
  #server: http.Server | undefined;

  constructor(log: Logger, clock: Clock = systemClock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** How many tunnels wait for their agent, or have one. */
  get size(): number {
    return this.#tunnels.size;
  }

  /** Lets the agent with this token into a tunnel. @returns takes the tunnel off again */
  register(token: string, tunnel: TunnelTransport): () => void {
    return this.#tunnels.add(token, tunnel);
  }

  /** Answers an HTTP upgrade that was meant for the door. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A peer that is gone before it is answered is nobody's error.
    socket.on('error', () => {
      socket.destroy();
    });
    const tunnel = this.#tunnels.find(tokenOf(request));
    const remoteAddress = request.socket.remoteAddress ?? 'an unknown address';
    if (!tunnel) return this.#refuse(socket, remoteAddress);
    this.#webSocketServer.handleUpgrade(request, socket, head, (agent) => {
      tunnel.accept(agent, remoteAddress);
    });
  }

  /**
   * Opens a port of its own, in TLS when a key and a certificate are given.
   * @param port 1 to 65535, 0 for any
   * @returns the port
   * @throws the system's error, `EADDRINUSE` above all
   */
  async listen(port: number, tls: TlsOptions): Promise<number> {
    const upgradeRequired: http.RequestListener = (_request, response) => {
      response.writeHead(426, { Upgrade: 'websocket' }).end();
    };
    const { key, cert, passphrase } = tls;
    const server =
      key && cert
        ? https.createServer(
            { key, cert, ...(passphrase === undefined ? {} : { passphrase }) },
            upgradeRequired,
          )
        : http.createServer(upgradeRequired);
    server.on('upgrade', (request, socket, head) => {
      this.handleUpgrade(request, socket, head);
    });
    this.#server = server;
    server.listen(port);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** Frees the port; agents that are connected stay, their tunnels close them. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  #refuse(socket: Duplex, remoteAddress: string): void {
    this.#unloggedRefusals += 1;
    if (this.#clock.now() - this.#refusalLoggedAt >= REFUSAL_LOG_INTERVAL_MS) {
      this.#refusalLoggedAt = this.#clock.now();
      this.#log.warn(
        `tunnel: an agent at ${remoteAddress} without the right token was refused${this.#unloggedRefusals > 1 ? ` (${this.#unloggedRefusals} since the last such line)` : ''}`,
      );
      this.#unloggedRefusals = 0;
    }
    socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  }
}

/** ws is loaded for the first door: it is a fifth of what the palette would load at the start, and few have a tunnel. */
function createWebSocketServer(): ws.WebSocketServer {
  const { WebSocketServer } = createRequire(__filename)('ws') as typeof ws;
  return new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
}

/** In the header `Authorization: Bearer …`, or in the query as `token`, for agents that can only be given an address. */
function tokenOf({ headers, url = '' }: IncomingMessage): string {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  return bearer ?? new URLSearchParams(url.split('?')[1] ?? '').get('token') ?? '';
}
