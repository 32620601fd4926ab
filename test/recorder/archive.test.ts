import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import {
  openAudio,
  readMetadata,
  verify,
  waveformOf,
  writeAccess,
  type Waveform,
} from '../../recorder/archive';
import { readFileKeys } from '../../recorder/encryption/file-keys';
import { encrypt, listed, makeRecordings, SECONDS, type Archived } from './archived';
import { at, parseWav, temporaryFolder } from './support';

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const KEY = 'f'.repeat(64);

async function waveform(folder: string, name: string, keys: readonly string[] = []): Promise<Waveform> {
  const { recording } =
    (await openAudio({ folder, name }, await readFileKeys(keys))) ?? assert.fail(`${name} isn't there`);
  try {
    return (await waveformOf(recording)) ?? assert.fail(`${name} is no WAV`);
  } finally {
    await recording.close();
  }
}

describe('a recording that was found', function () {
  this.timeout(60_000);
  let folder: string;
  let one: Archived;
  let two: Archived;

  beforeEach(async () => {
    folder = path.join(await temporaryFolder(), 'recordings');
    const made = await makeRecordings(folder, 3);
    one = at(made, 0);
    two = at(made, 1);
  });

  describe('its waveform', () => {
    it('is as loud as each side at each moment, and silent where it is', async () => {
      const { durationMs, sent, received } = await waveform(folder, one.name);
      assert.equal(durationMs, 1000 * SECONDS);
      assert.deepEqual([sent.length, received.length], [2000, 2000]);
      const { frames, left, right } = samplesOf(await readFile(path.join(folder, `${one.name}.wav`)));
      for (const [peaks, samples] of [
        [sent, left],
        [received, right],
      ] as const) {
        for (let column = 0; column < peaks.length; column += 1) {
          const own = samples.slice(
            Math.ceil((column * frames) / 2000),
            Math.ceil(((column + 1) * frames) / 2000),
          );
          const expected = Math.min(255, Math.round((256 * Math.max(...own)) / 32_768));
          assert.ok(
            Math.abs((peaks[column] ?? -1) - expected) <= 1,
            `column ${column}: ${peaks[column] ?? 'none'} instead of ${expected}`,
          );
        }
      }
      assert.ok(Math.max(...sent) > 100 && Math.max(...received) > 100);
      assert.equal(Math.max(...sent.slice(700, 900)), 0, 'the pause');
    });

    it('is the same of linear samples, wherever the pieces end, and of an encrypted file', async () => {
      const expected = await waveform(folder, one.name);
      const { left, right, signs } = samplesOf(await readFile(path.join(folder, `${one.name}.wav`)));
      const linear = Buffer.alloc(4 * left.length);
      left.forEach((sample, frame) => {
        linear.writeInt16LE(sample * (signs[2 * frame] ?? 1), 4 * frame);
      });
      right.forEach((sample, frame) => {
        linear.writeInt16LE(sample * (signs[2 * frame + 1] ?? 1), 4 * frame + 2);
      });
      await writeFile(path.join(folder, 'linear.wav'), Buffer.concat([pcmHeader(linear.length), linear]));
      assert.deepEqual(await waveform(folder, 'linear'), expected);
      await encrypt(folder, one.name, KEY);
      assert.deepEqual(await waveform(folder, one.name, [KEY]), expected);
    });

    it("has no columns without sound, and isn't made of what is no recording", async () => {
      await writeFile(path.join(folder, 'empty.wav'), pcmHeader(0));
      assert.deepEqual(await waveform(folder, 'empty'), { durationMs: 0, sent: [], received: [] });
      await writeFile(path.join(folder, 'text.wav'), 'no sound');
      const { recording } = (await openAudio({ folder, name: 'text' }, [])) ?? assert.fail();
      assert.equal(await waveformOf(recording), undefined);
      await recording.close();
    });

    it('of an encrypted file needs its key, and is refused where the file was altered', async () => {
      await encrypt(folder, one.name, KEY);
      await assert.rejects(waveform(folder, one.name, ['0'.repeat(64)]), { code: 'KEY_UNKNOWN' });
      const file = path.join(folder, `${one.name}.wav.enc`);
      const bytes = await readFile(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(file, bytes);
      await assert.rejects(waveform(folder, one.name, [KEY]), { code: 'ALTERED' });
    });
  });

  describe('its verification', () => {
    const place = (): { folder: string; name: string } => ({ folder, name: one.name });

    it('says that it is as it was recorded', async () => {
      await listed(folder, [two, one]);
      assert.deepEqual(await verify(place()), { state: 'verified', files: [], chain: 'whole', held: false });
    });

    it('says which of its files is another one', async () => {
      await writeFile(path.join(folder, `${one.name}.sent.rtpdump`), 'packets');
      await listed(folder, [one], [{ file: `${one.name}.sent.rtpdump`, sha256: sha256('packets') }]);
      assert.equal((await verify(place())).state, 'verified');
      await writeFile(path.join(folder, `${one.name}.sent.rtpdump`), 'packetz');
      assert.deepEqual(await verify(place()), {
        state: 'altered',
        files: [`${one.name}.sent.rtpdump`],
        chain: 'whole',
        held: false,
      });
      // The audio is shared with others by a hard link: only this one gets another file.
      const wav = path.join(folder, `${one.name}.wav`);
      const audio = await readFile(wav);
      audio[1000] = (audio[1000] ?? 0) ^ 1;
      await rm(wav);
      await writeFile(wav, audio);
      assert.deepEqual((await verify(place())).files, [`${one.name}.wav`, `${one.name}.sent.rtpdump`]);
    });

    it("says what isn't there, and what the manifest doesn't know", async () => {
      assert.deepEqual(await verify(place()), { state: 'unlisted', files: [], chain: 'whole', held: false });
      await listed(folder, [one]);
      await rm(path.join(folder, `${one.name}.wav`));
      assert.deepEqual(await verify(place()), {
        state: 'missing',
        files: [`${one.name}.wav`],
        chain: 'whole',
        held: false,
      });
    });

    it('says that it is under hold, until it is released', async () => {
      const manifest = await listed(folder, [one, two]);
      const say = (entry: 'hold' | 'released'): Promise<unknown> =>
        manifest.append({
          entry,
          at: new Date().toISOString(),
          id: String(one.metadata.id),
          file: `${one.name}.wav`,
        });
      await say('hold');
      assert.deepEqual(await verify(place()), { state: 'verified', files: [], chain: 'whole', held: true });
      assert.equal((await verify({ folder, name: two.name })).held, false);
      await say('released');
      assert.equal((await verify(place())).held, false);
    });

    it('says that the manifest was altered at another place', async () => {
      await listed(folder, [two, one]);
      const manifest = path.join(folder, 'manifest.jsonl');
      const [first = '', ...rest] = (await readFile(manifest, 'utf8')).split('\n');
      await writeFile(
        manifest,
        [first.replace('"entry":"recording"', '"entry":"recording" '), ...rest].join('\n'),
      );
      assert.deepEqual(await verify(place()), { state: 'verified', files: [], chain: 'broken', held: false });
    });
  });

  describe('its files', () => {
    it('are found within the folder only, whatever links are put in their way', async () => {
      const outside = path.join(path.dirname(folder), 'outside');
      await mkdir(outside);
      await writeFile(path.join(outside, 'secret.json'), '{}');
      await copyFile(path.join(folder, `${one.name}.wav`), path.join(outside, 'secret.wav'));
      await symlink(path.join(outside, 'secret.json'), path.join(folder, 'link.json'));
      await symlink(path.join(outside, 'secret.wav'), path.join(folder, 'link.wav'));
      await symlink(outside, path.join(folder, 'way'));
      for (const name of ['link', 'way/secret', '../outside/secret', '..', '']) {
        assert.equal(await readMetadata({ folder, name }), undefined, name);
        assert.equal(await openAudio({ folder, name }, []), undefined, name);
      }
      // The folder itself may be a link: that is its owner's choice.
      await rename(folder, `${folder}.moved`);
      await symlink(`${folder}.moved`, folder);
      assert.equal(
        (await readMetadata({ folder, name: one.name }))?.fields.deviceNumber,
        one.metadata.deviceNumber,
      );
    });
  });

  it('leaves a line for each access, each with the hash of the line before, also of those at the same moment and after a crash', async () => {
    const log = path.join(folder, 'access.jsonl');
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        writeAccess(folder, { who: `user ${number}`, how: 'played', recording: one.name }),
      ),
    );
    await writeFile(log, `${await readFile(log, 'utf8')}{"at":"20`);
    await writeAccess(folder, { who: 'anonymous', how: 'downloaded', recording: two.name });
    const lines = (await readFile(log, 'utf8')).split('\n');
    assert.equal(lines.pop(), '');
    assert.equal(lines.length, 22);
    lines.forEach((line, number) => {
      if (number === 20) return assert.equal(line, '{"at":"20');
      const { at: when, previous, ...said } = JSON.parse(line) as Record<string, string>;
      assert.equal(previous, number === 0 ? '0'.repeat(64) : sha256(at(lines, number - 1)));
      assert.ok(Math.abs(Date.parse(when ?? '') - Date.now()) < 60_000);
      if (number === 21) assert.deepEqual(said, { who: 'anonymous', how: 'downloaded', recording: two.name });
    });
    assert.equal(
      new Set(lines.slice(0, 20).map((line) => (JSON.parse(line) as { who: string }).who)).size,
      20,
    );
  });
});

/** Magnitudes of both sides and the signs of their samples by turns, by this test's own reading of G.711. */
function samplesOf(wav: Buffer): { frames: number; left: number[]; right: number[]; signs: number[] } {
  const { left, right, frames } = parseWav(wav);
  const magnitude = (byte: number): number => {
    const inverted = ~byte & 0xff;
    return (((((inverted & 0x0f) << 1) + 33) << ((inverted >> 4) & 7)) - 33) << 2;
  };
  const sign = (byte: number | undefined): number => ((byte ?? 0) < 0x80 ? -1 : 1);
  return {
    frames,
    left: [...left].map(magnitude),
    right: [...right].map(magnitude),
    signs: [...left].flatMap((byte, frame) => [sign(byte), sign(right[frame])]),
  };
}

function pcmHeader(bytes: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(bytes, 40);
  return header;
}
