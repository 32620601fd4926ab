import assert from 'node:assert/strict';

import { catchAll, changed, flow, node, probeIn, probeOut } from './flow';
import { Mailbox } from './mailbox';
import { startNodeRed } from './node-red';

describe('the harness', () => {
  const wired = flow([
    probeIn('in', 'work'),
    node(
      'work',
      'function',
      {
        func: 'node.status({ text: `got ${msg.payload}` }); if (msg.fails) throw new Error("on purpose"); return msg;',
        outputs: 1,
      },
      'out',
    ),
    probeOut('out'),
    catchAll('errors'),
    probeOut('errors'),
  ]);

  for (const version of ['4.1', '5.0'] as const) {
    it(`sends a message through Node-RED ${version} and hears what becomes of it`, async () => {
      const nodeRed = await startNodeRed({ version, palette: 'none', flows: wired });
      nodeRed.inject('in', { payload: 1, bytes: Buffer.from([0, 255]), n: [null, Number.NaN] });
      const message = await nodeRed.told('out');
      assert.deepEqual([message.payload, message.bytes, message.n], [1, Buffer.from([0, 255]), [null, null]]);
      await nodeRed.statusOf('work', ({ text }) => text === 'got 1');
      assert.equal((await nodeRed.doneOf('work')).error, null);
      nodeRed.inject('in', { payload: 2, fails: true });
      assert.match((await nodeRed.told('errors')).error?.message ?? '', /on purpose/);
      assert.equal(nodeRed.received('out').length, 1);
      await nodeRed.deploy(changed(wired, { work: { func: 'return { payload: 3 };' } }), { type: 'nodes' });
      nodeRed.inject('in', {});
      await nodeRed.told('out', ({ payload }) => payload === 3);
      assert.deepEqual(
        (await nodeRed.flows()).find(({ id }) => id === 'work')?.func,
        'return { payload: 3 };',
      );
      const { code, signal } = await nodeRed.stop();
      assert.deepEqual({ code, signal, alive: nodeRed.alive() }, { code: 0, signal: null, alive: false });
    });
  }

  it('goes on with a user directory after kill -9, under the same admin authorisation', async () => {
    const settings = { adminAuth: { type: 'credentials', users: [] } };
    const first = await startNodeRed({ palette: 'none', flows: wired, settings });
    assert.equal((await fetch(`${first.url}/flows`)).status, 401);
    const { signal } = await first.stop('SIGKILL');
    const second = await startNodeRed({ palette: 'none', settings, userDir: first.userDir });
    second.inject('in', { payload: 'again' });
    await second.told('out', ({ payload }) => payload === 'again');
    assert.equal(signal, 'SIGKILL');
  });

  it('says which type is missing when flows cannot start', async () => {
    await assert.rejects(
      startNodeRed({ palette: 'none', flows: flow([node('n', 'no-such-type')]) }),
      ({ cause }: Error) => String(cause).includes('missing-types no-such-type'),
    );
  });

  it('an expectation that fails names what was awaited, what came instead, and the line that asked', async () => {
    const box = new Mailbox<{ n: number }>('number');
    box.put({ n: 1 });
    await assert.rejects(
      box.take(({ n }) => n === 2, { timeoutMs: 1 }),
      ({ message, stack = '' }: Error) => {
        assert.match(
          message,
          /awaited: number such that .*n\s*===\s*2\nnone within 1 ms; came and not taken:\n {2}\{ n: 1 \}/,
        );
        return (stack.split('\n').find((line) => line.includes(' at ')) ?? '').includes('node-red.test.ts');
      },
    );
    assert.deepEqual(await box.take(), { n: 1 });
  });
});
