import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { recorderFlow, type RecorderProperties } from '../recording/recordings';

interface ConnectionMessage {
  readonly state: string;
  readonly events?: string;
  readonly reason: string;
  readonly blindMs?: number;
}

const RECORDED = ['70000', '70001', '70002'];
const LINK = { devices: RECORDED.join(), record: 'all', media: 'recorder' };
/** A port on which nothing listens. */
const CLOSED_PORT = '9';
const PATIENCE = { timeoutMs: 20_000 };

describe('An O2G session without events', function () {
  this.timeout(120_000);
  let oxe: Simulator;
  let red: NodeRed;

  beforeEach(async () => {
    oxe = await startSimulator({ devices: ['70000-70009'] });
  });
  afterEach(async () => {
    await stopAll();
    await oxe.close();
  });

  const start = async (properties: RecorderProperties): Promise<void> => {
    const { flows } = await recorderFlow(oxe, { link: LINK, ...properties });
    red = await startNodeRed({ flows });
  };
  const told = async (accepts: (report: ConnectionMessage) => boolean): Promise<ConnectionMessage> =>
    (
      await red.told<ConnectionMessage>(
        'news',
        ({ topic, payload }) => topic === 'connection' && accepts(payload),
        PATIENCE,
      )
    ).payload;
  const isRecorded = (): boolean => oxe.recorded(7).length === RECORDED.length;
  const yellow = (word: string): Promise<unknown> =>
    red.statusOf(
      'node-events',
      ({ fill, text }) => fill === 'yellow' && text?.endsWith(`status.${word}`) === true,
      PATIENCE,
    );

  it('records within ten seconds when the event port is closed, and says so', async () => {
    await start({ server: { eventPort: CLOSED_PORT } });
    await oxe.once(isRecorded, { timeoutMs: 10_000, what: 'three recorded devices' });
    const { events, reason } = await told(({ state }) => state === 'degraded');
    assert.equal(events, 'lost');
    assert.match(reason, /:9\b|nothing listens there/);
    await yellow('eventsLost');
  });

  it('records while the subscription is refused for ever, and is connected once it is accepted', async () => {
    oxe.refuseSubscription('Too many subscriptions');
    await start({});
    await oxe.once(isRecorded, { timeoutMs: 10_000, what: 'three recorded devices' });
    const { events, reason } = await told(({ state }) => state === 'degraded');
    assert.equal(events, 'refused');
    assert.match(reason, /Too many subscriptions/);
    await yellow('eventsRefused');
    const before = oxe.requests().length;
    oxe.refuseSubscription(undefined);
    await told(({ state }) => state === 'connected');
    const sent = oxe.requests().slice(before);
    assert.deepEqual(
      sent.filter(({ method, path }) => method === 'POST' && path.includes('/iprecord/')),
      [],
      'nothing is registered or monitored again',
    );
  });

  it('keeps its links and recordings while the channel is dead, and asks for nothing again when it is back', async () => {
    await start({});
    await oxe.once(isRecorded, PATIENCE);
    await told(({ state }) => state === 'connected');
    const before = oxe.requests().length;
    oxe.refuseChannel(503, 1000);
    oxe.dropChannel();
    await told(({ state, events }) => state === 'degraded' && events === 'lost');
    await delay(8000);
    assert.ok(isRecorded());
    oxe.refuseChannel(503, 0);
    const { blindMs } = await told(
      ({ state, blindMs: blind }) => state === 'connected' && blind !== undefined,
    );
    assert.ok(blindMs !== undefined && blindMs >= 8000, String(blindMs));
    assert.deepEqual(
      oxe
        .requests()
        .slice(before)
        .filter(({ method, path }) => method !== 'GET' && /iprecord|sessions$/.test(path))
        .map(({ method, path }) => `${method} ${path}`),
      [],
    );
    assert.equal(oxe.logins().length, 1);
  });
});
