import assert from 'node:assert/strict';
import type { Link, LinkStateStore, StoredLink } from '../../o2g/link/link';
import type { RecordTarget } from '../../o2g/link/desired-state';
import type { Session } from '../../o2g/session/session';
import { startSimulator, type SimulatorOptions } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { closeSessions, next, openSession, registered, startLink, until } from './support';

const target: RecordTarget = {
  mode: 'ip',
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
};
const beep = { tone: 25, presenceDuration: 50, silenceDuration: 15 };

let oxe: Simulator;
let session: Session;

async function start(options: SimulatorOptions = {}): Promise<void> {
  oxe = await startSimulator({ devices: ['70000-70099', '70120', '70130'], ...options });
  ({ session } = openSession(oxe));
  await until(session, 'connected');
}

/** Requests to /iprecord so far, without the registration's id. */
const sent = (): string[] =>
  oxe
    .requests()
    .filter(({ path }) => path.includes('/iprecord/'))
    .map(({ method, path }) =>
      `${method} ${path.replace(/^.*\/iprecord\/7\/link/, '').replace(/^\/[^/]+/, '')}`.trim(),
    );

describe('a DR link', () => {
  afterEach(async () => {
    await closeSessions();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('registers, keeps its devices monitored, and unregisters at the end', async () => {
    await start();
    const link = startLink(session, { devices: ['70000', '70001', '70002'] });
    await oxe.once(() => oxe.monitored(7).length === 3);
    // Work on a device is done in order: what sends nothing is a barrier.
    await Promise.all(['70000', '70001', '70002'].map((device) => link.stopBeep(device)));
    assert.deepEqual(
      link.coverage.map(({ desired, actual, reason }) => ({ desired, actual, reason })),
      Array(3).fill({ desired: ['monitored'], actual: ['monitored'], reason: '' }),
    );
    await session.close('removed');
    assert.deepEqual(oxe.links(), []);
    assert.equal(link.report.state, 'closed');
  });

  it('monitors, records, beeps and stops in the order asked, with one request each', async () => {
    await start();
    const link = startLink(session);
    await registered(link);
    const answers = await Promise.all([
      link.monitor('70120'),
      link.record('70120', target),
      link.beep('70120', beep),
      link.stopBeep('70120'),
      link.stopRecord('70120'),
      link.stopMonitor('70120'),
    ]);
    assert.deepEqual(answers, [
      { deviceNumber: '70120', userId: 'oxe70120', monitored: true },
      { deviceNumber: '70120', recording: true, target, secure: false },
      { deviceNumber: '70120', beeping: true },
      { deviceNumber: '70120', beeping: false },
      { deviceNumber: '70120', recording: false },
      { deviceNumber: '70120', userId: 'oxe70120', monitored: false },
    ]);
    assert.deepEqual(sent(), [
      'POST',
      'POST /monitor',
      'POST /record',
      'POST /beep',
      'DELETE /beep/70120',
      'DELETE /record/70120',
      'DELETE /monitor/70120',
    ]);
  });

  it('monitors a device before it records it, and takes stopping what does not run for done', async () => {
    await start();
    const link = startLink(session);
    await link.record('70120', target);
    await link.stopRecord('70121');
    await link.stopMonitor('70121');
    await link.stopBeep('70120');
    assert.deepEqual(sent(), ['POST', 'POST /monitor', 'POST /record']);
  });

  it('hands the keys of a secure link on, once', async () => {
    await start({ secure: true });
    const link = startLink(session);
    const { srtp, secure } = await link.record('70120', target);
    assert.equal(secure, true);
    assert.match(srtp?.key ?? '', /^[0-9a-f]{32}$/);
    assert.doesNotMatch(JSON.stringify(link.coverage), new RegExp(srtp?.key ?? ''));
  });

  it('refuses an unknown device with NOT_FOUND, and does not go on desiring it', async () => {
    await start();
    const link = startLink(session);
    await assert.rejects(link.monitor('79999'), { code: 'NOT_FOUND' });
    assert.deepEqual(link.coverage, []);
  });

  it('tells which of its own devices the OXE does not know', async () => {
    await start();
    const link = startLink(session, { devices: ['70000', '79999'] });
    const news = await next(link.onCoverage, () => true, 'unrecorded');
    assert.deepEqual(
      [news.kind, news.deviceNumber, news.desired, news.actual],
      ['unrecorded', '79999', ['monitored'], []],
    );
    assert.match(news.reason, /NOT_FOUND/);
  });

  it('is refused by an OXE node that does not exist, and every request with it', async () => {
    await start();
    const link = startLink(session, { oxeNode: 9 });
    const { reason } = await next(link.onState, ({ state }) => state === 'refused', 'the refusal');
    assert.match(reason, /registerLink/);
    await assert.rejects(link.monitor('70120'), { message: /registerLink/ });
  });

  for (const linksOutliveSessions of [true, false]) {
    it(`is as desired again after the session was lost, when links ${linksOutliveSessions ? 'outlive' : 'die with'} it`, async () => {
      await start({ linksOutliveSessions });
      const link = startLink(session, { devices: ['70000', '70001'] });
      await link.record('70120', target);
      await link.beep('70120', beep);
      oxe.clearRequests();
      oxe.expireSession();
      await oxe.once(
        () => oxe.beeping(7).length === 1 && session.generation === 2 && oxe.monitored(7).length === 3,
        { what: 'everything in force again' },
      );
      assert.deepEqual([oxe.recorded(7), oxe.links(7).length], [['70120'], 1]);
      const records = oxe
        .requests()
        .filter(({ method, path }) => method === 'POST' && path.endsWith('/record')).length;
      assert.equal(records, linksOutliveSessions ? 0 : 1, 'a recording that survived is not asked for again');
    });
  }

  it('that the OXE forgot without a word is found by the first request that fails, and repaired', async () => {
    await start();
    const link = startLink(session, { devices: ['70000'] });
    await link.record('70120', target);
    oxe.forgetLink(7);
    const restored = next(
      link.onCoverage,
      ({ kind, deviceNumber }) => kind === 'restored' && deviceNumber === '70120',
      'the recording',
    );
    assert.equal((await link.monitor('70001')).monitored, true);
    await restored;
    await oxe.once(() => oxe.monitored(7).length === 3);
    assert.deepEqual(oxe.recorded(7), ['70120']);
    oxe.clearViolations();
  });

  it('makes a stop during an outage win', async () => {
    await start({ linksOutliveSessions: true });
    const link = startLink(session);
    await link.record('70120', target);
    await oxe.down();
    const stopped = link.stopRecord('70120');
    await oxe.up();
    await stopped;
    assert.deepEqual(oxe.recorded(7), []);
    assert.deepEqual(
      link.coverage.map(({ desired }) => desired),
      [['monitored']],
    );
  });

  it('adopts the registration that it stored and the server lists, and what it records', async () => {
    await start({ linksOutliveSessions: true });
    let stored: StoredLink | undefined;
    const memory: LinkStateStore = {
      load: () => stored,
      save: (state) => {
        stored = state;
      },
    };
    const first = startLink(session, { onStop: 'keep' }, { stateStore: memory });
    await first.record('70120', target);
    await session.close('stop');
    assert.deepEqual(oxe.recorded(7), ['70120'], 'kept over the stop');
    oxe.clearRequests();
    ({ session } = openSession(oxe));
    const second = startLink(session, { onStop: 'keep' }, { stateStore: memory });
    await registered(second);
    assert.deepEqual(
      second.coverage.map(({ deviceNumber, actual }) => ({ deviceNumber, actual })),
      [{ deviceNumber: '70120', actual: ['monitored', 'recorded'] }],
    );
    assert.equal(oxe.links(7).length, 1);
    assert.deepEqual(
      sent().filter((request) => request.startsWith('POST')),
      [],
    );
  });

  it('leaves the links of others alone', async () => {
    await start();
    const foreign = oxe.addForeignLink(7, ['70050']);
    const link: Link = startLink(session, { devices: ['70000'] });
    await registered(link);
    await session.close('removed');
    assert.ok(oxe.requests().every(({ path }) => !path.includes(foreign)));
  });
});
