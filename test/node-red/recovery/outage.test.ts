import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { node } from '../../support/flow';
import { startNodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import { TARGET, wholeFlow } from '../flows';

/** Back-off has reached its ceiling of 5 s by then, so a minute would only be more of the same. */
const OUTAGE_MS = 15_000;

describe('an outage', function outage() {
  this.timeout(120_000);

  it('is a handful of lines in the log, though 20 nodes use the server; statuses tell it within two seconds', async () => {
    const oxe = await startSimulator({ devices: ['70000-70099'] });
    const more = Array.from({ length: 20 }, (_, index) => ({
      ...(index % 2 === 0
        ? node(`events-${index}`, 'o2g-events', {
            server: 'server',
            selectors: [{ names: ['telephony'], ids: [] }],
          })
        : node(`record-${index}`, 'o2g-record', { link: 'link', action: 'start' })),
      z: 'tab',
    }));
    const red = await startNodeRed({
      flows: [...wholeFlow(oxe, { server: { offlineWait: '2' }, link: { devices: '70000-70049' } }), ...more],
    });
    await oxe.once(() => oxe.monitored(7).length === 50, { timeoutMs: 20_000 });
    red.inject('in-record', { action: 'start', payload: { deviceNumber: '70000', ...TARGET } });
    await red.told('out', undefined, { timeoutMs: 20_000 });
    const before = red.log().length;
    await oxe.down();
    const shows = (word: string, timeoutMs: number): Promise<unknown> =>
      Promise.all([
        red.statusOf('node-events', ({ text }) => text?.endsWith(`status.${word}`) === true, { timeoutMs }),
        ...more
          .filter(({ type }) => type === 'o2g-events')
          .map(({ id }) =>
            red.statusOf(id, ({ text }) => text?.endsWith(`status.${word}`) === true, { timeoutMs }),
          ),
      ]);
    await shows('recovering', 2000);
    // Actions go on coming, and are answered: by errors, not by lines.
    red.inject('in-record', {
      action: 'start',
      payload: { deviceNumber: '70001', ...TARGET, sentFlowPort: 20004, receivedFlowPort: 20006 },
    });
    const { error } = await red.told('caught', (message) => message.error?.source.id === 'node-record', {
      timeoutMs: 20_000,
    });
    assert.equal(error?.code, 'NOT_CONNECTED');
    await delay(OUTAGE_MS);
    await oxe.up();
    await shows('connected', 20_000);
    await oxe.once(() => oxe.monitored(7).length === 50 && oxe.recorded(7).length === 2, {
      timeoutMs: 20_000,
      what: 'everything in force again, the action of the outage too',
    });
    const lines = red.log().slice(before).trim().split('\n');
    assert.ok(lines.length <= 10, lines.join('\n'));
    assert.deepEqual(oxe.violations(), []);
    await red.stop();
    await oxe.close();
  });

  it('that TCP does not show is told within 40 s: the channel says nothing any more, new ones neither at first', async () => {
    const oxe = await startSimulator({ devices: ['70000-70099'] });
    const red = await startNodeRed({ flows: wholeFlow(oxe, { link: { devices: '70000-70004' } }) });
    await oxe.once(() => oxe.monitored(7).length === 5, { timeoutMs: 20_000 });
    await red.statusOf('node-events', ({ text }) => text?.endsWith('status.connected') === true);
    oxe.silenceChannel('all');
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef: 'unheard' });
    // 25 s of silence, and 10 s for the sign of life that was asked for; the rest is a loaded machine's.
    await red.statusOf('node-events', ({ text }) => text?.endsWith('status.eventsLost') === true, {
      timeoutMs: 45_000,
    });
    oxe.unsilenceChannel();
    await red.statusOf('node-events', ({ text }) => text?.endsWith('status.connected') === true, {
      timeoutMs: 30_000,
    });
    const { payload } = await red.told<{ blindMs: number }>(
      'news',
      (message) =>
        message.topic === 'connection' && (message.payload as { blindMs?: number }).blindMs !== undefined,
    );
    assert.ok(payload.blindMs >= 25_000);
    await red.told<{ callRef?: string }>('events', (message) => message.payload.callRef === 'unheard');
    assert.equal(
      red.received<{ callRef?: string }>('events').filter((message) => message.payload.callRef === 'unheard')
        .length,
      1,
    );
    assert.deepEqual(
      red.received('events').filter(({ topic }) => topic === 'OnTelephonyState'),
      [],
      "the sign of life is nobody's event",
    );
    assert.deepEqual(oxe.violations(), []);
    await red.stop();
    await oxe.close();
  });
});
