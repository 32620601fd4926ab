import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpTransport, type TlsOptions } from '../../o2g/transport/http-transport';
import {
  testConnection,
  type StepResult,
  type ConnectionTestOptions,
} from '../../o2g/connection-test/connection-test';
import { STEPS } from '../../o2g/connection-test/steps';
import { startSimulator, type SimulatorOptions } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { certificate } from '../support/certificates';
import { whenTestEnds } from '../support/cleanup';

let oxe: Simulator;

interface Changes extends Partial<ConnectionTestOptions> {
  tls?: TlsOptions;
  password?: string;
  signal?: AbortSignal;
  onEnd?: (end: StepResult) => void;
}

async function trial({
  tls,
  password = oxe.password,
  signal = new AbortController().signal,
  onEnd = () => undefined,
  ...options
}: Changes = {}): Promise<StepResult[]> {
  const ends: StepResult[] = [];
  const whole: ConnectionTestOptions = {
    sites: [new URL(oxe.url)],
    access: 'typed',
    account: { login: oxe.login, password, applicationName: 'trial' },
    lifetime: 0,
    timeoutMs: 5000,
    verified: tls?.rejectUnauthorized !== false,
    ...options,
  };
  await testConnection(
    whole,
    new HttpTransport({ timeoutMs: 5000, ...(tls ? { tls } : {}) }),
    (end) => {
      ends.push(end);
      onEnd(end);
    },
    signal,
  );
  return ends;
}

/** Each step with its outcome, and its note if it has one. */
function summary(ends: readonly StepResult[]): Record<string, string> {
  return Object.fromEntries(
    ends.map(({ step, outcome, note }) => [step, note === undefined ? outcome : `${outcome} ${note}`]),
  );
}

/** The outcomes up to a failure, all good before it and nothing reached after it. */
function failedAt(
  failed: (typeof STEPS)[number],
  note: string,
  before: Record<string, string> = {},
): Record<string, string> {
  const at = STEPS.indexOf(failed);
  const good = { name: 'skipped', tls: 'skipped plain', ...before };
  return Object.fromEntries(
    STEPS.map((step, index) => [
      step,
      index < at
        ? ((Reflect.get(good, step) as string | undefined) ?? 'ok')
        : index === at
          ? `failed ${note}`
          : 'notReached',
    ]),
  );
}

const GOOD = { ...failedAt('licences', ''), licences: 'ok' };

/** A port that belonged to a server a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

async function start(options: SimulatorOptions = {}): Promise<void> {
  await oxe.close();
  oxe = await startSimulator({ devices: ['70000-70009'], ...options });
}

describe('a trial of a connection', () => {
  beforeEach(async () => {
    oxe = await startSimulator({ devices: ['70000-70009'] });
  });
  afterEach(async () => {
    assert.deepEqual(
      [oxe.sessions(), oxe.subscriptions(), oxe.channelCount()],
      [[], [], 0],
      'something was left behind',
    );
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('goes through all steps, tells each once and in order, and leaves nothing behind', async () => {
    const ends = await trial();
    assert.deepEqual(
      ends.map(({ step }) => step),
      STEPS,
    );
    assert.deepEqual(summary(ends), GOOD);
    const detail = Object.fromEntries(ends.map(({ step, detail: text }) => [step, text]));
    assert.match(detail.nodes ?? '', /^7 oxe-7 CONNECTED_MAIN$/);
    assert.match(detail.licences ?? '', /ROXE_API_TEL_ADVANCED 0\/10/);
    assert.equal(detail.channel, `127.0.0.1:${oxe.eventPort}`);
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
        'GET /api/rest/1.0/system/status',
        'DELETE /api/rest/1.0/subscriptions/…',
        'DELETE /api/rest/1.0/sessions',
      ],
    );
  });

  it('tells no secret', async () => {
    const cookies = new Set<string>();
    const ids = new Set<string>();
    const ends = await trial({
      onEnd: () => {
        for (const { cookie } of oxe.sessions()) cookies.add(cookie);
        for (const { id } of oxe.subscriptions()) ids.add(id);
      },
    });
    assert.ok(cookies.size === 1 && ids.size === 1);
    for (const secret of [...cookies, ...ids, oxe.password])
      assert.ok(!JSON.stringify(ends).includes(secret));
  });

  it('a name that DNS knows, TLS with the right certificate, and TLS that is not verified', async () => {
    const own = await certificate();
    await start({ tls: { key: own.key, cert: own.cert } });
    const named = new URL(oxe.url.replace('127.0.0.1', 'localhost'));
    assert.deepEqual(summary(await trial({ sites: [named], tls: { ca: own.cert } })), {
      ...GOOD,
      name: 'ok',
      tls: 'ok',
    });
    assert.deepEqual(summary(await trial({ tls: { rejectUnauthorized: false } })), {
      ...GOOD,
      tls: 'ok unverified',
    });
  });

  it('a user who is no administrator: the system is not asked', async () => {
    const account = { login: 'oxe70001', password: 'user-password', applicationName: 'trial' };
    assert.deepEqual(summary(await trial({ account })), {
      ...GOOD,
      session: 'ok noAdmin',
      nodes: 'skipped noAdmin',
      licences: 'skipped noAdmin',
    });
  });

  it('with a webhook it opens neither subscription nor channel: the flow would get every event twice', async () => {
    assert.deepEqual(summary(await trial({ webHookUrl: 'https://node-red.example.com/o2g/token' })), {
      ...GOOD,
      channel: 'skipped webhook',
    });
    assert.deepEqual(
      oxe.requests().filter(({ path }) => path.includes('subscriptions')),
      [],
    );
  });

  it('an unknown host', async () => {
    const sites = [new URL('http://no-such-host.invalid')] as const;
    assert.deepEqual(summary(await trial({ sites })), failedAt('name', 'unknownHost'));
  });

  it('a port on which nothing listens', async () => {
    const sites = [new URL(`http://127.0.0.1:${await closedPort()}`)] as const;
    assert.deepEqual(summary(await trial({ sites })), failedAt('port', 'portClosed'));
  });

  it('a certificate that is not trusted, and one for another name', async () => {
    const own = await certificate();
    await start({ tls: { key: own.key, cert: own.cert } });
    assert.deepEqual(summary(await trial()), failedAt('tls', 'untrusted'));
    const other = await certificate('o2g.example.com');
    await start({ tls: { key: other.key, cert: other.cert } });
    assert.deepEqual(summary(await trial({ tls: { ca: other.cert } })), failedAt('tls', 'otherName'));
  });

  it('the wrong scheme, both ways', async () => {
    assert.deepEqual(
      summary(await trial({ sites: [new URL(oxe.url.replace('http:', 'https:'))] })),
      failedAt('tls', 'wrongScheme'),
    );
    const own = await certificate();
    await start({ tls: { key: own.key, cert: own.cert } });
    const plain = summary(await trial({ sites: [new URL(oxe.url.replace('https:', 'http:'))] }));
    assert.equal(plain.descriptor, 'failed wrongScheme', JSON.stringify(plain));
  });

  it('a page instead of the API', async () => {
    oxe.answerNext({ path: '/api/rest', status: 200, body: '<html><title>Welcome</title></html>' });
    assert.deepEqual(summary(await trial()), failedAt('descriptor', 'notO2G'));
    oxe.answerNext({
      path: '/api/rest',
      status: 301,
      headers: { Location: 'https://elsewhere.example.com/' },
    });
    assert.deepEqual(summary(await trial()), failedAt('descriptor', 'redirected'));
  });

  it('a page instead of the answer to the session: the session that it hides is closed', async () => {
    oxe.answerNext({ method: 'POST', path: '/sessions', status: 200, body: '<html></html>', execute: true });
    assert.equal(summary(await trial()).session, 'failed');
    oxe.answerNext({ method: 'POST', path: '/sessions', reset: true, execute: true });
    assert.equal(summary(await trial()).session, 'failed');
  });

  it('a wrong password, tried once and at one site only', async () => {
    const ends = await trial({ password: 'wrong', sites: [new URL(oxe.url), new URL(oxe.url)] });
    assert.deepEqual(summary(ends), failedAt('login', 'wrongPassword'));
    assert.equal(ends.length, STEPS.length);
    assert.equal(oxe.logins().length, 1);
  });

  it('the second site is tried too, whatever the first one says', async () => {
    const closed = new URL(`http://127.0.0.1:${await closedPort()}`);
    const ends = await trial({ sites: [closed, new URL(oxe.url)] });
    assert.deepEqual([...new Set(ends.map(({ site }) => site))], [closed.host, new URL(oxe.url).host]);
    assert.deepEqual(summary(ends.slice(STEPS.length)), GOOD);
  });

  it('a server that is not ready', async () => {
    oxe.notReady();
    assert.match(Object.values(summary(await trial())).join(), /failed notReady/);
  });

  it('a closed port of the event channel: what follows is tried all the same', async () => {
    const eventPort = await closedPort();
    assert.deepEqual(summary(await trial({ eventPort })), { ...GOOD, channel: 'failed channelPort' });
  });

  it('a refused channel, a refused subscription', async () => {
    oxe.refuseChannel(403);
    assert.deepEqual(summary(await trial()), { ...GOOD, channel: 'failed channelRefused' });
    oxe.refuseSubscription('no more licences');
    const ends = await trial();
    assert.deepEqual(summary(ends), { ...GOOD, channel: 'failed subscriptionRefused' });
    assert.match(ends.find(({ step }) => step === 'channel')?.detail ?? '', /no more licences/);
  });

  it('an event channel that O2G names at another host, or with another scheme', async () => {
    const port = await closedPort();
    oxe.announce({
      publicEvents: `http://o2g.example.com:${port}`,
      privateEvents: `http://o2g.example.com:${port}`,
    });
    assert.deepEqual(summary(await trial()), { ...GOOD, channel: 'failed foreignAddress' });
    oxe.announce({ publicEvents: 'https://127.0.0.1:8016', privateEvents: 'https://127.0.0.1:8016' });
    assert.deepEqual(summary(await trial()), { ...GOOD, channel: 'failed channelAddress' });
  });

  it("addresses that O2G names and that can't be reached, when the user consented to them", async () => {
    oxe.announce({ privateRest: `http://127.0.0.1:${await closedPort()}` });
    assert.deepEqual(summary(await trial({ access: 'private' })), failedAt('login', 'foreignAddress'));
    assert.equal(summary(await trial({ access: 'auto' })).session, 'ok');
  });

  it('an OXE node without CTI link, and no licence', async () => {
    oxe.ctiLinkDown(7);
    assert.deepEqual(summary(await trial()), { ...GOOD, nodes: 'failed nodesDown' });
    oxe.answerNext({ path: '/system/status', status: 200, body: { pbxs: [], license: { lics: [] } } });
    assert.deepEqual(summary(await trial()), {
      ...GOOD,
      nodes: 'failed noNodes',
      licences: 'failed noLicence',
    });
  });

  it('given up in the middle, it closes what it opened', async () => {
    const giveUp = new AbortController();
    whenTestEnds(() => {
      giveUp.abort();
    });
    oxe.answerNext({ path: '/system/status', hang: true });
    const ends = await trial({
      signal: giveUp.signal,
      onEnd: ({ step }) => {
        if (step === 'channel') giveUp.abort();
      },
    });
    assert.equal(summary(ends).nodes, 'failed');
  });
});
