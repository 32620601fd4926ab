/** One thing to be measured; `reference` is what the others are compared with. */
export interface Contender {
  readonly name: string;
  run(): Promise<void> | void;
}

export interface Figure {
  readonly name: string;
  /** Medians of all rounds, in microseconds an item. */
  readonly cpuUs: number;
  readonly wallUs: number;
  /** Median of the ratios within the rounds to the first contender's CPU time. */
  readonly ratio: number;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/**
 * Runs every contender once a round, the order turned from round to round so that a drifting machine wrongs nobody.
 * @param items how many items one run handles
 */
export async function measure(contenders: readonly Contender[], items: number, rounds: number): Promise<Figure[]> {
  const cpu = contenders.map((): number[] => []);
  const wall = contenders.map((): number[] => []);
  // One round that isn't counted: the compiler's.
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const index = (turn + Math.max(round, 0)) % contenders.length;
      const before = { cpu: process.cpuUsage(), at: process.hrtime.bigint() };
      await contenders[index]?.run();
      const { user, system } = process.cpuUsage(before.cpu);
      if (round < 0) continue;
      cpu[index]?.push((user + system) / items);
      wall[index]?.push(Number(process.hrtime.bigint() - before.at) / 1000 / items);
    }
  }
  return contenders.map(({ name }, index) => ({
    name,
    cpuUs: median(cpu[index] ?? []),
    wallUs: median(wall[index] ?? []),
    ratio: median((cpu[index] ?? []).map((value, round) => value / (cpu[0]?.[round] ?? NaN))),
  }));
}

/** A line of JSON for machines, a table for people. */
export function report(suite: string, unit: string, figures: readonly Figure[]): void {
  console.log(JSON.stringify({ suite, unit, node: process.version, figures }));
  console.log(`\n${suite} (microseconds a ${unit}; ratio of CPU to the first)`);
  for (const { name, cpuUs, wallUs, ratio } of figures) {
    console.log(`  ${name.padEnd(40)} cpu ${cpuUs.toFixed(2).padStart(9)}  wall ${wallUs.toFixed(2).padStart(9)}  ratio ${ratio.toFixed(2).padStart(6)}`);
  }
  console.log('');
}
