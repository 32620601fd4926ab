/** The picture of a recording: how loud each side was, in so many columns. Read in pieces, so that the longest file holds nobody up. */
import { LINEAR } from '../g711';
import type { OpenRecording } from '../reading';
import { SAMPLE_RATE } from '../types';
import { frameLength, headerLength, readWavHeader, type WavForm } from '../wav';

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
  for await (const piece of recording.read(begin, begin + frames * frameLength(form.format))) columns.add(piece);
  return { durationMs: Math.round(1000 * frames / SAMPLE_RATE), sent: columns.of(0), received: columns.of(1) };
}

async function bytesOf(recording: OpenRecording, length: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of recording.read(0, length)) pieces.push(piece);
  return Buffer.concat(pieces);
}

class Columns {
  readonly #peaks: readonly [Uint16Array, Uint16Array];
  readonly #samplesPerColumn: number;
  readonly #linear: Int16Array | undefined;
  /** Samples so far, of both sides. */
  #samples = 0;
  /** The first byte of a sample whose second is in the next piece. */
  #half: number | undefined;

  constructor({ format, law }: WavForm, frames: number) {
    const columns = Math.min(MOST_COLUMNS, frames);
    this.#peaks = [new Uint16Array(columns), new Uint16Array(columns)];
    this.#samplesPerColumn = SIDES * frames / Math.max(1, columns);
    this.#linear = format === 'g711' ? LINEAR[law] : undefined;
  }

  add(piece: Uint8Array): void {
    if (this.#linear) {
      for (const byte of piece) this.#place(this.#linear[byte] ?? 0);
      return;
    }
    for (const byte of piece) {
      if (this.#half === undefined) { this.#half = byte; continue; }
      this.#place((this.#half | byte << 8) << 16 >> 16);
      this.#half = undefined;
    }
  }

  of(side: 0 | 1): number[] {
    return Array.from(this.#peaks[side], (peak) => Math.min(255, Math.round(256 * peak / FULL_SCALE)));
  }

  #place(linear: number): void {
    const peaks = this.#samples % SIDES === 0 ? this.#peaks[0] : this.#peaks[1];
    const column = Math.min(peaks.length - 1, Math.floor(this.#samples / this.#samplesPerColumn));
    const magnitude = Math.abs(linear);
    if (magnitude > (peaks[column] ?? 0)) peaks[column] = magnitude;
    this.#samples += 1;
  }
}
