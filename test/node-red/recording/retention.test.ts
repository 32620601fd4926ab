import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { until } from '../../recorder/support';
import { startSimulator, voiceOf } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { changed, type Flow } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { ROOT } from '../../support/toolchain';
import { DEVICES } from '../flows';
import { decoded, moreSent, pitchOf, recorderFlow, type Finished } from './recordings';

const CALLER = '0390670000';
const PATIENCE = { timeoutMs: 60_000 };
const KEY = 'a passphrase of this test';
const SIGNING = generateKeyPairSync('ed25519');
const PEM = SIGNING.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

interface Kept {
  id: string;
  file: string;
  held: boolean;
  retainUntil: string | null;
  deleted?: true;
  error?: { code: string; message: string };
}

let oxe: Simulator;
let red: NodeRed;
let flows: Flow;
let folder: string;

async function start(
  recorder: Record<string, unknown> = {},
  credentials: Record<string, string> = {},
): Promise<void> {
  oxe = await startSimulator({ devices: DEVICES });
  ({ flows, folder } = await recorderFlow(oxe, {
    recorder: { encrypt: false, retentionDays: 0, ...recorder },
  }));
  flows = changed(flows, { recorder: { credentials } });
  red = await startNodeRed({
    flows,
    settings: { logging: { console: { level: 'trace', metrics: false, audit: true } } },
  });
  await oxe.once(() => oxe.links(7).length === 1, { timeoutMs: 20_000, what: 'the link' });
}

/** A short call of a device, recorded. */
async function recorded(
  deviceNumber = '70120',
  from = CALLER,
): Promise<Finished & { id: string; keyId?: string; manifestSha256: string }> {
  red.inject('in-record', { action: 'start', payload: deviceNumber });
  await red.told('out', undefined, PATIENCE);
  const call = oxe.call({ from, to: deviceNumber });
  await call.answered();
  await moreSent(oxe, deviceNumber, 100);
  await call.hangUp();
  return (
    await red.told<Finished & { id: string; manifestSha256: string }>(
      'unsolicited',
      ({ topic, payload }) => topic === 'finished' && (payload as Finished).deviceNumber === deviceNumber,
      PATIENCE,
    )
  ).payload;
}

async function ask(action: string, payload: unknown, more: Record<string, unknown> = {}): Promise<Kept> {
  red.inject('in-record', { action, payload, ...more });
  return (await red.told<Kept>('out', undefined, PATIENCE)).payload;
}

async function refusal(
  action: string,
  payload: unknown,
  more: Record<string, unknown> = {},
): Promise<{ code?: string; message: string }> {
  red.inject('in-record', { action, payload, ...more });
  return (await red.told('caught', undefined, PATIENCE)).error ?? { message: '' };
}

function command(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(ROOT, 'dist', 'bin', `${name}.js`), ...args],
      { env: { ...process.env, ...env } },
      (error, out, errors) => {
        resolve({ code: error ? Number(error.code) : 0, out: out + errors });
      },
    );
  });
}

const files = async (): Promise<string[]> =>
  (await readdir(path.join(folder, '70120')).catch(() => [])).sort();

describe('recordings that are kept', function () {
  this.timeout(180_000);

  afterEach(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('are held, released, kept for a time of their own and deleted by message; what finished told is sent back as it is', async () => {
    await start();
    const recording = await recorded();
    const { id, file } = recording;
    assert.deepEqual(await ask('hold', { ...recording, by: 'legal', reason: 'case 7' }), {
      id,
      file,
      held: true,
      retainUntil: null,
    });
    const refused = await refusal('delete', { id });
    assert.deepEqual([refused.code, refused.message.includes('under hold')], ['REFUSED', true]);
    // Nothing is remembered but in the manifest: the same after a restart.
    const { userDir } = red;
    await red.stop('SIGKILL');
    red = await startNodeRed({ userDir });
    assert.equal((await refusal('delete', { file })).code, 'REFUSED');
    assert.deepEqual(await ask('retain', { id, days: '10' }), {
      id,
      file,
      held: true,
      retainUntil: new Date(Date.parse(recording.endedAt) + 10 * 86_400_000).toISOString(),
    });
    assert.equal((await ask('release', { id })).held, false);
    const list = (await ask('delete', [
      { id, by: 'the caller', reason: 'asked for it' },
      { id: 'nobody' },
    ])) as unknown as Kept[];
    assert.deepEqual([list[0]?.deleted, list[1]?.error?.code, list.length], [true, 'NOT_FOUND', 2]);
    assert.deepEqual(await files(), []);
    const { code, out } = await command('o2g-verify', [folder]);
    assert.equal(code, 0, out);
    assert.match(out, /0 recordings, 0 under hold, 1 deleted as the manifest says/);
    assert.match(
      await readFile(path.join(folder, 'manifest.jsonl'), 'utf8'),
      /"why":"request","reason":"asked for it","by":"the caller"/,
    );
  });

  it("are refused in words when the message doesn't say which, or leads elsewhere", async () => {
    await start();
    const { id } = await recorded();
    for (const [action, payload, words] of [
      ['hold', '70120', /payload.*an object with the id or the file/],
      ['hold', {}, /id: .*given, or file/],
      ['retain', { id }, /days: /],
      ['retain', { id, days: -1 }, /days: -1/],
      ['delete', { file: '/etc/passwd' }, /file: "\/etc\/passwd"/],
      ['delete', { id, reason: 7 }, /reason: 7/],
      ['delete', [], /payload: "0 recordings"/],
    ] as const) {
      const { code, message } = await refusal(action, payload);
      assert.equal(code, 'INVALID_INPUT', message);
      assert.match(message, words);
    }
    assert.equal((await files()).length, 2);
  });

  it('belong to the only recorder, or to the one that msg.recorder names', async () => {
    await start();
    const { id } = await recorded();
    const other = {
      ...flows.find((each) => each.id === 'recorder'),
      id: 'other',
      name: 'Others',
      folder: path.join(folder, 'other'),
      portMin: 41_000,
      portMax: 41_010,
    };
    const link = flows.find((each) => each.id === 'link');
    await red.deploy(
      changed(flows, {
        'node-record': { recorder: '' },
        link: { ...link, media: 'recorder', record: '70120' },
      }),
      { type: 'nodes' },
    );
    assert.equal((await ask('hold', { id })).held, true, 'it is the only one');
    const two = [
      ...changed(flows, {
        'node-record': { recorder: '' },
        link: { ...link, media: 'recorder', record: '70120' },
      }),
      { ...other, type: 'o2g-recorder' },
      {
        ...flows.find((each) => each.id === 'node-record'),
        id: 'second',
        type: 'o2g-record',
        recorder: 'other',
        wires: [[], []],
      },
    ];
    await red.deploy(two, { type: 'nodes' });
    const { code, message } = await refusal('release', { id });
    assert.equal(code, 'INVALID_INPUT');
    assert.match(message, /recorder: .*2 are in use/);
    assert.equal((await refusal('release', { id }, { recorder: 'Others' })).code, 'NOT_FOUND');
    assert.equal((await ask('release', { id }, { recorder: 'recorder' })).held, false);
  });

  it('encrypted and signed: the message says what it takes to ship them, the commands do it, and no key is anywhere', async () => {
    await start({ encrypt: true }, { key: KEY, signingKey: PEM.replaceAll('\n', '') });
    const { file, keyId, sha256, manifestSha256 } = await recorded();
    assert.match(file, /\.wav\.enc$/);
    assert.match(keyId ?? '', /^[0-9a-f]{16}$/);
    const plain = path.join(folder, '.plain.wav');
    const decrypted = await command('o2g-decrypt', [file, plain], { O2G_RECORDING_KEY: KEY });
    assert.equal(decrypted.code, 0, decrypted.out);
    const { sent } = await decoded(plain);
    assert.equal(pitchOf(sent.subarray(2000, 10_000), [voiceOf('70120'), voiceOf(CALLER)]), voiceOf('70120'));
    assert.notEqual(sha256, '');
    const publicKey = path.join(folder, '.public.pem');
    await writeFile(publicKey, SIGNING.publicKey.export({ type: 'spki', format: 'pem' }));
    const verified = await command('o2g-verify', [
      folder,
      '--public-key',
      publicKey,
      '--expect',
      manifestSha256,
    ]);
    assert.equal(verified.code, 0, verified.out);
    const everything = [
      red.log(),
      JSON.stringify(await red.flows()),
      ...['out', 'unsolicited', 'caught', 'shown'].map((probe) => JSON.stringify(red.received(probe))),
      JSON.stringify(red.statuses('node-record')),
    ].join('\n');
    for (const secret of [KEY, /-----\n?(.{40})/.exec(PEM)?.[1] ?? KEY])
      assert.ok(!everything.includes(secret), 'a key is written somewhere');
  });

  it("aren't begun without the key that they shall have", async () => {
    await start({ encrypt: true });
    red.inject('in-record', { action: 'start', payload: '70120' });
    const { error } = await red.told(
      'caught',
      ({ error: each }) => each?.source.id === 'node-record',
      PATIENCE,
    );
    assert.equal(error?.code, 'INVALID_INPUT');
    assert.match(error.message, /key: .* must be given when recordings are to be encrypted/);
    assert.deepEqual(oxe.recorded(7), []);
  });

  it('go when their time is over, at the next start', async () => {
    await start({ retentionDays: 30 });
    await recorded();
    assert.equal((await files()).length, 2);
    // 31 days later, by the only clock that counts: the recording's own end, as the manifest says it.
    await red.stop();
    const manifest = path.join(folder, 'manifest.jsonl');
    const line = JSON.parse(await readFile(manifest, 'utf8')) as { endedAt: string };
    await writeFile(
      manifest,
      `${JSON.stringify({ ...line, endedAt: new Date(Date.parse(line.endedAt) - 31 * 86_400_000).toISOString() })}\n`,
    );
    red = await startNodeRed({ userDir: red.userDir });
    await until('the deletion', async () => (await files()).length === 0, PATIENCE.timeoutMs);
    assert.match(await readFile(manifest, 'utf8'), /"entry":"deleted".*"why":"retention"/);
  });
});
