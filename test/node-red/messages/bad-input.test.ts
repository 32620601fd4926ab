import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { certificate } from '../../support/certificates';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { DEVICES, TARGET, wholeFlow, type FlowProperties } from '../flows';

describe('bad input', () => {
  let oxe: Simulator;
  let red: NodeRed;

  before(async () => {
    oxe = await startSimulator({ devices: DEVICES });
    red = await startNodeRed({ flows: wholeFlow(oxe) });
    await red.told(
      'news',
      ({ topic, payload }) => topic === 'link' && (payload as { state: string }).state === 'registered',
    );
  });
  after(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  for (const [what, node, message, code, words] of [
    [
      'an empty message',
      'monitor',
      { payload: '', action: 'start' },
      'INVALID_INPUT',
      /deviceNumber: nothing is refused/,
    ],
    [
      'no payload at all',
      'monitor',
      { action: 'start' },
      'INVALID_INPUT',
      /deviceNumber: nothing is refused/,
    ],
    [
      'an empty object',
      'record',
      { payload: {}, action: 'start' },
      'INVALID_INPUT',
      /deviceNumber: nothing is refused/,
    ],
    ['an empty list', 'monitor', { payload: [], action: 'start' }, 'INVALID_INPUT', /deviceNumber/],
    [
      'a list with a hole',
      'monitor',
      { payload: ['70120', null], action: 'start' },
      'INVALID_INPUT',
      /deviceNumber: null/,
    ],
    [
      'no action',
      'monitor',
      { payload: '70120' },
      'INVALID_INPUT',
      /action: nothing is refused, it must be start or stop/,
    ],
    [
      'an unknown action',
      'monitor',
      { payload: '70120', action: 'begin' },
      'INVALID_INPUT',
      /action: "begin"/,
    ],
    [
      'an action from the prototype',
      'monitor',
      { payload: '70120', action: 'constructor' },
      'INVALID_INPUT',
      /action: "constructor"/,
    ],
    [
      'a port of 70000',
      'record',
      { payload: { deviceNumber: '70120', ...TARGET, sentFlowPort: 70000 }, action: 'start' },
      'INVALID_INPUT',
      /sentFlowPort: 70000 .*1 to 65535/,
    ],
    [
      'an IPv6 recorder address',
      'record',
      { payload: { deviceNumber: '70120', ...TARGET, ipRecorderAddr: '::1' }, action: 'start' },
      'INVALID_INPUT',
      /ipRecorderAddr: "::1" .*IPv4/,
    ],
    [
      'one port for both directions',
      'record',
      { payload: { deviceNumber: '70120', ...TARGET, receivedFlowPort: 20000 }, action: 'start' },
      'INVALID_INPUT',
      /receivedFlowPort: 20000/,
    ],
    [
      'a recording without ports',
      'record',
      { payload: '70120', action: 'start' },
      'INVALID_INPUT',
      /ipRecorderAddr: nothing is refused/,
    ],
    [
      'a mode that does not exist',
      'record',
      { payload: { deviceNumber: '70120', mode: 'voip' }, action: 'start' },
      'INVALID_INPUT',
      /mode: "voip"/,
    ],
    [
      'a tone out of the table',
      'beep',
      {
        payload: { deviceNumber: '70120', tone: 31, presenceDuration: 50, silenceDuration: 15 },
        action: 'start',
      },
      'INVALID_INPUT',
      /tone: 31 .*21 to 30/,
    ],
    [
      'a device with a path in it',
      'monitor',
      { payload: '../../sessions', action: 'start' },
      'INVALID_INPUT',
      /deviceNumber/,
    ],
    [
      'a __proto__ key',
      'record',
      {
        payload: JSON.parse('{"__proto__":{"deviceNumber":"70120"},"deviceNumber":"70120"}') as object,
        action: 'start',
      },
      'INVALID_INPUT',
      /payload: "__proto__"/,
    ],
    [
      'an unknown query',
      'status',
      { query: 'everything' },
      'INVALID_INPUT',
      /query: "everything" .*system, session, links/,
    ],
    [
      'a device that does not exist',
      'monitor',
      { payload: '79999', action: 'start' },
      'NOT_FOUND',
      /NOT_FOUND \(1003, HTTP 404\)/,
    ],
    [
      'a call that does not exist',
      'status',
      { query: 'call', payload: { callRef: 'ffff', loginName: 'oxe70000' } },
      'NOT_FOUND',
      /NOT_FOUND/,
    ],
  ] as const) {
    it(`${what} ends as an error that a Catch node can branch on, and on the node's status`, async () => {
      // Not those of the audit.
      const sent = (): number =>
        oxe.requests().filter(({ method, path }) => method !== 'GET' || !/\/(link|logins)$/.test(path))
          .length;
      const before = sent();
      red.inject(`in-${node}`, { ...message, keep: what });
      const caught = await red.told('caught');
      assert.equal(caught.error?.code, code);
      assert.match(caught.error.message, words);
      assert.equal(caught.error.source.id, `node-${node}`);
      assert.equal(caught.keep, what);
      if (code === 'INVALID_INPUT') assert.equal(sent(), before, 'nothing was sent');
      else assert.equal((caught.error.cause as { type: string }).type, code);
      await red.statusOf(`node-${node}`, ({ fill, text }) => fill === 'red' && text === code);
      assert.equal(red.received('out').length, 0);
    });
  }

  it('one unknown device of a list fails alone', async () => {
    red.inject('in-monitor', { action: 'start', payload: '70000-70002, 79999' });
    const { payload } = await red.told<
      {
        deviceNumber: string;
        monitored?: boolean;
        error?: { code: string; message: string; cause: object };
      }[]
    >('out');
    assert.deepEqual(
      payload.map(({ deviceNumber, monitored, error }) => [deviceNumber, monitored ?? error?.code]),
      [
        ['70000', true],
        ['70001', true],
        ['70002', true],
        ['79999', 'NOT_FOUND'],
      ],
    );
    await red.statusOf('node-monitor', ({ text }) => text === '3 / 4');
  });
});

describe('a server that cannot be reached', () => {
  let oxe: Simulator;
  let red: NodeRed;
  const others: Server[] = [];

  const page = async (): Promise<string> => {
    const server = createServer((_, response) =>
      response.end('<html><h1>Welcome to nginx</h1></html>'),
    ).listen(0, '127.0.0.1');
    others.push(server);
    await new Promise((resolve) => {
      server.once('listening', resolve);
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  let pageUrl = '';

  before(async () => {
    pageUrl = await page();
    oxe = await startSimulator({ devices: DEVICES, tls: await certificate() });
    red = await startNodeRed();
  });
  after(async () => {
    await stopAll();
    for (const server of others) server.close();
    await oxe.close();
  });

  for (const [what, properties, status, code, words] of [
    [
      'an unreachable host',
      () => ({ url: 'https://127.0.0.1:9' }),
      'connecting',
      'NOT_CONNECTED',
      /nothing listens there/,
    ],
    ['an unknown host', () => ({ url: 'https://o2g.invalid' }), 'connecting', 'NOT_CONNECTED', /DNS/],
    [
      'the wrong scheme',
      () => ({ url: oxe.url.replace('https', 'http') }),
      'connecting',
      'NOT_CONNECTED',
      /https instead of http/,
    ],
    [
      'a certificate that is not trusted',
      () => ({}),
      'connecting',
      'NOT_CONNECTED',
      /self-signed: add it as CA/,
    ],
    [
      'a server that answers HTML',
      () => ({ url: pageUrl }),
      'connecting',
      'SERVER_PROBLEM',
      /is that address an O2G server/,
    ],
    [
      'an address without a scheme',
      () => ({ url: 'o2g.example.com' }),
      'notConfigured',
      'INVALID_INPUT',
      /url: "o2g.example.com" is refused/,
    ],
    [
      'a missing password',
      () => ({ password: '' }),
      'notConfigured',
      'INVALID_INPUT',
      /password: nothing is refused/,
    ],
  ] as const) {
    it(`${what}: status, Catch node and every request say what to do, and Node-RED stays up`, async () => {
      const given: FlowProperties = { server: { ...properties(), offlineWait: '0.3' } };
      await red.deploy(wholeFlow(oxe, given));
      await red.told('caught', ({ error }) => error?.code === code && words.test(error.message));
      await red.statusOf('node-events', ({ text }) => text?.endsWith(`status.${status}`) === true);
      red.inject('in-monitor', { action: 'start', payload: '70120', asked: what });
      const refused = await red.told('caught', (message) => message.asked === what);
      assert.match(refused.error?.message ?? '', words);
      assert.ok(red.alive());
    });
  }
});

describe('a wrong password', () => {
  it('is tried once, told on status and Catch node, and never retried', async () => {
    const oxe = await startSimulator({ devices: DEVICES });
    const red = await startNodeRed({ flows: wholeFlow(oxe, { server: { password: 'a wrong one' } }) });
    const caught = await red.told('caught', ({ error }) => error?.code === 'NOT_ALLOWED');
    assert.match(caught.error?.message ?? '', /login or the password/);
    await red.statusOf('node-events', ({ text }) => text?.endsWith('status.refused') === true);
    red.inject('in-monitor', { action: 'start', payload: '70120', asked: true });
    await red.told('caught', (message) => message.asked === true && message.error?.code === 'NOT_CONNECTED');
    // An unchanged deploy is no reason to try again either.
    await red.deploy(await red.flows(), { type: 'full' });
    red.inject('in-monitor', { action: 'start', payload: '70120', again: true });
    await red.told('caught', (message) => message.again === true);
    assert.equal(oxe.logins().length, 1);
    assert.doesNotMatch(red.log(), /a wrong one/);
    await red.stop();
    await oxe.close();
  });
});
