/** The picture of a recording: how loud each side was, in so many columns. Read in pieces, so that the longest file holds nobody up. */
import { LINEAR, frameLength, headerLength, readWavHeader, type WavForm } from '../audio';
import type { OpenRecording } from '../files';
import { SAMPLE_RATE } from '../common';

export interface Waveform {
  readonly durationMs: number;
  /** The highest magnitude of each column, 0 to 255 of full scale; no columns for an empty file. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
}

/** More than a screen has. */
const MOST_COLUMNS = 2000;
const FULL_SCALE = 32768;
const SIDES = 2;

/**
 * @returns undefined when it is no WAV file of this recorder
 * @throws RecorderError `ALTERED`; the system's error
 */
export async function waveformOf(recording: OpenRecording): Promise<Waveform | undefined> {
  const form = readWavHeader(await bytesOf(recording, headerLength('g711')));
  if (!form) return undefined;
  const begin = headerLength(form.format);
  const frames = Math.max(0, Math.floor((recording.bytes - begin) / frameLength(form.format)));
  const columns = new Columns(form, frames);
  for await (const piece of recording.read(begin, begin + frames * frameLength(form.format)))
    columns.add(piece);
  return {
    durationMs: Math.round((1000 * frames) / SAMPLE_RATE),
    sent: columns.of(0),
    received: columns.of(1),
  };
}

async function bytesOf(recording: OpenRecording, length: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of recording.read(0, length)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** One pass over hundreds of megabytes: what each sample needs is in local variables, which takes half the time of a call for each. */
class Columns {
  readonly #peaks: readonly [Uint16Array, Uint16Array];
  readonly #samplesPerColumn: number;
  readonly #linear: Int16Array | undefined;
  /** Samples so far, of both sides. */
  #samples = 0;
  /** The first byte of a linear sample whose second is in the next piece. */
  #half: number | undefined;

  constructor({ format, law }: WavForm, frames: number) {
    const columns = Math.min(MOST_COLUMNS, frames);
    this.#peaks = [new Uint16Array(columns), new Uint16Array(columns)];
    this.#samplesPerColumn = (SIDES * frames) / Math.max(1, columns);
    this.#linear = format === 'g711' ? LINEAR[law] : undefined;
  }

  add(piece: Uint8Array): void {
    const table = this.#linear;
    const [sent, received] = this.#peaks;
    let samples = this.#samples;
    let half = this.#half;
    let column = Math.floor(samples / this.#samplesPerColumn);
    let columnEnd = (column + 1) * this.#samplesPerColumn;
    for (const byte of piece) {
      let linear: number;
      if (table) {
        linear = table[byte] ?? 0;
      } else if (half === undefined) {
        half = byte;
        continue;
      } else {
        linear = ((half | (byte << 8)) << 16) >> 16;
        half = undefined;
      }
      if (samples >= columnEnd) {
        column += 1;
        columnEnd = (column + 1) * this.#samplesPerColumn;
      }
      const peaks = (samples & 1) === 0 ? sent : received;
      const magnitude = linear < 0 ? -linear : linear;
      if (magnitude > (peaks[column] ?? 0)) peaks[column] = magnitude;
      samples += 1;
    }
    this.#samples = samples;
    this.#half = half;
  }

  of(side: 0 | 1): number[] {
    return Array.from(this.#peaks[side], (peak) => Math.min(255, Math.round((256 * peak) / FULL_SCALE)));
  }
}
