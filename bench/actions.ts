/** From a command to its answer, at a pace and in the midst of a burst of events: the library alone, and through o2g-record in a real Node-RED. */
import { HttpTransport } from '../o2g/transport/http-transport';
import { Link } from '../o2g/link/link';
import { Session } from '../o2g/session/session';
import { node, probeIn, probeOut, type Flow } from '../test/support/flow';
import type { NodeRed } from '../test/support/node-red';
import { paletteFlow } from './ingest';
import { measure, quantile, type Contender, type Part, type Sample } from './measure';
import { bareGot, bareHttp, type Client } from './support/clients';
import { LoadServer, meterIn, plainReader, startNodeRedWith } from './support/load';
import { pace } from './support/pace.cjs';

const SOCKETS = 16;
/** In a burst one event in so many brings an action … */
const EVERY = 500;
/** … and before that one in so many: what is measured is compiled. */
const EVERY_FIRST = 50;
const TARGET = {
  mode: 'ip',
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
} as const;
const BODY = JSON.stringify({
  deviceNumber: '70000',
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
});

const answered = (events: string): Flow => [
  probeIn('in', events),
  probeIn('times', 'answers'),
  node('record', 'o2g-record', { link: 'link', action: 'start', mode: 'ip' }, 'answers', null),
  node('answers', 'bench-answers', {}, 'out'),
  probeOut('out'),
];

export async function actions(tiny: boolean): Promise<Part[]> {
  const rounds = tiny ? 1 : 5;
  const server = await LoadServer.start();
  const library = await startLibrary(server);
  const clients = [bareHttp(SOCKETS), await bareGot(SOCKETS)];
  const red = await startNodeRedWith(
    paletteFlow(
      server.base,
      'paced',
      node('meter', 'bench-actions', {}, 'out', 'record'),
      ...answered('meter'),
    ),
  );
  await server.channel('paced');
  const parts: Part[] = [];
  const contenders = (perSecond: number, count: number): Contender[] => [
    ...clients.map((client) => paced(client.name, perSecond, count, byClient(server, client))),
    paced('the library: link.record()', perSecond, count, (index) =>
      library.link.record(String(70000 + (index % 64)), TARGET),
    ),
    pacedIn(red, perSecond, count),
  ];
  try {
    // What is measured at 100 a second would else be the compiler's work.
    if (!tiny) await measure(contenders(1000, 2000), 0);
    for (const perSecond of tiny ? [100] : [100, 500, 1000]) {
      parts.push({
        title: `an action, ${perSecond} a second`,
        rounds,
        ...(perSecond === 500 ? { chart: 'p50Ms' } : {}),
        figures: await measure(contenders(perSecond, tiny ? 20 : perSecond * 2), rounds),
      });
    }
    parts.push(await inBurst(server, tiny));
    return parts;
  } finally {
    for (const client of clients) client.close();
    await library.session.close('stop');
    await red.stop();
    await server.end();
  }
}

function byClient(server: LoadServer, client: Client): () => Promise<unknown> {
  const url = new URL('/api/rest/1.0/iprecord/7/link/bench/record', server.base);
  return () => client.post(url, BODY);
}

/** A session with a link, and the devices monitored that the actions are for. */
async function startLibrary({ base }: LoadServer): Promise<{ session: Session; link: Link }> {
  const log = {
    info: () => undefined,
    warn: (line: string) => {
      console.error(line);
    },
    debug: () => undefined,
  };
  const account = { login: 'library', password: 'password', applicationName: 'bench' };
  const options = {
    sites: [new URL(base)] as const,
    access: 'typed' as const,
    account,
    offlineWaitMs: 10_000,
    lifetime: 0,
  };
  const session = new Session(options, { transport: new HttpTransport({ timeoutMs: 10_000 }), log });
  const link = new Link(
    { name: 'OXE 7', oxeNode: 7, recorder: 'OTHER', devices: [], onStop: 'close' },
    session,
    { log },
  );
  session.open();
  link.start();
  for (let device = 70000; device < 70064; device += 1) await link.monitor(String(device));
  return { session, link };
}

function sampleOf(took: readonly number[], cpuUs: number): Sample {
  return { p50Ms: quantile(took, 0.5), p99Ms: quantile(took, 0.99), cpuUs };
}

function paced(
  name: string,
  perSecond: number,
  count: number,
  act: (index: number) => Promise<unknown>,
): Contender {
  return {
    name,
    run: async () => {
      const before = process.cpuUsage();
      const took = await pace(perSecond, count, act);
      const { user, system } = process.cpuUsage(before);
      return sampleOf(took, (user + system) / count);
    },
  };
}

function pacedIn(red: NodeRed, perSecond: number, count: number): Contender {
  return {
    name: 'o2g-record in Node-RED',
    run: async () => {
      red.inject('in', { perSecond, actions: count });
      const { payload } = await red.told<{ took: number[]; cpuUs: number }>('out', undefined, {
        timeoutMs: 120_000,
      });
      return sampleOf(payload.took, payload.cpuUs);
    },
  };
}

/** The channel at full speed, and an action now and then: does its answer wait behind the events? */
async function inBurst(server: LoadServer, tiny: boolean): Promise<Part> {
  const events = tiny ? 1000 : 100_000;
  const rounds = tiny ? 1 : 5;
  const floor = plainReader(server, 'burst', true);
  await server.channel('burst');
  const floorWithGot = plainReader(server, 'burst-got', true, 'got');
  await server.channel('burst-got');
  const red = await startNodeRedWith(
    paletteFlow(
      server.base,
      'palette',
      node('meter', 'bench-meter', {}, 'out', 'record'),
      ...answered('meter'),
    ),
  );
  await server.channel('palette');
  const palette = meterIn(red);
  const run = async (
    channel: string,
    reader: typeof palette,
    every: number,
    times: (took: number[]) => Promise<number[]>,
  ): Promise<Sample> => {
    await reader.expect(events, false, every);
    server.stream({ to: channel, events, cut: false });
    const { result, took } = await reader.result();
    return sampleOf(await times(took), result.cpuUs);
  };
  const contenders = (every: number): Contender[] => [
    {
      name: 'bare node:http beside the yielding floor',
      run: () => run('burst', floor, every, (took) => Promise.resolve(took)),
    },
    {
      name: 'bare got beside the yielding floor',
      run: () => run('burst-got', floorWithGot, every, (took) => Promise.resolve(took)),
    },
    {
      name: 'o2g-record beside o2g-events in Node-RED',
      run: () =>
        run('palette', palette, every, async () => {
          red.inject('times', { topic: 'times', actions: events / every });
          return (await red.told<number[]>('out', undefined, { timeoutMs: 120_000 })).payload;
        }),
    },
  ];
  if (!tiny) await measure(contenders(EVERY_FIRST), 0);
  const figures = await measure(contenders(EVERY), rounds);
  await Promise.all([floor.end(), floorWithGot.end(), red.stop()]);
  return {
    title: `an action during ${events} events at full speed, one in ${EVERY} events (CPU per event)`,
    rounds,
    figures,
  };
}
