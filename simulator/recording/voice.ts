/** Samples of one RTP packet: 20 ms at 8 kHz. */
export const PACKET_SAMPLES = 160;
const SAMPLE_RATE_HZ = 8000;
const LOOP_PACKETS = 50;
/** Distinct voices; a prime, so that neighbouring and similar numbers sound different. */
const PITCH_COUNT = 47;
const LOWEST_PITCH_HZ = 300;
/** Whole Hz fit the second of a loop exactly: it has no click where it begins again. */
const PITCH_STEP_HZ = 50;

export type Law = 'A' | 'mu';

/** The pitch in Hz with which the party of this number "speaks": 300 to 2600, the same for the same number. */
export function voiceOf(number: string): number {
  let remainder = 0;
  for (const character of number) remainder = (remainder * 10 + character.charCodeAt(0)) % PITCH_COUNT;
  return LOWEST_PITCH_HZ + PITCH_STEP_HZ * remainder;
}

/** One 16-bit sample as A-law (ITU-T G.711). */
export function encodeALaw(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  const magnitude = Math.min(sample >= 0 ? sample : -sample - 1, 32767) >> 3;
  let exponent = 0;
  while (magnitude >> (exponent + 5) !== 0) exponent += 1;
  const segment = magnitude < 32 ? 0 : exponent;
  const code = segment === 0 ? magnitude >> 1 : (segment << 4) | ((magnitude >> segment) & 0x0f);
  return (sign | code) ^ 0x55;
}

/** One 16-bit sample as mu-law (ITU-T G.711). */
export function encodeMuLaw(sample: number): number {
  const BIAS = 132;
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32635) + BIAS;
  let exponent = 7;
  while (exponent > 0 && (magnitude & (0x80 << exponent)) === 0) exponent -= 1;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}

const loops = new Map<string, readonly Buffer[]>();
/** Conferences make many mixtures; the cache is emptied before it grows beyond some megabytes. */
const MAX_CACHED_LOOPS = 500;

/**
 * A second of G.711, in packets, that repeats: the pitches given, each loud and soft four times a second like syllables.
 * No pitch gives silence.
 */
export function loopOf(pitches: readonly number[], law: Law): readonly Buffer[] {
  const key = `${law} ${[...pitches].sort((a, b) => a - b).join(' ')}`;
  const known = loops.get(key);
  if (known) return known;
  if (loops.size >= MAX_CACHED_LOOPS) loops.clear();
  const loop = makeLoop(pitches, law);
  loops.set(key, loop);
  return loop;
}

function makeLoop(pitches: readonly number[], law: Law): Buffer[] {
  const encode = law === 'A' ? encodeALaw : encodeMuLaw;
  const amplitude = 8000 / Math.max(1, pitches.length);
  const bytes = Buffer.alloc(PACKET_SAMPLES * LOOP_PACKETS);
  for (let index = 0; index < bytes.length; index += 1) {
    const seconds = index / SAMPLE_RATE_HZ;
    const syllable = 0.6 + 0.4 * Math.sin(2 * Math.PI * 4 * seconds);
    const sum = pitches.reduce((total, pitch) => total + Math.sin(2 * Math.PI * pitch * seconds), 0);
    bytes[index] = encode(Math.round(amplitude * syllable * sum));
  }
  return Array.from({ length: LOOP_PACKETS }, (_, packet) =>
    bytes.subarray(packet * PACKET_SAMPLES, (packet + 1) * PACKET_SAMPLES),
  );
}
