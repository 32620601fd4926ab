import assert from 'node:assert/strict';
import type { Link, StoredLink } from '../../o2g/link/link';
import type { RecordTarget } from '../../o2g/link/desired-state';
import type { Session } from '../../o2g/session/session';
import { startSimulator, type SimulatorOptions } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { closeSessions, fastClock, next, openSession, registered, startLink, until } from './support';

const target = (port: number): RecordTarget => ({
  mode: 'ip',
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: port,
  receivedFlowPort: port + 2,
});
const MANY = Array.from({ length: 60 }, (_, index) => String(70000 + index));
/** For what must come, also on a machine that is busy with other things. */
const PATIENCE = { timeoutMs: 20_000 };

let oxe: Simulator;
let session: Session;

async function start(
  options: SimulatorOptions = {},
  ...more: Parameters<typeof openSession> extends [unknown, ...infer Rest] ? Rest : never
): Promise<void> {
  oxe = await startSimulator({ devices: MANY, ...options });
  ({ session } = openSession(oxe, ...more));
  await until(session, 'connected');
}

const posts = (what: string, of: Simulator = oxe): number =>
  of.requests().filter(({ method, path }) => method === 'POST' && path.endsWith(`/${what}`)).length;
const gets = (what: string): number =>
  oxe.requests().filter(({ method, path }) => method === 'GET' && path.endsWith(what)).length;

describe('a DR link recovers', function recovery() {
  this.timeout(60_000);
  afterEach(async () => {
    await closeSessions();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('when its session is lost again and again while the registration is asked for', async () => {
    const clock = fastClock(10);
    await start({ keepaliveMs: 200 }, { clock });
    const lost = { httpStatus: 'FORBIDDEN', code: 1001, type: 'INVALID_SESSION' };
    oxe.answerNext({ method: 'POST', path: /\/link$/, delayMs: 500, status: 403, body: lost, times: 2 });
    const link = startLink(session, { devices: MANY }, { clock });
    for (const asked of [1, 2]) {
      await oxe.once(() => posts('link') === asked, PATIENCE);
      oxe.expireSession();
    }
    await oxe.once(() => oxe.monitored(7).length === MANY.length, PATIENCE);
    assert.equal(link.report.state, 'registered');
    assert.equal(oxe.links(7).length, 1);
  });

  it('when it is lost while devices are being asked for: a 404 of the old link refuses no device', async () => {
    await start({ linksOutliveSessions: true });
    startLink(session, { devices: MANY });
    await oxe.once(() => oxe.monitored(7).length === MANY.length, PATIENCE);
    oxe.clearRequests();
    oxe.thinkTime(50);
    oxe.expireSession();
    await oxe.once(() => posts('monitor') >= 12, {
      ...PATIENCE,
      what: 'the monitors that are sent again after a doubt',
    });
    oxe.ctiLinkDown(7, { loseLinks: true });
    oxe.thinkTime(0);
    await oxe.once(() => oxe.monitored(7).length === MANY.length, {
      ...PATIENCE,
      what: 'all devices on the new link',
    });
  });

  it('from an error that passes in seconds, not at the next audit', async () => {
    await start();
    oxe.answerNext({ method: 'POST', path: /\/monitor$/, status: 500 });
    const link = startLink(session, { devices: ['70000', '70001'] });
    const [lost, back] = await Promise.all(
      (['unrecorded', 'restored'] as const).map((kind) =>
        next(link.onCoverage, (news) => news.kind === kind, kind, 20_000),
      ),
    );
    assert.equal(lost?.deviceNumber, back?.deviceNumber);
    assert.equal(gets('/link'), 0, 'no audit was needed');
  });

  it('the monitor that the OXE forgot when a flow asks for the recording', async () => {
    await start();
    const link = startLink(session, { devices: ['70000'] });
    await oxe.once(() => oxe.monitored(7).length === 1, PATIENCE);
    // Work on a device is done in order: what sends nothing is a barrier.
    await link.stopBeep('70000');
    oxe.forgetMonitor('70000');
    assert.equal((await link.record('70000', target(20000))).recording, true);
    assert.deepEqual([oxe.monitored(7), oxe.recorded(7)], [['70000'], ['70000']]);
  });

  it('from an OXE node that is not loaded: asks for that, not for the registration, and registers as soon as it is', async () => {
    await start();
    oxe.nodeLoaded(7, false);
    const link = startLink(session, { devices: ['70000'] });
    await oxe.once(() => gets('/system/status') >= 2, {
      ...PATIENCE,
      what: 'the state of the node to be asked for',
    });
    assert.equal(link.report.state, 'registering');
    assert.match(link.report.reason, /OXE node 7 is not connected and loaded yet/);
    assert.equal(posts('link'), 1);
    const asked = gets('/system/status');
    oxe.nodeLoaded(7, true);
    oxe.ctiLinkUp(7);
    await oxe.once(() => oxe.monitored(7).length === 1, PATIENCE);
    assert.equal(posts('link'), 2);
    assert.ok(gets('/system/status') <= asked + 2, 'the event was enough');
  });

  it("without a second subscription when the channel is refused and the server can't end the first yet", async () => {
    await start();
    oxe.refuseChannel(500, 4);
    oxe.answerNext({ method: 'DELETE', path: /\/subscriptions\//, status: 503 });
    oxe.clearRequests();
    oxe.dropChannel('reset');
    await oxe.once(
      () =>
        oxe.requests().some(({ method, path }) => method === 'DELETE' && path.includes('/subscriptions/')),
      { ...PATIENCE, what: 'the end of the subscription to be asked for' },
    );
    await oxe.once(() => oxe.channelCount() === 1, PATIENCE);
    assert.equal(oxe.subscriptions().length, 1);
  });

  it('from a subscription whose answer is lost, with a session of its own', async () => {
    oxe = await startSimulator({ devices: MANY });
    oxe.answerNext({ method: 'POST', path: /\/subscriptions$/, hang: true, execute: true });
    ({ session } = openSession(oxe, { timeoutMs: 3000 }));
    await until(session, 'connected', 20_000);
    assert.deepEqual([oxe.sessions().length, oxe.subscriptions().length], [1, 1]);
  });

  it('and says since when events may be missing: since the session was last known to be there, though its channel went on', async () => {
    await start({ keepaliveMs: 50 });
    startLink(session, { devices: ['70000'] });
    await oxe.once(() => oxe.monitored(7).length === 1, PATIENCE);
    // What the monitor told has been read when this has.
    const last = next(session.onEvent, ({ callRef }) => callRef === 'last', 'the last event');
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef: 'last' });
    await last;
    oxe.expireSession({ channel: 'keep' });
    // Keepalives go on meanwhile.
    await new Promise((resolve) => {
      setTimeout(resolve, 1000);
    });
    const back = next(session.onState, ({ blindMs }) => blindMs !== undefined, 'the report of the break');
    await session.perform('getSystemStatus', {}, undefined);
    const { blindMs = 0 } = await back;
    assert.ok(blindMs >= 900, `${blindMs} ms`);
  });

  it('keeps its subscription, and what is queued for it, when the channel is answered with 503', async () => {
    await start();
    const got = next(session.onEvent, ({ callRef }) => callRef === 'queued', 'the event');
    oxe.refuseChannel(503);
    oxe.dropChannel('clean');
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef: 'queued' });
    await got;
    assert.equal(posts('subscriptions'), 1);
  });
});

describe('actions while there is no connection', function offline() {
  this.timeout(60_000);
  afterEach(async () => {
    await closeSessions();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it("keep their order per device, and devices don't wait for one another", async () => {
    await start({}, { offlineWaitMs: 30_000 });
    const link = startLink(session);
    await registered(link);
    await oxe.down();
    await until(session, 'recovering');
    oxe.clearRequests();
    const devices = MANY.slice(0, 12);
    const done = devices.flatMap((device, index) => [
      link.record(device, target(20000 + index * 4)),
      link.stopRecord(device),
      link.record(device, target(30000 + index * 4)),
      link.beep(device, { tone: 25, presenceDuration: 50, silenceDuration: 15 }),
    ]);
    oxe.thinkTime(500);
    await oxe.up();
    await Promise.all(done);
    const what = (path: string): string | undefined => /\/(monitor|record|beep)(\/|$)/.exec(path)?.[1];
    const requests = oxe.requests().filter(({ path }) => what(path) !== undefined);
    for (const device of devices) {
      const own = requests.filter(
        ({ path, body }) => path.endsWith(device) || JSON.stringify(body ?? '').includes(device),
      );
      assert.deepEqual(
        own.map(({ method, path }) => `${method} ${what(path) ?? ''}`),
        ['POST monitor', 'POST record', 'DELETE record', 'POST record', 'POST beep'],
      );
    }
    const first = requests.filter(({ path }) => path.endsWith('/monitor'));
    const atOnce = first.filter(({ at }) => at < (first[0]?.at ?? 0) + (first[0]?.durationMs ?? 0));
    assert.ok(atOnce.length > 6, `${atOnce.length} devices at a time`);
    assert.deepEqual(
      oxe
        .recordings(7)
        .map(({ sentFlowPort }) => sentFlowPort)
        .sort(),
      devices.map((_, index) => 30000 + index * 4),
    );
  });

  it('wait as long as told from their asking, however many wait for the same device', async () => {
    await start({}, { offlineWaitMs: 1000 });
    const link = startLink(session);
    await registered(link);
    await oxe.down();
    await until(session, 'recovering');
    const ends = await Promise.allSettled(Array.from({ length: 100 }, () => link.monitor('70000')));
    assert.ok(
      ends.every(
        (end) => end.status === 'rejected' && (end.reason as { code: string }).code === 'NOT_CONNECTED',
      ),
    );
    await oxe.up();
  });

  it('are at most 20,000', async () => {
    await start({}, { offlineWaitMs: 1000 });
    const link = startLink(session);
    await registered(link);
    await oxe.down();
    await until(session, 'recovering');
    const waiting = Array.from({ length: 20_000 }, () => link.stopBeep('70000'));
    const ends = Promise.allSettled(waiting);
    await assert.rejects(link.monitor('70001'), { code: 'NOT_CONNECTED', message: /20000 actions wait/ });
    await ends;
    await oxe.up();
    await registered(link);
    assert.equal((await link.monitor('70001')).monitored, true);
  });
});

describe('the link that an outage left at the other site', function sites() {
  this.timeout(60_000);
  let other: Simulator;
  let link: Link;
  let stored: StoredLink | undefined;

  beforeEach(async () => {
    const options = { devices: MANY, linksOutliveSessions: true, keepaliveMs: 200 };
    [oxe, other] = await Promise.all([startSimulator(options), startSimulator(options)]);
    oxe.addForeignLink(7, ['70050']);
    const clock = fastClock(20);
    ({ session } = openSession(oxe, {
      sites: [new URL(oxe.url), new URL(other.url)],
      clock,
      offlineWaitMs: 200_000,
    }));
    link = startLink(
      session,
      { devices: ['70000', '70001'] },
      {
        clock,
        stateStore: {
          load: () => undefined,
          save: (state) => {
            stored = state && {
              registrations: [...state.registrations],
              desiredStates: [...state.desiredStates],
            };
          },
        },
      },
    );
    await link.record('70000', target(20000));
    await link.record('70001', target(30000));
    await oxe.down();
    await other.once(() => other.recorded(7).length === 2, {
      ...PATIENCE,
      what: 'the recordings at the other site',
    });
  });
  afterEach(async () => {
    await closeSessions();
    assert.deepEqual([...oxe.violations(), ...other.violations()], []);
    await Promise.all([oxe.close(), other.close()]);
  });

  it("is remembered until that site can be reached, and is ended then; nobody else's is touched", async () => {
    assert.deepEqual(
      [...(stored?.registrations ?? [])].map(([host]) => host).sort(),
      [new URL(oxe.url).host, new URL(other.url).host].sort(),
    );
    oxe.clearRequests();
    await oxe.up();
    await oxe.once(() => oxe.links(7).length === 0, { ...PATIENCE, what: 'the end of the old link' });
    await oxe.once(
      () => oxe.requests().some(({ method, path }) => method === 'DELETE' && path.endsWith('/sessions')),
      { ...PATIENCE, what: 'the end of the visit' },
    );
    assert.deepEqual(
      oxe
        .requests()
        .map(
          ({ method, path }) =>
            `${method} ${path.replace(/^\/api\/rest(\/1\.0)?/, '').replace(/link\/.*/, 'link/…')}`,
        ),
      [
        'GET ',
        'GET /authenticate',
        'POST /sessions',
        'GET /iprecord/7/link',
        'DELETE /iprecord/7/link/…',
        'DELETE /sessions',
      ],
    );
    const hosts = (): string[] => [...(stored?.registrations ?? [])].map(([host]) => host);
    await other.once(() => hosts().length === 1, {
      ...PATIENCE,
      what: 'the end of the old link to be remembered',
    });
    assert.deepEqual([other.recorded(7).length, hosts()], [2, [new URL(other.url).host]]);
  });

  it('is used again when the other site dies first, and a stop that came meanwhile wins', async () => {
    await link.stopRecord('70001');
    await other.down();
    oxe.clearRequests();
    await oxe.up();
    await oxe.once(() => oxe.recorded(7).join() === '70000' && oxe.channelCount() === 1, {
      ...PATIENCE,
      what: 'the old link as desired',
    });
    assert.deepEqual([posts('link'), posts('record'), oxe.links(7).length], [0, 0, 1]);
    await other.up();
    await other.once(() => other.links(7).length === 0, {
      ...PATIENCE,
      what: 'the end of the link at the site that died',
    });
  });

  it('is not ended by a wrong password that locks the account: one try is all', async () => {
    oxe.answerNext({ method: 'GET', path: /authenticate/, status: 401, times: 100 });
    oxe.clearRequests();
    const tried = oxe.nextRequest({ path: /authenticate/ }, PATIENCE);
    await oxe.up();
    await tried;
    await other.once(() => other.requests().filter(({ path }) => path.endsWith('/link')).length >= 5, {
      ...PATIENCE,
      what: 'some more audits',
    });
    assert.equal(oxe.requests().filter(({ path }) => path.endsWith('/authenticate')).length, 1);
  });
});
