/** How a sample lies in a file: one byte of G.711, or two of linear PCM. Left and right alternate. */
import { G711_TO_LINEAR, SILENCE_BYTE, G711_TRANSCODE, type Law } from './g711';

export type FormatName = 'g711' | 'pcm16';

export abstract class SampleFormat {
  abstract readonly name: FormatName;
  abstract readonly bytesPerSample: 1 | 2;
  /** Of the file's first audio; other audio is transcoded to it when the file is G.711. */
  abstract readonly law: Law;
  /** A byte that is silence when repeated. */
  abstract readonly silence: number;

  /** Writes samples of `law` into a stereo page, the first at frame `frame` of side `side` (0 left, 1 right). */
  abstract write(
    page: DataView,
    frame: number,
    channelIndex: 0 | 1,
    law: Law,
    bytes: DataView,
    start: number,
    end: number,
  ): void;
  abstract erase(page: Uint8Array, from: number, to: number, channelIndex: 0 | 1): void;
  /** The linear value, 16 bits. */
  abstract read(page: Uint8Array, frame: number, channelIndex: 0 | 1): number;

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
    this.silence = SILENCE_BYTE[law];
  }

  /** Four samples at a time: they become every other byte of eight, at half the cost of one by one. */
  override write(
    page: DataView,
    frame: number,
    channelIndex: 0 | 1,
    law: Law,
    bytes: DataView,
    start: number,
    end: number,
  ): void {
    const wordsEnd = law === this.law ? end - ((end - start) % 4) : start;
    const shift = 8 * channelIndex;
    const otherChannelMask = ~(0x00ff00ff << shift);
    let target = 2 * frame;
    for (let index = start; index < wordsEnd; index += 4, target += 8) {
      const word = bytes.getInt32(index, true);
      const first = ((word & 0xff) | ((word & 0xff00) << 8)) << shift;
      const second = (((word >>> 16) & 0xff) | ((word >>> 24) << 16)) << shift;
      page.setInt32(target, (page.getInt32(target, true) & otherChannelMask) | first, true);
      page.setInt32(target + 4, (page.getInt32(target + 4, true) & otherChannelMask) | second, true);
    }
    const table = G711_TRANSCODE[law][this.law];
    for (let index = wordsEnd; index < end; index += 1, target += 2)
      page.setUint8(target + channelIndex, table[bytes.getUint8(index)] ?? 0);
  }

  override erase(page: Uint8Array, from: number, to: number, channelIndex: 0 | 1): void {
    for (let frame = from; frame < to; frame += 1) page[2 * frame + channelIndex] = this.silence;
  }

  override read(page: Uint8Array, frame: number, channelIndex: 0 | 1): number {
    return G711_TO_LINEAR[this.law][page[2 * frame + channelIndex] ?? 0] ?? 0;
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

  override write(
    page: DataView,
    frame: number,
    channelIndex: 0 | 1,
    law: Law,
    bytes: DataView,
    start: number,
    end: number,
  ): void {
    const table = G711_TO_LINEAR[law];
    let target = 4 * frame + 2 * channelIndex;
    for (let index = start; index < end; index += 1, target += 4)
      page.setInt16(target, table[bytes.getUint8(index)] ?? 0, true);
  }

  override erase(page: Uint8Array, from: number, to: number, channelIndex: 0 | 1): void {
    for (let frame = from; frame < to; frame += 1)
      page.fill(0, 4 * frame + 2 * channelIndex, 4 * frame + 2 * channelIndex + 2);
  }

  override read(page: Uint8Array, frame: number, channelIndex: 0 | 1): number {
    const offset = 4 * frame + 2 * channelIndex;
    return (((page[offset] ?? 0) | ((page[offset + 1] ?? 0) << 8)) << 16) >> 16;
  }
}
