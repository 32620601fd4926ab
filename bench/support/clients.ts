/** The ways to send one request that the suites compare: each resolves when its answer has been read. */
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import { HttpTransport } from '../../o2g/transport/http-transport';

export interface Client {
  readonly name: string;
  readonly post: (url: URL, body: string) => Promise<unknown>;
  close(): void;
}

const HEADERS = { Accept: 'application/json', 'Content-Type': 'application/json', Cookie: 'AlcUserId=bench' };

/** The reference: the least that Node.js itself needs. */
export function bareHttp(sockets: number): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: sockets });
  return {
    name: 'bare node:http, keep-alive agent',
    post: (url, body) =>
      new Promise((resolve, reject) => {
        const request = http.request(
          url,
          { method: 'POST', agent, headers: { ...HEADERS, 'Content-Length': Buffer.byteLength(body) } },
          (response) => {
            let text = '';
            response
              .setEncoding('utf8')
              .on('data', (piece: string) => {
                text += piece;
              })
              .once('end', () => {
                resolve(text);
              })
              .once('error', reject);
          },
        );
        request.once('error', reject).end(body);
      }),
    close: () => {
      agent.destroy();
    },
  };
}

export async function bareGot(sockets: number): Promise<Client> {
  const { default: got } = await import('got');
  const agent = new http.Agent({ keepAlive: true, maxSockets: sockets });
  return {
    name: 'bare got, keep-alive agent',
    post: (url, body) => got(url, { method: 'POST', body, headers: HEADERS, agent: { http: agent } }),
    close: () => {
      agent.destroy();
    },
  };
}

export function ours(): Client {
  const transport = new HttpTransport({ timeoutMs: 10_000 });
  const { signal } = new AbortController();
  // All requests under way listen to it, as in a session.
  setMaxListeners(0, signal);
  return {
    name: 'HttpTransport',
    post: (url, body) => transport.request({ method: 'POST', url, body, headers: HEADERS }, signal),
    close: () => {
      transport.close();
    },
  };
}
