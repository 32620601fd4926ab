import assert from 'node:assert/strict';
import type { Simulator } from '../../simulator/simulator-api';
import { API, authenticate, Client, openSession, send, start, stopAll } from './support';

describe('authentication and sessions', () => {
  afterEach(stopAll);

  it('the descriptor names the entry points without any credential', async () => {
    const oxe = await start();
    const { status, body } = await send(`${oxe.url}/api/rest`, 'GET');
    assert.equal(status, 200);
    assert.deepEqual(body.versions, [
      {
        id: '1.0',
        status: 'CURRENT',
        publicUrl: `${oxe.url}/api/rest/authenticate?version=1.0`,
        internalUrl: `${oxe.url}/api/rest/authenticate?version=1.0`,
      },
    ]);
  });

  it('a wrong or missing password is challenged with 401, and every attempt is counted', async () => {
    const oxe = await start();
    for (const reply of [
      await authenticate(oxe, 'recorder', 'wrong'),
      await authenticate(oxe, 'nobody', 'x'),
      await authenticate(oxe, 'oxe70120', ''),
    ]) {
      assert.equal(reply.status, 401);
      assert.equal(reply.headers['www-authenticate'], 'Basic realm="O2G"');
      assert.equal(reply.body.httpStatus, 'UNAUTHORIZED');
    }
    assert.equal((await send(`${oxe.url}/api/rest/authenticate?version=1.0`, 'GET')).status, 401);
    assert.equal((await authenticate(oxe)).status, 200);
    assert.deepEqual(
      oxe.logins().map(({ login, accepted }) => [login, accepted]),
      [
        ['recorder', false],
        ['nobody', false],
        ['oxe70120', false],
        ['recorder', true],
      ],
    );
  });

  it('the credential is the value of the cookie, a JWT without an expiry', async () => {
    const oxe = await start();
    const { headers, body } = await authenticate(oxe);
    assert.deepEqual(headers['set-cookie'], [`AlcUserId=${String(body.credential)}; Path=/`]);
    const [, payload = ''] = String(body.credential).split('.');
    assert.deepEqual(Object.keys(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), [
      'sub',
      'iat',
    ]);
  });

  it('a session opens once a cookie, and tells the others of the same login', async () => {
    const oxe = await start();
    const first = await openSession(oxe);
    const second = await openSession(oxe);
    const { otherSessions } = await second.ok('GET', '/sessions');
    assert.equal((otherSessions as object[]).length, 1);
    const again = await first.send('POST', '/sessions', { applicationName: 'again' });
    assert.deepEqual([again.status, again.body.type], [403, 'NOT_EXPECTED']);
    assert.match(oxe.violations().join(), /already opened/);
    oxe.clearViolations();
  });

  it('a closed session is an INVALID_SESSION, which is no violation', async () => {
    const oxe = await start();
    const client = await openSession(oxe);
    assert.equal((await client.send('DELETE', '/sessions')).status, 204);
    const reply = await client.send('POST', '/sessions/keepalive');
    assert.deepEqual([reply.status, reply.body.code, reply.body.type], [403, 1001, 'INVALID_SESSION']);
    assert.deepEqual(oxe.sessions(), []);
  });

  it('a session that nobody uses ends after its lifetime, at the next purge; its channel is closed', async () => {
    const oxe = await start({ timeToLive: 2, purgeIntervalMs: 20 });
    const client = await openSession(oxe);
    const channel = await client.channel();
    assert.equal(await channel.over(), 'end');
    assert.deepEqual([oxe.sessions(), oxe.subscriptions()], [[], []]);
    assert.equal((await client.send('GET', '/sessions')).status, 403);
  });

  it('a late request revives a session that the purge has not cleared', async () => {
    const oxe = await start({ timeToLive: 0 });
    const client = await openSession(oxe);
    assert.equal((await client.send('GET', '/sessions')).status, 200);
  });

  it('a session with a secure token has an expiry, which keepalive moves', async () => {
    const oxe = await start({ tokenLifetime: 3600 });
    const client = await openSession(oxe);
    const opened = await client.ok('GET', '/sessions');
    const kept = await client.send('POST', '/sessions/keepalive');
    assert.equal(kept.status, 200);
    assert.ok(Date.parse(String(kept.body.expirationDate)) >= Date.parse(String(opened.expirationDate)));
  });

  it('keepalive answers 204 and takes whatever body clients are known to send', async () => {
    const client = await openSession(await start());
    assert.equal((await client.send('POST', '/sessions/keepalive')).status, 204);
    assert.equal((await client.send('POST', '/sessions/keepalive', { applicationName: 'x' })).status, 204);
  });

  it("a user's session is the user's: own login, own calls, no administration", async () => {
    const oxe = await start();
    const admin = await openSession(oxe);
    await admin.monitor('70120', '70130');
    const user = await openSession(oxe, 'oxe70120', 'user-password');
    assert.equal((await user.ok('GET', '/sessions')).admin, false);
    assert.deepEqual(await user.ok('GET', '/logins'), { loginNames: ['oxe70120'] });
    assert.deepEqual(await user.ok('GET', '/telephony/devices?loginName=oxe70130'), {
      deviceStates: [{ deviceId: '70120', state: 'IN_SERVICE' }],
    });
    assert.ok('devices' in (await user.ok('GET', '/users/oxe70120')));
    assert.ok(!('devices' in (await user.ok('GET', '/users/oxe70130'))));
    for (const path of ['/system/status', '/iprecord/7/link']) {
      const reply = await user.send('GET', path);
      assert.deepEqual([reply.status, reply.body.type], [403, 'NOT_ALLOWED']);
    }
  });

  for (const account of [
    { id: 'oxe70123', type: 'LOGIN_NAME' },
    { id: '70124', type: 'PHONE_NUMBER' },
  ]) {
    it(`an administrator supervises a user by ${account.type}: the session is like the user's own`, async () => {
      const oxe = await start();
      await (await openSession(oxe)).monitor('70123');
      const supervised = await openSession(oxe, undefined, undefined, { supervisedAccount: account });
      assert.equal((await supervised.ok('GET', '/sessions')).admin, false);
      assert.deepEqual(await supervised.ok('GET', '/logins'), { loginNames: ['oxe70123'] });
    });
  }

  it('neither an unknown account nor a user as supervisor opens a supervised session', async () => {
    const oxe = await start();
    const unknown = new Client(oxe, String((await authenticate(oxe)).body.credential));
    const request = (id: string): object => ({
      applicationName: 'x',
      supervisedAccount: { id, type: 'LOGIN_NAME' },
    });
    assert.equal((await unknown.send('POST', '/sessions', request('oxe1'))).status, 400);
    const user = new Client(
      oxe,
      String((await authenticate(oxe, 'oxe70120', 'user-password')).body.credential),
    );
    assert.equal((await user.send('POST', '/sessions', request('oxe70123'))).status, 403);
  });

  it('answers name the hosts that the server was told to announce, or none', async () => {
    const oxe = await start({
      announce: {
        publicRest: 'https://public.example.com',
        privateRest: '',
        publicEvents: 'https://public.example.com:8016',
      },
    });
    const { body } = await authenticate(oxe);
    assert.deepEqual(
      [body.publicUrl, body.internalUrl],
      [`https://public.example.com${API}/sessions`, `${API}/sessions`],
    );
    const client = await openSession(oxe);
    const subscription = await client.ok('POST', '/subscriptions', { version: '1.0' });
    assert.match(
      String(subscription.publicPollingUrl),
      /^https:\/\/public\.example\.com:8016\/OTEvents\?subscriptionId=/,
    );
    assert.match(
      String(subscription.privatePollingUrl),
      new RegExp(`^http://127.0.0.1:${oxe.eventPort}/OTEvents`),
    );
    oxe.announce({ privateRest: 'http://10.0.0.1' });
    assert.equal((await client.ok('GET', '/sessions')).privateBaseUrl, `http://10.0.0.1${API}`);
  });

  it('a server that listens everywhere names itself as the client does', async () => {
    const oxe: Simulator = await start({ host: '0.0.0.0' });
    const { body } = await send(`http://127.0.0.1:${oxe.port}/api/rest`, 'GET');
    assert.match(JSON.stringify(body), new RegExp(`http://127.0.0.1:${oxe.port}/api/rest/authenticate`));
  });
});
