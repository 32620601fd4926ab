import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventObject } from '../../simulator';
import { openSession, start, stopAll } from './support';

/** A listener that answers with the given statuses in turn, the last one for ever. */
class Listener {
  readonly #statuses: number[];
  readonly events: EventObject[] = [];
  readonly types: (string | undefined)[] = [];
  readonly #server: http.Server;
  #check: (() => void) | undefined;

  constructor(statuses: number[]) {
    this.#statuses = statuses;
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.events.push(JSON.parse(Buffer.concat(chunks).toString()) as EventObject);
        this.types.push(request.headers['content-type']);
        response.statusCode = (this.#statuses.length > 1 ? this.#statuses.shift() : this.#statuses[0]) ?? 200;
        response.end();
        this.#check?.();
      });
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  count(events: number): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (this.events.length >= events) resolve();
      };
      this.#check();
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe('delivery by webhook', () => {
  let listener: Listener;

  const begin = async (
    ...statuses: number[]
  ): Promise<{ oxe: Awaited<ReturnType<typeof start>>; client: Awaited<ReturnType<typeof openSession>> }> => {
    listener = new Listener(statuses);
    const oxe = await start();
    const client = await openSession(oxe);
    await client.subscribe({ webHookUrl: await listener.open() });
    return { oxe, client };
  };

  afterEach(async () => {
    await stopAll();
    listener.close();
  });

  it('posts one event at a time as JSON, in order, without OnChannelInformation', async () => {
    const { oxe } = await begin(200);
    for (let text = 0; text < 50; text += 1) void oxe.emit({ eventName: 'Test', text });
    await oxe.written();
    assert.deepEqual(
      listener.events,
      Array.from({ length: 50 }, (_, text) => ({ eventName: 'Test', text })),
    );
    assert.deepEqual(new Set(listener.types), new Set(['application/json']));
  });

  it('posts an event again when it was not taken, before the next one', async () => {
    const { oxe } = await begin(503, 200);
    void oxe.emit({ eventName: 'Test', text: 1 });
    await oxe.emit({ eventName: 'Test', text: 2 });
    assert.deepEqual(
      listener.events.map(({ text }) => text),
      [1, 1, 2],
    );
  });

  it('gives an event up when nobody is subscribed there (404), and goes on', async () => {
    const { oxe } = await begin(404, 200);
    void oxe.emit({ eventName: 'Test', text: 1 });
    await oxe.emit({ eventName: 'Test', text: 2 });
    assert.deepEqual(
      listener.events.map(({ text }) => text),
      [1, 2],
    );
  });

  it('tells the start of the server when it is ready and every node is loaded, also after a restart', async () => {
    const { oxe } = await begin(200);
    await oxe.restart({ notReadyMs: Infinity, loadingMs: Infinity });
    oxe.ready();
    assert.deepEqual(listener.events, []);
    oxe.nodeLoaded(7, true);
    await listener.count(1);
    assert.deepEqual(listener.events, [{ eventName: 'OnServerStart', serverId: '127.0.0.1' }]);
  });

  it('is the only way to get OnServerStart', async () => {
    const { oxe, client } = await begin(200);
    const other = await openSession(oxe);
    const channel = await other.channel();
    await oxe.emit({ eventName: 'OnServerStart', serverId: 'x' });
    await oxe.emit({ eventName: 'Marker' });
    await channel.event('Marker');
    assert.ok(!channel.events.some(({ eventName }) => eventName === 'OnServerStart'));
    assert.equal(listener.events.length, 2);
    await client.ok('DELETE', '/sessions');
  });
});
