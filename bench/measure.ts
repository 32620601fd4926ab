/** What one run of a contender cost, by the name of the measure: `cpuUs`, `p99Ms` … */
export type Sample = Readonly<Record<string, number>>;

/** One thing to be measured; the first of several is what the others are compared with. */
export interface Contender {
  readonly name: string;
  run(): Promise<Sample> | Sample;
}

export interface Figure {
  readonly name: string;
  /** Medians of all rounds. */
  readonly median: Sample;
  /** Medians of the ratios within the rounds to the first contender, where it has the same measure. */
  readonly ratio: Sample;
}

/** A table of figures that belong together. */
export interface Part {
  readonly title: string;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** The measure that the picture shows; undefined: the part isn't in the picture. */
  readonly chart?: string;
}

/** The middle value; NaN of nothing. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** @param part 0 to 1: 0.99 is the value that one in a hundred exceeds */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

/**
 * Runs every contender once a round, the order turned from round to round so that a drifting machine wrongs nobody.
 * One round before the first isn't counted: the compiler's.
 */
export async function measure(contenders: readonly Contender[], rounds: number): Promise<Figure[]> {
  const samples = contenders.map((): Sample[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const index = (turn + Math.max(round, 0)) % contenders.length;
      const sample = await contenders[index]?.run();
      if (round >= 0 && sample) samples[index]?.push(sample);
    }
  }
  const [reference = []] = samples;
  return contenders.map(({ name }, index) => figureOf(name, samples[index] ?? [], reference));
}

function figureOf(name: string, samples: readonly Sample[], reference: readonly Sample[]): Figure {
  const names = Object.keys(samples[0] ?? {});
  const each = (value: (measureName: string) => number): Sample =>
    Object.fromEntries(names.map((measureName) => [measureName, value(measureName)]));
  const ratios = each((measureName) =>
    median(
      samples.map((sample, round) => (sample[measureName] ?? NaN) / (reference[round]?.[measureName] ?? NaN)),
    ),
  );
  return {
    name,
    median: each((measureName) => median(samples.map((sample) => sample[measureName] ?? NaN))),
    ratio: Object.fromEntries(Object.entries(ratios).filter(([, ratio]) => Number.isFinite(ratio))),
  };
}

/** The time that work takes in this process, in microseconds an item. */
export async function timed(
  items: number,
  work: () => Promise<unknown> | undefined,
): Promise<{ cpuUs: number; wallUs: number }> {
  const before = { cpu: process.cpuUsage(), at: process.hrtime.bigint() };
  await work();
  const { user, system } = process.cpuUsage(before.cpu);
  return {
    cpuUs: (user + system) / items,
    wallUs: Number(process.hrtime.bigint() - before.at) / 1000 / items,
  };
}
