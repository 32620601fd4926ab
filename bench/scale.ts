/** As large as it gets: thousands of devices monitored at the start, then events and commands for as long as it takes to see memory grow. */
import { flow, node, o2gLink, o2gServer, probeIn, probeOut } from '../test/support/flow';
import { quantile, type Figure, type Part } from './measure';
import { LoadServer, startNodeRedWith, type Round } from './support/load';

interface Scale {
  /** Desired at the start. */
  readonly devices: number;
  /** Commands bring these besides. */
  readonly commanded: number;
  readonly eventsPerSecond: number;
  readonly commandsPerSecond: number;
  readonly minutes: number;
  readonly secondsAMinute: number;
}

const FULL: Scale = {
  devices: 10_000,
  commanded: 5000,
  eventsPerSecond: 5000,
  commandsPerSecond: 500,
  minutes: 4,
  secondsAMinute: 30,
};
const TINY: Scale = {
  devices: 50,
  commanded: 10,
  eventsPerSecond: 100,
  commandsPerSecond: 10,
  minutes: 1,
  secondsAMinute: 1,
};

const FIRST = 100_000;

export async function scale(tiny: boolean): Promise<Part[]> {
  const { devices, commanded, eventsPerSecond, commandsPerSecond, minutes, secondsAMinute } = tiny
    ? TINY
    : FULL;
  const server = await LoadServer.start();
  const red = await startNodeRedWith(
    flow([
      o2gServer({ url: server.base, login: 'scale', password: 'password' }),
      o2gLink({ oxeNode: '7', devices: `${FIRST}-${FIRST + devices - 1}` }),
      node(
        'events',
        'o2g-events',
        { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], snapshot: false, dynamic: false },
        'meter',
        null,
      ),
      probeIn('in', 'meter'),
      node('meter', 'bench-meter', {}, 'events-cost', null),
      probeOut('events-cost'),
      probeIn('commands', 'pace'),
      node(
        'pace',
        'bench-actions',
        { first: FIRST, devices: devices + commanded },
        'commands-cost',
        'record',
      ),
      probeOut('commands-cost'),
      node('record', 'o2g-record', { link: 'link', action: 'start', mode: 'ip' }, 'answers', null),
      node('answers', 'bench-answers', {}, null),
    ]),
  );
  try {
    const began = performance.now();
    await server.channel('scale');
    await server.monitored(devices);
    const seconds = (performance.now() - began) / 1000;
    const start: Part = {
      title: `${devices} devices monitored at the start`,
      rounds: 1,
      figures: [
        { name: 'the palette', median: { seconds, 'ms each': (seconds * 1000) / devices }, ratio: {} },
      ],
    };

    const figures: Figure[] = [];
    for (let minute = 1; minute <= minutes; minute += 1) {
      const events = eventsPerSecond * secondsAMinute;
      red.inject('in', { topic: 'expect', events, check: false });
      await red.told('events-cost', ({ payload }) => payload === 'ready');
      server.stream({ to: 'scale', events, cut: false, perSecond: eventsPerSecond });
      red.inject('commands', { perSecond: commandsPerSecond, actions: commandsPerSecond * secondsAMinute });
      const patience = { timeoutMs: 170_000 };
      const cost = (await red.told<Round>('events-cost', undefined, patience)).payload;
      const { took } = (await red.told<{ took: number[] }>('commands-cost', undefined, patience)).payload;
      figures.push({
        name: `after ${minute * secondsAMinute} s`,
        median: {
          'CPU %': (cost.cpuUs / cost.wallUs) * 100,
          rssMb: cost.rssMb,
          delayP99Ms: cost.delayP99Ms,
          p50Ms: quantile(took, 0.5),
          p99Ms: quantile(took, 0.99),
        },
        ratio: {},
      });
    }
    const title = `${devices + commanded} devices, ${eventsPerSecond} events and ${commandsPerSecond} commands a second (p50 and p99 of a command)`;
    return [start, { title, rounds: 1, figures }];
  } finally {
    await red.stop();
    await server.end();
  }
}
