import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { only, readWav, startRecorder, temporaryFolder, voice } from './support';

/*
 * A sender and a player that nobody here wrote. These tests need ffmpeg and ffprobe on the PATH (Debian: apt-get install ffmpeg); without them they fail.
 */

const KEY = '000102030405060708090a0b0c0d0e0f';
const SALT = '101112131415161718191a1b1c1d';
const run = promisify(execFile);

/** A headerless file of G.711 sent by ffmpeg in real time, 20 ms a packet. */
async function send(file: string, law: 'alaw' | 'mulaw', output: string[]): Promise<void> {
  const input = ['-f', law, '-ar', '8000', '-ac', '1', '-i', file];
  const child = spawn(
    'ffmpeg',
    ['-loglevel', 'error', '-re', ...input, '-c:a', 'copy', '-f', 'rtp', ...output],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const code = await new Promise((resolve, reject) => {
    child.once('exit', resolve).once('error', reject);
  });
  assert.equal(code, 0);
}

const probe = async (file: string): Promise<unknown> =>
  (
    JSON.parse(
      (
        await run('ffprobe', [
          '-v',
          'error',
          '-show_entries',
          'stream=codec_name,channels,sample_rate,duration',
          '-of',
          'json',
          file,
        ])
      ).stdout,
    ) as { streams: unknown[] }
  ).streams[0];

describe('with ffmpeg as sender and player', () => {
  for (const [law, format, codec] of [
    ['alaw', 'g711', 'pcm_alaw'],
    ['mulaw', 'g711', 'pcm_mulaw'],
    ['mulaw', 'pcm16', 'pcm_s16le'],
  ] as const) {
    it(`${law} arrives sample by sample and plays as ${codec}`, async () => {
      const folder = await temporaryFolder();
      const audio = [voice(100, 1), voice(100, 2)];
      const files = await Promise.all(
        audio.map(async (one, index) => {
          const file = path.join(folder, `${index}.raw`);
          await writeFile(file, one);
          return file;
        }),
      );
      const { recorder } = await startRecorder({ format });
      const { sentFlowPort, receivedFlowPort } = await recorder.arm('70120');
      await Promise.all(
        [sentFlowPort, receivedFlowPort].map((port, index) =>
          send(files[index] ?? '', law, [`rtp://127.0.0.1:${port}?pkt_size=172`]),
        ),
      );
      const finished = only(await recorder.endConversation('70120'));
      const wav = await readWav(finished.file);
      const durationS = wav.frames / 8000;
      assert.deepEqual(await probe(finished.file), {
        codec_name: codec,
        sample_rate: '8000',
        channels: 2,
        duration: durationS.toFixed(6),
      });
      for (const [side, one] of audio.entries())
        assert.ok(await decodesTo(finished.file, side, one, law), `channel ${side}`);
      assert.equal(finished.channels.sent.lost + finished.channels.received.lost, 0);
    });
  }

  it('SRTP arrives sample by sample', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'a.raw');
    const audio = voice(100);
    await writeFile(file, audio);
    const { recorder } = await startRecorder();
    const { sentFlowPort } = await recorder.arm('70120');
    await recorder.setKeys('70120', { key: KEY, salt: SALT });
    const parameters = Buffer.from(KEY + SALT, 'hex').toString('base64');
    await send(file, 'alaw', [
      '-srtp_out_suite',
      'AES_CM_128_HMAC_SHA1_80',
      '-srtp_out_params',
      parameters,
      `srtp://127.0.0.1:${sentFlowPort}?pkt_size=200`,
    ]);
    const { left } = await readWav(only(await recorder.endConversation('70120')).file);
    assert.ok(left.includes(audio));
  });
});

/** Whether one channel, decoded by ffmpeg, holds what ffmpeg decodes from the audio itself. */
async function decodesTo(file: string, side: number, audio: Buffer, law: string): Promise<boolean> {
  const decode = async (args: string[], input?: Buffer): Promise<Buffer> => {
    const child = spawn('ffmpeg', ['-loglevel', 'error', ...args, '-f', 's16le', '-'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end(input);
    await new Promise((resolve) => {
      child.once('close', resolve);
    });
    return Buffer.concat(chunks);
  };
  const recorded = await decode(['-i', file, '-af', `pan=mono|c0=c${side}`]);
  const expected = await decode(['-f', law, '-ar', '8000', '-ac', '1', '-i', '-'], audio);
  return expected.length === 2 * audio.length && recorded.includes(expected);
}
