/** G.711 (ITU-T G.711, 1988): two laws that put 14 or 13 bits of sound into 8. Tables, since a telephone has only 256 values. */

export type Law = 'alaw' | 'ulaw';

/** The byte that is silence. */
export const SILENCE_BYTE: Readonly<Record<Law, number>> = { alaw: 0xd5, ulaw: 0xff };

function decodeUlaw(byte: number): number {
  const inverted = ~byte & 0xff;
  const magnitude = ((((inverted & 0x0f) << 3) + 0x84) << ((inverted >>> 4) & 7)) - 0x84;
  return inverted >= 0x80 ? -magnitude : magnitude;
}

function decodeAlaw(byte: number): number {
  const toggled = byte ^ 0x55;
  const segment = (toggled >>> 4) & 7;
  const step = (toggled & 0x0f) << 4;
  const magnitude = segment === 0 ? step + 8 : (step + 0x108) << (segment - 1);
  return toggled >= 0x80 ? magnitude : -magnitude;
}

const decodeTable = (decode: (byte: number) => number): Int16Array =>
  Int16Array.from({ length: 256 }, (_, byte) => decode(byte));

/** From a byte to linear, 16 bits. */
export const G711_TO_LINEAR: Readonly<Record<Law, Int16Array>> = {
  alaw: decodeTable(decodeAlaw),
  ulaw: decodeTable(decodeUlaw),
};

/** The byte of a law that is nearest to a linear value. Ties go to the smaller magnitude. */
function encodeNearest(linear: number, law: Law): number {
  let best = 0;
  for (let byte = 1; byte < 256; byte += 1) {
    const value = G711_TO_LINEAR[law][byte] ?? 0;
    const chosen = G711_TO_LINEAR[law][best] ?? 0;
    const difference = Math.abs(value - linear) - Math.abs(chosen - linear);
    if (difference < 0 || (difference === 0 && Math.abs(value) < Math.abs(chosen))) best = byte;
  }
  return best;
}

function transcodeTable(from: Law, to: Law): Uint8Array {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) =>
    from === to ? byte : encodeNearest(G711_TO_LINEAR[from][byte] ?? 0, to),
  );
  if (from !== to) bytes[SILENCE_BYTE[from]] = SILENCE_BYTE[to];
  return bytes;
}

/** From a byte of one law to the nearest of another. */
export const G711_TRANSCODE: Readonly<Record<Law, Readonly<Record<Law, Uint8Array>>>> = {
  alaw: { alaw: transcodeTable('alaw', 'alaw'), ulaw: transcodeTable('alaw', 'ulaw') },
  ulaw: { alaw: transcodeTable('ulaw', 'alaw'), ulaw: transcodeTable('ulaw', 'ulaw') },
};

/** The law of a payload type; undefined for another codec. RFC 3551: PCMU is 0, PCMA is 8. */
export function lawOf(payloadType: number): Law | undefined {
  return payloadType === 0 ? 'ulaw' : payloadType === 8 ? 'alaw' : undefined;
}

/** For a file of which only encrypted packets are known: A-law, as in most of the world. */
export const DEFAULT_LAW: Law = 'alaw';
