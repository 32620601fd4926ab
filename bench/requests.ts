/** Our transport against bare got with a keep-alive agent, eight requests under way at a time. */
import { createServer, Agent } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { forEachBounded } from '../o2g/gate';
import { HttpTransport } from '../o2g/http';
import { measure, report } from './measure';

const AT_A_TIME = 8;
const ANSWER = JSON.stringify({ userId: 'oxe70120' });
const BODY = JSON.stringify({ deviceNumber: '70120' });
const HEADERS = { 'Content-Type': 'application/json', Cookie: 'AlcUserId=token' };

export async function requests(tiny: boolean): Promise<void> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.setHeader('Content-Type', 'application/json').end(ANSWER));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/rest/1.0/iprecord/7/link/1/monitor`);
  const items = Array.from({ length: tiny ? 50 : 3000 }, (_, index) => index);
  const { default: got } = await import('got');
  const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });
  const transport = new HttpTransport({ timeoutMs: 10_000 });
  const { signal } = new AbortController();
  report('requests', 'request', await measure([
    {
      name: 'bare got, keep-alive agent',
      run: async () => { await forEachBounded(items, AT_A_TIME, () => got(url, { method: 'POST', body: BODY, headers: HEADERS, agent: { http: agent } })); },
    },
    {
      name: 'HttpTransport',
      run: async () => { await forEachBounded(items, AT_A_TIME, () => transport.request({ method: 'POST', url, body: BODY, headers: HEADERS }, signal)); },
    },
  ], items.length, tiny ? 1 : 7));
  transport.close();
  agent.destroy();
  server.close();
}
