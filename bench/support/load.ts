/** The load server and the Node-REDs that meet it, as the suites see them. */
import { join } from 'node:path';
import type { Flow } from '../../test/support/flow';
import { startNodeRed, type NodeRed } from '../../test/support/node-red';
import { ROOT } from '../../test/support/toolchain';
import type { Sample } from '../measure';
import { Child } from './child';
import type { Order } from './load-server';

const PATIENCE = { timeoutMs: 170_000 };

/** What a round of events cost the process that took them. */
export interface Round extends Sample {
  readonly cpuUs: number;
  readonly wallUs: number;
  readonly rssMb: number;
  readonly delayP99Ms: number;
}

export class LoadServer {
  readonly #child: Child;

  private constructor(
    child: Child,
    readonly base: string,
  ) {
    this.#child = child;
  }

  static async start(): Promise<LoadServer> {
    const child = new Child('load-server.ts');
    return new LoadServer(child, String((await child.told('listening')).base));
  }

  /** Resolves when somebody reads the channel of this name. */
  async channel(name: string): Promise<void> {
    await this.#child.told('channel', (news) => news.name === name);
  }

  /** Resolves when so many users have a monitored device. */
  async monitored(users: number): Promise<void> {
    this.#child.send({ monitored: users });
    await this.#child.told('monitored');
  }

  stream(order: Order): void {
    this.#child.send({ stream: order });
  }

  /** Milliseconds that the server takes for a request. */
  think(thinkMs: number): void {
    this.#child.send({ thinkMs });
  }

  end(): Promise<void> {
    return this.#child.end();
  }
}

/** Somebody who reads the channel of a name, and says what so many events cost. */
export interface Reader {
  /**
   * @param check also gives a digest of what the events say
   * @param every an action once in so many events, 0 for none
   */
  expect(events: number, check: boolean, every?: number): Promise<void>;
  result(): Promise<{ result: Round & { digest: string }; took: number[] }>;
  end(): Promise<unknown>;
}

/** The floor without Node-RED. */
export function plainReader(
  server: LoadServer,
  name: string,
  yields: boolean,
  client: 'node:http' | 'got' = 'node:http',
): Reader {
  const child = new Child('reader.cjs', [server.base, name, yields ? 'yields' : 'greedy', client]);
  return {
    async expect(events, check, every) {
      child.send({ expect: events, check, every });
      await child.told('ready');
    },
    async result() {
      const { result, took } = await child.told('result');
      return { result: result as Round & { digest: string }, took: took as number[] };
    },
    end: () => child.end(),
  };
}

/** A Node-RED whose flow has a `bench-meter` between the probes `in` and `out`. */
export function meterIn(red: NodeRed): Reader {
  return {
    async expect(events, check, every) {
      red.inject('in', { topic: 'expect', events, check, every });
      await red.told('out', ({ payload }) => payload === 'ready', PATIENCE);
    },
    async result() {
      const { payload } = await red.told<Round & { digest: string }>('out', undefined, PATIENCE);
      return { result: payload, took: [] };
    },
    end: () => red.stop(),
  };
}

/** A real Node-RED with the palette, the probes and the nodes of the benchmark. */
export function startNodeRedWith(flows: Flow): Promise<NodeRed> {
  return startNodeRed({
    flows,
    settings: { nodesDir: [ROOT, join(ROOT, 'test', 'support', 'probe'), join(ROOT, 'bench', 'nodes')] },
  });
}
