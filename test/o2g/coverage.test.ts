import assert from 'node:assert/strict';
import type { CoverageEvent } from '../../o2g/link/device-table';
import type { Link } from '../../o2g/link/link';
import type { Session } from '../../o2g/session/session';
import { startSimulator, type SimulatorOptions } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { closeSessions, fastClock, next, openSession, startLink, until } from './support';

/** Ten times as fast: twenty seconds are two. */
const SPEED = 10;
const DEVICES = ['70000', '70001', '70002'];
const PATIENCE = { timeoutMs: 20_000 };

let oxe: Simulator;
let session: Session;
let link: Link;
let events: CoverageEvent[];

function start(
  options: Parameters<typeof openSession>[1] = {},
  linkOptions: Parameters<typeof startLink>[1] = {},
): void {
  const clock = fastClock(SPEED);
  ({ session } = openSession(oxe, { ...options, clock }));
  link = startLink(session, { devices: DEVICES, ...linkOptions }, { clock });
  events = [];
  link.onCoverage.on((event) => events.push(event));
}

/** Resolves with the reason once every device is reported as unrecorded, within 35 s of the link's clock. */
async function unrecorded(): Promise<string> {
  const startedAt = performance.now();
  while (events.length < DEVICES.length) await next(link.onCoverage, () => true, 'unrecorded', 20_000);
  assert.ok((performance.now() - startedAt) * SPEED < 35_000, 'it took longer than 35 s');
  assert.deepEqual(events.map(({ deviceNumber }) => deviceNumber).sort(), DEVICES);
  assert.deepEqual(new Set(events.map(({ kind }) => kind)), new Set(['unrecorded']));
  const reasons = new Set(link.coverage.map(({ reason }) => reason));
  assert.equal(reasons.size, 1);
  return [...reasons].join();
}

/** Resolves once every device that was reported is again as desired. */
async function restored(): Promise<void> {
  while (events.length < 2 * DEVICES.length) await next(link.onCoverage, () => true, 'restored', 20_000);
  assert.deepEqual(
    events
      .slice(DEVICES.length)
      .map(({ kind, deviceNumber }) => [kind, deviceNumber])
      .sort(),
    DEVICES.map((deviceNumber) => ['restored', deviceNumber]),
  );
  assert.ok(link.coverage.every(({ reason, confirmed }) => reason === '' && confirmed === undefined));
}

describe('What is desired and not confirmed for 20 s', function () {
  this.timeout(60_000);
  const simulator = async (options: SimulatorOptions = {}): Promise<void> => {
    oxe = await startSimulator({ devices: DEVICES, ...options });
  };
  afterEach(async () => {
    await closeSessions();
    await oxe.close();
  });

  it('is reported when O2G is away from the start, and restored when it comes', async () => {
    await simulator();
    await oxe.down();
    start();
    assert.match(await unrecorded(), /nothing listens|ECONNREFUSED/);
    assert.ok(events.every(({ confirmed }) => confirmed === false));
    await oxe.up();
    await restored();
  });

  it('is reported when the password is wrong', async () => {
    await simulator();
    start({ password: 'wrong' });
    assert.match(await unrecorded(), /login or the password/);
  });

  it('is reported when the OXE node is unknown', async () => {
    await simulator();
    start({}, { oxeNode: 9 });
    assert.match(await unrecorded(), /9/);
  });

  it('is reported when the OXE node is not loaded, and restored when it is', async () => {
    await simulator();
    oxe.nodeLoaded(7, false);
    start();
    assert.match(await unrecorded(), /not connected and loaded/);
    oxe.nodeLoaded(7, true);
    await restored();
  });

  it('is reported when an outage begins later, and restored after it without a second registration', async () => {
    await simulator();
    start({ timeoutMs: 500 });
    await oxe.once(() => oxe.monitored(7).length === DEVICES.length, PATIENCE);
    await oxe.down();
    await unrecorded();
    assert.ok(events.every(({ confirmed }) => confirmed === false));
    await oxe.up();
    await restored();
    assert.equal(
      oxe.requests().filter(({ method, path }) => method === 'POST' && path.endsWith('/link')).length,
      1,
    );
  });

  it('is not reported when it takes less', async () => {
    await simulator();
    start();
    await until(session, 'connected');
    await oxe.once(() => oxe.monitored(7).length === DEVICES.length, PATIENCE);
    oxe.dropChannel();
    await link.monitor('70000');
    assert.deepEqual(events, []);
  });
});

describe('A device that is reported as unrecorded', function () {
  this.timeout(60_000);
  beforeEach(async () => {
    oxe = await startSimulator({ devices: DEVICES });
  });
  afterEach(async () => {
    await closeSessions();
    await oxe.close();
  });

  const kinds = (): string[] => events.map(({ kind, deviceNumber }) => `${kind} ${deviceNumber}`);
  const reported = async (): Promise<void> => {
    oxe.answerNext({
      method: 'POST',
      path: /\/monitor$/,
      status: 404,
      body: {
        httpStatus: 'NOT_FOUND',
        code: 1003,
        type: 'NOT_FOUND',
        helpMessage: 'unknown device',
      },
      times: 1,
    });
    start({}, { devices: ['70000'] });
    await next(link.onCoverage, ({ kind }) => kind === 'unrecorded', 'unrecorded');
  };

  it('is restored when a flow starts it', async () => {
    await reported();
    await link.monitor('70000');
    assert.deepEqual(kinds(), ['unrecorded 70000', 'restored 70000']);
  });

  it('is released when a flow stops it', async () => {
    await reported();
    await link.stopMonitor('70000');
    assert.deepEqual(kinds(), ['unrecorded 70000', 'released 70000']);
  });
});
