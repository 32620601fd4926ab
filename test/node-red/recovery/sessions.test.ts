import assert from 'node:assert/strict';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { startSimulator, type SimulatorOptions } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { DEVICES, wholeFlow, type FlowProperties } from '../flows';

let oxe: Simulator;
let red: NodeRed;

async function start(options: SimulatorOptions, properties: FlowProperties = {}): Promise<void> {
  oxe = await startSimulator({ devices: DEVICES, ...options });
  red = await startNodeRed({ flows: wholeFlow(oxe, properties) });
  await red.statusOf('node-events', ({ text }) => text?.endsWith('status.connected') === true);
}

async function session(): Promise<Record<string, unknown>> {
  red.inject('in-status', { query: 'session' });
  return (await red.told<Record<string, unknown>>('out')).payload;
}

const subscribed = (): unknown =>
  oxe.requests().find(({ method, path }) => method === 'POST' && path.endsWith('/subscriptions'))?.body;

describe('sessions', () => {
  afterEach(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('an administrator subscribes for everybody, one selector a package', async () => {
    await start({});
    assert.equal((await session()).admin, true);
    assert.deepEqual(subscribed(), {
      filter: {
        selectors: [
          { ids: ['*'], names: ['system'] },
          { ids: ['*'], names: ['telephony'] },
        ],
      },
      version: '1.0',
      timeout: 0,
    });
  });

  it('a user subscribes to telephony alone, without ids', async () => {
    await start(
      {},
      {
        server: { login: 'oxe70120', password: 'user-password' },
        link: { devices: '' },
        monitor: { link: 'none' },
        record: { link: 'none' },
        beep: { link: 'none' },
      },
    );
    assert.notEqual((await session()).admin, true);
    assert.deepEqual(subscribed(), {
      filter: { selectors: [{ names: ['telephony'] }] },
      version: '1.0',
      timeout: 0,
    });
  });

  for (const [supervisedType, supervisedId] of [
    ['LOGIN_NAME', 'oxe70120'],
    ['PHONE_NUMBER', '70120'],
  ] as const) {
    it(`an administrator opens the session of a supervised account (${supervisedType})`, async () => {
      await start(
        {},
        {
          server: { supervisedId, supervisedType },
          monitor: { link: 'none' },
          record: { link: 'none' },
          beep: { link: 'none' },
        },
      );
      await session();
      assert.deepEqual(
        oxe.requests().find(({ method, path }) => method === 'POST' && path.endsWith('/sessions'))?.body,
        {
          applicationName: 'Node-RED',
          supervisedAccount: { id: supervisedId, type: supervisedType },
        },
      );
    });
  }

  it('a session with a token is kept alive, and its expiry can be asked for', async () => {
    await start({ tokenLifetime: 3600, timeToLive: 2 });
    await oxe.once(
      () => oxe.requests().some(({ path, status }) => path.endsWith('/keepalive') && status === 200),
      { what: 'a keepalive answered 200' },
    );
    assert.equal(typeof (await session()).expirationDate, 'string');
  });

  it('a keepalive is sent only when nothing else restarted the timer', async () => {
    // Sent after five seconds without a request; what a busy machine adds to a pause of one isn't four.
    await start({ timeToLive: 10 });
    for (let asked = 0; asked < 6; asked += 1) {
      await session();
      await new Promise((resolve) => {
        setTimeout(resolve, 1000);
      });
    }
    assert.equal(oxe.requests().filter(({ path }) => path.endsWith('/keepalive')).length, 0);
    await oxe.nextRequest({ path: /\/keepalive$/ });
  });

  it('a channel with a lifetime is opened again when it ends, and no event is lost', async () => {
    await start({ minuteMs: 300 }, { server: { lifetime: '2' } });
    for (let index = 0; index < 20; index += 1) {
      await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: String(index) });
      await new Promise((resolve) => {
        setTimeout(resolve, 80);
      });
    }
    await red.told('events', ({ payload }) => (payload as { callRef: string }).callRef === '19');
    assert.deepEqual(
      red.received<{ callRef: string }>('events').map(({ payload }) => payload.callRef),
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
    assert.ok(oxe.requests().filter(({ path }) => path === '/OTEvents').length >= 2);
    assert.deepEqual(
      red.received<{ blindMs?: number }>('news').filter(({ payload }) => payload.blindMs !== undefined),
      [],
    );
  });

  it('a refused subscription is told with its message, and tried again when what is asked for changes', async () => {
    oxe = await startSimulator({ devices: DEVICES });
    oxe.refuseSubscription('Unknown event package: telephny');
    red = await startNodeRed({ flows: wholeFlow(oxe) });
    const { error } = await red.told('caught', (caught) => caught.error?.code === 'REFUSED');
    assert.match(error?.message ?? '', /Unknown event package: telephny/);
    await red.statusOf('node-events', ({ text }) => text?.endsWith('status.eventsRefused') === true);
    oxe.refuseSubscription(undefined);
    red.inject('in-events', { action: 'subscribe', payload: [{ names: ['agent'] }] });
    await red.statusOf('node-events', ({ text }) => text?.endsWith('status.connected') === true);
  });

  it('secrets are in no log, status, export or answer', async () => {
    await start({}, { link: { devices: '70120' } });
    await oxe.once(() => oxe.monitored(7).length === 1);
    const cookie = oxe.requests().find(({ path }) => path.endsWith('/monitor'))?.headers.cookie;
    assert.ok(cookie !== undefined);
    const { id } = oxe.subscriptions()[0] ?? { id: 'no subscription' };
    red.inject('in-status', { query: 'metrics' });
    const { payload } = await red.told('out');
    const everything = [
      red.log(),
      JSON.stringify(await red.flows()),
      JSON.stringify(payload),
      JSON.stringify(red.statuses('node-events')),
    ].join('\n');
    for (const secret of [oxe.password, id, ...cookie.split('; ').map((pair) => pair.replace(/^[^=]+=/, ''))])
      assert.ok(!everything.includes(secret), `${secret.slice(0, 4)}… was found`);
  });
});
