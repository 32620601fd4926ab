/** What a run says: a line of JSON a suite for machines, tables for people. */
import { cpus } from 'node:os';
import type { Part } from './measure';

const WIDTH = 19;

/** What the figures depend on most. */
export const MACHINE = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;

export function report(suite: string, parts: readonly Part[]): void {
  console.log(
    JSON.stringify({ suite, at: new Date().toISOString(), node: process.version, machine: MACHINE, parts }),
  );
  for (const part of parts) print(suite, part);
}

function print(suite: string, { title, rounds, figures }: Part): void {
  const names = [...new Set(figures.flatMap(({ median }) => Object.keys(median)))];
  console.log(`\n${suite}: ${title}\nmedians of ${rounds} rounds, in brackets the ratio to the first line\n`);
  console.log(`  ${''.padEnd(38)}${names.map((name) => name.padStart(WIDTH)).join('')}`);
  for (const { name, median, ratio } of figures) {
    console.log(
      `  ${name.padEnd(38)}${names.map((measureName) => cell(median[measureName], ratio[measureName]).padStart(WIDTH)).join('')}`,
    );
  }
  console.log('');
}

function cell(value: number | undefined, ratio: number | undefined): string {
  if (value === undefined) return '';
  const shown = value >= 1000 ? value.toFixed(0) : value >= 100 ? value.toFixed(1) : value.toFixed(2);
  return ratio === undefined ? shown : `${shown} (${ratio.toFixed(2)})`;
}
