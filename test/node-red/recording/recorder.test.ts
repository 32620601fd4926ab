import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startSimulator, voiceOf, type CallHandle, type SimulatorOptions } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { changed, type Flow } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { whenTestEnds } from '../../support/cleanup';
import { DEVICES } from '../flows';
import { temporaryFolder, until } from '../../recorder/support';
import {
  assertComplete,
  decoded,
  joined,
  moreSent,
  pitchOf,
  probed,
  recorderFlow,
  type Finished,
  type RecorderProperties,
} from './recordings';

const CALLER = '0390670000';
const PITCHES = [voiceOf('70120'), voiceOf(CALLER)];
const PATIENCE = { timeoutMs: 60_000 };

let oxe: Simulator;
let red: NodeRed;
let flows: Flow;
let folder: string;
let portMin: number;

async function start(options: SimulatorOptions = {}, properties: RecorderProperties = {}): Promise<void> {
  oxe = await startSimulator({ devices: DEVICES, ...options });
  ({ flows, folder, portMin } = await recorderFlow(oxe, properties));
  red = await startNodeRed({ flows });
  await oxe.once(() => oxe.links(7).length === 1, { timeoutMs: 20_000, what: 'the link' });
}

async function record(deviceNumber = '70120'): Promise<Record<string, unknown>> {
  red.inject('in-record', { action: 'start', payload: deviceNumber });
  return (await red.told<Record<string, unknown>>('out', undefined, PATIENCE)).payload;
}

/** A call of 70120 with its recording under way. */
async function recordedCall(): Promise<CallHandle> {
  await record();
  const call = oxe.call({ from: CALLER, to: '70120' });
  await call.answered();
  await moreSent(oxe, '70120', 50);
  return call;
}

const finished = async (accepts: (payload: Finished) => boolean = () => true): Promise<Finished> =>
  (
    await red.told<Finished>(
      'unsolicited',
      ({ topic, payload }) => topic === 'finished' && accepts(payload),
      PATIENCE,
    )
  ).payload;
const allMessages = (): string =>
  JSON.stringify(['out', 'unsolicited', 'news', 'caught', 'shown'].map((probe) => red.received(probe)));

/** Is a UDP port of this machine taken? */
async function isTaken(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(true);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.close();
      resolve(false);
    });
  });
}

describe('the recorder built in', function () {
  this.timeout(180_000);

  afterEach(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  for (const secure of [false, true]) {
    it(`makes one ${secure ? 'deciphered ' : ''}file of a call: its length, each voice on its side, its call, its hash; ${secure ? 'the keys are in no message' : 'both ports open before the request is answered'}`, async () => {
      await start({ secure });
      const bound: Promise<boolean>[] = [];
      oxe.onRequest(({ path: url, body }) => {
        if (!url.endsWith('/record')) return;
        const { sentFlowPort, receivedFlowPort } = body as { sentFlowPort: number; receivedFlowPort: number };
        bound.push(isTaken(sentFlowPort), isTaken(receivedFlowPort));
      });
      const inForce = await record();
      assert.deepEqual(Object.keys(inForce).sort(), [
        'deviceNumber',
        'ipRecorderAddr',
        'mode',
        'receivedFlowPort',
        'recording',
        'secure',
        'sentFlowPort',
      ]);
      assert.deepEqual([inForce.mode, inForce.ipRecorderAddr, inForce.secure], ['ip', '127.0.0.1', secure]);
      assert.deepEqual(await Promise.all(bound), [true, true]);
      const call = oxe.call({ from: CALLER, to: '70120' });
      const from = performance.now();
      await call.answered();
      await moreSent(oxe, '70120', 120);
      await call.hangUp();
      const callMs = performance.now() - from;

      const recording = await finished();
      assertComplete(recording, oxe.rtp('70120'));
      // As long as what was sent, and no longer than the call: a sender that had to wait sends less.
      assert.ok(
        recording.durationMs >= recording.channels.sent.packets * 20 - 40 &&
          recording.durationMs <= callMs + 100,
        `${recording.durationMs} ms of ${callMs} ms`,
      );
      assert.deepEqual(recording.alarms, []);
      assert.equal(recording.calls?.length, 1);
      assert.deepEqual([recording.calls[0]?.user, recording.calls[0]?.state], ['oxe70120', 'ended']);
      assert.equal(
        createHash('sha256')
          .update(await readFile(recording.file))
          .digest('hex'),
        recording.sha256,
      );
      assert.ok(
        recording.file.startsWith(path.join(folder, '70120')) && recording.metadata.endsWith('.json'),
      );

      const { codec_name: codec, channels, duration } = await probed(recording.file);
      assert.deepEqual([codec, channels], ['pcm_alaw', 2]);
      assert.ok(Math.abs(Number(duration) * 1000 - recording.durationMs) < 1);
      const audio = await decoded(recording.file);
      assert.equal(pitchOf(audio.sent.subarray(4000, 12_000), PITCHES), PITCHES[0]);
      assert.equal(pitchOf(audio.received.subarray(4000, 12_000), PITCHES), PITCHES[1]);
      assert.doesNotMatch(allMessages(), /srtp|"salt"/);
      assert.deepEqual(red.received('caught'), []);
      const [{ o2g }] = red.received('unsolicited') as unknown as [{ o2g: object }];
      assert.deepEqual(o2g, { unsolicited: true });

      red.inject('in-record', { action: 'stop', payload: '70120' });
      assert.deepEqual((await red.told('out')).payload, { deviceNumber: '70120', recording: false });
      assert.deepEqual([await isTaken(Number(inForce.sentFlowPort)), oxe.recorded(7)], [false, []]);
    });
  }

  it('writes silence while it is paused and keeps the time; a pause ends by itself', async () => {
    await start();
    const call = await recordedCall();
    red.inject('in-record', {
      action: 'pause',
      payload: { deviceNumber: '70120', resumeAfter: 1, by: 'agent 12', reason: 'card number' },
    });
    assert.deepEqual((await red.told('out')).payload, {
      deviceNumber: '70120',
      recording: true,
      paused: true,
      resumeAfter: 1,
    });
    await moreSent(oxe, '70120', 120);
    red.inject('in-record', { action: 'pause', payload: '70120' });
    assert.deepEqual((await red.told('out')).payload, {
      deviceNumber: '70120',
      recording: true,
      paused: true,
    });
    await moreSent(oxe, '70120', 25);
    red.inject('in-record', { action: 'resume', payload: '70120' });
    assert.deepEqual((await red.told('out')).payload, {
      deviceNumber: '70120',
      recording: true,
      paused: false,
    });
    await moreSent(oxe, '70120', 50);
    await call.hangUp();
    const recording = await finished();
    const pauses = joined(
      recording.gaps.filter(({ kind, channel }) => kind === 'pause' && channel === 'sent'),
    ).filter(({ durationMs }) => durationMs > 100);
    assert.equal(pauses.length, 2);
    assert.match(JSON.stringify(recording.gaps), /"by":"agent 12","reason":"card number"/);
    assert.ok(Math.abs((pauses[0]?.durationMs ?? 0) - 1000) < 500, JSON.stringify(pauses));
    const { sent, received } = await decoded(recording.file);
    for (const { atMs, durationMs } of pauses) {
      const inside = [(atMs + 60) * 8, (atMs + durationMs - 60) * 8] as const;
      for (const side of [sent, received])
        assert.ok(
          side.subarray(...inside).every((sample) => Math.abs(sample) <= 8),
          'silence',
        );
      assert.equal(pitchOf(sent.subarray((atMs - 300) * 8, (atMs - 60) * 8), PITCHES), PITCHES[0]);
    }
    assert.ok(recording.durationMs >= recording.channels.sent.packets * 20 - 40);
  });

  it("refuses a pause of what it doesn't record, and a time that is none", async () => {
    await start();
    red.inject('in-record', { action: 'pause', payload: '70120' });
    assert.match(
      (await red.told('caught')).error?.message ?? '',
      /deviceNumber.*70120.*the built-in recorder records/,
    );
    await record();
    red.inject('in-record', { action: 'pause', payload: { deviceNumber: '70120', resumeAfter: -1 } });
    const { error } = await red.told('caught');
    assert.equal(error?.code, 'INVALID_INPUT');
    assert.match(error.message, /resumeAfter.*-1/);
  });

  it('goes on across deploys of every kind: one file, nothing lost, no request; what finishes meanwhile goes to the new node', async () => {
    await start();
    const call = await recordedCall();
    oxe.clearRequests();
    for (const type of ['full', 'nodes', 'flows', 'reload'] as const) {
      const moved = changed(flows, { 'node-record': { name: type }, 'node-events': { name: type } });
      await (type === 'reload' ? red.deploy([], { type }) : red.deploy(moved, { type }));
      await moreSent(oxe, '70120', 25);
    }
    const deploying = red.deploy(changed(flows, { 'node-record': { name: 'last' } }), { type: 'full' });
    await call.hangUp();
    await deploying;
    const recording = await finished();
    assertComplete(recording, oxe.rtp('70120'));
    assert.deepEqual(
      oxe.requests().filter(({ method }) => method !== 'GET'),
      [],
    );
    assert.equal(red.received('unsolicited').filter(({ topic }) => topic === 'finished').length, 1);
  });

  it('changed in a deploy completes its files and records on in new ones', async () => {
    await start();
    const call = await recordedCall();
    await red.deploy(changed(flows, { recorder: { filename: 'other/{{id}}' } }), { type: 'nodes' });
    await red.told('unsolicited', ({ topic }) => topic === 'restored', PATIENCE);
    await moreSent(oxe, '70120', 50);
    await call.hangUp();
    const recording = await finished(({ file }) => file.startsWith(path.join(folder, 'other')));
    assert.ok(recording.channels.sent.packets >= 50);
    const [first] = (await readdir(path.join(folder, '70120'))).filter((name) => name.endsWith('.wav'));
    assert.ok(first !== undefined);
    assert.equal((await probed(path.join(folder, '70120', first))).channels, 2);
  });

  for (const secure of [false, true]) {
    it(`after kill -9 ${secure ? 'of a secured link ' : ''}the file plays, the next start completes it, and the recording goes on at the same ports`, async () => {
      await start({ linksOutliveSessions: true, secure });
      const call = await recordedCall();
      const [before] = oxe.recordings(7);
      const { userDir } = red;
      const parts = async (): Promise<string[]> =>
        (await readdir(folder, { recursive: true }))
          .filter((name) => name.endsWith('.wav.part'))
          .map((name) => path.join(folder, name));
      const lengthOf = async (file: string | undefined): Promise<number> =>
        file === undefined ? 0 : Number((await probed(file)).duration);
      await until('a second of the file', async () => (await lengthOf((await parts())[0])) > 1);
      await until('what flows asked for', async () =>
        (await readFile(path.join(userDir, '.o2g', 'link.json'), 'utf8')).includes('"armed":[["70120"'),
      );
      await red.stop('SIGKILL');
      assert.ok((await lengthOf((await parts())[0])) > 1, 'it plays');

      const asked = oxe.nextRequest({ method: 'POST', path: /\/record$/ }, { timeoutMs: 90_000 });
      red = await startNodeRed({ userDir });
      const recovered = await finished((payload) => payload.recovered === true);
      assert.ok(recovered.durationMs > 1000);
      const { context, calls } = JSON.parse(await readFile(recovered.metadata, 'utf8')) as {
        context: object;
        calls?: unknown;
      };
      assert.deepEqual(
        [context, calls],
        [{ user: 'oxe70120', callRef: call.callRef, direction: 'incoming', party: CALLER }, undefined],
      );
      assert.equal(pitchOf((await decoded(recovered.file)).sent.subarray(2000, 8000), PITCHES), PITCHES[0]);
      await asked;
      assert.deepEqual(oxe.recordings(7), [before], 'the same ports');
      await moreSent(oxe, '70120', 60);
      await call.hangUp();
      const recording = await finished((payload) => payload.recovered === undefined);
      assert.ok(recording.channels.sent.packets >= 60);
      const { sent, received } = await decoded(recording.file);
      assert.deepEqual(
        [pitchOf(sent.subarray(-6000, -2000), PITCHES), pitchOf(received.subarray(-6000, -2000), PITCHES)],
        PITCHES,
      );
    });
  }

  it('goes on at the same ports, in the same file, after the loss of session and link', async () => {
    await start();
    const call = await recordedCall();
    const [before] = oxe.recordings(7);
    const again = oxe.nextRequest({ method: 'POST', path: /\/record$/, status: 200 }, { timeoutMs: 40_000 });
    oxe.expireSession({ channel: 'close' });
    await again;
    await red.told('unsolicited', ({ topic }) => topic === 'restored', PATIENCE);
    const [{ registrationId, ...after } = { registrationId: '' }] = oxe.recordings(7);
    assert.notEqual(registrationId, before?.registrationId);
    assert.deepEqual({ ...after, registrationId: before?.registrationId }, before);
    await moreSent(oxe, '70120', 60);
    await call.hangUp();
    const recording = await finished();
    assert.equal(recording.calls?.length, 1);
    const { sent } = await decoded(recording.file);
    for (const stretch of [sent.subarray(2000, 6000), sent.subarray(-6000, -2000)])
      assert.equal(pitchOf(stretch, PITCHES), PITCHES[0]);
    assert.equal(red.received('unsolicited').filter(({ topic }) => topic === 'finished').length, 1);
  });

  it('completes what it records when Node-RED stops, within seconds', async () => {
    await start();
    await recordedCall();
    const { ms, code } = await red.stop('SIGTERM');
    assert.ok(ms < 10_000, `${ms} ms`);
    assert.equal(code, 0);
    const names = (await readdir(path.join(folder, '70120'))).map((name) => path.extname(name)).sort();
    assert.deepEqual(names, ['.json', '.wav']);
    assert.deepEqual([oxe.links(7), oxe.sessions()], [[], []]);
  });

  it('refuses a time slot and an unknown device, and answers a start of what is recorded without a request', async () => {
    await start();
    red.inject('in-record', { action: 'start', payload: '79999' });
    assert.equal((await red.told('caught')).error?.code, 'NOT_FOUND');
    const first = await record();
    oxe.clearRequests();
    assert.deepEqual(await record(), first);
    assert.deepEqual(
      oxe.requests().filter(({ method }) => method !== 'GET'),
      [],
    );
    red.inject('in-record', { action: 'start', payload: { deviceNumber: '70130', mode: 'tdm' } });
    assert.match((await red.told('caught')).error?.message ?? '', /mode.*ip/);
  });

  it('leaves out ports that another program has', async () => {
    await start();
    const others: Socket[] = [createSocket('udp4'), createSocket('udp4')];
    whenTestEnds(() => {
      for (const socket of others) socket.close();
    });
    await Promise.all(
      others.map(
        (socket, index) =>
          new Promise<void>((resolve, reject) => {
            socket
              .once('error', reject)
              .bind({ port: portMin + 2 * index, address: '127.0.0.1', exclusive: true }, resolve);
          }),
      ),
    );
    const { sentFlowPort, receivedFlowPort } = await record();
    for (const port of [sentFlowPort, receivedFlowPort]) assert.ok(Number(port) >= portMin + 4, String(port));
  });

  it("with a folder that can't be made says so and harms nobody; it records as soon as the folder can be", async () => {
    const blocker = path.join(await temporaryFolder(), 'file');
    await writeFile(blocker, '');
    await start({}, { recorder: { folder: path.join(blocker, 'recordings') } });
    red.inject('in-record', { action: 'start', payload: '70120' });
    const { error } = await red.told(
      'caught',
      ({ error: each }) => each?.source.id === 'node-record',
      PATIENCE,
    );
    assert.equal(error?.code, 'FOLDER_NOT_WRITABLE');
    assert.ok(red.alive());
    await rm(blocker);
    const { recording } = await record();
    assert.equal(recording, true);
  });

  it('with a wrong configuration answers every start with INVALID_INPUT, before anything is sent', async () => {
    await start({}, { recorder: { filename: '{{password}}' } });
    red.inject('in-record', { action: 'start', payload: '70120' });
    const { error } = await red.told(
      'caught',
      ({ error: each }) => each?.source.id === 'node-record',
      PATIENCE,
    );
    assert.equal(error?.code, 'INVALID_INPUT');
    assert.match(error.message, /filename: /);
    assert.deepEqual(
      oxe.requests().filter(({ path: url }) => /\/(monitor|record)$/.test(url)),
      [],
    );
  });

  it('lets no name lead out of its folder', async () => {
    await start({}, { recorder: { filename: '../../{{party}}/{{deviceNumber}}' } });
    await record();
    const call = oxe.call({ from: '../../../tmp/x', to: '70120' });
    await call.answered();
    await moreSent(oxe, '70120', 40);
    await call.hangUp();
    const { file } = await finished();
    assert.ok(!path.relative(folder, file).startsWith('..'), file);
  });

  it('keeps the devices of a link recorded without any action node; each conversation is told by the node that has the link', async () => {
    await start(
      {},
      { link: { devices: '70000-70002', media: 'recorder', record: 'all' }, record: { recorder: '' } },
    );
    await oxe.once(() => oxe.recorded(7).length === 3, { timeoutMs: 20_000, what: 'all three recorded' });
    for (const device of ['70000', '70002']) {
      const call = oxe.call({ from: CALLER, to: device });
      await call.answered();
      await moreSent(oxe, device, 30);
      await call.hold();
      await call.retrieve();
      await moreSent(oxe, device, 30);
      await call.hangUp();
      const recording = await finished(({ deviceNumber }) => deviceNumber === device);
      assert.equal(recording.calls?.length, 1);
      assertComplete(recording, oxe.rtp(device));
    }
    assert.equal(red.received('unsolicited').length, 2);
  });

  it('asks for new keys when the OXE has changed them, every five seconds at most, and reads on', async () => {
    await start({ secure: true });
    const call = await recordedCall();
    const askedAt: number[] = [];
    for (const round of [1, 2]) {
      const again = oxe.nextRequest(
        { method: 'POST', path: /\/record$/ },
        { timeoutMs: 30_000, what: `new keys, ${round}` },
      );
      oxe.rekey('70120');
      await again;
      askedAt.push(performance.now());
      // Read again: the next change is another one.
      await red.told(
        'unsolicited',
        ({ topic, payload }) => topic === 'alarm' && (payload as { until?: string }).until !== undefined,
        PATIENCE,
      );
    }
    assert.ok((askedAt[1] ?? 0) - (askedAt[0] ?? 0) > 4900, `${askedAt.join(', ')} ms`);
    await moreSent(oxe, '70120', 60);
    await call.hangUp();
    const { file } = await finished();
    const { sent } = await decoded(file);
    assert.equal(pitchOf(sent.subarray(-6000, -2000), PITCHES), PITCHES[0]);
    assert.doesNotMatch(allMessages(), /srtp|"salt"/);
  });

  it('warns when a call is active and no media comes; what the OXE forgot is restored and told, with keys for an external recorder only', async () => {
    await start({ secure: true });
    const call = await recordedCall();
    // The node has a recorder; msg can't change that. So the external one is another node's.
    await red.deploy(
      [
        ...flows,
        {
          ...flows.find(({ id }) => id === 'node-record'),
          id: 'node-external',
          type: 'o2g-record',
          recorder: '',
          wires: [['out'], ['unsolicited']],
        },
        {
          id: 'in-external',
          type: 'probe-in',
          name: 'in-external',
          z: 'tab',
          x: 10,
          y: 10,
          wires: [['node-external']],
        },
      ],
      { type: 'full' },
    );
    red.inject('in-external', {
      action: 'start',
      payload: { deviceNumber: '70130', ipRecorderAddr: '127.0.0.1', sentFlowPort: 9, receivedFlowPort: 11 },
    });
    const { payload: external } = await red.told<{ srtp?: { key: string } }>(
      'out',
      ({ payload }) => (payload as { deviceNumber: string }).deviceNumber === '70130',
    );
    assert.ok(external.srtp);
    oxe.forgetRecording('70120');
    oxe.forgetRecording('70130');
    await red.told(
      'unsolicited',
      ({ topic, payload }) => topic === 'alarm' && (payload as { alarm: string }).alarm === 'no-media',
      PATIENCE,
    );
    for (const device of ['70120', '70130']) {
      const restored = await red.told<Record<string, unknown>>(
        'unsolicited',
        ({ topic, payload }) =>
          topic === 'restored' && (payload as { deviceNumber: string }).deviceNumber === device,
        PATIENCE,
      );
      assert.deepEqual(
        [restored.payload.link, restored.payload.recording, restored.payload.mode],
        ['OXE 7', true, 'ip'],
      );
      assert.equal(restored.payload.srtp !== undefined, device === '70130');
    }
    assert.doesNotMatch(JSON.stringify(red.received('news')), /srtp|"salt"/, 'o2g-events tells no key');
    await red.told(
      'unsolicited',
      ({ topic, payload }) =>
        topic === 'alarm' && (payload as { alarm: string; until?: string }).until !== undefined,
      PATIENCE,
    );
    await call.hangUp();
    assert.deepEqual(
      (await finished()).alarms.map(({ alarm }) => alarm),
      ['no-media'],
    );
  });
});
