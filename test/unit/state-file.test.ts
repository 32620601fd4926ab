import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StateFile } from '../../nodes/lib/state-file';
import type { Wanted } from '../../o2g/plan';

const log = { info: () => undefined, warn: (line: string) => { throw new Error(line); }, debug: () => undefined };

describe('the state file of a link', () => {
  it('is written also while what is desired never stops changing', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'o2g-state-'));
    const file = new StateFile(dir, 'link', 'server 7', log);
    const wanted = new Map<string, Wanted>();
    const save = (): void => { file.save({ registrations: [['o2g.example.com', '1']], wanted }); };
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
});
