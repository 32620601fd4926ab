/**
 * Events at full speed: from a socket through the whole palette in a real Node-RED to the next node, against the same work by hand in a plain
 * process, in a node of Node-RED, and in a flow of core nodes.
 */
import { createHash } from 'node:crypto';
import { flow, node, o2gLink, o2gServer, probeIn, probeOut, type Flow } from '../test/support/flow';
import { measure, type Contender, type Part } from './measure';
import { BLOCK } from './support/events';
import { LoadServer, meterIn, plainReader, startNodeRedWith, type Reader } from './support/load';

interface Scale {
  readonly events: number;
  readonly cutEvents: number;
  readonly checkedEvents: number;
  readonly longEvents: number;
  readonly rounds: number;
}

const FULL: Scale = {
  events: 100_000,
  cutEvents: 50_000,
  checkedEvents: 1_000_000,
  longEvents: 1_000_000,
  rounds: 7,
};
const TINY: Scale = { events: 1000, cutEvents: 500, checkedEvents: 1500, longEvents: 2000, rounds: 1 };

const metered = [probeIn('in', 'meter'), node('meter', 'bench-meter', {}, 'out', null), probeOut('out')];

/** The palette as it is used: a server, a link that monitors the devices, and the events of all of them. */
export function paletteFlow(base: string, login: string, ...more: Flow): Flow {
  return flow([
    o2gServer({ url: base, login, password: 'password' }),
    o2gLink({ oxeNode: '7', devices: '70000-70063' }),
    node(
      'events',
      'o2g-events',
      { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], snapshot: false, dynamic: false },
      'meter',
      null,
    ),
    ...(more.length > 0 ? more : metered),
  ]);
}

function naiveFlow(base: string): Flow {
  const { hostname, port } = new URL(base);
  return flow([
    probeIn('go', 'tcp'),
    node(
      'tcp',
      'tcp request',
      {
        server: hostname,
        port,
        out: 'sit',
        ret: 'string',
        newline: '\\n',
        splitc: '0',
        trim: false,
        tls: '',
      },
      'parse',
    ),
    node('parse', 'json', { property: 'payload', action: 'obj', pretty: false }, 'meter'),
    ...metered,
  ]);
}

export async function ingest(tiny: boolean): Promise<Part[]> {
  const scale = tiny ? TINY : FULL;
  const server = await LoadServer.start();
  const readers: Reader[] = [];
  const ready = async (name: string, reader: Promise<Reader> | Reader): Promise<[string, Reader]> => {
    readers.push(await reader);
    await server.channel(name);
    return [name, await reader];
  };
  const inNodeRed = (name: string, flows: Flow): Promise<[string, Reader]> =>
    ready(name, startNodeRedWith(flows).then(meterIn));
  try {
    const plain = await ready('plain', plainReader(server, 'plain', false));
    const floor = await inNodeRed(
      'floor',
      flow([
        node('floor', 'bench-floor', { base: server.base, channel: 'floor', yields: true }, 'meter'),
        ...metered,
      ]),
    );
    const greedy = await inNodeRed(
      'greedy',
      flow([
        node('floor', 'bench-floor', { base: server.base, channel: 'greedy', yields: false }, 'meter'),
        ...metered,
      ]),
    );
    const ours = await inNodeRed('ours', paletteFlow(server.base, 'ours'));
    const naive = await ready(
      'naive',
      startNodeRedWith(naiveFlow(server.base)).then((red) => {
        red.inject('go', { payload: 'POST /channel/naive HTTP/1.0\r\n\r\n' });
        return meterIn(red);
      }),
    );

    const contender = (
      name: string,
      [channel, reader]: [string, Reader],
      events: number,
      cut: boolean,
    ): Contender => ({
      name,
      run: async () => {
        await reader.expect(events, false);
        server.stream({ to: channel, events, cut });
        const { cpuUs, wallUs, rssMb, delayP99Ms } = (await reader.result()).result;
        return { cpuUs, wallUs, rssMb, delayP99Ms };
      },
    });
    return [
      {
        title: `an event of ${Math.round(Buffer.byteLength(BLOCK.join('')) / BLOCK.length)} bytes, ${scale.events} at full speed`,
        chart: 'cpuUs',
        rounds: scale.rounds,
        figures: await measure(
          [
            contender('floor in Node-RED: split, parse, send', floor, scale.events, false),
            contender('floor without Node-RED: split, parse', plain, scale.events, false),
            contender('the palette', ours, scale.events, false),
            contender('core nodes: tcp request, json', naive, scale.events, false),
          ],
          scale.rounds,
        ),
      },
      {
        title: `the same, ${scale.cutEvents} events in writes of 1 to 600 bytes`,
        rounds: scale.rounds,
        figures: await measure(
          [
            contender('floor in Node-RED, never yielding', greedy, scale.cutEvents, true),
            contender('the palette', ours, scale.cutEvents, true),
          ],
          scale.rounds,
        ),
      },
      {
        title: `${scale.checkedEvents} events cut anywhere, compared with what was sent`,
        rounds: 1,
        figures: [await checked(server, ours, scale.checkedEvents)],
      },
      {
        title: 'memory over a long run of the palette',
        rounds: 1,
        figures: await measure(
          [scale.events, scale.longEvents].map((events) =>
            contender(`${events} events`, ours, events, false),
          ),
          1,
        ),
      },
    ];
  } finally {
    await Promise.all(readers.map((reader) => reader.end()));
    await server.end();
  }
}

/** Loss or damage is no figure but a failure. */
async function checked(
  server: LoadServer,
  [channel, reader]: [string, Reader],
  events: number,
): Promise<Part['figures'][number]> {
  await reader.expect(events, true);
  server.stream({ to: channel, events, cut: true });
  const { result } = await reader.result();
  const sent = createHash('sha256');
  for (let index = 0; index < events; index += 1) sent.update((BLOCK[index % BLOCK.length] ?? '').trimEnd());
  if (result.digest !== sent.digest('hex')) throw new Error(`of ${events} cut events some were damaged`);
  return { name: 'the palette', median: { events, lost: 0, damaged: 0 }, ratio: {} };
}
