import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Settings } from '../settings';

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A port that serves, http or https; it can go down and come up again on the same port. */
export class Listener {
  readonly #options: { readonly host: string; readonly tls?: Settings['tls'] };
  #listenPort: number;
  readonly #handler: Handler;
  readonly #sockets = new Set<Socket>();
  #server: http.Server | undefined;

  constructor(
    options: { readonly host: string; readonly tls?: Settings['tls'] },
    listenPort: number,
    handler: Handler,
  ) {
    this.#options = options;
    this.#listenPort = listenPort;
    this.#handler = handler;
  }

  get port(): number {
    return this.#listenPort;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  get isUp(): boolean {
    return this.#server !== undefined;
  }

  /** Listens. @throws the system's error when the port can't be had */
  async up(): Promise<void> {
    if (this.#server) return;
    const { tls, host } = this.#options;
    const server = tls ? https.createServer({ ...tls }, this.#handler) : http.createServer(this.#handler);
    server.keepAliveTimeout = 60_000; // longer than clients keep idle connections: they close first, no request meets a closing one
    server.on('connection', (socket: Socket) => {
      this.#track(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#listenPort, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#listenPort = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Stops listening and resets every connection. */
  async down(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) =>
      server.close(() => {
        resolve();
      }),
    );
    this.resetConnections();
    await closed;
  }

  resetConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Resets the connection of a request; below TLS too, where the request's own socket can't. */
  reset(request: http.IncomingMessage): void {
    for (const socket of this.#sockets)
      if (socket.remotePort === request.socket.remotePort) socket.resetAndDestroy();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined); // a client that went away is no news
  }
}
