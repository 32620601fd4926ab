import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { O2GEvent } from '../../o2g/spec/event';
import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { closeSessions, fastClock, next, openSession, until } from './support';

let oxe: Simulator;

describe('a session with a real server', () => {
  beforeEach(async () => {
    oxe = await startSimulator({ devices: ['70000-70099', '70120', '70130'] });
  });
  afterEach(async () => {
    await closeSessions();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('opens with descriptor, authentication, session, subscription and channel, and closes in the reverse order', async () => {
    const { session, log } = openSession(oxe);
    await until(session, 'connected');
    assert.equal(session.info?.admin, true);
    await session.close('removed');
    assert.deepEqual(
      oxe
        .requests()
        .map(({ method, path }) => `${method} ${path.replace(/subscriptions\/.+/, 'subscriptions/…')}`),
      [
        'GET /api/rest',
        'GET /api/rest/authenticate',
        'POST /api/rest/1.0/sessions',
        'POST /api/rest/1.0/subscriptions',
        'POST /OTEvents',
        'DELETE /api/rest/1.0/subscriptions/…',
        'DELETE /api/rest/1.0/sessions',
      ],
    );
    assert.deepEqual([oxe.sessions().length, oxe.subscriptions().length, oxe.channelCount()], [0, 0, 0]);
    assert.deepEqual(
      log.lines.map((line) => line.replace(/127\S+/, 'HOST')),
      ['info HOST connecting', 'info HOST connected', 'info HOST closed'],
    );
  });

  it('gives every event once, in order, as it was sent; a second taker gets a copy of its own', async () => {
    const { session } = openSession(oxe);
    const first: O2GEvent[] = [];
    const second: O2GEvent[] = [];
    session.setInterest('first', {
      selectors: [{ names: ['telephony'] }],
      deliver: (event) => first.push(event),
    });
    session.setInterest('second', {
      selectors: [{ names: ['OnCallCreated'] }],
      deliver: (event) => second.push(event),
    });
    await until(session, 'connected');
    const sent = Array.from({ length: 500 }, (_, index) => ({
      eventName: 'OnCallCreated',
      loginName: 'oxe70120',
      callRef: String(index),
      text: 'Élodie 電話',
    }));
    const last = next(session.onEvent, ({ callRef }) => callRef === '499', 'the last event');
    for (const event of sent) await oxe.emit(event);
    await last;
    assert.deepEqual(first, sent);
    assert.deepEqual(second, sent);
    assert.ok(first.every((event, index) => event !== second[index]));
  });

  it('subscribes without names that the specification does not have when the server refuses them, and says so', async () => {
    oxe.answerNext({
      method: 'POST',
      path: /\/subscriptions$/,
      status: 200,
      body: { status: 'REFUSED', message: 'unknown event OnFuture' },
    });
    const { session, log } = openSession(oxe);
    session.setInterest('taker', { selectors: [{ names: ['OnFuture', 'user'] }], deliver: () => undefined });
    await until(session, 'connected');
    const asked = oxe
      .requests()
      .filter(({ method, path }) => method === 'POST' && path.endsWith('/subscriptions'));
    const names = asked.map(({ body }) =>
      (body as { filter: { selectors: { names: string[] }[] } }).filter.selectors
        .flatMap((selector) => selector.names)
        .sort(),
    );
    assert.deepEqual(names, [
      ['OnFuture', 'system', 'telephony', 'user'],
      ['system', 'telephony', 'user'],
    ]);
    assert.ok(
      log.lines.some((line) => line.startsWith('warn') && line.includes('unknown event OnFuture')),
      log.lines.join('\n'),
    );
  });

  it('takes a hundred requests at a time without a warning of Node.js', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on('warning', note);
    const { session } = openSession(oxe);
    await until(session, 'connected');
    await Promise.all(Array.from({ length: 100 }, () => session.perform('getSystemStatus', {}, undefined)));
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  it('re-opens a channel that broke at once, on the same subscription, and loses nothing that the server still has', async () => {
    const { session } = openSession(oxe);
    const got: unknown[] = [];
    session.setInterest('taker', {
      selectors: [{ names: ['telephony'] }],
      deliver: ({ callRef }) => got.push(callRef),
    });
    await until(session, 'connected');
    for (const how of ['reset', 'clean'] as const) {
      const back = next(session.onState, ({ state }) => state === 'connected', 'the channel');
      oxe.dropChannel(how);
      await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: how });
      const report = await back;
      if (!got.includes(how))
        await next(session.onEvent, ({ callRef }) => callRef === how, 'the event raised meanwhile');
      assert.equal(report.blindMs === undefined, how === 'clean', `${how}: ${JSON.stringify(report)}`);
    }
    assert.deepEqual(got, ['reset', 'clean']);
    assert.equal(
      oxe.requests().filter(({ method, path }) => method === 'POST' && path.endsWith('/subscriptions'))
        .length,
      1,
    );
    assert.equal(oxe.sessions().length, 1);
  });

  it('logs in again when the session expired, and repeats the request that found out', async () => {
    const { session } = openSession(oxe);
    await until(session, 'connected');
    oxe.expireSession();
    const status = await session.perform('getSystemStatus', {}, undefined);
    assert.equal(status.configurationType, 'RECORDING');
    assert.equal(session.generation, 2);
    await until(session, 'connected');
  });

  it('follows what is asked for with PUT, without losing the channel', async () => {
    const { session } = openSession(oxe);
    await until(session, 'connected');
    const put = oxe.nextRequest({ method: 'PUT', path: /\/subscriptions$/ });
    session.setInterest('taker', {
      selectors: [{ names: ['agent', 'userManagement'] }],
      deliver: () => undefined,
    });
    assert.deepEqual((await put).body, {
      selectors: ['agent', 'system', 'telephony', 'userManagement'].map((name) => ({
        ids: ['*'],
        names: [name],
      })),
    });
    assert.equal(session.report.state, 'connected');
    assert.equal(oxe.channelCount(), 1);
  });

  it('holds events during a deploy and hands them to the taker of then', async () => {
    const { session } = openSession(oxe);
    session.setInterest('node', {
      selectors: [{ names: ['telephony'] }],
      deliver: () => assert.fail('the old node is gone'),
    });
    await until(session, 'connected');
    session.hold();
    session.setInterest('node', undefined);
    const came = next(session.onEvent, () => true, 'the event');
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: '1' });
    await came;
    const got: unknown[] = [];
    session.setInterest('node', {
      selectors: [{ names: ['telephony'] }],
      deliver: ({ callRef }) => got.push(callRef),
    });
    session.resume();
    assert.deepEqual(got, ['1']);
    assert.equal(
      oxe.requests().filter(({ method }) => method === 'PUT').length,
      0,
      'the subscription was left alone',
    );
  });
});

describe('A session whose events do not come', () => {
  beforeEach(async () => {
    oxe = await startSimulator({ devices: ['70000-70009'] });
  });
  afterEach(async () => {
    await closeSessions();
    await oxe.close();
  });

  it('is degraded when the subscription is refused, says why, and performs operations', async () => {
    oxe.refuseSubscription('Unknown event package: telephny');
    const { session, failures, log } = openSession(oxe);
    await until(session, 'degraded');
    const { events, reason } = session.report;
    assert.equal(events, 'refused');
    assert.match(reason, /Unknown event package: telephny/);
    assert.equal((await session.perform('getSystemStatus', {}, undefined)).configurationType, 'RECORDING');
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['REFUSED'],
    );
    assert.equal(log.lines.filter((line) => line.includes('telephny')).length, 1);
  });

  it('tries a refused subscription again by itself, and at once when something else is requested', async () => {
    oxe.refuseSubscription('not now');
    const { session } = openSession(oxe, { clock: fastClock(20) });
    await until(session, 'degraded');
    oxe.refuseSubscription(undefined);
    await until(session, 'connected');
    oxe.refuseSubscription('not now');
    oxe.expireSession();
    await until(session, 'degraded');
    oxe.refuseSubscription(undefined);
    session.setInterest('taker', { selectors: [{ names: ['agent'] }], deliver: () => undefined });
    await until(session, 'connected', 2000);
  });

  it('subscribes once when several nodes change what they request while it is refused', async () => {
    oxe.refuseSubscription('not now');
    const { session } = openSession(oxe);
    await until(session, 'degraded');
    oxe.refuseSubscription(undefined);
    oxe.thinkTime(100);
    for (const names of [['agent'], ['user'], ['system']])
      session.setInterest(String(names), { selectors: [{ names }], deliver: () => undefined });
    await until(session, 'connected');
    assert.deepEqual(oxe.violations(), []);
    assert.equal(oxe.subscriptions().length, 1);
  });

  it('is degraded while its channel cannot be opened, and stays the same session', async () => {
    const { session } = openSession(oxe, { eventPort: 9 });
    await until(session, 'degraded');
    assert.equal(session.report.events, 'lost');
    assert.match(session.report.reason, /9/);
    await session.perform('getSystemStatus', {}, undefined);
    await next(session.onState, ({ state }) => state === 'degraded', 'another attempt');
    assert.equal(session.generation, 1);
    assert.equal(oxe.logins().length, 1);
  });

  it('is not in doubt for the server’s own refusals', async () => {
    const { session } = openSession(oxe);
    await until(session, 'connected');
    for (let time = 0; time < 20; time += 1)
      await assert.rejects(session.perform('getUser', { loginName: 'oxe79999' }, undefined), {
        code: 'BAD_PARAMETER',
      });
    assert.equal(session.generation, 1);
    assert.equal(oxe.requests().filter(({ path }) => path.endsWith('/keepalive')).length, 0);
  });
});

describe('A session that is gone', () => {
  const page = '<html><body>Please log in</body></html>';
  const html = { 'content-type': 'text/html' };
  /** What servers and proxies say of it, on any request. */
  const WORDINGS: readonly Omit<Parameters<Simulator['answerNext']>[0], 'method' | 'path'>[] = [
    { status: 401, body: '' },
    { status: 401, headers: html, body: page },
    { status: 403, body: '' },
    { status: 403, body: { httpStatus: 'FORBIDDEN', code: 1002, type: 'NOT_ALLOWED' } },
    { status: 403, body: { httpStatus: 'FORBIDDEN', code: 1001, type: 'INVALID_SESSION' } },
    { status: 500, body: '' },
    { status: 500, body: { httpStatus: 'INTERNAL_SERVER_ERROR', code: 1007, type: 'SERVER_PROBLEM' } },
    { status: 200, headers: html, body: page },
    { status: 302, headers: { location: '/login' }, body: '' },
    { status: 400, body: 'no session' },
    { status: 404, headers: html, body: page },
  ];

  beforeEach(async () => {
    oxe = await startSimulator({ devices: ['70000-70009'] });
  });
  afterEach(async () => {
    await closeSessions();
    await oxe.close();
  });

  for (const wording of WORDINGS) {
    const title = `${wording.status ?? 0} ${JSON.stringify(wording.body)}`;
    it(`is replaced when requests and keepalive are answered with ${title}`, async () => {
      const { session } = openSession(oxe, { clock: fastClock(10) });
      await until(session, 'connected');
      const back = next(session.onState, ({ state }) => state === 'connected', 'the new session');
      oxe.answerNext({ path: /\/system\/status$/, ...wording, times: 1 });
      oxe.answerNext({ path: /\/keepalive$/, ...wording, times: 1 });
      await session.perform('getSystemStatus', {}, undefined).catch(() => undefined);
      await back;
      assert.equal(session.generation, 2);
      assert.equal(oxe.sessions().length, 1, 'the old session was closed');
    });
  }

  it('is kept while the server cannot be reached, whatever stands before it says', async () => {
    const { session } = openSession(oxe, { clock: fastClock(10), timeoutMs: 300 });
    await until(session, 'connected');
    for (const status of [502, 503, 504]) {
      oxe.answerNext({ path: /keepalive$/, status, headers: html, body: page, times: 2 });
      oxe.answerNext({ path: /\/system\/status$/, status, headers: html, body: page, times: 4 });
      const away = next(session.onState, ({ state }) => state === 'recovering', `the outage by ${status}`);
      await session.perform('getSystemStatus', {}, undefined).catch(() => undefined);
      await away;
      await until(session, 'connected');
    }
    oxe.clearAnswers();
    await oxe.down();
    await until(session, 'recovering');
    await oxe.up();
    await until(session, 'connected');
    assert.equal(session.generation, 1);
    assert.equal(oxe.logins().length, 1);
  });
});

describe('a session that cannot be', () => {
  before(async () => {
    oxe = await startSimulator();
  });
  afterEach(closeSessions);
  after(() => oxe.close());

  it('with a wrong password is refused after one try and says so', async () => {
    const { session, failures } = openSession(oxe, { password: 'wrong' });
    await until(session, 'refused');
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['NOT_ALLOWED'],
    );
    assert.match(failures[0]?.message ?? '', /login or the password.*not tried again/);
    await assert.rejects(session.perform('getSystemStatus', {}, undefined), {
      code: 'NOT_CONNECTED',
      message: /login or the password/,
    });
    assert.equal(oxe.requests().filter(({ path }) => path.endsWith('/authenticate')).length, 1);
  });

  for (const [what, url, words] of [
    ['an unreachable port', 'http://127.0.0.1:9', /nothing listens there/],
    ['an unknown name', 'http://o2g.invalid', /unknown to DNS|DNS does not answer/],
    ['https where http is spoken', 'https://PORT', /does not speak TLS/],
  ] as const) {
    it(`with ${what} says what to do, and makes requests wait no longer than told`, async () => {
      const { session, failures } = openSession(
        { ...oxe, url: url.replace('PORT', `127.0.0.1:${oxe.port}`) },
        { offlineWaitMs: 300 },
      );
      await next(session.onFailure, () => true, 'the failure');
      assert.equal(failures[0]?.code, 'NOT_CONNECTED');
      assert.match(failures[0].message, words);
      await assert.rejects(session.perform('getSystemStatus', {}, undefined), {
        code: 'NOT_CONNECTED',
        message: words,
      });
    });
  }

  it('with a server that takes connections and never answers times out', async () => {
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      mute.once('listening', resolve);
    });
    const { port } = mute.address() as { port: number };
    const { session } = openSession({ ...oxe, url: `http://127.0.0.1:${port}` }, { timeoutMs: 200 });
    assert.equal((await next(session.onFailure, () => true, 'the failure')).code, 'TIMEOUT');
    await session.close('removed');
    mute.close();
  });

  it('waits for a server that is not ready, and is connected when it is', async () => {
    oxe.answerNext({
      method: 'GET',
      path: '/api/rest',
      status: 503,
      body: {
        httpStatus: 'SERVICE_UNAVAILABLE',
        code: 1000,
        type: 'NOT_READY',
        helpMessage: 'The server is not yet available.',
        canRetry: true,
      },
    });
    const { session, failures } = openSession(oxe);
    await until(session, 'connected');
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['NOT_READY'],
    );
  });

  it('takes no page for a descriptor', async () => {
    oxe.answerNext({
      method: 'GET',
      path: '/api/rest',
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<html>Welcome to nginx</html>',
    });
    const { session } = openSession(oxe);
    const error = await next(session.onFailure, () => true, 'the failure');
    assert.equal(error.code, 'SERVER_PROBLEM');
    assert.match(error.message, /is that address an O2G server/);
  });
});
