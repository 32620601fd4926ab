import assert from 'node:assert/strict';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { startSimulator, type SimulatorOptions } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { BEEP, DEVICES, recordingRequests, TARGET, wholeFlow, type FlowProperties } from '../flows';

let oxe: Simulator;
let red: NodeRed;

async function start(options: SimulatorOptions, properties: FlowProperties = {}): Promise<void> {
  oxe = await startSimulator({ devices: DEVICES, ...options });
  red = await startNodeRed({ flows: wholeFlow(oxe, properties) });
}

const registered = (): Promise<unknown> =>
  red.told(
    'news',
    ({ topic, payload }) => topic === 'link' && (payload as { state: string }).state === 'registered',
  );

describe('recording in full', () => {
  afterEach(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  for (const secure of [false, true]) {
    for (const [secured, body] of [
      ['', { type: 'NICE' }],
      ['true', { type: 'NICE', secured: true }],
      ['false', { type: 'NICE', secured: false }],
    ] as const) {
      const inForce = secure && secured !== 'false';
      it(`a link asked to be ${secured === '' ? 'as the OXE is' : `secured=${secured}`} on ${secure ? 'a secure' : 'an unsecured'} OXE is ${inForce ? 'secure and hands its keys on' : 'not secure'}`, async () => {
        await start({ secure }, { link: { recorder: 'NICE', secured } });
        const { payload } = (await registered()) as { payload: { secure: boolean } };
        assert.equal(payload.secure, inForce);
        assert.equal(recordingRequests(oxe)[0], `POST  ${JSON.stringify(body)}`);
        red.inject('in-record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } });
        const { payload: recorded } = await red.told<{
          secure: boolean;
          srtp?: { key: string; salt: string };
        }>('out');
        assert.equal(recorded.secure, inForce);
        assert.equal(recorded.srtp !== undefined, inForce);
        if (secured === '' && secure) assert.match(red.log(), /the OXE made the link secure/);
        if (secured === 'true' && !secure) assert.match(red.log(), /the OXE is not secure/);
        for (const secret of [recorded.srtp?.key, recorded.srtp?.salt])
          if (secret !== undefined) assert.ok(!red.log().includes(secret), 'no key in the log');
      });
    }
  }

  it('2,000 devices given as a range are monitored in order, with progress; ten unknown ones fail alone, in one message', async function many() {
    this.timeout(60_000);
    await start({ devices: ['70000-71989'] });
    await registered();
    red.inject('in-monitor', { action: 'start', payload: '70000-71999' });
    const { payload } = await red.told<
      { deviceNumber: string; monitored?: boolean; error?: { code: string } }[]
    >('out', undefined, { timeoutMs: 40_000 });
    assert.deepEqual(
      payload.map(({ deviceNumber }) => deviceNumber),
      Array.from({ length: 2000 }, (_, index) => String(70000 + index)),
    );
    assert.deepEqual(
      [
        payload.filter(({ monitored }) => monitored).length,
        payload.filter(({ error }) => error?.code === 'NOT_FOUND').length,
      ],
      [1990, 10],
    );
    assert.ok(
      red.statuses('node-monitor').some(({ text }) => /^\d+ \/ 2000$/.test(text ?? '')),
      'progress was shown',
    );
    await red.statusOf('node-monitor', ({ text }) => text === '1990 / 2000');
    assert.equal(red.received('out').length, 1);
  });

  it('a tandem device belongs to its main user: the message with {userId} reaches both', async () => {
    await start(
      { devices: [{ number: '70123', devices: [{ id: '70124' }] }] },
      { link: { devices: '70123, 70124' } },
    );
    await oxe.once(() => oxe.monitored(7).length === 2);
    red.inject('in-monitor', { action: 'start', payload: { userId: 'oxe70123' } });
    assert.deepEqual(
      (await red.told<{ deviceNumber: string; userId: string }[]>('out')).payload.map(
        ({ deviceNumber, userId }) => [deviceNumber, userId],
      ),
      [
        ['70123', 'oxe70123'],
        ['70124', 'oxe70123'],
      ],
    );
  });

  it("a node without a link finds it by the device or by msg.oxeNode, and says when it can't", async () => {
    await start({}, { link: { devices: '70000-70009' }, monitor: { link: '' } });
    await registered();
    red.inject('in-monitor', { action: 'start', payload: '70005' });
    assert.equal((await red.told<{ monitored: boolean }>('out')).payload.monitored, true);
    red.inject('in-monitor', { action: 'start', payload: '70120', oxeNode: 7 });
    assert.equal((await red.told<{ monitored: boolean }>('out')).payload.monitored, true);
    red.inject('in-monitor', { action: 'start', payload: '70130' });
    const { error } = await red.told('caught');
    assert.equal(error?.code, 'INVALID_INPUT');
    assert.match(error.message, /no link is for device 70130/);
  });

  it('the beep of a TDM recording is sent again at each conversation', async () => {
    await start({});
    await registered();
    const first = oxe.call({ from: '0390670000', to: '70120' });
    red.inject('in-record', {
      action: 'start',
      payload: { deviceNumber: '70120', crystal: 2, board: 0, timeslot: 10 },
    });
    assert.deepEqual((await red.told('out')).payload, {
      deviceNumber: '70120',
      recording: true,
      mode: 'tdm',
      secure: false,
      crystal: 2,
      board: 0,
      timeslot: 10,
    });
    await first.answered();
    red.inject('in-beep', { action: 'start', payload: { deviceNumber: '70120', ...BEEP } });
    await red.told('out');
    await first.hangUp();
    const beep = oxe.nextRequest({ method: 'POST', path: /\/beep$/ });
    await oxe.call({ from: '0390670000', to: '70120' }).answered();
    assert.equal((await beep).status, 204);
  });
});

describe('what a stop of Node-RED leaves', () => {
  afterEach(async () => {
    await stopAll();
    await oxe.close();
  });

  for (const how of ['SIGTERM', 'SIGINT', 'shutdown'] as const) {
    it(`${how}: no link, no subscription, no session, in this order and in seconds`, async () => {
      await start({}, { link: { devices: '70000-70009' } });
      await oxe.once(() => oxe.monitored(7).length === 10);
      oxe.clearRequests();
      const { ms } = await red.stop(how);
      assert.ok(ms < 10_000);
      assert.deepEqual(
        oxe
          .requests()
          .map(
            ({ method, path }) => `${method} ${path.split('/').slice(4, 6).join('/').replace(/\/.*/, '')}`,
          ),
        ['DELETE iprecord', 'DELETE subscriptions', 'DELETE sessions'],
      );
    });
  }

  for (const [onStop, signal] of [
    ['keep', 'SIGTERM'],
    ['close', 'SIGKILL'],
  ] as const) {
    it(`${signal} with onStop ${onStop}: the next start adopts its own link, and recordings go on untouched`, async () => {
      await start({ linksOutliveSessions: true }, { link: { devices: '70000', onStop } });
      await registered();
      red.inject('in-record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } });
      await red.told('out');
      // What flows asked for is written a moment later.
      await new Promise((resolve) => {
        setTimeout(resolve, 400);
      });
      const { userDir } = red;
      await red.stop(signal);
      assert.deepEqual(oxe.recorded(7), ['70120']);
      oxe.clearRequests();
      red = await startNodeRed({ userDir });
      await oxe.once(
        () =>
          oxe.requests().some(({ method, path }) => method === 'GET' && path.endsWith('/link')) &&
          oxe.sessions().length > 0,
      );
      await red.statusOf('node-events', ({ text }) => text?.endsWith('connected') === true);
      red.inject('in-status', { query: 'coverage' });
      const { payload } = await red.told<{ deviceNumber: string; desired: string[] }[]>('out');
      assert.deepEqual(payload.find(({ deviceNumber }) => deviceNumber === '70120')?.desired, [
        'monitored',
        'recorded',
      ]);
      assert.equal(oxe.links(7).length, 1);
      assert.deepEqual(
        recordingRequests(oxe).filter((request) => /^POST (record|\{)/.test(request)),
        [],
      );
      assert.deepEqual(oxe.recorded(7), ['70120']);
    });
  }
});
