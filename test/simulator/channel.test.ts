import assert from 'node:assert/strict';
import type { Simulator } from '../../simulator/simulator-api';
import type { SimulatorOptions } from '../../simulator';
import { API, openChannel, openSession, send, start, stopAll, testTls } from './support';
import type { ChannelReader, Client } from './support';

const names = (channel: ChannelReader): string[] => channel.events.map(({ eventName }) => eventName);
const texts = (channel: ChannelReader): unknown[] =>
  channel.events.filter(({ eventName }) => eventName === 'Test').map(({ text }) => text);

describe('the event channel', () => {
  let oxe: Simulator;
  let client: Client;

  const begin = async (options: SimulatorOptions = {}): Promise<void> => {
    oxe = await start(options);
    client = await openSession(oxe);
  };
  const emit = async (...list: (string | number)[]): Promise<void> => {
    for (const text of list) await oxe.emit({ eventName: 'Test', text });
  };

  afterEach(stopAll);

  for (const method of ['GET', 'POST']) {
    for (const secure of [false, true]) {
      it(`is opened by ${method} over ${secure ? 'https' : 'http'} without a cookie, and starts with exactly one line`, async () => {
        await begin({ tls: secure ? testTls() : undefined });
        const channel = await openChannel(await client.subscribe(), method);
        await channel.event('OnChannelInformation');
        assert.equal(
          Buffer.concat(channel.pieces).toString(),
          '{"eventName":"OnChannelInformation","text":"Chunk started"}\r\n',
        );
      });
    }
  }

  it('has one JSON object a line, ended by CR LF, and no blank lines', async () => {
    await begin();
    const channel = await client.channel();
    await emit('one', 'two\r\nlines', 'Ünïcödé 日本');
    await channel.until(() => channel.events.length === 4, 'three events');
    const lines = Buffer.concat(channel.pieces).toString().split('\r\n');
    assert.equal(lines.pop(), '');
    assert.deepEqual(
      lines.slice(1).map((line) => (JSON.parse(line) as { text: string }).text),
      ['one', 'two\r\nlines', 'Ünïcödé 日本'],
    );
  });

  it('with timeout 0 sends keepalive events', async () => {
    await begin({ keepaliveMs: 5 });
    const channel = await client.channel();
    await channel.until(() => channel.events.length >= 3, 'two keepalives');
    assert.deepEqual(channel.events[2], { eventName: 'OnChannelInformation', text: 'keepalive' });
  });

  it('with a timeout of minutes ends after them, cleanly, and can be opened again', async () => {
    await begin({ minuteMs: 5, keepaliveMs: 1 });
    const url = await client.subscribe({ timeout: 2 });
    const channel = await openChannel(url);
    assert.equal(await channel.over(), 'end');
    assert.deepEqual(names(channel), ['OnChannelInformation']);
    await openChannel(url);
  });

  it('queues events while nobody reads, and delivers them in order at the next opening', async () => {
    await begin();
    const url = await client.subscribe();
    await emit(1, 2);
    const first = await openChannel(url);
    await first.until(() => texts(first).length === 2, 'the queued events');
    for (const how of ['clean', 'cut', 'reset'] as const) {
      const reader = await openChannel(url);
      await reader.event('OnChannelInformation');
      oxe.dropChannel(how);
      await reader.over();
      await emit(`after ${how}`, 'more');
      const next = await openChannel(url);
      await next.until(() => texts(next).length === 2, `the events after ${how}`);
      assert.deepEqual(texts(next), [`after ${how}`, 'more']);
    }
  });

  it('keeps at most queueSize events, and counts what it dropped', async () => {
    await begin({ queueSize: 3 });
    const url = await client.subscribe();
    await emit(1, 2, 3, 4, 5);
    assert.deepEqual(
      oxe.subscriptions().map(({ queued, dropped }) => [queued, dropped]),
      [[3, 2]],
    );
    const channel = await openChannel(url);
    await channel.until(() => texts(channel).length === 3, 'the queue');
    assert.deepEqual(texts(channel), [3, 4, 5]);
  });

  it('ends cleanly for `clean`, without the last chunk for `cut` and `reset`', async () => {
    await begin();
    const url = await client.subscribe();
    for (const [how, seen] of [
      ['clean', 'end'],
      ['cut', 'broken'],
      ['reset', 'broken'],
    ] as const) {
      const channel = await openChannel(url);
      oxe.dropChannel(how);
      assert.equal(await channel.over(), seen, how);
    }
    await oxe.once(() => oxe.channelCount() === 0);
  });

  it('is closed when it is opened a second time: one reader a subscription', async () => {
    await begin();
    const url = await client.subscribe();
    const first = await openChannel(url);
    const second = await openChannel(url);
    assert.equal(await first.over(), 'end');
    await emit('for the second');
    await second.event('Test');
    assert.deepEqual(texts(first), []);
  });

  it('is closed and its queue dropped when the subscription is removed', async () => {
    await begin();
    const channel = await client.channel();
    const [subscription] = oxe.subscriptions();
    await client.ok('DELETE', `/subscriptions/${subscription?.id ?? ''}`);
    assert.equal(await channel.over(), 'end');
    assert.deepEqual(oxe.subscriptions(), []);
    const again = `http://127.0.0.1:${oxe.eventPort}/OTEvents?subscriptionId=${subscription?.id ?? ''}`;
    assert.equal((await send(again, 'POST')).status, 403);
  });

  it('is refused for what was never a subscription, and remembers that', async () => {
    await begin();
    const origin = `http://127.0.0.1:${oxe.eventPort}`;
    for (const [url, method, status] of [
      [`${origin}/OTEvents`, 'POST', 400],
      [`${origin}/OTEvents?subscriptionId=x`, 'GET', 404],
      [`${origin}/other`, 'GET', 404],
      [`${origin}/OTEvents?subscriptionId=x`, 'PUT', 405],
    ] as const) {
      assert.equal((await send(url, method)).status, status, url);
    }
    assert.equal(oxe.violations().length, 4);
    oxe.clearViolations();
  });

  for (const sizes of [[1], [2, 3], [7], [61], [1000], [59, 1, 1, 4096]]) {
    it(`delivers every event whole when it is cut into pieces of ${sizes.join(', ')} bytes`, async () => {
      await begin();
      oxe.splitChannel(sizes);
      const channel = await client.channel();
      const list = ['é', '日本語', '\u{1F600} x', 'plain'];
      await emit(...list);
      await channel.until(() => texts(channel).length === list.length, 'the events');
      assert.deepEqual(texts(channel), list);
      const total = Buffer.concat(channel.pieces).length;
      assert.ok(
        channel.pieces.every((piece) => piece.length <= Math.max(...sizes)) && total > 0,
        channel.pieces.map(({ length }) => length).join(' '),
      );
    });
  }

  it('byte by byte is cut inside UTF-8 characters and between CR and LF', async () => {
    await begin();
    oxe.splitChannel([1]);
    const channel = await client.channel();
    await emit('é');
    await channel.event('Test');
    assert.ok(channel.pieces.some((piece) => piece.length === 1 && piece[0] === 0xc3));
    assert.ok(channel.pieces.some((piece) => piece.length === 1 && piece[0] === 0x0d));
  });

  it('cut at random sizes is cut the same way for the same seed', async () => {
    const sizesFor = async (seed: number): Promise<number[]> => {
      await begin();
      oxe.splitChannel({ seed });
      const channel = await client.channel();
      await channel.event('OnChannelInformation');
      await emit('x'.repeat(2000));
      await channel.event('Test');
      return channel.pieces.map(({ length }) => length);
    };
    assert.deepEqual(await sizesFor(7), await sizesFor(7));
    assert.notDeepEqual(await sizesFor(7), await sizesFor(8));
  });

  it('takes any bytes, and goes on with the next event', async () => {
    await begin();
    const channel = await openRaw(await client.subscribe());
    oxe.writeRaw(Buffer.from([0xff, 0xfe, 0x00]));
    oxe.writeRaw('not json\r\n');
    await emit('good');
    await channel.until('good');
    assert.ok(channel.bytes().includes(Buffer.from([0xff, 0xfe, 0x00])));
  });

  it('that is silent stays open, says nothing, and loses nothing', async () => {
    await begin({ keepaliveMs: 2 });
    const url = await client.subscribe();
    const channel = await openChannel(url);
    await channel.event('OnChannelInformation');
    oxe.silenceChannel();
    const before = channel.pieces.length;
    await emit('unheard');
    const reopened = await openChannel(url);
    await reopened.event('Test');
    assert.ok(channel.pieces.length <= before + 1, 'at most a keepalive that was under way');
    assert.deepEqual(texts(channel), []);
  });

  it('that is silent for new readers, too, does not even begin, until it may speak again', async () => {
    await begin();
    oxe.silenceChannel('all');
    const url = await client.subscribe();
    const opening = openChannel(url);
    await oxe.once(() => oxe.channelCount() === 1);
    await emit('later');
    oxe.unsilenceChannel();
    const channel = await opening;
    await channel.event('Test');
    assert.deepEqual(names(channel), ['OnChannelInformation', 'Test']);
  });

  it('is refused as often as asked; 403 and 404 mean that the subscription is gone, 503 does not', async () => {
    await begin();
    const url = await client.subscribe();
    oxe.refuseChannel(503, 2);
    await assert.rejects(openChannel(url), /503/);
    await assert.rejects(openChannel(url), /503/);
    await openChannel(url);
    oxe.refuseChannel(404);
    await assert.rejects(openChannel(url), /404/);
    await client.subscribe();
  });

  it('delivers duplicates and loses events when asked to', async () => {
    await begin();
    const channel = await client.channel();
    oxe.duplicateEvents(2);
    await emit('thrice');
    oxe.duplicateEvents(0);
    oxe.loseEvents(1);
    await emit('lost', 'found');
    await channel.until(() => texts(channel).includes('found'), 'found');
    assert.deepEqual(texts(channel), ['thrice', 'thrice', 'thrice', 'found']);
  });

  it('gives back to the queue what a reader that does not read never took', async () => {
    await begin();
    const url = await client.subscribe();
    const stalled = await openChannel(url);
    stalled.pause();
    const count = 20_000;
    const padding = 'x'.repeat(1000);
    // Far more than the buffers of two sockets hold: what is beyond waits in the simulator.
    for (let index = 0; index < count; index += 1) void oxe.emit({ eventName: 'Test', text: index, padding });
    oxe.dropChannel('cut');
    const channel = await openChannel(url);
    await channel.until(() => channel.events.at(-1)?.text === count - 1, 'the last event');
    const [first] = texts(channel);
    assert.equal(texts(channel).length, count - Number(first));
  });

  it('by webhook never opens, and its subscription says where it goes', async () => {
    await begin();
    await client.subscribe({ webHookUrl: 'http://127.0.0.1:9/hook' });
    assert.equal(oxe.subscriptions()[0]?.webHookUrl, 'http://127.0.0.1:9/hook');
  });
});

describe('the filter of a subscription', () => {
  afterEach(stopAll);

  const emitted = [
    { eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: 'a' },
    { eventName: 'OnCallRemoved', loginName: 'oxe70130', callRef: 'b' },
    { eventName: 'OnUserStateModified', loginName: 'oxe70120', state: 'FREE' },
    { eventName: 'OnCtiLinkUp', nodeId: '7' },
    { eventName: 'OnUserDeleted', loginName: 'oxe70130' },
    { eventName: 'OnAgentStateChanged', loginName: 'oxe70120', state: { mainState: 'LOG_OFF' } },
  ];

  const cases: readonly (readonly [title: string, selectors: object[], passing: number[]])[] = [
    ['a package for everyone', [{ names: ['telephony'], ids: ['*'] }], [0, 1, 2]],
    ['a package for one user', [{ names: ['telephony'], ids: ['oxe70120'] }], [0, 2]],
    ['an event name for everyone', [{ names: ['OnCallRemoved'], ids: ['*'] }], [0, 1]],
    [
      'two events of a package in a selector',
      [{ names: ['OnCallRemoved', 'OnUserStateModified'], ids: ['oxe70120'] }],
      [0, 2],
    ],
    [
      'selectors that add up',
      [
        { names: ['OnCallRemoved'], ids: ['oxe70130'] },
        { names: ['OnUserStateModified'], ids: ['*'] },
      ],
      [1, 2],
    ],
    [
      'ids that add up',
      [
        { names: ['telephony'], ids: ['oxe70120'] },
        { names: ['telephony'], ids: ['oxe70130'] },
      ],
      [0, 1, 2],
    ],
    ['packages that need no ids', [{ names: ['system'] }, { names: ['userManagement'], ids: [] }], [3, 4]],
    ['agents', [{ names: ['agent'], ids: ['*'] }], [5]],
    ['nothing', [], []],
  ];

  for (const [title, selectors, passing] of cases) {
    it(`lets pass ${title}, in a POST and in a PUT`, async () => {
      const oxe = await start();
      const client = await openSession(oxe);
      await client.monitor('70120', '70130');
      const channel = await client.channel({ filter: { selectors } });
      const send6 = async (): Promise<void> => {
        for (const event of emitted) await oxe.emit(event);
      };
      const wanted = passing.map((index) => emitted[index]);
      const through = async (): Promise<void> => {
        const from = channel.events.length;
        await send6();
        await oxe.emit({ eventName: 'Marker' });
        await channel.until(
          () => channel.events.slice(from).some(({ eventName }) => eventName === 'Marker'),
          'the marker',
        );
        assert.deepEqual(
          channel.events
            .slice(from)
            .filter(({ eventName }) => eventName.startsWith('On') && eventName !== 'OnChannelInformation'),
          wanted,
        );
      };
      await through();
      await client.ok('PUT', '/subscriptions', { selectors: [] });
      await client.ok('PUT', '/subscriptions', { selectors });
      await through();
    });
  }

  it("of a user's session passes the user's own events without ids", async () => {
    const oxe = await start();
    const admin = await openSession(oxe);
    await admin.monitor('70120', '70130');
    const user = await openSession(oxe, 'oxe70120', 'user-password');
    const channel = await user.channel({ filter: { selectors: [{ names: ['telephony'] }] } });
    const events = await channel.during(oxe, async () =>
      (await oxe.call({ from: '70130', to: '70120' }).answered()).hangUp(),
    );
    assert.deepEqual(new Set(events.map(({ loginName }) => loginName)), new Set(['oxe70120']));
  });

  it('is refused in a PUT for what a POST refuses, and the former one stays', async () => {
    const oxe = await start();
    const client = await openSession(oxe);
    await client.subscribe();
    const reply = await send(`${oxe.url}${API}/subscriptions`, 'PUT', {
      cookie: client.cookie,
      body: { selectors: [{ names: ['telephny'], ids: ['*'] }] },
    });
    assert.deepEqual([reply.status, reply.body.type], [400, 'BAD_PARAMETER']);
    assert.equal(oxe.subscriptions()[0]?.filter.selectors?.length, 5);
  });
});

/** A channel whose bytes are not looked at. */
async function openRaw(url: string): Promise<{ bytes(): Buffer; until(text: string): Promise<void> }> {
  const { request } = await import('node:http');
  const pieces: Buffer[] = [];
  let told: (() => void) | undefined;
  await new Promise<void>((resolve, reject) => {
    request(url, { method: 'POST' }, (response) => {
      response.on('data', (piece: Buffer) => {
        pieces.push(piece);
        told?.();
      });
      response.on('error', () => undefined);
      resolve();
    })
      .on('error', reject)
      .end();
  });
  const bytes = (): Buffer => Buffer.concat(pieces);
  return {
    bytes,
    until: (text) =>
      new Promise((resolve) => {
        told = () => {
          if (bytes().includes(text)) resolve();
        };
        told();
      }),
  };
}
