/** The picture of a recording: how loud each side was, in so many columns. Read in pieces, so that the longest file holds nobody up. */
import { G711_TO_LINEAR, bytesPerFrame, headerLength, readWavHeader, type WavFormat } from '../audio';
import type { OpenRecording } from '../files';
import { SAMPLE_RATE } from '../common';

export interface Waveform {
  readonly durationMs: number;
  /** The highest magnitude of each column, 0 to 255 of full scale; no columns for an empty file. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
}

/** More than a screen has. */
const MAX_COLUMNS = 2000;
const FULL_SCALE = 32768;
const CHANNEL_COUNT = 2;

/**
 * @returns undefined when it is no WAV file of this recorder
 * @throws RecorderError `ALTERED`; the system's error
 */
export async function waveformOf(recording: OpenRecording): Promise<Waveform | undefined> {
  const wavFormat = readWavHeader(await readBytes(recording, headerLength('g711')));
  if (!wavFormat) return undefined;
  const dataStart = headerLength(wavFormat.format);
  const frames = Math.max(0, Math.floor((recording.bytes - dataStart) / bytesPerFrame(wavFormat.format)));
  const columns = new Columns(wavFormat, frames);
  for await (const chunk of recording.read(dataStart, dataStart + frames * bytesPerFrame(wavFormat.format)))
    columns.add(chunk);
  return {
    durationMs: Math.round((1000 * frames) / SAMPLE_RATE),
    sent: columns.peaksOf(0),
    received: columns.peaksOf(1),
  };
}

async function readBytes(recording: OpenRecording, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of recording.read(0, length)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** One pass over hundreds of megabytes: what each sample needs is in local variables, which takes half the time of a call for each. */
class Columns {
  readonly #peaks: readonly [Uint16Array, Uint16Array];
  readonly #samplesPerColumn: number;
  readonly #linear: Int16Array | undefined;
  /** Samples so far, of both sides. */
  #samples = 0;
  /** The first byte of a linear sample whose second is in the next piece. */
  #pendingByte: number | undefined;

  constructor({ format, law }: WavFormat, frames: number) {
    const columns = Math.min(MAX_COLUMNS, frames);
    this.#peaks = [new Uint16Array(columns), new Uint16Array(columns)];
    this.#samplesPerColumn = (CHANNEL_COUNT * frames) / Math.max(1, columns);
    this.#linear = format === 'g711' ? G711_TO_LINEAR[law] : undefined;
  }

  add(chunk: Uint8Array): void {
    const table = this.#linear;
    const [sent, received] = this.#peaks;
    let samples = this.#samples;
    let pendingByte = this.#pendingByte;
    let column = Math.floor(samples / this.#samplesPerColumn);
    let columnEnd = (column + 1) * this.#samplesPerColumn;
    for (const byte of chunk) {
      let linear: number;
      if (table) {
        linear = table[byte] ?? 0;
      } else if (pendingByte === undefined) {
        pendingByte = byte;
        continue;
      } else {
        linear = ((pendingByte | (byte << 8)) << 16) >> 16;
        pendingByte = undefined;
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
    this.#pendingByte = pendingByte;
  }

  peaksOf(channelIndex: 0 | 1): number[] {
    return Array.from(this.#peaks[channelIndex], (peak) =>
      Math.min(255, Math.round((256 * peak) / FULL_SCALE)),
    );
  }
}
