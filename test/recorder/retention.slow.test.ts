import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { RecorderError } from '../../recorder';
import { Retention, type RetentionState } from '../../recorder/evidence/retention';
import { Manifest } from '../../recorder/evidence/manifest';
import { verifyFolder } from '../../recorder/evidence/verify-folder';
import {
  at,
  only,
  pace,
  packetsOf,
  Phone,
  random,
  startRecorder,
  temporaryFolder,
  told,
  voice,
} from './support';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00.000Z');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const iso = (at_: number): string => new Date(at_).toISOString();
const refused =
  (code: string, words = '') =>
  (error: unknown): boolean =>
    error instanceof RecorderError && error.code === code && error.message.includes(words);

/** A folder of recordings with the real manifest, a real keeper, and a clock that the test sets. */
class Archive {
  readonly #retentionDays: number;
  now = START;
  readonly kept: RetentionState[] = [];
  readonly warnings: string[] = [];
  readonly manifest: Manifest;
  keeping: Retention;

  constructor(
    readonly folder: string,
    retentionDays: number,
  ) {
    this.#retentionDays = retentionDays;
    this.manifest = new Manifest(folder);
    this.keeping = this.open();
  }

  /** As after a restart: nothing is known but what the manifest says. */
  open(): Retention {
    return (this.keeping = new Retention(
      { folder: this.folder, retentionDays: this.#retentionDays },
      {
        manifest: this.manifest,
        now: () => this.now,
        onChange: (kept) => this.kept.push(kept),
        warn: (line) => this.warnings.push(line),
      },
    ));
  }

  async record(name: string, endedAt = this.now, extensions: readonly string[] = ['wav']): Promise<string> {
    const texts = [...extensions, 'json'].map(
      (extension) => [`${name}.${extension}`, `${extension} of ${name}`] as const,
    );
    await mkdir(path.dirname(path.join(this.folder, name)), { recursive: true });
    for (const [file, text] of texts) await writeFile(path.join(this.folder, file), text);
    const [[file, text] = ['', '']] = texts;
    await this.manifest.append({
      entry: 'recording',
      at: iso(this.now),
      id: sha256(name).slice(0, 12),
      file,
      bytes: text.length,
      sha256: sha256(text),
      endedAt: iso(endedAt),
      metadata: `${name}.json`,
      metadataSha256: sha256(`json of ${name}`),
      ...(texts.length > 2
        ? { raw: texts.slice(1, -1).map(([raw, content]) => ({ file: raw, sha256: sha256(content) })) }
        : {}),
    });
    return file;
  }

  async files(): Promise<string[]> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => path.relative(this.folder, path.join(entry.parentPath, entry.name)))
      .filter((file) => !file.startsWith('manifest'))
      .sort();
  }

  async lines(): Promise<Record<string, unknown>[]> {
    return (await readFile(path.join(this.folder, 'manifest.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

const archive = async (retentionDays = 0): Promise<Archive> =>
  new Archive(await temporaryFolder(), retentionDays);

describe('retention and hold', function () {
  this.timeout(300_000);

  it('over a year do exactly what their rules say', async () => {
    const own = await archive(30);
    const next = random(2026);
    /** What a person would expect, by the rules in the manual alone. */
    const expected = new Map<string, { endedAt: number; days: number; held: boolean }>();
    for (let day = 0; day < 365; day += 1) {
      own.now = START + day * DAY + 3_600_000;
      for (let call = 0; call < 3; call += 1) {
        const endedAt = own.now - Math.floor(next() * 3_600_000);
        expected.set(
          await own.record(
            `${70_000 + call}/${day}-${call}`,
            endedAt,
            next() < 0.2 ? ['wav.enc', 'sent.rtpdump.enc'] : ['wav'],
          ),
          { endedAt, days: 30, held: false },
        );
      }
      const present = [...expected.keys()];
      const any = (): string => at(present, Math.floor(next() * present.length));
      const [held, released, kept, unwanted] = [any(), any(), any(), any()];
      const days = at([0, 1, 7, 90, 200], Math.floor(next() * 5));
      await own.keeping.hold({ file: held, by: 'legal', reason: `case ${day}` });
      Object.assign(expected.get(held) ?? {}, { held: true });
      await own.keeping.retain({ file: kept }, days);
      Object.assign(expected.get(kept) ?? {}, { days });
      if (day % 3 === 0) {
        await own.keeping.release({ file: released });
        Object.assign(expected.get(released) ?? {}, { held: false });
      }
      if (expected.get(unwanted)?.held) {
        await assert.rejects(
          own.keeping.delete({ file: unwanted, by: 'a caller' }),
          refused('REFUSED', 'under hold'),
        );
      } else if (day % 5 === 0) {
        assert.equal(
          (await own.keeping.delete({ file: unwanted, by: 'a caller', reason: 'asked for it' })).deleted,
          true,
        );
        expected.delete(unwanted);
      }
      if (day % 50 === 49) own.open(); // a restart forgets nothing
      await own.keeping.deleteExpired();
      for (const [file, { endedAt, days: until, held: isHeld }] of expected)
        if (!isHeld && until > 0 && endedAt + until * DAY <= own.now) expected.delete(file);
      const audio = (await own.files()).filter((file) => /\.wav(\.enc)?$/.test(file));
      assert.deepEqual(audio, [...expected.keys()].sort(), `day ${day}`);
    }
    assert.ok(expected.size < (365 * 3) / 2, 'much was deleted');
    const { findings, recordings, deleted, held } = await verifyFolder(own.folder);
    assert.deepEqual([findings, recordings, recordings + deleted], [[], expected.size, 365 * 3]);
    assert.equal(held, [...expected.values()].filter((one) => one.held).length);
    const names = new Set((await own.files()).map((file) => file.replace(/\.(json|wav|sent).*$/, '')));
    assert.equal(names.size, expected.size, 'nothing of the deleted ones is left');
    assert.deepEqual(own.warnings, []);
  });

  it('are answered with what is in force, and every change is a line that says who and why', async () => {
    const own = await archive(10);
    const file = await own.record('a');
    const full = path.join(own.folder, file);
    const id = sha256('a').slice(0, 12);
    const until = iso(START + 10 * DAY);
    assert.deepEqual(await own.keeping.hold({ id, by: 'legal', reason: 'case 7' }), {
      id,
      file: full,
      held: true,
      retainUntil: until,
    });
    assert.deepEqual(
      await own.keeping.hold({ file: full }),
      { id, file: full, held: true, retainUntil: until },
      'a second hold changes nothing',
    );
    assert.deepEqual(await own.keeping.retain({ id, file }, 0), {
      id,
      file: full,
      held: true,
      retainUntil: null,
    });
    assert.deepEqual(await own.keeping.release({ id }), { id, file: full, held: false, retainUntil: null });
    assert.deepEqual(await own.keeping.release({ id }), { id, file: full, held: false, retainUntil: null });
    assert.deepEqual(await own.keeping.delete({ id, by: 'the caller', reason: 'asked' }), {
      id,
      file: full,
      held: false,
      retainUntil: null,
      deleted: true,
    });
    const lines = (await own.lines()).slice(1);
    assert.deepEqual(
      lines.map(({ entry, by, reason, days, why }) => ({ entry, by, reason, days, why })),
      [
        { entry: 'hold', by: 'legal', reason: 'case 7', days: undefined, why: undefined },
        { entry: 'retain', by: undefined, reason: undefined, days: 0, why: undefined },
        { entry: 'released', by: undefined, reason: undefined, days: undefined, why: undefined },
        { entry: 'deleted', by: 'the caller', reason: 'asked', days: undefined, why: 'request' },
      ],
    );
    assert.deepEqual(
      [at(lines, 3).sha256, at(lines, 3).metadataSha256, at(lines, 3).id],
      [sha256('wav of a'), sha256('json of a'), id],
      'the tombstone knows what was there',
    );
    assert.deepEqual(
      own.kept.map(({ held, deleted }) => [held, deleted]),
      [
        [true, undefined],
        [true, undefined],
        [false, undefined],
        [false, true],
      ],
    );
    assert.deepEqual(await own.files(), []);
  });

  it('refuse what is unknown, gone or no recording, and touch nothing', async () => {
    const own = await archive();
    await own.record('a');
    await writeFile(path.join(own.folder, 'b.wav'), 'not in the manifest');
    const outside = path.join(await temporaryFolder(), 'x.wav');
    await writeFile(outside, "somebody else's");
    for (const [which, code, words] of [
      [{}, 'INVALID_INPUT', 'id'],
      [{ id: '' }, 'INVALID_INPUT', 'id'],
      [{ file: '../x.wav' }, 'INVALID_INPUT', 'file: "../x.wav"'],
      [{ file: outside }, 'INVALID_INPUT', 'file'],
      [{ file: 'manifest.jsonl' }, 'INVALID_INPUT', 'file'],
      [{ file: 'a.json' }, 'INVALID_INPUT', 'file'],
      [{ file: 'b.wav' }, 'NOT_FOUND', 'b.wav'],
      [{ id: 'nobody' }, 'NOT_FOUND', 'nobody'],
      [{ id: 'nobody', file: 'a.wav' }, 'NOT_FOUND', ''],
      [{ file: 'a.wav', by: 7 }, 'INVALID_INPUT', 'by'],
    ] as const) {
      await assert.rejects(own.keeping.delete(which as never), refused(code, words), JSON.stringify(which));
    }
    for (const days of [-1, 1.5, 40_000, '7', undefined])
      await assert.rejects(
        own.keeping.retain({ file: 'a.wav' }, days as never),
        refused('INVALID_INPUT', 'days'),
      );
    assert.deepEqual(await own.files(), ['a.json', 'a.wav', 'b.wav']);
    assert.equal((await own.lines()).length, 1);
    await own.keeping.delete({ file: 'a.wav' });
    await assert.rejects(own.keeping.delete({ file: 'a.wav' }), refused('NOT_FOUND', "wasn't deleted"));
    await assert.rejects(own.keeping.hold({ file: 'a.wav' }), refused('NOT_FOUND'));
    assert.equal(await readFile(outside, 'utf8'), "somebody else's");
  });

  it('never leave the folder, whatever a forged manifest or a link says', async () => {
    const own = await archive(1);
    const elsewhere = await temporaryFolder();
    for (const file of ['x.wav', 'x.json', 'y.wav', 'y.json'])
      await writeFile(path.join(elsewhere, file), "somebody else's");
    await symlink(elsewhere, path.join(own.folder, 'link'));
    const up = path.relative(own.folder, elsewhere);
    let number = 0;
    for (const entry of ['recording', 'deleted']) {
      for (const file of [`${up}/x.wav`, path.join(elsewhere, 'x.wav'), 'link/x.wav', 'link/../x.wav']) {
        number += 1;
        await appendFile(
          path.join(own.folder, 'manifest.jsonl'),
          `${JSON.stringify({ entry, at: iso(START), id: `i${number}`, file, bytes: 1, sha256: '', metadataSha256: '', metadata: '', endedAt: iso(START), why: 'request', line: number, previous: '' })}\n`,
        );
      }
    }
    await appendFile(
      path.join(own.folder, 'manifest.jsonl'),
      `${JSON.stringify({ entry: 'recording', at: iso(START), id: 'y', file: 'link/y.wav', bytes: 1, sha256: '', metadataSha256: '', metadata: '', endedAt: iso(START), line: 9, previous: '' })}\n`,
    );
    own.now = START + 10 * DAY;
    await own.keeping.deleteExpired();
    assert.deepEqual((await readdir(elsewhere)).sort(), ['x.json', 'x.wav', 'y.json', 'y.wav']);
  });

  it('finish after a restart what a crash left of a deletion', async () => {
    const own = await archive();
    await own.record('a', START, ['wav', 'sent.rtpdump']);
    await own.record('b');
    // The line was on the disk, then came the crash.
    await own.manifest.append({
      entry: 'deleted',
      at: iso(START),
      file: 'a.wav',
      id: 'x',
      sha256: '',
      metadataSha256: '',
      why: 'request',
    });
    await rm(path.join(own.folder, 'a.wav'));
    assert.deepEqual(await own.files(), ['a.json', 'a.sent.rtpdump', 'b.json', 'b.wav']);
    await own.keeping.deleteExpired();
    assert.deepEqual(await own.files(), ['b.json', 'b.wav']);
  });

  it('leave alone what is unfinished, though its line is written', async () => {
    const own = await archive(1);
    await own.record('a');
    await writeFile(path.join(own.folder, 'a.json.part'), '{}');
    own.now = START + 5 * DAY;
    assert.equal(await own.keeping.deleteExpired(), 0);
    await assert.rejects(own.keeping.delete({ file: 'a.wav' }), refused('REFUSED', 'being completed'));
    await rm(path.join(own.folder, 'a.json.part'));
    assert.equal(await own.keeping.deleteExpired(), 1);
    assert.deepEqual(await own.files(), []);
  });

  it('a new recording of the same name is not the deleted one', async () => {
    const own = await archive();
    await own.record('a');
    await own.keeping.hold({ file: 'a.wav' });
    await own.keeping.release({ file: 'a.wav' });
    await own.keeping.delete({ file: 'a.wav' });
    await own.record('a');
    own.open();
    await own.keeping.deleteExpired();
    assert.deepEqual(await own.files(), ['a.json', 'a.wav']);
    assert.equal((await own.keeping.hold({ file: 'a.wav' })).held, true);
  });

  it("say when files won't go, once, and try again", async () => {
    const own = await archive(1);
    await own.record('a');
    const inTheWay = path.join(own.folder, 'a.sent.rtpdump');
    await mkdir(path.join(inTheWay, 'x'), { recursive: true });
    own.now = START + 2 * DAY;
    await own.keeping.deleteExpired();
    await own.keeping.deleteExpired();
    assert.match(only(own.warnings), /a\.wav is deleted, but its files wouldn't go/);
    await rm(inTheWay, { recursive: true });
    await own.keeping.deleteExpired();
    assert.deepEqual(await own.files(), []);
  });

  it('many that ask at once are answered one after the other, and the chain holds', async () => {
    const own = await archive(1);
    const files: string[] = [];
    for (let number = 0; number < 120; number += 1) files.push(await own.record(`r${number}`));
    own.now = START + 2 * DAY;
    const results = await Promise.allSettled([
      own.keeping.deleteExpired(),
      ...files.slice(100).map((file) => own.keeping.hold({ file })),
      own.manifest.append({ entry: 'hold', at: iso(START), file: 'nothing.wav', id: '' }),
    ]);
    const held = results.slice(1, -1).filter(({ status }) => status === 'fulfilled').length;
    const { findings, recordings, deleted } = await verifyFolder(own.folder);
    assert.deepEqual([findings, recordings, deleted], [[], held, 120 - held]);
    assert.equal((await own.files()).length, 2 * held);
  });
});

describe('the manifest', () => {
  it("has one chain, though several recorders write into one folder, and a lock that a crash left is nobody's", async () => {
    const folder = await temporaryFolder();
    const lock = path.join(folder, 'manifest.jsonl.lock');
    await writeFile(lock, '');
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    const writers = [1, 2, 3].map(() => new Manifest(folder));
    const hashes = await Promise.all(
      Array.from({ length: 60 }, (_, number) =>
        at(writers, number % 3).append({
          entry: 'hold',
          at: iso(START),
          file: `f${number}.wav`,
          id: `${number}`,
        }),
      ),
    );
    const { findings, lines, lastSha256 } = await verifyFolder(folder);
    assert.deepEqual([findings, lines, new Set(hashes).size], [[], 60, 60]);
    assert.ok(hashes.includes(lastSha256));
  });
});

describe('a recorder', () => {
  it('deletes at its start what has been kept long enough, and tells what it does when it is asked', async () => {
    const { recorder, folder } = await startRecorder();
    const { sentFlowPort } = await recorder.arm('70120');
    const record = async (): Promise<string> => {
      await pace([{ phone: new Phone(sentFlowPort), packets: packetsOf(voice(20)) }]);
      return only(await recorder.endConversation('70120')).id;
    };
    const first = await record();
    const kept = told(recorder, 'retention');
    await recorder.retention.hold({ id: first });
    assert.deepEqual([(await kept).id, (await kept).held], [first, true]);
    await recorder.close();
    const { recorder: later } = await startRecorder(
      { folder, retentionDays: 30 },
      { now: () => Date.now() + 31 * DAY },
    );
    await later.close();
    assert.equal((await verifyFolder(folder)).recordings, 1, 'the held one is there');
    const { recorder: released } = await startRecorder(
      { folder, retentionDays: 30 },
      { now: () => Date.now() + 31 * DAY },
    );
    await released.retention.release({ id: first });
    await released.retention.deleteExpired();
    await released.close();
    const { recordings, deleted, findings } = await verifyFolder(folder);
    assert.deepEqual([recordings, deleted, findings], [0, 1, []]);
  });
});
