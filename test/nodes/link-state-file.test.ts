import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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
      file.save({ registrations: [['o2g.example.com', '1']], desiredStates: wanted });
    };
    const stored = (): number => [...(file.load()?.desiredStates ?? [])].length;
    save();
    assert.equal(stored(), 0);
    const end = Date.now() + 15_000;
    for (let device = 0; stored() === 0 && Date.now() < end; device += 1) {
      wanted.set(String(70000 + device), { fromConfig: false });
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
        file.save({ registrations: [['o2g.example.com', '2']], desiredStates: wanted });
      },
      [['o2g.example.com', '2']],
    ],
  ] as [string, (file: LinkStateFile, wanted: Map<string, DesiredState>) => void, unknown][]) {
    it(`${title} while 15,000 devices were being written`, async () => {
      const dir = await mkdtemp(join(tmpdir(), 'o2g-state-'));
      const file = new LinkStateFile(dir, 'link', 'server 7', log);
      const wanted = new Map<string, DesiredState>(
        Array.from({ length: 15_000 }, (_, index) => [String(70_000 + index), { fromConfig: false }]),
      );
      const being = async (): Promise<boolean> =>
        (await readdir(join(dir, '.o2g'))).some((name) => name.endsWith('.new'));
      let again = performance.now();
      file.save({ registrations: [['o2g.example.com', '1']], desiredStates: wanted });
      while (!(await being())) {
        // One look at the folder may take longer than all of the writing.
        if (performance.now() < again) continue;
        again += 1000;
        file.save({ registrations: [['o2g.example.com', '1']], desiredStates: wanted });
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
    file.save({ registrations: [], desiredStates: wanted });
    for (let index = 0; index < 1700; index += 1)
      wanted.set(String(70_000 + index), { fromConfig: index % 2 === 0 });
    file.save({ registrations: [['o2g.example.com', '1']], desiredStates: wanted });
    assert.deepEqual(file.load()?.desiredStates, [...wanted]);
    wanted.delete('70000');
    file.save({ registrations: [['o2g.example.com', '1']], desiredStates: wanted });
    while ([...(file.load()?.desiredStates ?? [])].length > wanted.size) await pause(20);
    assert.deepEqual(file.load()?.desiredStates, [...wanted]);
    await rm(dir, { recursive: true });
  });

  it('reads what version 0.1.0 wrote, with its names for desired states', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'o2g-state-'));
    await mkdir(join(dir, '.o2g'));
    const target = { mode: 'ip', ipRecorderAddr: '192.0.2.1', sentFlowPort: 20000, receivedFlowPort: 20002 };
    const written = {
      identity: 'server 7',
      registrations: [['o2g.example.com', '1']],
      wanted: [
        ['70000', { own: true, record: { mode: 'own', recorder: 'recorder', listed: true } }],
        ['70001', { own: false, record: target, beep: { tone: 25 } }],
      ],
      armed: [],
    };
    await writeFile(join(dir, '.o2g', 'link.json'), JSON.stringify(written));
    const loaded = new LinkStateFile(dir, 'link', 'server 7', log).load();
    assert.deepEqual(loaded?.desiredStates, [
      ['70000', { fromConfig: true, record: { mode: 'builtin', recorder: 'recorder', fromConfig: true } }],
      ['70001', { fromConfig: false, record: target, beep: { tone: 25 } }],
    ]);
    assert.deepEqual(loaded.registrations, written.registrations);
    await rm(dir, { recursive: true });
  });
});
