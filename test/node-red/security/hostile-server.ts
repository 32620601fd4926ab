import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** What a request of a test's own making is answered with. */
export type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
}

const LINE_END = '\r\n';

/**
 * A server that answers just well enough to be taken for O2G, so that a test can answer one thing as badly as it likes. The simulator is no help in
 * this: it can't be made to speak HTTP that O2G never would.
 */
export class HostileServer {
  readonly received: Received[] = [];
  /** Where the URLs in its answers lead; undefined: to itself. */
  elsewhere: string | undefined;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  readonly #replies: { readonly path: RegExp; readonly reply: Reply }[] = [];
  readonly #waiting = new Set<() => void>();
  #channel: ServerResponse | undefined;
  #scheme: 'http' | 'https';

  private constructor(tls: { key: string; cert: string } | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response);
    };
    this.#scheme = tls ? 'https' : 'http';
    this.#server = tls ? https.createServer(tls, answer) : http.createServer(answer);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // the client went away, as it should
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(tls?: { key: string; cert: string }): Promise<HostileServer> {
    const hostile = new HostileServer(tls);
    await hostile.#listen(0, '127.0.0.1');
    return hostile;
  }

  /** A server on another host, on the same port: whoever mixes them up speaks to it. */
  async stranger(): Promise<HostileServer> {
    const stranger = new HostileServer(undefined);
    await stranger.#listen((this.#server.address() as AddressInfo).port, '127.0.0.2');
    return stranger;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${this.#scheme}://${address}:${port}`;
  }

  /** The next request whose path matches gets this reply; several queue. */
  next(path: RegExp, reply: Reply): void {
    this.#replies.push({ path, reply });
  }

  /** All replies given to `next` have been used. */
  async used(): Promise<void> {
    await this.#until(() => this.#replies.length === 0, 'its replies to be used');
  }

  /** Writes into the event channel, once one is open. Resolves when the socket has taken it. */
  async write(bytes: Buffer | string): Promise<void> {
    await this.#until(() => this.#channel !== undefined, 'the event channel');
    await taken(this.#channel, bytes);
  }

  /** Writes an event. */
  event(event: object): Promise<void> {
    return this.write(JSON.stringify(event) + LINE_END);
  }

  /** Breaks the event channel off. */
  breakChannel(): void {
    this.#channel?.destroy();
    this.#channel = undefined;
  }

  /** Says once that it doesn't know the session. */
  forgetSession(): void {
    this.next(
      /\/system\/status/,
      json({ httpStatus: 'FORBIDDEN', code: 1001, type: 'INVALID_SESSION' }, 403),
    );
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #listen(port: number, host: string): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!isSo()) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const go = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(go);
          resolve();
        };
        const timer = setTimeout(go, 1000);
        this.#waiting.add(go);
      });
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    response.on('error', () => undefined); // the client went away, as it should
    const path = request.url ?? '';
    this.received.push({ method: request.method ?? '', path, headers: request.headers });
    const index = this.#replies.findIndex((each) => each.path.test(path));
    const [own] = index < 0 ? [] : this.#replies.splice(index, 1);
    if (own) own.reply(request, response);
    else if (path.startsWith('/OTEvents')) this.#open(response);
    else this.#well(`${request.method ?? ''} ${path}`)(request, response);
    for (const go of this.#waiting) go();
  }

  #open(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write(`{"eventName":"OnChannelInformation","text":"Chunk started"}${LINE_END}`);
    this.#channel = response;
    response.once('close', () => {
      if (this.#channel === response) this.#channel = undefined;
    });
  }

  /** What a server in good health answers. */
  #well(request: string): Reply {
    const origin = this.elsewhere ?? this.url;
    const both = (path: string): object => ({ publicUrl: origin + path, internalUrl: origin + path });
    if (request === 'GET /api/rest')
      return json({
        versions: [{ id: '1.0', status: 'CURRENT', ...both('/api/rest/authenticate?version=1.0') }],
      });
    if (request.includes('/authenticate'))
      return json({ credential: COOKIE, ...both('/api/rest/1.0/sessions') }, 200, {
        'Set-Cookie': `AlcUserId=${COOKIE}; Path=/`,
      });
    if (request === 'POST /api/rest/1.0/sessions')
      return json({
        admin: true,
        timeToLive: 1800,
        publicBaseUrl: `${origin}/api/rest/1.0`,
        privateBaseUrl: `${origin}/api/rest/1.0`,
        services: [],
      });
    if (request === 'POST /api/rest/1.0/subscriptions') {
      const channel = `${origin}/OTEvents?subscriptionId=${SUBSCRIPTION}`;
      return json({
        subscriptionId: SUBSCRIPTION,
        publicPollingUrl: channel,
        privatePollingUrl: channel,
        status: 'ACCEPTED',
      });
    }
    if (request.startsWith('POST /api/rest/1.0/iprecord/7/link/')) return json({ userId: 'oxe70000' });
    if (request.startsWith('POST /api/rest/1.0/iprecord/7/link'))
      return json({ registrationId: 'registration-1', secure: false });
    if (request === 'GET /api/rest/1.0/iprecord/7/link')
      return json({ drLinks: [{ identifier: 'registration-1', nbRecordedDevices: 0 }] });
    if (request.includes('/logins')) return json({ loginNames: ['oxe70000'] });
    if (request.includes('/system/status')) return json({ configurationType: 'RECORDING', pbxs: [] });
    return (_, response) => {
      response.writeHead(204).end();
    };
  }
}

/** Secrets that the server gives and no one else must see. */
export const COOKIE = 'cookie-of-the-session-which-is-a-secret';
export const SUBSCRIPTION = 'subscription-id-which-is-a-secret';

export function json(value: unknown, status = 200, headers: http.OutgoingHttpHeaders = {}): Reply {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
}

export function text(body: string | Buffer, headers: http.OutgoingHttpHeaders = {}): Reply {
  return (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(body);
  };
}

export function redirect(status: number, location: string): Reply {
  return (_, response) => {
    response.writeHead(status, { Location: location }).end();
  };
}

/** An answer of so many MiB, written as fast as it is taken. */
export function megabytes(count: number, headers: http.OutgoingHttpHeaders = {}): Reply {
  return (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', ...headers });
    void flood(response, count).then(() => response.end());
  };
}

/** An answer that comes a byte at a time and never ends. */
export const dripping: Reply = (_, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 50);
  response.once('close', () => clearInterval(timer));
};

const MEGABYTE = Buffer.alloc(1024 * 1024, 'x');

async function flood(response: ServerResponse, count: number): Promise<void> {
  for (let sent = 0; sent < count && !response.destroyed; sent += 1) {
    await taken(response, MEGABYTE);
  }
}

/** Resolves when the socket has taken the bytes, or is gone. */
function taken(response: ServerResponse | undefined, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    if (response)
      response.write(bytes, () => {
        resolve();
      });
    else resolve();
  });
}
