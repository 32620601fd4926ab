/**
 * The transport over HTTP and HTTPS: got for REST, node:http for the endless channel.
 */
import http from 'node:http';
import https from 'node:https';
import type { BeforeRequestHook, Got, RequestFunction } from 'got';
import { EventLineParser } from './event-line-parser';
import { asO2GError, O2GError } from '../spec';
import { ConcurrencyLimiter } from '../util';
import type { HttpResponse, HttpRequest, ChannelListener, Transport } from './transport';

/** What `tls.connect` takes: `ca`, `cert`, `key`, `passphrase`, `rejectUnauthorized`, `servername` … Serves REST and the channel. */
export type TlsOptions = https.AgentOptions;

export interface HttpTransportOptions {
  /** Milliseconds a request may take, connection included. The channel has it only until the server answers. */
  readonly timeoutMs: number;
  readonly tls?: TlsOptions;
}

/** The knee of the curve with a server that takes 5 ms a request, or more: more connections gain nothing, fewer cost time. */
const MAX_CONNECTIONS = 32;
/** So many stay open when nothing is asked. */
const MAX_IDLE_CONNECTIONS = 16;
/** More than any O2G server answers (15,000 devices on a link are 3 MB): who sends more would fill the memory. */
const MAX_RESPONSE_CHARS = 32 * 1024 * 1024;
/** Silence on the channel after which the system asks the other side for a sign of life. */
const CHANNEL_TCP_KEEPALIVE_MS = 15_000;
/**
 * After so many bytes, some twenty events, the channel lets the loop turn: a command passes the loop five times from a flow's message to its answer,
 * and would wait as often behind a burst of events. Half as many bytes cost more than the wait is worth …
 */
const CHANNEL_READ_BYTES = 16 * 1024;
/** … but for as long as somebody waits for an answer. */
const BUSY_CHANNEL_READ_BYTES = 4 * 1024;

export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #agents: { http: http.Agent; https: https.Agent };
  readonly #limiter = new ConcurrencyLimiter(MAX_CONNECTIONS);
  #client: Promise<Got> | undefined;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    const agentOptions = {
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
    };
    this.#agents = {
      http: new http.Agent(agentOptions),
      https: new https.Agent({ ...options.tls, ...agentOptions }),
    };
  }

  /** The gate is in front of got, so that waiting for a free connection doesn't count as the server's time. */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return this.#limiter.run(() => this.#request(request, signal));
  }

  /**
   * By got's stream, which costs a tenth less than its promise; with a timer of ours instead of got's own, which listen at every stage of a
   * request, another tenth is saved.
   */
  async #request({ method, url, headers, body }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const client = await (this.#client ??= this.#loadGot());
    if (signal.aborted) throw this.#toError(undefined, url, signal);
    return new Promise((resolve, reject) => {
      const stream = client.stream(url, { method, headers, ...(body === undefined ? {} : { body }) });
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const fail = (error: unknown): void => {
        settle();
        reject(this.#toError(error, url, signal));
        stream.destroy();
      };
      const abort = (): void => {
        fail(undefined);
      };
      const timer = setTimeout(() => {
        fail(
          new O2GError('TIMEOUT', `${url.host} did not answer within ${this.#options.timeoutMs / 1000} s`),
        );
      }, this.#options.timeoutMs);
      signal.addEventListener('abort', abort);
      let text = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_RESPONSE_CHARS)
          fail(
            new O2GError(
              'SERVER_PROBLEM',
              `${url.host} sent an answer of more than ${MAX_RESPONSE_CHARS / 1024 / 1024} MiB: it was not read (is that address an O2G server?)`,
            ),
          );
      });
      stream.once('end', () => {
        settle();
        const { statusCode = 0, headers: answered = {} } = stream.response ?? {};
        const { 'content-encoding': contentEncoding = 'identity' } = answered;
        // One that is compressed was not asked for, and a small one may unfold to more than the memory holds.
        if (contentEncoding === 'identity') resolve({ status: statusCode, headers: answered, body: text });
        else
          reject(
            new O2GError(
              'SERVER_PROBLEM',
              `${url.host} sent an answer compressed (${contentEncoding.slice(0, 20)}), which was not asked for: it was not read`,
            ),
          );
      });
      // Not once: what a destroyed stream still says is nobody's error.
      stream.on('error', fail);
      if (body === undefined && method !== 'GET') stream.end();
    });
  }

  readChannel(url: URL, listener: ChannelListener, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(this.#toError(error, url, signal));
      };
      // A connection of its own: the channel occupies it for hours and must not take one from the requests.
      const { request } = url.protocol === 'https:' ? https : http;
      const outgoing = request(url, {
        ...this.#options.tls,
        method: 'POST',
        agent: false,
        headers: { Accept: '*/*', 'Content-Length': 0 },
        signal,
      });
      // A half-open connection that the watchdog has nothing to ask on ends, if late, by TCP itself.
      outgoing.once('socket', (socket) => {
        socket.setKeepAlive(true, CHANNEL_TCP_KEEPALIVE_MS);
      });
      const answered = setTimeout(() => {
        outgoing.destroy(
          new O2GError(
            'TIMEOUT',
            `${url.host} took the event channel's connection but did not answer within ${this.#options.timeoutMs / 1000} s`,
          ),
        );
      }, this.#options.timeoutMs);
      outgoing.once('close', () => {
        clearTimeout(answered);
      });
      outgoing.on('error', fail);
      outgoing.once('response', (response) => {
        clearTimeout(answered);
        const status = response.statusCode ?? 0;
        if (status < 200 || status > 299) {
          outgoing.destroy();
          // 5xx and 429 say nothing of the subscription: it, and what is queued for it, may well be there in a moment.
          const code = status >= 500 || status === 429 ? 'NOT_READY' : 'REFUSED';
          return reject(new O2GError(code, `the event channel was refused with HTTP status ${status}`));
        }
        response.on('error', fail);
        response.once('end', resolve);
        response.once('close', () => {
          fail(new O2GError('NOT_CONNECTED', 'the event channel broke'));
        });
        listener.onOpen();
        readInSlices(response, listener, () =>
          this.#limiter.hasRunningTasks ? BUSY_CHANNEL_READ_BYTES : CHANNEL_READ_BYTES,
        );
      });
      outgoing.end();
    });
  }

  createSubscriptionQuery(): undefined {
    return undefined;
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /**
   * got is an ES module: only import() loads it on every Node.js that Node-RED runs on, and got 16 has the default export alone.
   * It costs 0.2 s, so not before it is needed.
   */
  async #loadGot(): Promise<Got> {
    const { default: got } = await import('got');
    return got.extend({
      agent: this.#agents,
      request: minimalRequest,
      hooks: { beforeRequest: [minimalOptions] },
      throwHttpErrors: false,
      followRedirect: false,
      decompress: false,
      retry: { limit: 0 },
    });
  }

  #toError(error: unknown, url: URL, signal: AbortSignal): O2GError {
    if (signal.aborted)
      return new O2GError('CLOSED', 'the connection to O2G was closed before the answer came');
    if (error instanceof O2GError) return error;
    const known = asO2GError(error);
    const code = known.cause && 'code' in known.cause ? String(known.cause.code) : '';
    return new O2GError(
      'NOT_CONNECTED',
      `${url.host} can't be reached: ${describeError(code, url)}`,
      known.cause,
    );
  }
}

/**
 * By itself got hands thirty options to Node.js, which are copied several times on their way to the socket, and an address to be taken apart: these
 * are all that O2G needs. What concerns TLS is the agent's.
 */
const minimalRequest: RequestFunction = (
  { protocol, hostname, port, pathname, search },
  { method, headers, agent },
) =>
  (protocol === 'https:' ? https : http).request({
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    path: pathname + search,
    method,
    headers,
    agent,
  });

/**
 * got would put its thirty options together by a spread of two objects, which costs 75 µs on Node.js 20, a tenth of a request; on 22 and later
 * next to nothing. Nobody but `leanRequest` reads them.
 */
const minimalOptions: BeforeRequestHook = (options) => {
  const { method, headers, agent, url } = options;
  const native = { method, headers, agent: url?.protocol === 'https:' ? agent.https : agent.http };
  Object.assign(options, { createNativeRequestOptions: () => native });
};

/** Hands the bytes on and lets the loop turn by a budget of bytes: yielding after every read would cost a sixth of the throughput. */
function readInSlices(response: http.IncomingMessage, listener: ChannelListener, budget: () => number): void {
  const parser = new EventLineParser(listener);
  let remaining = budget();
  const read = (bytes: Buffer): void => {
    parser.push(bytes.subarray(0, remaining));
    const rest = bytes.subarray(remaining);
    remaining -= bytes.length;
    if (remaining > 0) {
      response.resume();
      return;
    }
    remaining = budget();
    response.pause();
    setImmediate(read, rest);
  };
  response.on('data', (bytes: Buffer) => {
    listener.onData();
    read(bytes);
  });
}

const ERROR_DESCRIPTIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (is O2G running, is the port right?)',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'the name is unknown to DNS',
  EAI_AGAIN: 'DNS does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the connection timed out',
  EPROTO: 'the port does not speak TLS (http instead of https?)',
  HPE_INVALID_CONSTANT: 'the port does not speak HTTP (https instead of http?)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: add it as CA in the TLS configuration',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate chain ends in a private CA: add it in the TLS configuration',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is not trusted: add its CA in the TLS configuration',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is not trusted: add its CA in the TLS configuration',
};

function describeError(code: string, url: URL): string {
  const description =
    ERROR_DESCRIPTIONS[code] ??
    (code.startsWith('ERR_SSL') ? 'the port does not speak TLS (http instead of https?)' : `error ${code}`);
  return code === 'ECONNRESET' && url.protocol === 'http:'
    ? `${description} (https instead of http?)`
    : description;
}
