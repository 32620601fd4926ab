import assert from 'node:assert/strict';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { wholeFlow } from '../flows';

const DEVICES = 200;
const RECORDED = 50;
/** Within this the palette promises to have everything in force again, once the server can. */
const PROMISE_MS = 10_000;
/** … and within this after a loss that nobody announced: an audit comes every 30 s. */
const UNANNOUNCED_MS = 40_000;

const target = (index: number): object => ({
  deviceNumber: String(70000 + index),
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: 20000 + index * 4,
  receivedFlowPort: 20002 + index * 4,
});
const asDesired = (oxe: Simulator) => (): boolean =>
  oxe.monitored(7).length === DEVICES &&
  oxe.recorded(7).length === RECORDED &&
  oxe.links(7).length === 1 &&
  oxe.channelCount() === 1;

for (const linksOutliveSessions of [true, false]) {
  describe(`${DEVICES} devices monitored and ${RECORDED} recorded, on links that ${linksOutliveSessions ? 'outlive' : 'die with'} their session`, function faults() {
    this.timeout(60_000);
    let oxe: Simulator;
    let red: NodeRed;

    before(async () => {
      oxe = await startSimulator({ devices: ['70000-70199'], linksOutliveSessions, unknownFields: 'refuse' });
      red = await startNodeRed({ flows: wholeFlow(oxe, { link: { devices: '70000-70199' } }) });
      red.inject('in-record', {
        action: 'start',
        payload: Array.from({ length: RECORDED }, (_, index) => target(index)),
      });
      await red.told('out');
      await oxe.once(asDesired(oxe), { what: 'the beginning' });
    });
    after(async () => {
      await stopAll();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    const restored = async (timeoutMs = PROMISE_MS): Promise<void> => {
      await oxe.once(asDesired(oxe), { timeoutMs, what: 'everything in force again' });
      await red.statusOf('node-events', ({ text }) => text?.endsWith('connected') === true);
    };
    const posts = (what: string): number =>
      oxe.requests().filter(({ method, path }) => method === 'POST' && path.endsWith(`/${what}`)).length;

    for (const [what, fault] of [
      [
        'the session expired',
        () => {
          oxe.expireSession();
        },
      ],
      [
        'the session is gone while the channel stays open',
        () => {
          oxe.expireSession({ channel: 'keep' });
          red.inject('in-status', { query: 'system' });
        },
      ],
      [
        'the channel was cut',
        () => {
          oxe.dropChannel('reset');
        },
      ],
      [
        'the channel ended',
        () => {
          oxe.dropChannel('clean');
        },
      ],
      [
        'the subscription is not known any more',
        () => {
          oxe.refuseChannel(403);
          oxe.dropChannel('reset');
        },
      ],
      [
        'all connections were reset',
        () => {
          oxe.resetConnections();
        },
      ],
      [
        'the server was away for three seconds',
        async () => {
          await oxe.down();
          await new Promise((resolve) => {
            setTimeout(resolve, 3000);
          });
          await oxe.up();
        },
      ],
      [
        'the server started anew and was not ready for two seconds',
        async () => {
          // From a channel that has lasted: each that ended within two seconds, as those before, makes the palette wait longer.
          await new Promise((resolve) => {
            setTimeout(resolve, 2500);
          });
          await oxe.restart({ notReadyMs: 2000 });
        },
      ],
      [
        'the CTI link went down, with all links on it, and came back',
        () => {
          oxe.ctiLinkDown(7, { loseLinks: true });
          oxe.ctiLinkUp(7);
        },
      ],
    ] as const satisfies readonly (readonly [string, () => void | Promise<void>])[]) {
      it(`is as desired again after ${what}`, async () => {
        oxe.clearRequests();
        await fault();
        await restored();
        assert.ok(
          posts('record') === 0 || posts('record') === RECORDED,
          `${posts('record')} recordings were asked for: all or none`,
        );
        assert.ok(red.alive());
      });
    }

    it('is as desired again after the OXE forgot a recording and a monitor without a word, and tells it', async () => {
      oxe.clearRequests();
      const since = new Date().toISOString();
      interface News {
        deviceNumber: string;
        desired: string[];
        actual: string[];
        reason: string;
        since: string;
      }
      const news = async (topic: string, deviceNumber: string): Promise<News> =>
        (
          await red.told<News>(
            'news',
            (message) =>
              message.topic === topic &&
              message.payload.deviceNumber === deviceNumber &&
              message.payload.since >= since,
            { timeoutMs: UNANNOUNCED_MS },
          )
        ).payload;
      oxe.forgetRecording('70010');
      oxe.forgetMonitor('70100');
      const [recording, monitor] = await Promise.all([
        news('unrecorded', '70010'),
        news('unrecorded', '70100'),
      ]);
      assert.deepEqual(
        [recording.desired, recording.actual, recording.reason],
        [['monitored', 'recorded'], ['monitored'], 'the OXE ended the recording'],
      );
      assert.deepEqual(
        [monitor.desired, monitor.actual, monitor.reason],
        [['monitored'], [], 'the OXE ended the monitoring'],
      );
      await restored();
      assert.deepEqual([posts('record'), posts('monitor')], [1, 1]);
    });

    it('logs a line a change of state, not a line a retry', async () => {
      const before = red.log().split('\n').length;
      await oxe.down();
      await red.statusOf('node-events', ({ text }) => text?.endsWith('recovering') === true, {
        timeoutMs: 2000,
      });
      await new Promise((resolve) => {
        setTimeout(resolve, 6000);
      });
      await oxe.up();
      await restored();
      const lines = red
        .log()
        .split('\n')
        .slice(before - 1);
      assert.ok(lines.length <= 10, lines.join('\n'));
    });
  });
}

describe('two sites', () => {
  it('A dies: B within ten seconds; B dies: A again', async function sites() {
    this.timeout(60_000);
    const a = await startSimulator({ devices: ['70000-70099'] });
    const b = await startSimulator({ devices: ['70000-70099'] });
    const red = await startNodeRed({
      flows: wholeFlow(a, { server: { secondaryUrl: b.url }, link: { devices: '70000-70009' } }),
    });
    await a.once(() => a.monitored(7).length === 10);
    await a.down();
    await b.once(() => b.monitored(7).length === 10, { timeoutMs: PROMISE_MS, what: 'the link on site B' });
    await a.up();
    await b.down();
    await a.once(() => a.monitored(7).length === 10 && a.sessions().length > 0 && a.channelCount() === 1, {
      timeoutMs: PROMISE_MS,
      what: 'the link on site A',
    });
    await red.stop();
    assert.deepEqual([...a.violations(), ...b.violations()], []);
    await a.close();
    await b.close();
  });
});
