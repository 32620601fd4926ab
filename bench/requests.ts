/** Many requests at once, as when thousands of devices are monitored at the start: our transport against bare node:http and bare got. */
import { mapConcurrently } from '../o2g/util/concurrency';
import { measure, timed, type Part } from './measure';
import { bareGot, bareHttp, ours } from './support/clients';
import { LoadServer } from './support/load';

const BODY = JSON.stringify({ deviceNumber: '70000' });

export async function requests(tiny: boolean): Promise<Part[]> {
  const rounds = tiny ? 1 : 5;
  const server = await LoadServer.start();
  const parts: Part[] = [];
  for (const thinkMs of [0, 5]) {
    server.think(thinkMs);
    for (const atATime of [8, 32, 64]) {
      const items = Array.from({ length: tiny ? 64 : 2000 }, (_, index) => index);
      const url = new URL('/api/rest/1.0/iprecord/7/link/bench/monitor', server.base);
      const clients = [bareHttp(atATime), await bareGot(atATime), ours()];
      const figures = await measure(
        clients.map(({ name, post }) => ({
          name,
          run: () => timed(items.length, () => mapConcurrently(items, atATime, () => post(url, BODY))),
        })),
        rounds,
      );
      for (const client of clients) client.close();
      parts.push({
        title: `a request, ${atATime} at a time, the server takes ${thinkMs} ms`,
        rounds,
        figures,
        ...(thinkMs === 0 && atATime === 8 ? { chart: 'cpuUs' } : {}),
      });
    }
  }
  await server.end();
  return parts;
}
