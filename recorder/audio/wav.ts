/**
 * The header of a WAV file (Microsoft, Multimedia Programming Interface 1.0 and its new types): two channels, 8,000 Hz.
 * G.711 goes in as it came, tag 6 for A-law and 7 for mu-law, with a `fact` chunk; linear PCM has tag 1.
 */
import type { Law } from './g711';
import type { FormatName } from './sample-format';
import { SAMPLE_RATE } from '../common';

export interface WavForm {
  readonly format: FormatName;
  readonly law: Law;
}

const CHANNEL_COUNT = 2;
const PCM = 1;
const TAGS: Readonly<Record<Law, number>> = { alaw: 6, ulaw: 7 };
/** Where the sizes and `data` are: everything before it has a fixed length. */
const LENGTH: Readonly<Record<FormatName, number>> = { g711: 58, pcm16: 44 };
/** RIFF counts its bytes in 32 bits. */
export const LARGEST_FILE = 0xffffffff;

export const headerLength = (format: FormatName): number => LENGTH[format];
export const frameLength = (format: FormatName): number => (format === 'g711' ? 2 : 4);

/** @param frames pairs of samples in the file: the header is right for exactly so many */
export function wavHeader({ format, law }: WavForm, frames: number): Buffer {
  const compressed = format === 'g711';
  const header = Buffer.alloc(LENGTH[format]);
  const frame = frameLength(format);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(header.length - 8 + frames * frame, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(compressed ? 18 : 16, 16);
  header.writeUInt16LE(compressed ? TAGS[law] : PCM, 20);
  header.writeUInt16LE(CHANNEL_COUNT, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * frame, 28);
  header.writeUInt16LE(frame, 32);
  header.writeUInt16LE((8 * frame) / CHANNEL_COUNT, 34);
  if (compressed) {
    header.write('fact', 38, 'latin1');
    header.writeUInt32LE(4, 42);
    header.writeUInt32LE(frames, 46);
  }
  header.write('data', header.length - 8, 'latin1');
  header.writeUInt32LE(frames * frame, header.length - 4);
  return header;
}

/** Reads a header that `wavHeader` wrote. @returns undefined when it isn't one */
export function readWavHeader(bytes: Buffer): WavForm | undefined {
  if (
    bytes.length < LENGTH.pcm16 ||
    bytes.toString('latin1', 0, 4) !== 'RIFF' ||
    bytes.toString('latin1', 8, 16) !== 'WAVEfmt '
  )
    return undefined;
  const tag = bytes.readUInt16LE(20);
  if (tag === PCM) return { format: 'pcm16', law: 'alaw' };
  if (bytes.length < LENGTH.g711) return undefined;
  return tag === TAGS.alaw
    ? { format: 'g711', law: 'alaw' }
    : tag === TAGS.ulaw
      ? { format: 'g711', law: 'ulaw' }
      : undefined;
}
