import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Simulator } from '../../simulator/simulator-api';
import type { SimulatorOptions } from '../../simulator';
import { API, authenticate, openChannel, openSession, send, start, stopAll, testTls } from './support';
import type { Client } from './support';

describe('faults', () => {
  let oxe: Simulator;
  let client: Client;

  const begin = async (options: SimulatorOptions = {}): Promise<void> => {
    oxe = await start(options);
    client = await openSession(oxe);
  };
  afterEach(stopAll);

  it('down closes both ports and resets what is open; up brings them back on the same ports, with the sessions', async () => {
    await begin();
    const url = await client.subscribe();
    const channel = await openChannel(url);
    await oxe.down();
    assert.equal(await channel.over(), 'broken');
    await assert.rejects(client.send('GET', '/sessions'), /ECONNREFUSED/);
    await assert.rejects(openChannel(url), /ECONNREFUSED/);
    await oxe.up();
    assert.equal((await client.send('GET', '/sessions')).status, 200);
    await openChannel(url);
  });

  it('a restart loses sessions, subscriptions and links; cookies are worth nothing, and none of it is held against the client', async () => {
    await begin();
    const url = await client.subscribe();
    const link = await client.monitor('70120');
    await oxe.restart();
    assert.deepEqual([oxe.sessions(), oxe.subscriptions(), oxe.links(), oxe.monitored()], [[], [], [], []]);
    assert.equal((await client.send('GET', '/sessions')).body.type, 'INVALID_SESSION');
    assert.equal(
      (await client.send('POST', '/sessions', { applicationName: 'x' })).body.type,
      'INVALID_SESSION',
    );
    await assert.rejects(openChannel(url), /403/);
    client = await openSession(oxe);
    assert.equal((await client.send('DELETE', link)).status, 404);
  });

  it('after a restart everything is NOT_READY until it is ready, and a node refuses links until it is loaded', async () => {
    await begin();
    await oxe.restart({ notReadyMs: Infinity, loadingMs: Infinity });
    for (const path of ['/api/rest', '/api/rest/authenticate?version=1.0', `${API}/sessions`]) {
      const reply = await send(oxe.url + path, 'GET');
      assert.deepEqual([reply.status, reply.body.code, reply.body.type], [503, 1000, 'NOT_READY'], path);
    }
    oxe.ready();
    client = await openSession(oxe);
    const pbx = async (): Promise<unknown[]> => {
      const { pbxs } = (await client.ok('GET', '/system/status')) as {
        pbxs: { connected: boolean; loaded: boolean; ctiLinkState: string }[];
      };
      return pbxs.map(({ connected, loaded, ctiLinkState }) => [connected, loaded, ctiLinkState]);
    };
    assert.deepEqual(await pbx(), [[false, false, 'DISCONNECTED']]);
    const refused = await client.send('POST', '/iprecord/7/link', {});
    assert.deepEqual([refused.status, refused.body.type], [503, 'NOT_READY']);
    oxe.nodeLoaded(7, true);
    assert.deepEqual(await pbx(), [[true, true, 'CONNECTED_MAIN']]);
    await client.link();
  });

  it('a restart takes the time that it was given', async () => {
    await begin();
    const down = oxe.restart({ downMs: 30, notReadyMs: 2000, loadingMs: 200 });
    await assert.rejects(send(`${oxe.url}/api/rest`, 'GET'));
    await down;
    assert.equal((await send(`${oxe.url}/api/rest`, 'GET')).status, 503);
    let status = 503;
    while (status === 503) {
      await pause(20);
      ({ status } = await send(`${oxe.url}/api/rest`, 'GET'));
    }
    assert.equal(status, 200);
    client = await openSession(oxe);
    let loaded = false;
    while (!loaded) {
      await pause(20);
      loaded = (await client.send('GET', '/iprecord/7/link')).status === 200;
    }
  });

  for (const channelToo of ['close', 'keep'] as const) {
    it(`an expired session takes its subscription with it; its channel is told to ${channelToo}`, async () => {
      await begin({ keepaliveMs: 5 });
      const url = await client.subscribe();
      const channel = await openChannel(url);
      oxe.expireSession({ channel: channelToo });
      assert.deepEqual(oxe.subscriptions(), []);
      assert.equal((await client.send('GET', '/sessions')).status, 403);
      if (channelToo === 'close') assert.equal(await channel.over(), 'end');
      else {
        const seen = channel.events.length;
        await channel.until(() => channel.events.length > seen + 1, 'keepalives');
        assert.equal(channel.ended, undefined);
      }
      await assert.rejects(openChannel(url), /403/);
    });
  }

  it('only the sessions of a login can be ended', async () => {
    await begin();
    await openSession(oxe, 'oxe70120', 'user-password');
    oxe.expireSession({ login: 'oxe70120' });
    assert.deepEqual(
      oxe.sessions().map(({ login }) => login),
      ['recorder'],
    );
  });

  it('a CTI link that is down is told, stops the events of its node, and is told when it is up', async () => {
    await begin();
    const channel = await client.channel();
    await client.monitor('70120');
    const events = await channel.during(oxe, async () => {
      oxe.ctiLinkDown(7);
      await oxe.call({ from: '0390670000', to: '70120' }).answered();
      const { pbxs } = (await client.ok('GET', '/system/status')) as { pbxs: { ctiLinkState: string }[] };
      assert.equal(pbxs[0]?.ctiLinkState, 'DISCONNECTED');
      oxe.ctiLinkUp(7);
      await client.ok('POST', '/telephony/state/snapshot');
    });
    assert.deepEqual(
      events.map(({ eventName, nodeId }) => [eventName, nodeId]),
      [
        ['OnCtiLinkDown', '7'],
        ['OnCtiLinkUp', '7'],
        ['OnTelephonyState', undefined],
      ],
    );
    oxe.ctiLinkDown(7, { loseLinks: true });
    assert.deepEqual(oxe.links(7), []);
  });

  it('subscriptions are refused with a message for as long as asked', async () => {
    await begin();
    oxe.refuseSubscription('Too many subscriptions');
    assert.deepEqual(await client.ok('POST', '/subscriptions', { version: '1.0' }), {
      message: 'Too many subscriptions',
      status: 'REFUSED',
    });
    oxe.refuseSubscription(undefined);
    await client.subscribe();
  });

  it('the next answer may be anything: HTML, empty, a redirect, another type, dripping, none, a reset', async () => {
    await begin();
    oxe.answerNext({ status: 502, body: '<html>Bad Gateway</html>' });
    const html = await client.send('GET', '/sessions');
    assert.deepEqual(
      [html.status, html.headers['content-type'], html.text],
      [502, 'text/html', '<html>Bad Gateway</html>'],
    );
    oxe.answerNext({ status: 500 });
    assert.equal((await client.send('GET', '/sessions')).text, '');
    oxe.answerNext({ status: 302, headers: { Location: 'http://elsewhere.example.com/' } });
    assert.equal((await client.send('GET', '/sessions')).headers.location, 'http://elsewhere.example.com/');
    oxe.answerNext({ body: { admin: 'yes' }, headers: { 'Content-Type': 'text/plain' } });
    assert.deepEqual((await client.send('GET', '/sessions')).headers['content-type'], 'text/plain');
    oxe.answerNext({ body: '{"slow":true}', dripMs: 1 });
    assert.equal((await client.send('GET', '/sessions')).text, '{"slow":true}');
    oxe.answerNext({ reset: true });
    await assert.rejects(client.send('GET', '/sessions'), /ECONNRESET|hang up/);
    oxe.answerNext({ hang: true });
    const hanging = client.send('GET', '/sessions').catch((error: unknown) => error);
    await oxe.nextRequest({ path: `${API}/sessions` });
    oxe.resetConnections();
    assert.ok((await hanging) instanceof Error);
    assert.equal((await client.send('GET', '/sessions')).status, 200);
  });

  it('an override waits for its method and path, applies as often as asked, and does nothing unless it says so', async () => {
    await begin();
    oxe.answerNext({ method: 'POST', path: '/iprecord/{nodeId}/link', status: 503, times: 2 });
    assert.equal((await client.send('GET', '/iprecord/7/link')).status, 200);
    assert.equal((await client.send('POST', '/iprecord/7/link', {})).status, 503);
    assert.equal((await client.send('POST', '/iprecord/7/link', {})).status, 503);
    assert.deepEqual(oxe.links(), []);
    oxe.answerNext({ path: /\/link$/, reset: true, execute: true });
    await assert.rejects(client.send('POST', '/iprecord/7/link', {}));
    assert.equal(oxe.links().length, 1, 'registered, though the answer was lost');
    oxe.answerNext({ status: 500, times: 100 });
    oxe.clearAnswers();
    assert.equal((await client.send('GET', '/sessions')).status, 200);
  });

  it('an override does not hide a request that is wrong', async () => {
    await begin();
    oxe.answerNext({ status: 200, body: {} });
    await client.send('GET', '/logins?nodes=7');
    assert.match(oxe.violations().join(), /no query parameter nodes/);
    oxe.clearViolations();
  });

  it('a delay and a think time let the own answer come later', async () => {
    await begin();
    oxe.answerNext({ delayMs: 20 });
    oxe.thinkTime(20);
    const asked = performance.now();
    assert.equal((await client.send('GET', '/sessions')).status, 200);
    assert.ok(performance.now() - asked >= 38);
    oxe.thinkTime(0);
  });

  it('reset reaches below TLS', async () => {
    await begin({ tls: testTls() });
    const channel = await client.channel();
    oxe.dropChannel('reset');
    assert.equal(await channel.over(), 'broken');
    oxe.answerNext({ reset: true });
    await assert.rejects(client.send('GET', '/sessions'));
  });

  it('a wrong password during an outage is counted as it came: once', async () => {
    await begin();
    oxe.notReady();
    assert.equal((await authenticate(oxe, 'recorder', 'wrong')).status, 503);
    oxe.ready();
    assert.equal((await authenticate(oxe, 'recorder', 'wrong')).status, 401);
    assert.equal(oxe.logins().filter(({ accepted }) => !accepted).length, 1);
  });
});

describe('closing a simulator', () => {
  it('ends ports, connections, channels, RTP, autoplay and whatever is waited for, and may be done twice', async () => {
    const oxe = await start();
    const client = await openSession(oxe);
    const channel = await client.channel();
    const link = await client.monitor('70120');
    await client.ok('POST', `${link}/record`, {
      deviceNumber: '70120',
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: 9,
      receivedFlowPort: 9,
    });
    oxe.autoplay({ everyMs: 1, ringMs: 0, talkMs: 60_000 });
    await oxe.once(() => oxe.rtp('70120').sent > 0 || oxe.callCount() > 0);
    const waiting = oxe.once(() => false).catch((error: unknown) => error);
    await Promise.all([oxe.close(), oxe.close()]);
    assert.match(String(await waiting), /the simulator was closed/);
    await channel.over();
    assert.equal(oxe.openSockets(), 0);
    await assert.rejects(send(`${oxe.url}/api/rest`, 'GET'), /ECONNREFUSED/);
    await stopAll();
  });

  it('starts no second server on a port that is taken, and leaves none behind', async () => {
    const first = await start();
    await assert.rejects(start({ eventPort: first.eventPort }), /EADDRINUSE/);
    await assert.rejects(start({ controlPort: first.port }), /EADDRINUSE/);
    await stopAll();
  });
});

describe('waiting for what a simulator sees', () => {
  afterEach(stopAll);

  it('names what did not come and what came instead', async () => {
    const oxe = await start();
    const waiting = oxe.nextRequest(
      { method: 'POST', path: `${API}/subscriptions` },
      { timeoutMs: 3000, what: 'the subscription' },
    );
    const failure = waiting.then(() => 'it came', String);
    await openSession(oxe);
    assert.match(
      await failure,
      /the subscription did not come within 3000 ms; came instead: 2 requests.*GET \/api\/rest\/authenticate -> 200, POST \/api\/rest\/1\.0\/sessions -> 200/,
    );
  });

  it('finds the next request only, with everything in it', async () => {
    const oxe = await start();
    const client = await openSession(oxe);
    const next = oxe.nextRequest({ path: /\/link$/, status: 200 });
    const link = await client.link(7, { type: 'NICE' });
    const request = await next;
    assert.deepEqual(
      [request.method, request.path, request.body, request.status],
      ['POST', `${API}/iprecord/7/link`, { type: 'NICE' }, 200],
    );
    assert.equal(request.headers.cookie, `AlcUserId=${client.cookie}`);
    assert.ok(link !== '');
  });

  it('resolves at once with what is true already', async () => {
    const oxe = await start();
    assert.equal(await oxe.once(() => oxe.sessions().length + 1), 1);
  });
});
