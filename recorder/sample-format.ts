/** How a sample lies in a file: one byte of G.711, or two of linear PCM. Left and right alternate. */
import { LINEAR, SILENCE, TRANSCODE, type Law } from './g711';

export type FormatName = 'g711' | 'pcm16';

export abstract class SampleFormat {
  abstract readonly name: FormatName;
  abstract readonly bytesPerSample: 1 | 2;
  /** Of the file's first audio; other audio is transcoded to it when the file is G.711. */
  abstract readonly law: Law;
  /** A byte that is silence when repeated. */
  abstract readonly silence: number;

  /** Writes samples of `law` into a stereo page, the first at frame `frame` of side `side` (0 left, 1 right). */
  abstract write(page: Uint8Array, frame: number, side: 0 | 1, law: Law, bytes: Uint8Array, start: number, end: number): void;
  abstract erase(page: Uint8Array, from: number, to: number, side: 0 | 1): void;
  /** The linear value, 16 bits. */
  abstract read(page: Uint8Array, frame: number, side: 0 | 1): number;

  static of(name: FormatName, law: Law): SampleFormat {
    return name === 'g711' ? new G711(law) : new Pcm16(law);
  }
}

class G711 extends SampleFormat {
  readonly name = 'g711';
  readonly bytesPerSample = 1;
  readonly silence: number;

  constructor(readonly law: Law) {
    super();
    this.silence = SILENCE[law];
  }

  override write(page: Uint8Array, frame: number, side: 0 | 1, law: Law, bytes: Uint8Array, start: number, end: number): void {
    let target = 2 * frame + side;
    if (law === this.law) {
      for (let index = start; index < end; index += 1, target += 2) page[target] = bytes[index] ?? 0;
      return;
    }
    const table = TRANSCODE[law][this.law];
    for (let index = start; index < end; index += 1, target += 2) page[target] = table[bytes[index] ?? 0] ?? 0;
  }

  override erase(page: Uint8Array, from: number, to: number, side: 0 | 1): void {
    for (let frame = from; frame < to; frame += 1) page[2 * frame + side] = this.silence;
  }

  override read(page: Uint8Array, frame: number, side: 0 | 1): number {
    return LINEAR[this.law][page[2 * frame + side] ?? 0] ?? 0;
  }
}

/** Little-endian, as WAV has it. */
class Pcm16 extends SampleFormat {
  readonly name = 'pcm16';
  readonly bytesPerSample = 2;
  readonly silence = 0;

  constructor(readonly law: Law) {
    super();
  }

  override write(page: Uint8Array, frame: number, side: 0 | 1, law: Law, bytes: Uint8Array, start: number, end: number): void {
    const table = LINEAR[law];
    let target = 4 * frame + 2 * side;
    for (let index = start; index < end; index += 1, target += 4) {
      const linear = table[bytes[index] ?? 0] ?? 0;
      page[target] = linear & 0xff;
      page[target + 1] = linear >>> 8;
    }
  }

  override erase(page: Uint8Array, from: number, to: number, side: 0 | 1): void {
    for (let frame = from; frame < to; frame += 1) page.fill(0, 4 * frame + 2 * side, 4 * frame + 2 * side + 2);
  }

  override read(page: Uint8Array, frame: number, side: 0 | 1): number {
    const offset = 4 * frame + 2 * side;
    return ((page[offset] ?? 0) | ((page[offset + 1] ?? 0) << 8)) << 16 >> 16;
  }
}
