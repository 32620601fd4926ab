/**
 * Keeps packets as they came, in the form of rtpdump (rtptools): a line of text, a header, then each packet with its time and length.
 * Wireshark and ffmpeg read it once it is deciphered or the codec is there.
 */
import type { Files, OpenFile } from '../disk';
import type { Packet } from '../rtp';

/** What may wait for the disk: a minute of a flow. */
const MOST_WAITING = 1024 * 1024;

export class RawWriter {
  packets = 0;
  /** Given up because the disk took nothing. */
  dropped = 0;
  readonly payloadTypes = new Set<number>();
  readonly reasons = new Set<'encrypted' | 'codec'>();
  #file: OpenFile | undefined;
  #waiting: Uint8Array[];
  #waitingBytes = 0;
  #written = 0;

  /** @param beganAt milliseconds of the epoch; the packets' times count from it. @param beganAtTick the same on the recorder's clock */
  constructor(
    private readonly path: () => string,
    private readonly files: Files,
    beganAt: number,
    private readonly beganAtTick: number,
  ) {
    this.#waiting = [fileHeader(beganAt)];
  }

  add(packet: Packet, reason: 'encrypted' | 'codec'): void {
    if (this.#waitingBytes >= MOST_WAITING) {
      this.dropped += 1;
      return;
    }
    const record = recordOf(packet, packet.arrivedAt - this.beganAtTick);
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    this.packets += 1;
    this.payloadTypes.add(packet.header.payloadType);
    this.reasons.add(reason);
  }

  /** One at a time. @throws the system's error; what waits is tried again */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    this.#file ??= await this.files.create(this.path());
    const bytes = Buffer.concat(this.#waiting.splice(0));
    this.#waitingBytes = 0;
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#written);
      this.#written += bytes.length;
    } catch (error) {
      this.#waiting.unshift(bytes);
      this.#waitingBytes += bytes.length;
      throw error;
    }
  }

  /** Everything is written: the file ends here. */
  async finish(): Promise<void> {
    await this.#file?.finish(this.#written);
    await this.#file?.sync();
    await this.close();
  }

  /** Lets go of the file as it is. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

function fileHeader(beganAt: number): Buffer {
  const text = Buffer.from('#!rtpplay1.0 0.0.0.0/0\n', 'latin1');
  const header = Buffer.alloc(16);
  header.writeUInt32BE(Math.floor(beganAt / 1000), 0);
  header.writeUInt32BE((beganAt % 1000) * 1000, 4);
  return Buffer.concat([text, header]);
}

function recordOf({ bytes }: Packet, offsetMs: number): Buffer {
  const record = Buffer.alloc(8 + bytes.length);
  record.writeUInt16BE(record.length, 0);
  record.writeUInt16BE(bytes.length, 2);
  record.writeUInt32BE(Math.max(0, Math.round(offsetMs)), 4);
  record.set(bytes, 8);
  return record;
}
