import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import {
  openRecording,
  readFileKeys,
  Recorder,
  RecorderError,
  type FinishedRecording,
  type RecorderOptions,
} from '../../recorder';
import { whenTestEnds } from '../support/cleanup';
import {
  at,
  only,
  pace,
  packetsOf,
  parseWav,
  Phone,
  placeOf,
  portRange,
  randomBytes,
  SrtpSender,
  startRecorder,
  temporaryFolder,
  voice,
  type Wav,
} from './support';

const KEY = randomBytes(32, 1).toString('hex');
const NEW_KEY = 'a passphrase for the new year';
const encrypted = { encrypt: true, keys: [KEY] };

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const files = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();

async function content(file: string, keys: readonly string[]): Promise<Buffer> {
  const recording = await openRecording(file, await readFileKeys(keys));
  const pieces: Uint8Array[] = [];
  for await (const piece of recording.read()) pieces.push(piece);
  await recording.close();
  return Buffer.concat(pieces);
}

const wavOf = async (file: string, keys: readonly string[] = [KEY]): Promise<Wav> =>
  parseWav(await content(file, keys));

async function converse(
  recorder: Recorder,
  deviceNumber: string,
  audio: readonly [Buffer, Buffer],
): Promise<void> {
  const { sentFlowPort, receivedFlowPort } = await recorder.arm(deviceNumber);
  await pace([
    { phone: new Phone(sentFlowPort), packets: packetsOf(audio[0], { ssrc: 1 }) },
    { phone: new Phone(receivedFlowPort), packets: packetsOf(audio[1], { ssrc: 2 }) },
  ]);
}

/** Files of the folder in which 20 bytes of the audio lie as they were, alone or with the other channel's between them. */
async function leaks(folder: string, ...audio: readonly Buffer[]): Promise<string[]> {
  const leaking: string[] = [];
  for (const file of await files(folder)) {
    const bytes = await readFile(file).catch(() => Buffer.alloc(0)); // it got its last name meanwhile
    const everySecond = [0, 1].map((side) => Buffer.from(bytes.filter((_, index) => index % 2 === side)));
    for (const one of audio) {
      for (let from = 0; from + 20 <= one.length; from += 400) {
        const run = one.subarray(from, from + 20);
        if ([bytes, ...everySecond].some((view) => view.indexOf(run) >= 0))
          leaking.push(`${path.relative(folder, file)} at ${from}`);
      }
    }
  }
  return leaking;
}

async function startAgain(
  folder: string,
  options: Partial<RecorderOptions>,
): Promise<{ finished: FinishedRecording[]; warnings: string[] }> {
  const [finished, warnings]: [FinishedRecording[], string[]] = [[], []];
  const recorder = new Recorder(
    { address: '127.0.0.1', ...portRange(), folder, ...options },
    {
      warn: (line) => {
        warnings.push(line);
      },
    },
  );
  whenTestEnds(() => recorder.close());
  recorder.on('finished', (one) => finished.push(one));
  await recorder.start();
  await recorder.recover();
  await recorder.close();
  return { finished, warnings };
}

describe('an encrypted recording', () => {
  it('is what was said, sample by sample, and no plain audio is on the disk at any time', async () => {
    const { recorder, folder } = await startRecorder(encrypted);
    const audio: [Buffer, Buffer] = [voice(150, 1), voice(150, 2)];
    const conversation = converse(recorder, '70120', audio);
    let looked = 0;
    for (
      let done = false;
      !done;
      done = await Promise.race([
        conversation.then(() => true),
        new Promise<false>((resolve) => {
          setTimeout(resolve, 100, false);
        }),
      ])
    ) {
      assert.deepEqual(await leaks(folder, ...audio), []);
      looked += (await files(folder)).some((file) => file.endsWith('.wav.enc.part')) ? 1 : 0;
    }
    assert.ok(looked > 0, 'it was looked at while it was being made');
    const finished = only(await recorder.endConversation('70120'));
    assert.deepEqual(await leaks(folder, ...audio), []);
    assert.match(finished.file, /\.wav\.enc$/);
    assert.equal(finished.keyId, at(await readFileKeys([KEY]), 0).id);
    const wav = await wavOf(finished.file);
    assert.ok(wav.exact && placeOf(audio[0], wav.left) === 0 && placeOf(audio[1], wav.right) >= 0);
    assert.equal(
      finished.sha256,
      sha256(await readFile(finished.file)),
      'the hash is that of the file as it lies there',
    );
    const everything = (
      await Promise.all((await files(folder)).map((file) => readFile(file, 'latin1')))
    ).join('');
    assert.ok(!everything.includes(KEY) && !JSON.stringify(finished).includes(KEY));
  });

  it('would be found if it were plain', async () => {
    const { recorder, folder } = await startRecorder();
    const audio: [Buffer, Buffer] = [voice(30, 1), voice(30, 2)];
    await converse(recorder, '70120', audio);
    await recorder.endConversation('70120');
    assert.ok((await leaks(folder, ...audio)).length > 10);
  });

  it('plays while it is being made', async () => {
    const { recorder, folder } = await startRecorder(encrypted);
    const audio: [Buffer, Buffer] = [voice(120, 1), voice(120, 2)];
    await converse(recorder, '70120', audio);
    const part = only((await files(folder)).filter((file) => file.endsWith('.wav.enc.part')));
    const bytes = await content(part, [KEY]);
    assert.equal(bytes.toString('latin1', 0, 4), 'RIFF');
    const { left, frames } = parseWav(bytes);
    assert.ok(frames > 8000, `${frames} frames`);
    assert.equal(placeOf(left.subarray(0, 8000), audio[0]), 0);
  });

  it('of packets that nobody can decipher keeps these encrypted as well', async () => {
    const { recorder, folder } = await startRecorder(encrypted);
    const { sentFlowPort } = await recorder.arm('70120', { secure: true });
    await recorder.setKeys('70120', {
      key: randomBytes(16, 3).toString('hex'),
      salt: randomBytes(14, 4).toString('hex'),
    });
    const sender = new SrtpSender({ key: randomBytes(16, 5), salt: randomBytes(14, 6), tag: 10 });
    const packets = packetsOf(voice(60)).map((packet) => sender.protect(packet));
    await pace([{ phone: new Phone(sentFlowPort), packets }]);
    const finished = only(await recorder.endConversation('70120'));
    const raw = only((await files(folder)).filter((file) => file.includes('.rtpdump')));
    assert.match(raw, /\.sent\.rtpdump\.enc$/);
    assert.deepEqual(await leaks(folder, ...packets), []);
    const dump = await content(raw, [KEY]);
    for (const packet of packets) assert.ok(placeOf(packet, dump) >= 0);
    assert.equal(finished.needsDecode, true);
  });

  it('is read with an old key after the key was changed, and new ones have the new key', async () => {
    const { recorder, folder } = await startRecorder(encrypted);
    const audio: [Buffer, Buffer] = [voice(30, 1), voice(30, 2)];
    await converse(recorder, '70120', audio);
    const old = only(await recorder.endConversation('70120'));
    await recorder.close();
    const { recorder: rotated } = await startRecorder({ encrypt: true, keys: [NEW_KEY, KEY], folder });
    await converse(rotated, '70120', audio);
    const fresh = only(await rotated.endConversation('70120'));
    assert.notEqual(old.keyId, fresh.keyId);
    for (const { file } of [old, fresh])
      assert.equal(placeOf(audio[0], (await wavOf(file, [NEW_KEY, KEY])).left), 0);
    await assert.rejects(
      content(old.file, [NEW_KEY]),
      (error) =>
        error instanceof RecorderError &&
        error.code === 'KEY_UNKNOWN' &&
        error.message.includes(old.keyId ?? '?'),
    );
  });

  it("isn't begun without a key, and no mistake shows one", () => {
    const options = { address: '127.0.0.1', folder: 'recordings' };
    const refused =
      (words: string) =>
      (error: unknown): boolean =>
        error instanceof RecorderError &&
        error.code === 'INVALID_INPUT' &&
        error.message.startsWith('key: must be') &&
        !error.message.includes(words);
    assert.throws(() => new Recorder({ ...options, encrypt: true }), refused('undefined'));
    assert.throws(
      () => new Recorder({ ...options, encrypt: true, keys: ['short secret'] }),
      refused('short secret'),
    );
  });
});

describe('an encrypted recording after kill -9', function () {
  this.timeout(60_000);
  let folder: string;
  let audio: [Buffer, Buffer];
  let part: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    const range = portRange();
    const script = `const { Recorder } = require(${JSON.stringify(path.resolve('recorder/index.ts'))});
      const r = new Recorder({ address: '127.0.0.1', folder: ${JSON.stringify(folder)}, portMin: ${range.portMin}, portMax: ${range.portMax}, encrypt: true, keys: [process.env.KEY] });
      r.start().then(() => r.arm('70120', { user: 'oxe70120' })).then((armed) => process.stdout.write(JSON.stringify(armed)));`;
    const child = spawn(process.execPath, ['--require', require.resolve('tsx/cjs'), '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, KEY },
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
    audio = [voice(200, 1), voice(200, 2)];
    await pace([
      { phone: new Phone(armed.sentFlowPort), packets: packetsOf(audio[0]) },
      { phone: new Phone(armed.receivedFlowPort), packets: packetsOf(audio[1]) },
    ]);
    child.kill('SIGKILL');
    await exited;
    part = only((await files(folder)).filter((file) => file.endsWith('.wav.enc.part')));
  });

  it('plays up to its last flush, and the next start completes it without a plain byte', async () => {
    const { finished } = await startAgain(folder, encrypted);
    const { file, recovered, durationMs } = only(finished);
    const wav = await wavOf(file);
    assert.ok(
      recovered && wav.exact && wav.frames > 2.5 * 8000,
      `${wav.frames / 8000} s of 4 s are in the file`,
    );
    assert.equal(durationMs, Math.round(wav.frames / 8));
    assert.equal(placeOf(wav.left.subarray(0, 20_000), audio[0]), 0);
    assert.deepEqual(await leaks(folder, ...audio), []);
    assert.ok(!(await files(folder)).some((name) => name.endsWith('.part')));
  });

  it('whose last frame is torn loses half a second at most', async () => {
    const before = await content(part, [KEY]);
    await truncate(part, (await stat(part)).size - 7);
    const { finished } = await startAgain(folder, encrypted);
    const wav = await wavOf(only(finished).file);
    assert.ok(
      wav.exact && (before.length - 58) / 2 - wav.frames <= 4096,
      `${(before.length - 58) / 2 - wav.frames} frames are lost`,
    );
    assert.equal(placeOf(wav.left.subarray(0, 16_000), audio[0]), 0);
  });

  it("with a frame in between that can't be read is silent there, and says so", async () => {
    const bytes = await readFile(part);
    const where = 52 + 92 + 8220 + 1000; // in the third frame: content from 8,256 to 16,448
    bytes.writeUInt8(bytes.readUInt8(where) ^ 1, where);
    await writeFile(part, bytes);
    const { finished } = await startAgain(folder, encrypted);
    const { file, gaps } = only(finished);
    assert.deepEqual(
      gaps.filter(({ kind, channel }) => kind === 'disk' && channel === 'sent'),
      [{ channel: 'sent', atMs: 512, durationMs: 513, kind: 'disk' }],
    );
    const { left } = await wavOf(file);
    const [from, to] = [(8256 - 58) / 2, (16_448 - 58) / 2];
    assert.ok(left.subarray(from, to).every((sample) => sample === 0xff));
    assert.ok(
      left.subarray(0, from).equals(audio[0].subarray(0, from)) &&
        left.subarray(to, 16_000).equals(audio[0].subarray(to, 16_000)),
    );
  });

  it("stays as it is while its key isn't there, and the log says which one it needs", async () => {
    const before = await readFile(part);
    const old = new Date(Date.now() - 3_600_000);
    const { finished, warnings } = await startAgain(folder, { encrypt: true, keys: [NEW_KEY] });
    assert.deepEqual(finished, []);
    assert.match(
      only(warnings),
      new RegExp(`couldn't be completed: .*encrypted with the key ${at(await readFileKeys([KEY]), 0).id}`),
    );
    assert.ok((await readFile(part)).equals(before));
    await utimes(part, old, old);
    // Completed as soon as the old key is back, though it isn't the one for new files.
    assert.equal((await startAgain(folder, { encrypt: true, keys: [NEW_KEY, KEY] })).finished.length, 1);
  });

  it('between the last word and the last name is completed once, with the line that it has', async () => {
    const { finished } = await startAgain(folder, encrypted);
    const { file, metadata, sha256: hash, manifestSha256 } = only(finished);
    const known = await readFile(metadata, 'utf8');
    const sidecar = JSON.parse(known) as Record<string, unknown>;
    await writeFile(
      `${metadata}.part`,
      JSON.stringify({
        owner: { host: 'gone', pid: 1, processStartedAt: 0, instance: 'x' },
        recorded: sidecar,
      }),
    );
    const old = new Date(Date.now() - 3_600_000);
    for (const name of [file, `${metadata}.part`]) await utimes(name, old, old);
    const again = only((await startAgain(folder, encrypted)).finished);
    assert.deepEqual([again.file, again.sha256, again.manifestSha256], [file, hash, manifestSha256]);
    assert.equal(
      await readFile(metadata, 'utf8'),
      known,
      'the metadata are those whose hash the manifest has',
    );
    assert.equal(
      (await readFile(path.join(folder, 'manifest.jsonl'), 'utf8')).trimEnd().split('\n').length,
      1,
    );
  });
});
