/** The picture of the README: a panel a part, a bar a contender, drawn from the medians of a run. */
import type { Part } from './measure';

const WIDTH = 760;
const LABELS = 270;
const ROW = 26;
const HEAD = 44;
const UNITS: Readonly<Record<string, string>> = { cpuUs: 'CPU, µs', p50Ms: 'median, ms' };

/** @returns an SVG that is readable on light and on dark pages */
export function chart(parts: readonly Part[], footnote: string): string {
  let top = 8;
  const panels = parts
    .filter(({ chart: shown }) => shown !== undefined)
    .map((part) => {
      const panel = panelOf(part, top);
      top += HEAD + part.figures.length * ROW + 12;
      return panel;
    });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + 22}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" rx="6" fill="#ffffff"/>
${panels.join('\n')}
<text x="12" y="${top + 10}" fill="#666666" font-size="11">${escaped(footnote)}</text>
</svg>
`;
}

function panelOf({ title, chart: shown = '', figures }: Part, top: number): string {
  const values = figures.map(({ median }) => median[shown] ?? 0);
  const scale = (WIDTH - LABELS - 80) / Math.max(...values);
  const bars = figures.map(({ name }, index) => {
    const y = top + HEAD + index * ROW;
    const width = ((values[index] ?? 0) * scale).toFixed(1);
    const ours = !/floor|bare|core nodes/.test(name);
    return (
      `<text x="${LABELS - 8}" y="${y + 14}" text-anchor="end" fill="#222222">${escaped(name)}</text>` +
      `<rect x="${LABELS}" y="${y}" width="${width}" height="${ROW - 8}" fill="${ours ? '#2f6fb0' : '#b8c4cf'}"/>` +
      `<text x="${LABELS + Number(width) + 6}" y="${y + 14}" fill="#222222">${(values[index] ?? 0).toFixed((values[index] ?? 0) < 10 ? 2 : 0)}</text>`
    );
  });
  return `<text x="12" y="${top + 24}" fill="#222222" font-weight="600">${escaped(title)} (${UNITS[shown] ?? shown})</text>\n${bars.join('\n')}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
