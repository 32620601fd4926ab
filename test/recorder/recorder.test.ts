import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { Recorder, RecorderError, type FinishedRecording } from '../../recorder';
import { ReceiverThread } from '../../recorder/worker/receiver-thread';
import { whenTestEnds } from '../support/cleanup';
import {
  at,
  only,
  pace,
  PACKET,
  packetsOf,
  Phone,
  placeOf,
  portRange,
  random,
  randomBytes,
  readWav,
  SrtpSender,
  startRecorder,
  temporaryFolder,
  told,
  until,
  voice,
} from './support';

const refused =
  (code: string, words = '') =>
  (error: unknown): boolean =>
    error instanceof RecorderError && error.code === code && error.message.includes(words);
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const allFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true }))
    .map(String)
    .filter((name) => /\.\w+$/.test(name))
    .sort();

/** A short conversation of a device, both ways. */
async function converse(
  recorder: Recorder,
  deviceNumber: string,
  packets = 30,
  seed = 1,
): Promise<[Buffer, Buffer]> {
  const { sentFlowPort, receivedFlowPort } = await recorder.arm(deviceNumber);
  const audio: [Buffer, Buffer] = [voice(packets, seed), voice(packets, seed + 1)];
  await pace([
    { phone: new Phone(sentFlowPort), packets: packetsOf(audio[0], { ssrc: seed }) },
    { phone: new Phone(receivedFlowPort), packets: packetsOf(audio[1], { ssrc: seed + 1 }) },
  ]);
  return audio;
}

/** So many packets are in a file by what its header says, which is written last. */
async function written(file: string, packets: number): Promise<void> {
  await until(`${packets} packets in ${file}`, async () => (await readWav(file)).frames >= packets * PACKET);
}

async function manifestOf(folder: string): Promise<Record<string, string>[]> {
  const lines = (await readFile(path.join(folder, 'manifest.jsonl'), 'utf8')).trimEnd().split('\n');
  lines.forEach((line, index) =>
    assert.equal(
      (JSON.parse(line) as { previous: string }).previous,
      index === 0 ? '0'.repeat(64) : sha256(lines[index - 1] ?? ''),
      `line ${index + 1} is chained to the one before`,
    ),
  );
  return lines.map((line) => JSON.parse(line) as Record<string, string>);
}

describe('a recorder', () => {
  it('writes what the device sent on the left and what it heard on the right, sample by sample', async () => {
    const { recorder, folder } = await startRecorder();
    const started = told(recorder, 'started');
    const [sent, received] = await converse(recorder, '70120', 75);
    const finished = only(await recorder.endConversation('70120'));
    const wav = await readWav(finished.file);
    assert.ok(wav.exact);
    assert.equal(placeOf(sent, wav.left), 0);
    const skew = placeOf(received, wav.right);
    assert.ok(skew >= 0 && skew < 320, `the channels are ${skew} samples apart`);
    assert.equal((await started).deviceNumber, '70120');
    assert.deepEqual(finished.channels.sent.packets + finished.channels.received.packets, 150);
    assert.equal(finished.sha256, sha256(await readFile(finished.file)));
    const metadata = JSON.parse(await readFile(finished.metadata, 'utf8')) as Record<string, unknown>;
    const { manifestSha256, ...rest } = finished;
    for (const [field, value] of Object.entries(rest)) assert.deepEqual(metadata[field], value, field);
    assert.equal(
      manifestSha256,
      sha256((await readFile(path.join(folder, 'manifest.jsonl'), 'utf8')).trimEnd()),
    );
    assert.match(path.relative(folder, finished.file), /^70120\/\d{8}T\d{6}Z-[0-9a-f]{12}\.wav$/);
    const line = only(await manifestOf(folder));
    assert.deepEqual(
      [line.file, line.sha256, line.metadataSha256],
      [path.relative(folder, finished.file), finished.sha256, sha256(await readFile(finished.metadata))],
    );
    assert.deepEqual((await allFiles(folder)).length, 3);
  });

  for (const [bits, tag] of [
    [128, 10],
    [256, 0],
  ] as const) {
    it(`opens SRTP of ${bits} bits ${tag === 0 ? 'without a tag' : 'with a tag'}, and goes on across a change of keys`, async () => {
      const { recorder } = await startRecorder();
      const { sentFlowPort, receivedFlowPort } = await recorder.arm('70120', { secure: true });
      const keys = [0, 1].map((seed) => ({
        key: randomBytes(bits / 8, 10 + seed),
        salt: randomBytes(14, 20 + seed),
      }));
      const texts = keys.map(({ key, salt }, index) => ({
        key: key.toString(index === 0 ? 'hex' : 'base64'),
        salt: salt.toString(index === 0 ? 'hex' : 'base64'),
      }));
      const audio = [voice(100, 1), voice(100, 2)];
      const flows = audio.map((one, side) => ({
        phone: new Phone(side === 0 ? sentFlowPort : receivedFlowPort),
        packets: keys.flatMap(({ key, salt }, half) => {
          const sender = new SrtpSender({ key, salt, tag });
          return packetsOf(one.subarray(half * 50 * PACKET, (half + 1) * 50 * PACKET), {
            ssrc: 7,
            sequenceNumber: 50 * half,
            timestamp: 50 * half * PACKET,
          }).map((packet) => sender.protect(packet));
        }),
      }));
      await recorder.setKeys('70120', texts[0]);
      const next = await pace(flows.map(({ phone, packets }) => ({ phone, packets: packets.slice(0, 45) })));
      await recorder.setKeys('70120', texts[1]);
      await pace(
        flows.map(({ phone, packets }) => ({ phone, packets: packets.slice(45) })),
        20,
        next,
      );
      const finished = only(await recorder.endConversation('70120'));
      const wav = await readWav(finished.file);
      assert.equal(placeOf(at(audio, 0), wav.left), 0);
      assert.ok(placeOf(at(audio, 1), wav.right) >= 0);
      assert.deepEqual(finished.alarms, []);
      const everything = (
        await Promise.all(
          (await allFiles(path.dirname(finished.file))).map((name) =>
            readFile(path.join(path.dirname(finished.file), name), 'latin1'),
          ),
        )
      ).join('');
      for (const { key, salt } of texts)
        assert.ok(!everything.includes(key) && !everything.includes(salt), 'no key is in any file');
    });
  }

  it('with 15 % loss and jitter is right in length to a packet, and both channels stay within 40 ms', async () => {
    const { recorder } = await startRecorder();
    const { sentFlowPort, receivedFlowPort } = await recorder.arm('70120');
    const next = random(5);
    const drop = (packets: Buffer[]): (Buffer | undefined)[] =>
      packets.map((packet, index) => (index > 0 && index < 99 && next() < 0.15 ? undefined : packet));
    const [sent, received] = [drop(packetsOf(voice(100, 1))), drop(packetsOf(voice(100, 2)))];
    await pace([
      { phone: new Phone(sentFlowPort), packets: sent },
      { phone: new Phone(receivedFlowPort), packets: received },
    ]);
    const finished = only(await recorder.endConversation('70120'));
    const wav = await readWav(finished.file);
    const skew = placeOf(voice(100, 2).subarray(0, PACKET), wav.right);
    assert.ok(skew >= 0 && skew < 320);
    assert.ok(Math.abs(wav.frames - 16_000) < PACKET + skew, `${wav.frames} frames`);
    assert.equal(finished.channels.sent.lost, sent.filter((packet) => packet === undefined).length);
    assert.equal(finished.channels.received.lost, received.filter((packet) => packet === undefined).length);
    sent.forEach((packet, index) =>
      assert.deepEqual(
        wav.left.subarray(index * PACKET, (index + 1) * PACKET),
        packet?.subarray(12) ?? Buffer.alloc(PACKET, 0xff),
      ),
    );
  });

  it('loses nothing while the main thread is blocked for 5 s', async function () {
    this.timeout(30_000);
    const { recorder } = await startRecorder();
    const { sentFlowPort } = await recorder.arm('70120');
    const audio = voice(300);
    const script = `const s = require('dgram').createSocket('udp4'); const p = ${JSON.stringify(packetsOf(audio).map((packet) => packet.toString('base64')))};
      let n = 0; const from = performance.now(); const t = setInterval(() => {
        // A timer that comes late catches up, or else the phone's clock would seem slow, and be corrected.
        while (n < p.length && 20 * n <= performance.now() - from) s.send(Buffer.from(p[n++], 'base64'), ${sentFlowPort}, '127.0.0.1');
        if (n === p.length) { clearInterval(t); setTimeout(() => s.close(), 100); }
      }, 20);
      process.stdout.write('go');`;
    const sender = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => {
      sender.once('exit', resolve);
    });
    await new Promise((resolve) => {
      sender.stdout.once('data', resolve);
    });
    const until = performance.now() + 5000;
    while (performance.now() < until); // the main thread does nothing else
    await ended;
    const finished = only(await recorder.endConversation('70120'));
    assert.equal(finished.channels.sent.lost, 0);
    assert.equal(finished.channels.sent.packets, 300);
    assert.deepEqual((await readWav(finished.file)).left, audio);
  });

  it('asks what else is to be in the metadata, and adds it to the result as far as the contract says', async () => {
    const { recorder } = await startRecorder(
      {},
      {
        describe: ({ deviceNumber, endedBy }) => ({
          calls: [{ callRef: 'c1' }],
          note: `${deviceNumber} ${endedBy}`,
          sha256: 'forged',
        }),
      },
    );
    await converse(recorder, '70120');
    const finished = only(await recorder.endConversation('70120'));
    const metadata = JSON.parse(await readFile(finished.metadata, 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [finished.calls, metadata.calls, metadata.note, metadata.sha256],
      [[{ callRef: 'c1' }], [{ callRef: 'c1' }], '70120 told', finished.sha256],
    );
  });

  it('finishes a recording whose description fails, and says so in its metadata', async () => {
    const { recorder } = await startRecorder(
      {},
      { describe: () => Promise.reject(new Error('no such call')) },
    );
    await converse(recorder, '70120');
    const finished = only(await recorder.disarm('70120'));
    assert.equal(
      (JSON.parse(await readFile(finished.metadata, 'utf8')) as Record<string, unknown>).describeError,
      'no such call',
    );
  });

  it('chains the lines of the manifest, whoever ends at the same time', async () => {
    const { recorder, folder } = await startRecorder({ workers: 2 });
    const devices = ['1', '2', '3', '4', '5', '6'];
    await Promise.all(devices.map((device, index) => converse(recorder, device, 20, 10 * index)));
    await Promise.all(devices.map((device) => recorder.endConversation(device)));
    assert.equal((await manifestOf(folder)).length, 6);
  });

  it('tells levels each second, and counts in its metrics', async () => {
    const { recorder } = await startRecorder();
    const level = told(recorder, 'level', ({ sent }) => sent.rmsDb !== null);
    await converse(recorder, '70120', 80);
    const {
      sent: { rmsDb, peakDb },
    } = await level;
    assert.ok(rmsDb !== null && peakDb !== null && rmsDb > -60 && rmsDb < peakDb && peakDb <= 0);
    const { armed, recording, portsUsed, devices } = recorder.metrics();
    assert.deepEqual(
      { armed, recording, portsUsed, packets: (devices[0]?.packets.sent ?? 0) > 0 },
      { armed: 1, recording: 1, portsUsed: 2, packets: true },
    );
  });

  it('a listener that throws hurts nobody', async () => {
    const warned: string[] = [];
    const { recorder } = await startRecorder({}, { warn: (line) => warned.push(line) });
    recorder.on('finished', () => {
      throw new Error('mine');
    });
    const second = told(recorder, 'finished');
    await converse(recorder, '70120');
    await recorder.endConversation('70120');
    await second;
    assert.deepEqual(warned, ['a listener of finished failed: mine']);
  });

  it('pauses and resumes by itself', async () => {
    const { recorder } = await startRecorder();
    const { sentFlowPort } = await recorder.arm('70120');
    const phone = new Phone(sentFlowPort);
    const packets = packetsOf(voice(240));
    const next = await pace([{ phone, packets: packets.slice(0, 40) }]);
    await recorder.pause('70120', { by: 'flow', reason: 'card', resumeAfter: 0.8 });
    await pace([{ phone, packets: packets.slice(40) }], 20, next);
    const { gaps, file } = only(await recorder.endConversation('70120'));
    const pause = only(gaps.filter(({ channel, by }) => channel === 'sent' && by === 'flow'));
    assert.deepEqual([pause.durationMs, pause.kind, pause.reason], [800, 'pause', 'card']);
    const { left } = await readWav(file);
    const [from, to] = [pause.atMs * 8, (pause.atMs + pause.durationMs) * 8];
    assert.ok(left.subarray(from + 8, to - 8).every((byte) => byte === 0xff));
    // Where it begins and ends depends on when this machine gets to it; 200 ms away from there nothing does.
    assert.deepEqual(left.subarray(0, 30 * PACKET), voice(240).subarray(0, 30 * PACKET));
    assert.deepEqual(left.subarray(to + 10 * PACKET), voice(240).subarray(to + 10 * PACKET));
  });
});

describe('ports', () => {
  it('are even, apart, and rest before they are given out again', async () => {
    const { recorder } = await startRecorder(portRange(8));
    const first = await recorder.arm('1');
    await recorder.disarm('1');
    const second = await recorder.arm('2');
    const ports = [first.sentFlowPort, first.receivedFlowPort, second.sentFlowPort, second.receivedFlowPort];
    assert.ok(ports.every((port) => port % 2 === 0));
    assert.equal(new Set(ports).size, 4);
    await assert.rejects(recorder.arm('3'), refused('PORTS_EXHAUSTED', '2 rest'));
  });

  it('that another program has are passed over', async () => {
    const range = portRange(12);
    const others = await Promise.all(
      [range.portMin, range.portMin + 4].map(
        (port) =>
          new Promise<ReturnType<typeof createSocket>>((resolve) => {
            const socket = createSocket('udp4').bind(port, '127.0.0.1', () => {
              resolve(socket);
            });
          }),
      ),
    );
    whenTestEnds(() => {
      for (const socket of others) socket.close();
    });
    const { recorder } = await startRecorder(range);
    const { sentFlowPort, receivedFlowPort } = await recorder.arm('70120');
    assert.ok(
      ![sentFlowPort, receivedFlowPort].includes(range.portMin) &&
        ![sentFlowPort, receivedFlowPort].includes(range.portMin + 4),
    );
    await assert.rejects(
      recorder.arm('2').then(() => recorder.arm('3')),
      refused('PORTS_EXHAUSTED'),
    );
  });

  it('of an earlier run are taken again, when both are free', async () => {
    const { portMin, portMax } = portRange();
    const { recorder } = await startRecorder({ portMin, portMax });
    const earlier = { sent: portMin + 20, received: portMin + 30 };
    assert.deepEqual(await recorder.arm('1', { ports: earlier }), {
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: earlier.sent,
      receivedFlowPort: earlier.received,
    });
    const other = await recorder.arm('2', { ports: { sent: portMin + 22, received: portMin + 30 } });
    assert.ok(
      other.receivedFlowPort !== earlier.received && other.sentFlowPort !== portMin + 22,
      'both or none',
    );
    const outside = await recorder.arm('3', { ports: { sent: portMin - 2, received: portMax + 3 } });
    assert.ok(outside.sentFlowPort >= portMin && outside.receivedFlowPort <= portMax);
  });

  it('of a device that is armed twice stay the same', async () => {
    const { recorder } = await startRecorder();
    const [one, two] = await Promise.all([recorder.arm('70120'), recorder.arm('70120', { user: 'x' })]);
    assert.deepEqual(one, two);
  });

  it("can't be bound on an address that isn't here", async () => {
    const { recorder } = await startRecorder({ bind: '192.0.2.77' });
    await assert.rejects(recorder.arm('70120'), refused('BIND_FAILED'));
  });
});

describe('input', () => {
  const options = { address: '127.0.0.1', folder: '/tmp/x' };
  for (const [field, value] of Object.entries<unknown>({
    address: 'localhost',
    bind: '::1',
    portMin: 0,
    portMax: 70_000,
    folder: ' ',
    filename: '{{device}}',
    format: 'mp3',
    split: 'never',
    maxMinutes: 5000,
    workers: 0,
    dtmfPayloadTypes: [5],
    noMediaAfter: 0,
  })) {
    it(`${field} ${JSON.stringify(value)} is refused by name, value and rule`, () => {
      assert.throws(
        () => new Recorder({ ...options, [field]: value }),
        (error) =>
          refused('INVALID_INPUT', `${field}: `)(error) && (error as Error).message.includes('must be'),
      );
    });
  }

  it("for a device that isn't armed is refused, but disarming it is no error", async () => {
    const { recorder } = await startRecorder();
    await assert.rejects(recorder.setKeys('9', undefined), refused('NOT_ARMED', '9'));
    await assert.rejects(recorder.pause('9'), refused('NOT_ARMED'));
    assert.deepEqual(await recorder.disarm('9'), []);
  });

  it("a folder that can't be made is told at the start", async () => {
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, 'file'), '');
    await assert.rejects(
      startRecorder({ folder: path.join(folder, 'file', 'recordings') }),
      refused('FOLDER_NOT_WRITABLE'),
    );
  });

  it('to a recorder that is closed is refused, and closing it twice is no error', async () => {
    const { recorder } = await startRecorder();
    await recorder.arm('70120');
    await Promise.all([recorder.close(), recorder.close()]);
    await recorder.close();
    await assert.rejects(recorder.arm('70120'), refused('CLOSED'));
  });
});

describe('the disk', () => {
  it('a file where a folder should be is an alarm; the other recordings are unharmed', async () => {
    const { recorder, folder } = await startRecorder();
    await writeFile(path.join(folder, '666'), 'in the way');
    const alarm = told(recorder, 'alarm', ({ alarm: name }) => name === 'disk');
    const [, audio] = await Promise.all([converse(recorder, '666', 60), converse(recorder, '70120', 60, 5)]);
    assert.deepEqual([(await alarm).deviceNumber, (await alarm).details.code], ['666', 'EEXIST']);
    assert.deepEqual(await recorder.endConversation('666'), []);
    assert.ok(
      placeOf(audio[0], (await readWav(only(await recorder.endConversation('70120')).file)).left) >= 0,
    );
  });

  it("a manifest that can't be written leaves the recording for the next start, which completes it", async () => {
    const { recorder, folder } = await startRecorder();
    await mkdir(path.join(folder, 'manifest.jsonl'));
    const alarm = told(recorder, 'alarm', ({ alarm: name }) => name === 'disk');
    const [sent] = await converse(recorder, '70120');
    assert.deepEqual(await recorder.endConversation('70120'), []);
    assert.equal((await alarm).details.code, 'EISDIR');
    await recorder.close();
    const { rm } = await import('node:fs/promises');
    await rm(path.join(folder, 'manifest.jsonl'), { recursive: true });
    await makeOld(folder);
    const again = await finishedAtStart(folder);
    assert.deepEqual(
      [only(again).recovered, placeOf(sent, (await readWav(only(again).file)).left)],
      [true, 0],
    );
  });

  it('closing completes everything, within 5 s', async () => {
    const { recorder, folder } = await startRecorder();
    const finished: FinishedRecording[] = [];
    recorder.on('finished', (one) => finished.push(one));
    await Promise.all(
      Array.from({ length: 10 }, (_, index) => converse(recorder, `${index}`, 20, 3 * index)),
    );
    const start = performance.now();
    await recorder.close();
    assert.ok(performance.now() - start < 5000);
    assert.equal(finished.length, 10);
    assert.equal((await manifestOf(folder)).length, 10);
    assert.ok(!(await allFiles(folder)).some((name) => name.endsWith('.part')));
  });
});

/** As if the files had lain there for an hour: whoever wrote them is gone. */
async function makeOld(folder: string): Promise<void> {
  const anHourAgo = new Date(Date.now() - 3_600_000);
  for (const name of await allFiles(folder))
    if (name.endsWith('.part')) await utimes(path.join(folder, name), anHourAgo, anHourAgo);
}

async function finishedAtStart(folder: string): Promise<FinishedRecording[]> {
  const recorder = new Recorder({ address: '127.0.0.1', ...portRange(), folder });
  whenTestEnds(() => recorder.close());
  const finished: FinishedRecording[] = [];
  recorder.on('finished', (one) => finished.push(one));
  await recorder.start();
  await recorder.recover();
  await chmod(folder, 0o755);
  assert.equal(recorder.metrics().recovered, finished.length);
  return finished;
}

describe('a process that is killed', () => {
  it('leaves a file that plays up to its last second, and the next start completes it', async function () {
    this.timeout(30_000);
    const folder = await temporaryFolder();
    const range = portRange();
    const script = `const { Recorder } = require(${JSON.stringify(path.resolve('recorder/index.ts'))});
      const r = new Recorder({ address: '127.0.0.1', folder: ${JSON.stringify(folder)}, portMin: ${range.portMin}, portMax: ${range.portMax} });
      r.start().then(() => r.arm('70120', { user: 'oxe70120' })).then((armed) => process.stdout.write(JSON.stringify(armed)));`;
    const child = spawn(process.execPath, ['--require', require.resolve('tsx/cjs'), '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    whenTestEnds(() => {
      child.kill('SIGKILL');
    });
    const armed = JSON.parse(
      String(
        await new Promise((resolve) => {
          child.stdout.once('data', resolve);
        }),
      ),
    ) as { sentFlowPort: number; receivedFlowPort: number };
    const audio = [voice(200, 1), voice(200, 2)];
    await pace([
      { phone: new Phone(armed.sentFlowPort), packets: packetsOf(at(audio, 0)) },
      { phone: new Phone(armed.receivedFlowPort), packets: packetsOf(at(audio, 1)) },
    ]);
    child.kill('SIGKILL');
    await exited;

    const unfinished = only((await allFiles(folder)).filter((name) => name.endsWith('.wav.part')));
    const before = await readWav(path.join(folder, unfinished));
    assert.ok(before.frames > 2.5 * 8000, `${before.frames / 8000} s of 4 s are in the file`);
    assert.equal(placeOf(before.left.subarray(0, 20_000), at(audio, 0)), 0);

    const finished = only(await finishedAtStart(folder));
    assert.equal(finished.recovered, true);
    assert.equal(finished.deviceNumber, '70120');
    const wav = await readWav(finished.file);
    assert.ok(wav.exact && wav.frames >= before.frames);
    assert.equal(finished.durationMs, Math.round(wav.frames / 8));
    const metadata = JSON.parse(await readFile(finished.metadata, 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [metadata.recovered, metadata.endedBy, metadata.context],
      [true, 'crash', { user: 'oxe70120' }],
    );
    assert.equal(only(await manifestOf(folder)).sha256, sha256(await readFile(finished.file)));
    assert.ok(!(await allFiles(folder)).some((name) => name.endsWith('.part')));
    assert.deepEqual(await finishedAtStart(folder), [], 'once is enough');
  });

  it('in the middle of the last renaming is completed without a second line in the manifest', async () => {
    const { recorder, folder } = await startRecorder();
    await converse(recorder, '70120');
    const { file, metadata } = only(await recorder.endConversation('70120'));
    await recorder.close();
    // The crash came before `.json.part` was removed.
    const known = JSON.parse(await readFile(metadata, 'utf8')) as Record<string, unknown>;
    await writeFile(
      `${metadata}.part`,
      JSON.stringify({
        owner: { host: 'gone', pid: 1, processStartedAt: 0, instance: 'x' },
        recorded: known,
      }),
    );
    await makeOld(folder);
    const again = only(await finishedAtStart(folder));
    assert.equal(again.file, file);
    assert.equal((await manifestOf(folder)).length, 1);
    assert.ok((await stat(file)).isFile());
  });

  it("and whose sidecar is torn, or alone, leaves nothing behind that isn't a recording", async () => {
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, 'torn.json.part'), '{"owner":');
    await makeOld(folder);
    assert.deepEqual(await finishedAtStart(folder), []);
    assert.deepEqual(await allFiles(folder), []);
  });

  it("isn't recovered while its recorder lives", async () => {
    const { recorder, folder } = await startRecorder();
    await converse(recorder, '70120', 60);
    assert.deepEqual(await finishedAtStart(folder), []);
    assert.equal((await recorder.endConversation('70120')).length, 1);
  });
});

describe('a thread that answers late', () => {
  for (const end of ['endConversation', 'disarm'] as const) {
    it(`what ${end} ended is its answer, though it was complete before`, async () => {
      let complete: () => void = () => undefined;
      const completed = new Promise<void>((resolve) => {
        complete = resolve;
      });
      const { recorder } = await startRecorder(
        {},
        {
          startWorker: (...args) => {
            const thread = new ReceiverThread(...args);
            const order = thread.send.bind(thread);
            thread.send = async (...ordered) => {
              await order(...ordered);
              if (ordered[0].type === 'end' || ordered[0].type === 'disarm') await completed;
            };
            return thread;
          },
        },
      );
      recorder.on('finished', () => {
        setImmediate(complete);
      });
      await converse(recorder, '70120', 20);
      assert.equal((await recorder[end]('70120')).length, 1);
    });
  }
});

describe('a thread that fails', () => {
  it('is started again: same ports, what it left is completed, everybody is told', async function () {
    this.timeout(30_000);
    const threads: ReceiverThread[] = [];
    const { recorder, folder } = await startRecorder(
      {},
      {
        startWorker: (...args) => {
          const thread = new ReceiverThread(...args);
          threads.push(thread);
          return thread;
        },
        describe: ({ endedBy }) => ({ calls: [{ callRef: endedBy }] }),
      },
    );
    const [before] = await converse(recorder, '70120', 80);
    await written(
      path.join(folder, only((await allFiles(folder)).filter((name) => name.endsWith('.wav.part')))),
      40,
    );
    const recovered = told(recorder, 'finished');
    const interrupted = told(recorder, 'alarm', ({ alarm }) => alarm === 'interrupted');
    await at(threads, 0).terminate();
    assert.equal((await interrupted).deviceNumber, '70120');
    const left = await recovered;
    assert.deepEqual(
      [left.recovered, left.calls],
      [true, [{ callRef: 'crash' }]],
      'what is known of its calls is still known',
    );
    const { left: audio } = await readWav(left.file);
    // At the very end the other channel may have been further.
    assert.ok(
      audio.length >= 30 * PACKET && placeOf(audio.subarray(0, audio.length - 10 * PACKET), before) === 0,
      `${audio.length} samples`,
    );
    const [after] = await converse(recorder, '70120', 30, 50);
    assert.equal(placeOf(after, (await readWav(only(await recorder.endConversation('70120')).file)).left), 0);
    assert.equal(recorder.metrics().workerCrashes, 1);
  });
});
