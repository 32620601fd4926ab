import assert from 'node:assert/strict';
import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { openRecording, readFileKeys, RecorderError, type FileKey } from '../../recorder';
import { EncryptedFile, encryptingFileSystem } from '../../recorder/encryption/encrypted-file';
import { systemFileSystem, type OpenFile } from '../../recorder/disk/file-system';
import { at, random, randomBytes, temporaryFolder } from './support';

const refused =
  (code: string, words = '') =>
  (error: unknown): boolean =>
    error instanceof RecorderError && error.code === code && error.message.includes(words);
const HEAD = 52;
const [FIRST, FRAME, OVERHEAD] = [64, 8192, 28];

let keys: FileKey[];
let key: FileKey;
let file: string;

beforeEach(async () => {
  keys = await readFileKeys([randomBytes(32, 1).toString('hex'), randomBytes(32, 2).toString('base64')]);
  key = at(keys, 0);
  file = path.join(await temporaryFolder(), 'a.wav.enc');
});

/** Writes a finished file in one piece. */
async function write(content: Buffer, to = file, using = key): Promise<void> {
  const open = await encryptingFileSystem(systemFileSystem, using).create(to);
  await open.write(content, 0, content.length, 0);
  await open.finish(content.length);
  await open.close();
}

async function contentOf(
  of = file,
  using: readonly FileKey[] = keys,
  start?: number,
  end?: number,
): Promise<Buffer> {
  const recording = await openRecording(of, using);
  try {
    const pieces: Uint8Array[] = [];
    for await (const piece of recording.read(start, end)) pieces.push(piece);
    return Buffer.concat(pieces);
  } finally {
    await recording.close();
  }
}

describe('an encrypted file', () => {
  for (const length of [
    0,
    1,
    FIRST - 1,
    FIRST,
    FIRST + 1,
    FIRST + FRAME - 1,
    FIRST + FRAME,
    FIRST + FRAME + 1,
    FIRST + 40 * FRAME,
    300_000,
  ]) {
    it(`of ${length} bytes gives back what was written, and nothing of it lies on the disk`, async () => {
      const content = randomBytes(length, 5);
      await write(content);
      assert.ok((await contentOf()).equals(content));
      const raw = await readFile(file);
      for (let from = 0; from + 20 <= length; from += 997)
        assert.equal(raw.indexOf(content.subarray(from, from + 20)), -1);
    });
  }

  it('gives any part of itself, and reads no more than the frames that it lies in', async () => {
    const content = randomBytes(300_000, 6);
    await write(content);
    for (const [start, end] of [
      [0, 10],
      [60, 70],
      [FIRST + FRAME - 5, FIRST + FRAME + 5],
      [100_000, 260_000],
      [299_999, 300_000],
      [299_000, 400_000],
      [5, 5],
      [400_000, 500_000],
    ] as const) {
      assert.ok(
        (await contentOf(file, keys, start, end)).equals(content.subarray(start, end)),
        `${start} to ${end}`,
      );
    }
    // The frame of byte 200,000 is spoilt: whoever doesn't need it doesn't notice.
    await flip(HEAD + FIRST + OVERHEAD + Math.floor((200_000 - FIRST) / FRAME) * (FRAME + OVERHEAD) + 100);
    assert.ok((await contentOf(file, keys, 250_000, 260_000)).equals(content.subarray(250_000, 260_000)));
    await assert.rejects(contentOf(file, keys, 199_990, 200_010), refused('ALTERED', 'frame 25'));
  });

  it('written here and there, in pieces of any size and more than once, is what was written last', async () => {
    const next = random(9);
    const expected = Buffer.alloc(120_000);
    const open = await encryptingFileSystem(systemFileSystem, key).create(file);
    let length = 0;
    for (let round = 0; round < 200; round += 1) {
      const position = Math.floor(next() * Math.min(100_000, length + 500));
      const bytes = randomBytes(1 + Math.floor(next() * 20_000), round);
      const part = bytes.subarray(0, expected.length - position);
      part.copy(expected, position);
      await open.write(bytes, 0, part.length, position);
      length = Math.max(length, position + part.length);
      if (round % 20 === 0)
        assert.ok((await open.read(0, length)).equals(expected.subarray(0, length)), `round ${round}`);
    }
    await open.finish(length - 1000);
    await open.close();
    assert.ok((await contentOf()).equals(expected.subarray(0, length - 1000)));
  });

  it('never uses a nonce twice, however often a frame is written', async () => {
    const nonces = new Set<string>();
    let writes = 0;
    const watch = async (): Promise<OpenFile> => {
      const inner = await systemFileSystem.create(file);
      return {
        ...bound(inner),
        write: (bytes, start, end, position) => {
          for (
            let from = start + (position === 0 ? HEAD : 0), frame = position <= HEAD ? 0 : 1;
            from < end;
            frame += 1
          ) {
            nonces.add(Buffer.from(bytes.subarray(from, from + 12)).toString('hex'));
            writes += 1;
            from += OVERHEAD + (frame === 0 ? FIRST : FRAME);
          }
          return inner.write(bytes, start, end, position);
        },
      };
    };
    const open = EncryptedFile.create(await watch(), key);
    for (let flush = 0; flush < 50; flush += 1) {
      await open.write(randomBytes(8000, 1), 0, 8000, 58 + 8000 * flush);
      await open.write(Buffer.alloc(58, 1), 0, 58, 0);
    }
    await open.finish(58 + 8000 * 50);
    await open.close();
    assert.ok(writes > 100, `${writes} frames were written`);
    assert.equal(nonces.size, writes);
  });

  it('whose disk refuses in the middle of a write is whole after the next one', async () => {
    const inner = await systemFileSystem.create(file);
    let fails = false;
    const open = EncryptedFile.create(
      {
        ...bound(inner),
        write: async (bytes, start, end, position) => {
          if (!fails) return inner.write(bytes, start, end, position);
          await inner.write(bytes, start, start + Math.floor((end - start) / 2), position);
          throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
        },
      },
      key,
    );
    const content = randomBytes(100_000, 3);
    await open.write(content, 0, 60_000, 0);
    fails = true;
    await assert.rejects(open.write(randomBytes(100_000, 4), 0, 50_000, 30_000), /ENOSPC/);
    fails = false;
    await open.write(content, 30_000, 100_000, 30_000);
    await open.finish(100_000);
    await open.close();
    assert.ok((await contentOf()).equals(content));
  });

  it('with a wrong key is told, and not read as noise', async () => {
    await write(randomBytes(20_000, 1));
    await assert.rejects(openRecording(file, keys.slice(1)), refused('KEY_UNKNOWN', key.id));
    await assert.rejects(openRecording(file, []), refused('KEY_UNKNOWN'));
    // Even when somebody writes the id of another key into the head.
    const bytes = await readFile(file);
    bytes.write(at(keys, 1).id, 12, 'hex');
    await writeFile(file, bytes);
    await assert.rejects(openRecording(file, keys), refused('ALTERED'));
  });

  it('is known as encrypted under any name', async () => {
    const content = randomBytes(20_000, 1);
    await write(content);
    await rename(file, file.replace('.enc', ''));
    assert.ok((await contentOf(file.replace('.enc', ''))).equals(content));
    await writeFile(file, 'RIFF and so on, not encrypted at all, but named so that one expects it');
    await assert.rejects(openRecording(file, keys), refused('ALTERED', 'head'));
  });

  describe('that somebody touched is told:', () => {
    const LAST = HEAD + FIRST + OVERHEAD + 3 * (FRAME + OVERHEAD);
    const faults: Record<string, () => Promise<void>> = {
      'a byte of the head': () => flip(30),
      'a nonce': () => flip(HEAD + 3),
      'a tag': () => flip(HEAD + 15),
      'a byte of the first frame': () => flip(HEAD + 40),
      'a byte in the middle': () => flip(20_000),
      'its last byte': async () => flip((await readFile(file)).length - 1),
      'cut off at a frame': () => truncate(file, LAST),
      'cut off in a frame': () => truncate(file, LAST + 500),
      'cut off to the head': () => truncate(file, HEAD),
      emptied: () => truncate(file, 0),
      'longer than it was': async () =>
        writeFile(file, Buffer.concat([await readFile(file), Buffer.alloc(40)])),
      'two frames swapped': async () => {
        const bytes = await readFile(file);
        const frame = (number: number): Buffer =>
          bytes.subarray(
            HEAD + FIRST + OVERHEAD + number * (FRAME + OVERHEAD),
            HEAD + FIRST + OVERHEAD + (number + 1) * (FRAME + OVERHEAD),
          );
        const one = Buffer.from(frame(0));
        frame(1).copy(frame(0));
        one.copy(frame(1));
        await writeFile(file, bytes);
      },
      'a frame of another file with the same key': async () => {
        const other = file.replace('a.wav', 'b.wav');
        await write(randomBytes(30_000, 2), other);
        const [bytes, foreign] = [await readFile(file), await readFile(other)];
        foreign.copy(
          bytes,
          HEAD + FIRST + OVERHEAD,
          HEAD + FIRST + OVERHEAD,
          HEAD + FIRST + OVERHEAD + FRAME + OVERHEAD,
        );
        await writeFile(file, bytes);
      },
    };
    for (const [fault, make] of Object.entries(faults)) {
      it(fault, async () => {
        await write(randomBytes(30_000, 1));
        await make();
        await assert.rejects(contentOf(), refused('ALTERED'));
      });
    }
  });

  it('is read while it grows, up to what was there when it was opened', async () => {
    const part = `${file}.part`;
    const content = randomBytes(200_000, 8);
    const open = await encryptingFileSystem(systemFileSystem, key).create(part);
    await open.write(content, 0, 50_000, 0);
    const early = await openRecording(part, keys);
    const rest = (async () => {
      for (let from = 50_000; from < content.length; from += 1500) {
        await open.write(content, from, from + 1500, from);
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
    })();
    const read = await contentOf(part);
    await rest;
    assert.ok(read.equals(content.subarray(0, read.length)) && read.length >= 50_000);
    const pieces: Uint8Array[] = [];
    for await (const piece of early.read()) pieces.push(piece);
    assert.deepEqual([early.bytes, early.finished, early.encrypted], [50_000, false, true]);
    assert.ok(Buffer.concat(pieces).equals(content.subarray(0, 50_000)));
    await early.close();
    await open.close();
  });
});

describe('a plain recording', () => {
  it('is read by the same means, and needs no key', async () => {
    const plain = file.replace('.enc', '');
    const content = randomBytes(300_000, 1);
    await writeFile(plain, content);
    const recording = await openRecording(plain, []);
    assert.deepEqual([recording.bytes, recording.encrypted, recording.finished], [300_000, false, true]);
    await recording.close();
    assert.ok((await contentOf(plain, [], 1000, 290_000)).equals(content.subarray(1000, 290_000)));
  });

  it("that isn't there is the system's error", async () => {
    await rm(file, { force: true });
    await assert.rejects(openRecording(file, keys), { code: 'ENOENT' });
  });
});

describe('a key', () => {
  it('is hexadecimal, base64 or a passphrase, and its id tells nothing of it', async () => {
    const bytes = randomBytes(32, 1);
    const [hex, base64, phrase, again] = await readFileKeys([
      bytes.toString('hex').toUpperCase(),
      bytes.toString('base64'),
      'correct horse battery',
      'correct horse battery',
    ]);
    assert.deepEqual(hex, base64);
    assert.deepEqual(phrase, again);
    assert.notEqual(hex?.id, phrase?.id);
    assert.ok(hex && !bytes.toString('hex').includes(hex.id));
  });

  it('that is too short is refused without being shown', async () => {
    await assert.rejects(
      readFileKeys(['fifteen letters']),
      (error: Error) => refused('INVALID_INPUT', 'key: must be')(error) && !error.message.includes('fifteen'),
    );
  });
});

/** Changes one byte. */
async function flip(position: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
  await writeFile(file, bytes);
}

const bound = (open: OpenFile): OpenFile => ({
  write: (bytes, start, end, position) => open.write(bytes, start, end, position),
  read: (position, length) => open.read(position, length),
  finish: (length) => open.finish(length),
  sync: () => open.sync(),
  close: () => open.close(),
});
