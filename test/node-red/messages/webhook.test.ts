import assert from 'node:assert/strict';
import { changed } from '../../support/flow';
import { startNodeRed, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { DEVICES, wholeFlow } from '../flows';

const TOKEN = 'a-token-of-some-length';
/** Of the password "proxy". */
const HASH = '$2b$04$B4zzXHmmFnhfq9DmF3YH0OKyIGpb/.EhoQ22P/Mui0.zvRPctSNQW';

describe('webhook delivery', () => {
  let oxe: Simulator;
  let red: NodeRed;

  const start = async (
    settings: Record<string, unknown> = {},
    events: Record<string, unknown> = {},
  ): Promise<void> => {
    red = await startNodeRed({ settings });
    const server = {
      delivery: 'webhook',
      webhookUrl: `${red.url}${settings.httpNodeRoot === '/red' ? '/red/' : ''}`,
    };
    const flows = wholeFlow(oxe, { server, link: { devices: '70120' }, events }).map((each) =>
      each.id === 'server' ? { ...each, credentials: { ...each.credentials, webhookToken: TOKEN } } : each,
    );
    await red.deploy(flows);
  };
  const post = (path: string, body: string): Promise<number> =>
    fetch(`${red.url}${path}`, { method: 'POST', body }).then(({ status }) => status);

  beforeEach(async () => {
    oxe = await startSimulator({ devices: DEVICES });
  });
  afterEach(async () => {
    await red.stop();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  for (const httpNodeRoot of ['/', '/red']) {
    it(`brings a burst in order under httpNodeRoot ${httpNodeRoot}, also over a deploy, and opens no channel`, async () => {
      await start({ httpNodeRoot });
      await oxe.once(() => oxe.monitored(7).length === 1);
      for (let index = 0; index < 100; index += 1)
        await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: String(index) });
      await red.deploy(changed(await red.flows(), { 'node-events': { name: 'another' } }), { type: 'nodes' });
      await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: 'last' });
      await red.told('events', ({ payload }) => (payload as { callRef: string }).callRef === 'last');
      const refs = red
        .received<{ callRef?: string }>('events')
        .filter(({ topic }) => topic === 'OnCallRemoved')
        .map(({ payload }) => payload.callRef);
      assert.deepEqual(refs, [...Array.from({ length: 100 }, (_, index) => String(index)), 'last']);
      assert.equal(oxe.channelCount(), 0);
      assert.doesNotMatch(red.log(), new RegExp(TOKEN));
    });
  }

  it('refuses what is no event, what is too long, and what has another token', async () => {
    await start();
    await oxe.once(() => oxe.monitored(7).length === 1);
    assert.deepEqual(
      [
        await post('/o2g/another-token-of-length', '{"eventName":"OnCallRemoved"}'),
        await post(`/o2g/${TOKEN}`, '<html>'),
        await post(`/o2g/${TOKEN}`, '[]'),
        await post(`/o2g/${TOKEN}`, `{"eventName":"${'x'.repeat(2 * 1024 * 1024)}"}`),
        await post(`/o2g/${TOKEN}`, '{"eventName":"OnCallRemoved","loginName":"oxe70120","callRef":"1"}'),
      ],
      [404, 400, 400, 413, 200],
    );
    assert.ok(red.alive());
  });

  it("is green without a call, for a monitored user's snapshot comes back by the webhook, and to no flow", async () => {
    // Without the states of device and user, which come when it is monitored: nothing but the snapshot makes it green.
    await start({}, { selectors: [{ names: ['OnTelephonyState', 'OnCallRemoved'], ids: [] }] });
    await red.statusOf('node-events', ({ fill }) => fill === 'green');
    assert.ok(oxe.requests().some(({ path }) => path.endsWith('/snapshot')));
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: '1' });
    await red.told('events', ({ topic }) => topic === 'OnCallRemoved');
    assert.deepEqual(
      red.received('events').map(({ topic }) => topic),
      ['OnCallRemoved'],
    );
  });

  it('is not green when httpNodeAuth keeps the events away, until one has come through a proxy that logs in', async () => {
    await start({ httpNodeAuth: { user: 'proxy', pass: HASH } });
    await oxe.once(() => oxe.requests().some(({ path }) => path.endsWith('/snapshot')), {
      what: 'the snapshot',
    });
    await red.told(
      'news',
      ({ topic, payload }) => topic === 'connection' && (payload as { unheard?: true }).unheard === true,
    );
    assert.deepEqual(red.statuses('node-events').at(-1), {
      fill: 'yellow',
      shape: 'dot',
      text: '@o2g/node-red-recording/o2g-server:status.unheard',
    });
    await red.printed(/httpNodeAuth is on/);
    const authorization = `Basic ${Buffer.from('proxy:proxy').toString('base64')}`;
    const body = '{"eventName":"OnCallRemoved","loginName":"oxe70120","callRef":"1"}';
    const answers = await Promise.all(
      [{}, { authorization }].map((headers) =>
        fetch(`${red.url}/o2g/${TOKEN}`, { method: 'POST', headers, body }),
      ),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [401, 200],
    );
    await red.statusOf('node-events', ({ fill }) => fill === 'green');
  });

  it('checks the session when the server says that it has started', async () => {
    await start();
    await oxe.once(() => oxe.monitored(7).length === 1);
    oxe.expireSession();
    assert.equal(await post(`/o2g/${TOKEN}`, '{"eventName":"OnServerStart","serverId":"127.0.0.1"}'), 200);
    await oxe.once(() => oxe.monitored(7).length === 1 && oxe.sessions().length === 1, {
      what: 'a new session with its link',
    });
  });
});

describe('webhook delivery that cannot be', () => {
  it('says so when the HTTP nodes are off, or when the address or token is missing', async () => {
    const oxe = await startSimulator({ devices: DEVICES });
    const red = await startNodeRed({ settings: { httpNodeRoot: false } });
    for (const [server, webhookToken, words] of [
      [{ delivery: 'webhook', webhookUrl: 'http://127.0.0.1:1880' }, TOKEN, /HTTP nodes are off/],
      [{ delivery: 'webhook' }, 'short', /webhookToken: nothing is refused/],
      [{ delivery: 'pigeon' }, '', /delivery: "pigeon" is refused/],
    ] as const) {
      await red.deploy(
        wholeFlow(oxe, { server }).map((each) =>
          each.id === 'server' ? { ...each, credentials: { ...each.credentials, webhookToken } } : each,
        ),
      );
      await red.told('caught', ({ error }) => error?.code === 'INVALID_INPUT' && words.test(error.message));
    }
    await red.stop();
    await oxe.close();
  });
});
