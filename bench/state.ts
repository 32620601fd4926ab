/** What one device with a live call costs in memory, each kind of state in a fresh process. */
import { measure, type Contender, type Part } from './measure';
import { Child } from './support/child';

export async function state(tiny: boolean): Promise<Part[]> {
  const devices = tiny ? 1000 : 100_000;
  const rounds = tiny ? 1 : 5;
  const kept = (name: string, kind: string): Contender => ({
    name,
    run: async () => {
      const child = new Child('heap.ts', [kind, String(devices)], ['--expose-gc']);
      const { bytes } = await child.told('heap');
      await child.end();
      return { heapBytes: Number(bytes) };
    },
  });
  const figures = await measure(
    [
      kept('minimal: callRef, device, state, recording', 'minimal'),
      kept('o2g/calls.ts: a live call', 'calls'),
      kept('o2g/book.ts: a device monitored, recorded', 'link'),
    ],
    rounds,
  );
  return [{ title: `a device of ${devices}, with a call`, rounds, figures }];
}
