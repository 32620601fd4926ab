import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { Archive } from '../../recorder/archive';
import type { SearchPage, Search } from '../../recorder/archive/search';
import { whenTestEnds } from '../support/cleanup';
import { ROOT } from '../support/toolchain';
import { makeRecordings, NEWEST, type Archived } from './archived';
import { at, temporaryFolder } from './support';

const PATIENCE_MS = 60_000;
const STEP_MS = 50;

/** An index over these folders, complete. */
async function openArchive(index: string, ...folders: string[]): Promise<Archive> {
  const archive = new Archive(index);
  whenTestEnds(() => archive.close());
  archive.watch(folders);
  await complete(archive);
  return archive;
}

/** Nobody is told when the index is complete: who waits asks again, as the page does. */
async function complete(archive: Archive): Promise<void> {
  await until(async () => (await archive.search({})).building === undefined);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds());) {
    assert.ok(performance.now() < end, 'it did not come');
    await new Promise((resolve) => {
      setTimeout(resolve, STEP_MS);
    });
  }
}

const startsOf = ({ recordings }: SearchPage): string[] => recordings.map(({ startedAt }) => startedAt);
const metadataFile = (folder: string, { name }: Archived): string => path.join(folder, `${name}.json`);

describe('the index of recordings', function () {
  this.timeout(120_000);
  let folder: string;
  let index: string;

  beforeEach(async () => {
    folder = path.join(await temporaryFolder(), 'recordings');
    index = path.join(await temporaryFolder(), '.o2g', 'recordings.sqlite');
  });

  it('tells all of them page by page, the newest first, none twice and none left out', async () => {
    const made = await makeRecordings(folder, 450);
    const archive = await openArchive(index, folder);
    const starts: string[] = [];
    const sizes: number[] = [];
    let after: string | undefined;
    do {
      const found: SearchPage = await archive.search(after === undefined ? {} : { after });
      assert.equal(found.count, 450);
      starts.push(...startsOf(found));
      sizes.push(found.recordings.length);
      ({ after } = found);
    } while (after !== undefined);
    assert.deepEqual(sizes, [200, 200, 50]);
    assert.deepEqual(
      starts,
      made.map(({ metadata }) => metadata.startedAt),
    );
  });

  it('searches by device, party, user, call reference, time, duration and alarm, and by all of them together', async () => {
    await makeRecordings(folder, 60, (number) =>
      number === 30
        ? {
            deviceNumber: '70999',
            durationMs: 3_600_000,
            alarms: [
              { alarm: 'disk', since: '2026-11-20T11:30:10.000Z', details: {} },
              { alarm: 'one-way', since: '2026-11-20T11:30:12.000Z', details: {} },
            ],
            context: { user: 'oxe70999', callRef: '4711beef-9', direction: 'incoming', party: '00331234' },
            calls: [
              {
                id: 'first-1',
                callRef: '4711beef-9',
                previousCallRef: 'second-2',
                user: 'oxe70999',
                parties: [{ number: '00331234', name: 'Zoë Håkansson', type: 'EXTERNAL' }],
              },
            ],
          }
        : { alarms: [], durationMs: 5000 },
    );
    const archive = await openArchive(index, folder);
    const started = NEWEST - 30 * 60_000;
    const only: Search[] = [
      { device: '70999' },
      { device: '999' },
      { party: '0033123' },
      { party: 'zoe hakan' },
      { party: 'HÅKANSSON' },
      { user: 'OXE70999' },
      { callRef: '4711BEEF' },
      { callRef: 'first-1' },
      { callRef: 'second-2' },
      { from: started, to: started + 1 },
      { shortest: 5001 },
      { alarm: 'any' },
      { alarm: 'disk' },
      { alarm: 'one-way' },
      {
        device: '70999',
        party: 'zoë',
        alarm: 'disk',
        from: started,
        shortest: 3_600_000,
        longest: 3_600_000,
      },
    ];
    for (const search of only) {
      const {
        count,
        recordings: [found],
      } = await archive.search(search);
      assert.deepEqual([search, count, found?.deviceNumber], [search, 1, '70999']);
    }
    const {
      recordings: [found],
    } = await archive.search({ device: '70999' });
    assert.deepEqual(found, {
      id: found?.id,
      deviceNumber: '70999',
      user: 'oxe70999',
      direction: 'incoming',
      parties: [{ number: '00331234', name: 'Zoë Håkansson' }],
      startedAt: new Date(started).toISOString(),
      durationMs: 3_600_000,
      alarms: ['disk', 'one-way'],
      recovered: false,
    });
    const counts = await Promise.all(
      (
        [
          { alarm: 'none' },
          { longest: 5000 },
          { from: started + 1 },
          { to: started },
          { party: '%' },
          { device: '70999', alarm: 'none' },
          { alarm: 'dis' },
        ] satisfies Search[]
      ).map((search) => archive.search(search)),
    );
    assert.deepEqual(
      counts.map(({ count }) => count),
      [59, 59, 30, 29, 0, 0, 0],
    );
  });

  it('knows at once what is finished, changed and gone, when it is told', async () => {
    const made = await makeRecordings(folder, 5);
    const archive = await openArchive(index, folder);
    const file = metadataFile(folder, at(made, 2));
    const metadata = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...metadata, deviceNumber: '79999' }));
    archive.refresh(folder, file);
    assert.equal((await archive.search({ device: '79999' })).count, 1);
    await rm(file);
    archive.refresh(folder, file);
    assert.equal((await archive.search({ device: '79999' })).count, 0);
    await writeFile(file, JSON.stringify(metadata));
    archive.refresh(folder, file);
    assert.deepEqual(
      startsOf(await archive.search({})),
      made.map((each) => each.metadata.startedAt),
    );
  });

  it('knows at the next start what others did meanwhile, and several folders', async () => {
    const made = await makeRecordings(folder, 5);
    await (await openArchive(index, folder)).close();
    await rm(metadataFile(folder, at(made, 0)));
    const other = path.join(path.dirname(folder), 'others');
    await makeRecordings(other, 3, () => ({ deviceNumber: '71111' }));
    const archive = await openArchive(index, folder, other);
    assert.equal((await archive.search({})).count, 7);
    assert.equal((await archive.search({ device: '71111' })).count, 3);
    archive.watch([folder]);
    await complete(archive);
    assert.equal((await archive.search({})).count, 4);
  });

  it('gives a recording the same id after it was lost, and finds its place by it', async () => {
    const made = await makeRecordings(folder, 5);
    const archive = await openArchive(index, folder);
    const before = (await archive.search({})).recordings.map(({ id }) => id);
    await archive.close();
    await rm(path.dirname(index), { recursive: true });
    const again = await openArchive(index, folder);
    assert.deepEqual(
      (await again.search({})).recordings.map(({ id }) => id),
      before,
    );
    assert.deepEqual(
      await Promise.all(before.map((id) => again.locate(id))),
      made.map(({ name }) => ({ folder, name })),
    );
    assert.equal(await again.locate('0'.repeat(32)), undefined);
  });

  for (const [how, damage] of [
    [
      'no database',
      (file: string) =>
        writeFile(file, 'this is no database, but long enough to be taken for one'.repeat(100)),
    ],
    ['torn', (file: string) => truncate(file, 9000)],
    ['empty', (file: string) => truncate(file, 0)],
  ] as const) {
    it(`is made anew when its file is ${how}`, async () => {
      await makeRecordings(folder, 300);
      await (await openArchive(index, folder)).close();
      await damage(index);
      assert.equal((await (await openArchive(index, folder)).search({})).count, 300);
    });
  }

  it('opens after kill -9, whose lock is left behind', async () => {
    await makeRecordings(folder, 20);
    const script = `
      const { Archive } = require(${JSON.stringify(path.join(ROOT, 'recorder', 'archive'))});
      const archive = new Archive(${JSON.stringify(index)});
      archive.watch([${JSON.stringify(folder)}]);
      setInterval(() => { archive.search({}).then(({ building }) => { if (building === undefined) console.log('complete'); }); }, 50);`;
    const child = spawn(process.execPath, ['--require', 'tsx/cjs', '-e', script], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    whenTestEnds(() => {
      child.kill('SIGKILL');
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(`${index}.lock`), 'the lock of who was killed');
    assert.equal((await (await openArchive(index, folder)).search({})).count, 20);
  });

  it("lists no file that isn't metadata of a recording, is being made, or lies behind a link", async () => {
    const [recorded] = await makeRecordings(folder, 1);
    const outside = path.join(path.dirname(folder), 'outside');
    await makeRecordings(outside, 2, () => ({ deviceNumber: '66666' }));
    const metadata = await readFile(metadataFile(folder, recorded ?? assert.fail()), 'utf8');
    const write = (name: string, text: string): Promise<void> => writeFile(path.join(folder, name), text);
    await Promise.all([
      write('torn.json', metadata.slice(0, 200)),
      write('array.json', '[1, 2]'),
      write('null.json', 'null'),
      write('other.json', '{"name": "package"}'),
      write('no-time.json', JSON.stringify({ deviceNumber: '1', startedAt: 'yesterday', durationMs: 1 })),
      write('manifest.jsonl', '{}\n'),
      write(
        'far.json',
        JSON.stringify({ deviceNumber: '1', startedAt: '+999999-01-01T00:00:00Z', durationMs: 1 }),
      ),
      write('unfinished.json', metadata),
      write('unfinished.json.part', metadata),
      symlink(outside, path.join(folder, 'link')),
      symlink(metadataFile(outside, { name: `66666/x`, metadata: {} }), path.join(folder, 'dangling.json')),
      mkdir(path.join(folder, '.hidden')).then(() => write('.hidden/a.json', metadata)),
    ]);
    const archive = await openArchive(index, folder);
    assert.deepEqual(
      (await archive.search({})).recordings.map(({ deviceNumber }) => deviceNumber),
      [recorded?.metadata.deviceNumber],
    );
    await rm(path.join(folder, 'unfinished.json.part'));
    archive.refresh(folder, path.join(folder, 'unfinished.json'));
    assert.equal((await archive.search({})).count, 2);
  });

  it('bears whatever a metadata file says of its recording', async () => {
    await makeRecordings(
      folder,
      3,
      (number) =>
        [
          { calls: 'none', context: null, alarms: { alarm: 'disk' }, gaps: 7 },
          {
            calls: [null, 1, { parties: [null, { number: 5, name: {} }, { number: 'x'.repeat(10_000) }] }],
            alarms: [null, {}, { alarm: 'a b' }],
            context: { user: ['x'] },
          },
          {
            name: '../../../etc/passwd',
            file: '/etc/passwd',
            id: "'; DROP TABLE recording; --",
            deviceNumber: "'; DROP TABLE recording; --",
          },
        ][number],
    );
    const archive = await openArchive(index, folder);
    const { recordings, count } = await archive.search({});
    assert.equal(count, 3);
    for (const { id } of recordings)
      assert.ok((await archive.locate(id))?.name.startsWith('70'), 'where it was found, not where it says');
    assert.equal((await archive.search({ device: "'; drop" })).count, 1);
  });

  it("says which folder can't be read, and finds what is in the others", async () => {
    await makeRecordings(folder, 2);
    const gone = path.join(path.dirname(folder), 'gone');
    const archive = await openArchive(index, folder, gone);
    const { count, unreadable } = await archive.search({});
    assert.equal(count, 2);
    assert.match(unreadable.join(), /gone: ENOENT/);
  });

  it('is readable for its owner only', async () => {
    await makeRecordings(folder, 1);
    await openArchive(index, folder);
    const { stat } = await import('node:fs/promises');
    for (const name of await readdir(path.dirname(index)))
      if (name.endsWith('.sqlite'))
        assert.equal((await stat(path.join(path.dirname(index), name))).mode & 0o077, 0, name);
    assert.equal((await stat(path.dirname(index))).mode & 0o077, 0);
  });

  it("rejects when its file can't be made, and works when it can again", async () => {
    await makeRecordings(folder, 1);
    const blocked = path.dirname(index);
    await writeFile(blocked, 'a file where the folder should be');
    const archive = new Archive(index);
    whenTestEnds(() => archive.close());
    archive.watch([folder]);
    await assert.rejects(archive.search({}), {
      name: 'RecorderError',
      code: 'CLOSED',
      message: /EEXIST|ENOTDIR/,
    });
    await rename(blocked, `${blocked}.away`);
    await until(() => archive.search({}).then(({ count }) => count === 1));
  });
});
