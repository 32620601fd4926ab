import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LinkStateFile } from '../../nodes/lib/lifecycle/link-state-file';
import type { DesiredState } from '../../o2g/link/desired-state';

const log = {
  info: () => undefined,
  warn: (line: string) => {
    throw new Error(line);
  },
  debug: () => undefined,
};

describe('the state file of a link', () => {
  it('is written also while what is desired never stops changing', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'o2g-state-'));
    const file = new LinkStateFile(dir, 'link', 'server 7', log);
    const wanted = new Map<string, DesiredState>();
    const save = (): void => {
      file.save({ registrations: [['o2g.example.com', '1']], wanted });
    };
    const stored = (): number => [...(file.load()?.wanted ?? [])].length;
    save();
    assert.equal(stored(), 0);
    const end = Date.now() + 15_000;
    for (let device = 0; stored() === 0 && Date.now() < end; device += 1) {
      wanted.set(String(70000 + device), { own: false });
      save();
      await pause(20);
    }
    assert.ok(stored() > 0, 'nothing was written in 15 s');
    file.save(undefined);
    assert.equal(file.load(), undefined);
    await rm(dir, { recursive: true });
  });

  for (const [title, overtake, expected] of [
    [
      'is gone when the link was left',
      (file) => {
        file.save(undefined);
      },
      undefined,
    ],
    [
      'has the registration made',
      (file, wanted) => {
        file.save({ registrations: [['o2g.example.com', '2']], wanted });
      },
      [['o2g.example.com', '2']],
    ],
  ] as [string, (file: LinkStateFile, wanted: Map<string, DesiredState>) => void, unknown][]) {
    it(`${title} while 15,000 devices were being written`, async () => {
      const dir = await mkdtemp(join(tmpdir(), 'o2g-state-'));
      const file = new LinkStateFile(dir, 'link', 'server 7', log);
      const wanted = new Map<string, DesiredState>(
        Array.from({ length: 15_000 }, (_, index) => [String(70_000 + index), { own: false }]),
      );
      const being = async (): Promise<boolean> =>
        (await readdir(join(dir, '.o2g'))).some((name) => name.endsWith('.new'));
      let again = performance.now();
      file.save({ registrations: [['o2g.example.com', '1']], wanted });
      while (!(await being())) {
        // One look at the folder may take longer than all of the writing.
        if (performance.now() < again) continue;
        again += 1000;
        file.save({ registrations: [['o2g.example.com', '1']], wanted });
      }
      overtake(file, wanted);
      while (await being());
      assert.deepEqual(file.load()?.registrations, expected);
      await rm(dir, { recursive: true });
    });
  }

  it('holds all of thousands of devices', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'o2g-state-'));
    const file = new LinkStateFile(dir, 'link', 'server 7', log);
    const wanted = new Map<string, DesiredState>();
    file.save({ registrations: [], wanted });
    for (let index = 0; index < 1700; index += 1)
      wanted.set(String(70_000 + index), { own: index % 2 === 0 });
    file.save({ registrations: [['o2g.example.com', '1']], wanted });
    assert.deepEqual(file.load()?.wanted, [...wanted]);
    wanted.delete('70000');
    file.save({ registrations: [['o2g.example.com', '1']], wanted });
    while ([...(file.load()?.wanted ?? [])].length > wanted.size) await pause(20);
    assert.deepEqual(file.load()?.wanted, [...wanted]);
    await rm(dir, { recursive: true });
  });
});
