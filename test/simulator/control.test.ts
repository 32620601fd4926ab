import assert from 'node:assert/strict';
import type { Simulator } from '../../simulator/simulator-api';
import { openSession, send, start, stopAll } from './support';
import type { Client, Reply } from './support';

describe('the control port', () => {
  let oxe: Simulator;
  let client: Client;
  const control = (method: string, path: string, body?: object): Promise<Reply> =>
    send(`${oxe.controlUrl ?? ''}${path}`, method, { body });
  const post = async (path: string, body: object = {}): Promise<Record<string, unknown>> => {
    const reply = await control('POST', path, body);
    assert.equal(reply.status, 200, `${path}: ${reply.text}`);
    return reply.body;
  };

  beforeEach(async () => {
    oxe = await start({ controlPort: 0 });
    client = await openSession(oxe);
  });
  afterEach(stopAll);

  it('is there only when asked for, on loopback', async () => {
    assert.match(oxe.controlUrl ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await start()).controlUrl, undefined);
  });

  it('lists what it can do', async () => {
    const list = (await control('GET', '/')).body as unknown as string[];
    for (const route of [
      'GET /violations',
      'POST /calls',
      'POST /calls/{id}/answered',
      'POST /faults/restart',
    ]) {
      assert.ok(
        list.some((line) => line.startsWith(`${route}: `)),
        route,
      );
    }
  });

  it('plays a call step by step', async () => {
    const channel = await client.channel();
    await client.monitor('70120', '70130');
    const events = await channel.during(oxe, async () => {
      const { id } = await post('/calls', { from: '0390670000', to: '70120' });
      await post(`/calls/${String(id)}/answered`);
      await post(`/calls/${String(id)}/hold`);
      const enquiry = await post(`/calls/${String(id)}/enquiry`, { to: '70130' });
      await post(`/calls/${String(enquiry.id)}/answered`);
      const transferred = await post(`/calls/${String(id)}/transfer`);
      assert.deepEqual(transferred.parties, { '0390670000': 'ACTIVE', '70130': 'ACTIVE' });
      await post(`/calls/${String(id)}/hangUp`, { by: '70130' });
    });
    assert.equal(events.filter(({ eventName }) => eventName === 'OnCallRemoved').length, 3);
    assert.equal(oxe.callCount(), 0);
  });

  it('injects faults and shows what is there', async () => {
    await client.monitor('70120');
    await post('/faults/forgetMonitor', { deviceNumber: '70120' });
    assert.deepEqual(oxe.monitored(), []);
    await post('/faults/answerNext', { path: '/sessions', status: 500 });
    assert.equal((await client.send('GET', '/sessions')).status, 500);
    await post('/faults/restart');
    assert.deepEqual((await control('GET', '/sessions')).body, []);
    assert.ok(Array.isArray((await control('GET', '/requests')).body));
  });

  it('sends any event', async () => {
    const channel = await client.channel();
    await post('/events', { eventName: 'OnSomethingNew', loginName: 'oxe70120' });
    assert.deepEqual(await channel.event('OnSomethingNew'), {
      eventName: 'OnSomethingNew',
      loginName: 'oxe70120',
    });
  });

  for (const [what, method, path, body, status, message] of [
    ['an unknown route', 'POST', '/calls/1/explode', {}, 404, /There is no POST/],
    ['an unknown call', 'POST', '/calls/1/answered', {}, 400, /there is no call 1/],
    ['a missing field', 'POST', '/calls', { from: '1' }, 400, /to is missing/],
    ['a node that does not exist', 'POST', '/faults/forgetLink', { nodeId: 99 }, 400, /no OXE node 99/],
  ] as const) {
    it(`answers ${what} with ${status} and a reason`, async () => {
      const reply = await control(method, path, body);
      assert.equal(reply.status, status);
      assert.match(String(reply.body.error), message);
    });
  }

  it('does not serve web pages', async () => {
    const reply = await send(`${oxe.controlUrl ?? ''}/faults/down`, 'POST', {
      headers: { Origin: 'http://evil.example.com' },
    });
    assert.equal(reply.status, 403);
    assert.equal((await client.send('GET', '/sessions')).status, 200);
  });
});
