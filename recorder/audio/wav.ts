/**
 * The header of a WAV file (Microsoft, Multimedia Programming Interface 1.0 and its new types): two channels, 8,000 Hz.
 * G.711 goes in as it came, tag 6 for A-law and 7 for mu-law, with a `fact` chunk; linear PCM has tag 1.
 */
import type { Law } from './g711';
import type { FormatName } from './sample-format';
import { SAMPLE_RATE } from '../common';

export interface WavFormat {
  readonly format: FormatName;
  readonly law: Law;
}

const CHANNEL_COUNT = 2;
const PCM_TAG = 1;
const G711_TAGS: Readonly<Record<Law, number>> = { alaw: 6, ulaw: 7 };
/** Where the sizes and `data` are: everything before it has a fixed length. */
const HEADER_BYTES: Readonly<Record<FormatName, number>> = { g711: 58, pcm16: 44 };
/** RIFF counts its bytes in 32 bits. */
export const MAX_WAV_BYTES = 0xffffffff;

export const headerLength = (format: FormatName): number => HEADER_BYTES[format];
export const bytesPerFrame = (format: FormatName): number => (format === 'g711' ? 2 : 4);

/** @param frames pairs of samples in the file: the header is right for exactly so many */
export function wavHeader({ format, law }: WavFormat, frames: number): Buffer {
  const compressed = format === 'g711';
  const header = Buffer.alloc(HEADER_BYTES[format]);
  const frameBytes = bytesPerFrame(format);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(header.length - 8 + frames * frameBytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(compressed ? 18 : 16, 16);
  header.writeUInt16LE(compressed ? G711_TAGS[law] : PCM_TAG, 20);
  header.writeUInt16LE(CHANNEL_COUNT, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * frameBytes, 28);
  header.writeUInt16LE(frameBytes, 32);
  header.writeUInt16LE((8 * frameBytes) / CHANNEL_COUNT, 34);
  if (compressed) {
    header.write('fact', 38, 'latin1');
    header.writeUInt32LE(4, 42);
    header.writeUInt32LE(frames, 46);
  }
  header.write('data', header.length - 8, 'latin1');
  header.writeUInt32LE(frames * frameBytes, header.length - 4);
  return header;
}

/** Reads a header that `wavHeader` wrote. @returns undefined when it isn't one */
export function readWavHeader(bytes: Buffer): WavFormat | undefined {
  if (
    bytes.length < HEADER_BYTES.pcm16 ||
    bytes.toString('latin1', 0, 4) !== 'RIFF' ||
    bytes.toString('latin1', 8, 16) !== 'WAVEfmt '
  )
    return undefined;
  const tag = bytes.readUInt16LE(20);
  if (tag === PCM_TAG) return { format: 'pcm16', law: 'alaw' };
  if (bytes.length < HEADER_BYTES.g711) return undefined;
  return tag === G711_TAGS.alaw
    ? { format: 'g711', law: 'alaw' }
    : tag === G711_TAGS.ulaw
      ? { format: 'g711', law: 'ulaw' }
      : undefined;
}
