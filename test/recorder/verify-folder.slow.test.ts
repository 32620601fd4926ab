import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { readFileKeys } from '../../recorder';
import { encryptingFileSystem } from '../../recorder/encryption/encrypted-file';
import { systemFileSystem } from '../../recorder/disk/file-system';
import { at, packetsOf, pace, Phone, randomBytes, startRecorder, temporaryFolder, voice } from './support';

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

interface Run {
  code: number;
  out: string;
  error: string;
}

/** The command as a shell runs it. */
function command(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = process.cwd(),
): Promise<Run> {
  const run = [path.resolve('bin', `${name}.ts`), ...args];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--require', require.resolve('tsx/cjs'), ...run],
      { env: { ...process.env, ...env }, cwd, maxBuffer: 1e8 },
      (error, out, errors) => {
        resolve({ code: error ? Number(error.code) : 0, out, error: errors });
      },
    );
  });
}

const verify = (folder: string, ...args: string[]): Promise<Run> => command('o2g-verify', [folder, ...args]);

/** Writes a folder of recordings by itself: what it means to be whole is said here once more, and not taken from the recorder. */
class Folder {
  readonly lines: string[] = [];
  readonly hashes: string[] = [];

  constructor(
    readonly path: string,
    readonly key?: KeyObject,
  ) {}

  async record(
    name: string,
    bytes: Buffer,
    { endedAt = '2026-01-01T10:00:00.000Z', raw = false } = {},
  ): Promise<void> {
    await mkdir(path.dirname(path.join(this.path, name)), { recursive: true });
    const metadata = JSON.stringify({ endedAt, name });
    const dump = Buffer.from(`packets of ${name}`);
    await writeFile(path.join(this.path, `${name}.wav`), bytes);
    await writeFile(path.join(this.path, `${name}.json`), metadata);
    if (raw) await writeFile(path.join(this.path, `${name}.sent.rtpdump`), dump);
    this.add({
      entry: 'recording',
      at: endedAt,
      id: name,
      file: `${name}.wav`,
      bytes: bytes.length,
      sha256: sha256(bytes),
      endedAt,
      metadata: `${name}.json`,
      metadataSha256: sha256(metadata),
      ...(raw ? { raw: [{ file: `${name}.sent.rtpdump`, sha256: sha256(dump) }] } : {}),
    });
  }

  add(entry: object): void {
    const line = JSON.stringify({
      ...entry,
      line: this.lines.length + 1,
      previous: this.hashes.at(-1) ?? '0'.repeat(64),
    });
    const signed = this.key
      ? `${line.slice(0, -1)},"signature":"${sign(null, Buffer.from(line), this.key).toString('base64')}"}`
      : line;
    this.lines.push(signed);
    this.hashes.push(sha256(signed));
  }

  async write(lines: readonly string[] = this.lines): Promise<void> {
    await writeFile(path.join(this.path, 'manifest.jsonl'), lines.map((line) => `${line}\n`).join(''));
  }
}

async function folderOf(count: number, key?: KeyObject): Promise<Folder> {
  const folder = new Folder(await temporaryFolder(), key);
  for (let number = 1; number <= count; number += 1) {
    await folder.record(`70120/r${number}`, randomBytes(2000 + number, number), {
      endedAt: `2026-01-01T10:${String(number % 60).padStart(2, '0')}:00.000Z`,
      raw: number === 2,
    });
  }
  await folder.write();
  return folder;
}

describe('o2g-verify', function () {
  this.timeout(60_000);

  it('finds nothing in a good folder, and says what it looked at', async () => {
    const folder = await folderOf(5);
    const { code, out } = await verify(folder.path);
    assert.equal(code, 0, out);
    assert.match(out, /5 recordings, 0 under hold, 0 deleted.*\n.*isn't signed.*\n.*[0-9a-f]{64}\nGood/);
  });

  it('checks a folder of 1,000 recordings', async () => {
    const folder = await folderOf(1000);
    const { code, out } = await verify(folder.path);
    assert.equal(code, 0, out);
    assert.match(out, /1000 recordings/);
  });

  /** What somebody did, and what is said of it. */
  const faults: Record<
    string,
    { do: (folder: Folder, at: (file: string) => string) => Promise<void>; says: RegExp }
  > = {
    'one flipped byte': {
      do: async (_, file) => {
        await flip(file('70120/r3.wav'), 1234);
      },
      says: /^70120\/r3\.wav was altered: its content isn't what was written\.$/m,
    },
    'a missing file': { do: (_, file) => rm(file('70120/r3.wav')), says: /^70120\/r3\.wav is missing\.$/m },
    'missing metadata': {
      do: (_, file) => rm(file('70120/r3.json')),
      says: /^70120\/r3\.json is missing\.$/m,
    },
    'altered metadata': {
      do: async (_, file) => {
        await flip(file('70120/r3.json'), 5);
      },
      says: /^70120\/r3\.json was altered/m,
    },
    'packets kept beside that were altered': {
      do: async (_, file) => {
        await flip(file('70120/r2.sent.rtpdump'), 5);
      },
      says: /^70120\/r2\.sent\.rtpdump was altered/m,
    },
    'a file cut off': {
      do: (_, file) => truncate(file('70120/r3.wav'), 1000),
      says: /^70120\/r3\.wav was cut off: 1000 of 2003 bytes are there\.$/m,
    },
    'a file that is longer': {
      do: async (_, file) => {
        await writeFile(
          file('70120/r3.wav'),
          Buffer.concat([await readFile(file('70120/r3.wav')), Buffer.alloc(3)]),
        );
      },
      says: /^70120\/r3\.wav was altered/m,
    },
    'a swapped pair': {
      do: async (_, file) => {
        await rename(file('70120/r3.wav'), file('x'));
        await rename(file('70120/r4.wav'), file('70120/r3.wav'));
        await rename(file('x'), file('70120/r4.wav'));
      },
      says: /^70120\/r3\.wav and 70120\/r4\.wav were swapped: each has the content of the other\.$/m,
    },
    "one that took another's place": {
      do: (_, file) => copyFile(file('70120/r4.wav'), file('70120/r3.wav')),
      says: /^70120\/r3\.wav was altered: it has the content of 70120\/r4\.wav\.$/m,
    },
    'a link in its place': {
      do: async (_, file) => {
        await rename(file('70120/r3.wav'), file('elsewhere'));
        await symlink(file('elsewhere'), file('70120/r3.wav'));
      },
      says: /^70120\/r3\.wav was altered/m,
    },
    'a file that nobody recorded': {
      do: (_, file) => writeFile(file('70120/r9.wav'), 'new'),
      says: /^70120\/r9\.wav isn't in the manifest: it was put there/m,
    },
    'a manifest whose end was cut off': {
      do: (folder) => folder.write(folder.lines.slice(0, 3)),
      says: /^70120\/r4\.wav isn't in the manifest, though newer than its last line: the manifest's end was cut off\.\n70120\/r5\.wav/m,
    },
    'a manifest cut in a line': {
      do: async (_, file) => {
        await truncate(file('manifest.jsonl'), (await readFile(file('manifest.jsonl'))).length - 10);
      },
      says: /^The manifest's last line \(5\) is torn/m,
    },
    'a manifest that is gone': {
      do: (_, file) => rm(file('manifest.jsonl')),
      says: /^manifest\.jsonl is missing or empty, though 6 recorded files are there\.$/m,
    },
    'an altered line': {
      do: (folder) =>
        folder.write(
          folder.lines.map((line, index) => (index === 1 ? line.replace('10:02', '10:03') : line)),
        ),
      says: /^Line 2 of the manifest was altered/m,
    },
    'an altered first line': {
      do: (folder) =>
        folder.write(
          folder.lines.map((line, index) => (index === 0 ? line.replace(/0{64}/, 'f'.repeat(64)) : line)),
        ),
      says: /^Line 1 of the manifest was altered/m,
    },
    'a line made unreadable': {
      do: (folder) =>
        folder.write(folder.lines.map((line, index) => (index === 1 ? line.replace('{', '[') : line))),
      says: /^Line 2 of the manifest was altered: it can't be read any more\.$/m,
    },
    'a line taken out': {
      do: (folder) => folder.write(folder.lines.filter((_, index) => index !== 1)),
      says: /^Line 2 was taken out of the manifest, before what is line 2 now\.$/m,
    },
    'the first lines taken out': {
      do: (folder) => folder.write(folder.lines.slice(2)),
      says: /^Lines 1 to 2 were taken out of the manifest/m,
    },
    'two lines swapped': {
      do: (folder) => folder.write([0, 2, 1, 3, 4].map((index) => at(folder.lines, index))),
      says: /^Line 2 of the manifest was moved: it is line 3 now\.$/m,
    },
    'a line copied': {
      do: (folder) => folder.write([...folder.lines, at(folder.lines, 2)]),
      says: /^Line 6 of the manifest is line 3 once more\.$/m,
    },
    'a line put in': {
      do: (folder) => folder.write([at(folder.lines, 0), 'hello', ...folder.lines.slice(1)]),
      says: /^Line 2 of the manifest was put in/m,
    },
    'a deleted recording that is back': {
      do: async (folder) => {
        folder.add({
          entry: 'deleted',
          at: '2026-02-01T00:00:00.000Z',
          file: '70120/r3.wav',
          id: '70120/r3',
          sha256: '',
          metadataSha256: '',
          why: 'retention',
        });
        await folder.write();
      },
      says: /^70120\/r3\.wav was deleted on 2026-02-01T00:00:00\.000Z, and is there nevertheless\.$/m,
    },
    'a deletion under hold': {
      do: async (folder, file) => {
        folder.add({ entry: 'hold', at: '2026-02-01T00:00:00.000Z', file: '70120/r3.wav', id: '70120/r3' });
        folder.add({
          entry: 'deleted',
          at: '2026-02-01T00:00:00.000Z',
          file: '70120/r3.wav',
          id: '70120/r3',
          sha256: '',
          metadataSha256: '',
          why: 'retention',
        });
        await folder.write();
        for (const extension of ['wav', 'json']) await rm(file(`70120/r3.${extension}`));
      },
      says: /^70120\/r3\.wav was deleted though it was under hold\.$/m,
    },
    'a line that leads out of the folder': {
      do: async (folder) => {
        folder.add({
          entry: 'recording',
          at: '2026-02-01T00:00:00.000Z',
          file: '../../etc/passwd.wav',
          id: 'x',
          sha256: '',
          metadataSha256: '',
          bytes: 1,
          metadata: '',
        });
        await folder.write();
      },
      says: /^The manifest names \.\.\/\.\.\/etc\/passwd\.wav, which no recorder writes\.$/m,
    },
  };
  for (const [fault, { do: make, says }] of Object.entries(faults)) {
    it(`names ${fault}, and ends with 1`, async () => {
      const folder = await folderOf(5);
      await make(folder, (file) => path.join(folder.path, file));
      const { code, out } = await verify(folder.path);
      assert.equal(code, 1, out);
      assert.match(out, says);
      assert.match(out, /^NOT GOOD/m);
    });
  }

  it('two lines that changed places are told as one that was moved, not as taken out', async () => {
    const folder = await folderOf(5);
    await folder.write([0, 2, 1, 3, 4].map((index) => at(folder.lines, index)));
    assert.match((await verify(folder.path)).out, /^NOT GOOD: 1 finding\.$/m);
  });

  it('finds nothing wrong with what retention deleted, with what is unfinished, and with a line that a crash tore', async () => {
    const folder = await folderOf(5);
    for (const file of ['r2.wav', 'r2.json', 'r2.sent.rtpdump'])
      await rm(path.join(folder.path, '70120', file));
    folder.add({
      entry: 'deleted',
      at: '2026-02-01T00:00:00.000Z',
      file: '70120/r2.wav',
      id: '70120/r2',
      sha256: '',
      metadataSha256: '',
      why: 'retention',
    });
    folder.add({ entry: 'hold', at: '2026-02-01T00:00:00.000Z', file: '70120/r3.wav', id: '70120/r3' });
    const torn = '{"entry":"recording","at":"2026-02-01T0';
    folder.lines.push(torn);
    folder.hashes.push(sha256(torn));
    await folder.record('70120/r6', randomBytes(100, 6), { endedAt: '2026-02-01T00:00:00.000Z' });
    await folder.write();
    await writeFile(path.join(folder.path, '70120/r7.wav.part'), 'RIFF');
    await writeFile(path.join(folder.path, '70120/r7.json.part'), '{}');
    await writeFile(path.join(folder.path, '.o2g-index'), "somebody else's");
    const { code, out } = await verify(folder.path);
    assert.equal(code, 0, out);
    assert.match(
      out,
      /r7 is unfinished.*\n.*Line 8 of the manifest was torn.*\n.*5 recordings, 1 under hold, 1 deleted as the manifest says, 1 unfinished/,
    );
  });

  it("checks signatures with the public key, and without one says that they aren't checked", async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const other = generateKeyPairSync('ed25519');
    const folder = await folderOf(3, privateKey);
    const [good, wrong] = [path.join(folder.path, '.good.pem'), path.join(folder.path, '.wrong.pem')];
    await writeFile(good, publicKey.export({ type: 'spki', format: 'pem' }));
    await writeFile(wrong, other.publicKey.export({ type: 'spki', format: 'pem' }));
    assert.match((await verify(folder.path)).out, /3 of 3 lines of the manifest are signed; not checked/);
    const { code, out } = await verify(folder.path, '--public-key', wrong, '--public-key', good);
    assert.equal(code, 0, out);
    assert.match(out, /3 of 3 lines of the manifest are signed by the key given/);
    const forged = await verify(folder.path, '--public-key', wrong);
    assert.equal(forged.code, 1);
    assert.match(forged.out, /^Line 1 of the manifest has a signature that isn't of the key given\.$/m);
    // Who owns the disk writes a manifest anew, with every hash right, but can't sign it.
    const anew = new Folder(folder.path);
    for (const number of [1, 2, 3])
      await anew.record(`70120/r${number}`, randomBytes(500, 50 + number), { raw: number === 2 });
    await anew.write();
    assert.equal((await verify(folder.path)).code, 0);
    const unsigned = await verify(folder.path, '--public-key', good);
    assert.equal(unsigned.code, 1);
    assert.match(unsigned.out, /^No line of the manifest is signed\.$/m);
  });

  it("knows a line whose hash was kept elsewhere, and tells when it isn't there", async () => {
    const folder = await folderOf(5);
    assert.equal((await verify(folder.path, '--expect', at(folder.hashes, 2))).code, 0);
    for (const number of [4, 5])
      for (const extension of ['wav', 'json'])
        await rm(path.join(folder.path, `70120/r${number}.${extension}`));
    await folder.write(folder.lines.slice(0, 3));
    assert.equal((await verify(folder.path)).code, 0, "the chain alone can't know of its end");
    const { code, out } = await verify(folder.path, '--expect', at(folder.hashes, 4));
    assert.equal(code, 1);
    assert.match(
      out,
      new RegExp(
        `^The manifest has no line ${at(folder.hashes, 4)}: it was cut off, or written anew\\.$`,
        'm',
      ),
    );
  });

  it('says the same as JSON', async () => {
    const folder = await folderOf(5);
    await rm(path.join(folder.path, '70120/r3.wav'));
    const { code, out } = await verify(folder.path, '--json');
    assert.equal(code, 1);
    const { findings, recordings } = JSON.parse(out) as { findings: object[]; recordings: number };
    assert.deepEqual(
      [findings, recordings],
      [[{ kind: 'missing', file: '70120/r3.wav', words: '70120/r3.wav is missing.' }], 5],
    );
  });

  it("ends with 2 and a reason when it can't check", async () => {
    const folder = await temporaryFolder();
    for (const [args, says] of [
      [[path.join(folder, 'none')], /ENOENT/],
      [[folder], /neither a manifest\.jsonl nor recordings/],
      [[], /one folder must be given/],
      [[folder, '--expect', 'abc'], /--expect must be/],
      [[folder, '--public-key', path.join(folder, 'none')], /ENOENT/],
    ] as const) {
      const { code, error } = await command('o2g-verify', args);
      assert.equal(code, 2, error);
      assert.match(error, says);
    }
    assert.match((await command('o2g-verify', ['--help'])).out, /Exit code/);
  });

  it('finds everything good in what a recorder wrote, plain, encrypted and signed', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const options of [
      {},
      { encrypt: true, keys: [randomBytes(32, 1).toString('hex')], signingKey: pem },
    ]) {
      const { recorder, folder } = await startRecorder(options);
      for (const device of ['70120', '70121']) {
        const { sentFlowPort } = await recorder.arm(device);
        await pace([{ phone: new Phone(sentFlowPort), packets: packetsOf(voice(20)) }]);
        await recorder.endConversation(device);
      }
      await recorder.close();
      const key = path.join(folder, '.key.pem');
      await writeFile(key, publicKey.export({ type: 'spki', format: 'pem' }));
      const { code, out } = await verify(folder, ...('signingKey' in options ? ['--public-key', key] : []));
      assert.equal(code, 0, out);
      assert.match(out, /2 recordings/);
    }
  });
});

describe('o2g-decrypt', function () {
  this.timeout(60_000);
  const KEY = 'a passphrase that is long enough';
  let folder: string;
  let file: string;
  const content = randomBytes(50_000, 1);

  beforeEach(async () => {
    folder = await temporaryFolder();
    file = path.join(folder, 'a.wav.enc');
    const open = await encryptingFileSystem(systemFileSystem, at(await readFileKeys([KEY]), 0)).create(file);
    await open.write(content, 0, content.length, 0);
    await open.finish(content.length);
    await open.close();
  });

  it('writes the plain recording, with the key from the environment, and overwrites nothing', async () => {
    const env = { O2G_RECORDING_KEY: `${randomBytes(32, 9).toString('hex')},${KEY}` };
    assert.deepEqual(await command('o2g-decrypt', [file], env, folder), { code: 0, out: '', error: '' });
    assert.ok((await readFile(path.join(folder, 'a.wav'))).equals(content));
    const again = await command('o2g-decrypt', [file], env, folder);
    assert.equal(again.code, 2);
    assert.match(again.error, /EEXIST/);
    assert.ok((await readFile(path.join(folder, 'a.wav'))).equals(content));
    assert.equal((await command('o2g-decrypt', [file, path.join(folder, 'b.wav')], env)).code, 0);
  });

  it('tells a wrong key and an altered file, and leaves nothing behind', async () => {
    const wrong = await command('o2g-decrypt', [file], { O2G_RECORDING_KEY: 'another passphrase' }, folder);
    assert.equal(wrong.code, 1);
    assert.match(wrong.error, /encrypted with the key [0-9a-f]{16}/);
    await flip(file, 40_000);
    const altered = await command('o2g-decrypt', [file], { O2G_RECORDING_KEY: KEY }, folder);
    assert.equal(altered.code, 1);
    assert.match(altered.error, /altered at frame/);
    await assert.rejects(readFile(path.join(folder, 'a.wav')), { code: 'ENOENT' });
    assert.ok(!`${wrong.error}${altered.error}`.includes('passphrase'));
  });

  it('without a key, or without a file, says what is missing', async () => {
    assert.match(
      (await command('o2g-decrypt', [file], { O2G_RECORDING_KEY: '' })).error,
      /O2G_RECORDING_KEY/,
    );
    assert.equal((await command('o2g-decrypt', [], { O2G_RECORDING_KEY: KEY })).code, 2);
    assert.match((await command('o2g-decrypt', ['--help'])).out, /OUT/);
  });
});

async function flip(file: string, position: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
  await writeFile(file, bytes);
}
