import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { whenTestEnds } from '../support/cleanup';
import { ROOT } from '../support/toolchain';

describe('the demo', () => {
  it('tells of a call, its recording, the packets and the file, and leaves nothing behind when it is ended', async function demo() {
    this.timeout(150_000);
    const child = spawn(process.execPath, ['--require', 'tsx/cjs', join('scripts', 'demo.ts')], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    whenTestEnds(() => {
      child.kill('SIGKILL');
    });
    const exit = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(line.slice(10));
      if (line.includes(' recorded ')) child.kill('SIGINT');
    }
    assert.deepEqual(await exit, [0, null]);
    const text = lines.join('\n');
    for (const pattern of [
      /^O2G simulator at http/,
      /the editor is at http/,
      /^call from \d+ to 70000$/,
      /^recording started: 70000 to UDP ports \d+ and \d+$/,
      /^packets received: [1-9]\d+ of what 70000 said, [1-9]\d+ of what it heard$/,
      /^no session, link or subscription is left on the simulator$/,
    ])
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${String(pattern)} in\n${text}`,
      );
    const file = /^recorded 70000 talking to \d+: \d+\.\d s in (\S+)$/m.exec(text)?.[1];
    assert.ok(file !== undefined && existsSync(join(ROOT, file)), text);
  });
});
