/**
 * What answers the suites, in a process of its own: the least of an O2G server. It checks nothing (the simulator does); all it sends is rendered
 * before, so that it is never what is measured. The parent tells it by messages what to stream.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BLOCK, BLOCK_BYTES, bytesOf } from './events';

/** Events for the channel of a name (the login of its session), at full speed unless a pace is given. */
export interface Order {
  readonly to: string;
  readonly events: number;
  /** In writes of 1 to 600 bytes, cut anywhere, else in blocks of 64 KiB. */
  readonly cut: boolean;
  readonly perSecond?: number;
}

const channels = new Map<string, ServerResponse>();
/** Users with a monitored device: a link asks for them. */
const monitored = new Set<string>();
let expected = 0;
let thinkMs = 0;
let base = '';

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request;
  if (url.startsWith('/channel/')) {
    openChannel(url.slice('/channel/'.length), response);
    return;
  }
  let text = '';
  request
    .setEncoding('utf8')
    .on('data', (piece: string) => {
      text += piece;
    })
    .once('end', () => {
      const body = url.endsWith('/monitor') ? monitor(text) : bodyOf(method, url, request);
      const end = (): void => {
        if (body === undefined) response.writeHead(204).end();
        else
          response
            .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
            .end(body);
      };
      if (thinkMs > 0 && url.includes('/iprecord/')) setTimeout(end, thinkMs);
      else end();
    });
}

function openChannel(name: string, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.write('{"eventName":"OnChannelInformation","text":"bench"}\r\n');
  channels.set(name, response);
  process.send?.({ told: 'channel', name });
}

/** Who speaks is told by its cookie, which is its login. */
function bodyOf(method: string, url: string, { headers }: IncomingMessage): string | undefined {
  const login =
    headers.authorization === undefined
      ? (/AlcUserId=([^;]+)/.exec(headers.cookie ?? '')?.[1] ?? '')
      : (Buffer.from(headers.authorization.slice('Basic '.length), 'base64').toString().split(':')[0] ?? '');
  const urls = (path: string): object => ({ publicUrl: base + path, internalUrl: base + path });
  if (url === '/api/rest')
    return JSON.stringify({
      versions: [{ id: '1.0', status: 'CURRENT', ...urls('/api/rest/authenticate?version=1.0') }],
    });
  if (url.startsWith('/api/rest/authenticate'))
    return JSON.stringify({ credential: login, ...urls('/api/rest/1.0/sessions') });
  if (url.endsWith('/sessions') && method !== 'DELETE')
    return JSON.stringify({
      admin: true,
      timeToLive: 1800,
      publicBaseUrl: `${base}/api/rest/1.0`,
      privateBaseUrl: `${base}/api/rest/1.0`,
    });
  if (url.endsWith('/subscriptions') && method === 'POST')
    return JSON.stringify({
      subscriptionId: login,
      status: 'ACCEPTED',
      publicPollingUrl: `${base}/channel/${login}`,
      privatePollingUrl: `${base}/channel/${login}`,
    });
  if (url.endsWith('/link'))
    return method === 'GET'
      ? JSON.stringify({ drLinks: [{ identifier: login }] })
      : JSON.stringify({ registrationId: login, secure: false });
  if (url.includes('/logins')) return JSON.stringify({ loginNames: [...monitored] });
  // A sign of life that a silent channel is asked for.
  if (url.includes('/snapshot'))
    channels
      .get(login)
      ?.write(
        `${JSON.stringify({ eventName: 'OnTelephonyState', loginName: new URL(url, base).searchParams.get('loginName'), state: {} })}\r\n`,
      );
  if (url.endsWith('/record')) return method === 'POST' ? '{}' : undefined;
  return undefined;
}

function monitor(text: string): string {
  const userId = `oxe${(JSON.parse(text) as { deviceNumber: string }).deviceNumber}`;
  monitored.add(userId);
  if (monitored.size === expected) process.send?.({ told: 'monitored' });
  return JSON.stringify({ userId });
}

async function stream({ to, events, cut, perSecond }: Order): Promise<void> {
  const channel = channels.get(to);
  if (!channel) throw new Error(`nobody reads the channel of ${to}`);
  channel.socket?.setNoDelay(true);
  if (perSecond !== undefined) return streamPaced(channel, events, perSecond);
  for (const piece of cut ? cutPieces(events) : wholePieces(events)) {
    if (!channel.write(piece)) await once(channel, 'drain');
  }
}

async function streamPaced(channel: ServerResponse, events: number, perSecond: number): Promise<void> {
  const began = performance.now();
  for (let sent = 0; sent < events;) {
    const due = Math.min(events, Math.floor(((performance.now() - began) / 1000) * perSecond));
    for (; sent < due; sent += 1) channel.write(BLOCK[sent % BLOCK.length] ?? '');
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

function* wholePieces(events: number): Generator<Buffer> {
  const size = 64 * 1024;
  const whole = Math.floor(events / BLOCK.length);
  // Two blocks at once, so that most pieces are of full size.
  const pair = Buffer.concat([BLOCK_BYTES, BLOCK_BYTES]);
  for (let block = 0; block + 1 < whole; block += 2)
    for (let at = 0; at < pair.length; at += size) yield pair.subarray(at, at + size);
  yield bytesOf(events - (whole - (whole % 2)) * BLOCK.length);
}

function* cutPieces(events: number): Generator<Buffer> {
  const block = BLOCK_BYTES;
  const last = bytesOf(events % BLOCK.length);
  let seed = 1;
  for (let left = Math.floor(events / BLOCK.length); left >= 0; left -= 1) {
    const bytes = left === 0 ? last : block;
    let at = 0;
    while (at < bytes.length) {
      seed = (seed * 48271) % 2147483647;
      const end = at + 1 + (seed % 600);
      yield bytes.subarray(at, end);
      at = end;
    }
  }
}

const server = createServer(answer);
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.send?.({ told: 'listening', base });
});
process.on('message', (message: { stream?: Order; thinkMs?: number; monitored?: number }) => {
  thinkMs = message.thinkMs ?? thinkMs;
  expected = message.monitored ?? expected;
  if (expected > 0 && monitored.size >= expected) process.send?.({ told: 'monitored' });
  if (message.stream) void stream(message.stream);
});
process.on('disconnect', () => process.exit());
