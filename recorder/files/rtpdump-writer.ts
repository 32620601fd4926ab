/**
 * Keeps packets as they came, in the form of rtpdump (rtptools): a line of text, a header, then each packet with its time and length.
 * Wireshark and ffmpeg read it once it is deciphered or the codec is there.
 */
import type { FileSystem, OpenFile } from '../disk';
import type { Packet } from '../rtp';

/** What may wait for the disk: a minute of a flow. */
const MAX_PENDING_BYTES = 1024 * 1024;

export class RtpdumpWriter {
  readonly #path: () => string;
  readonly #fileSystem: FileSystem;
  readonly #startedTick: number;
  packets = 0;
  /** Given up because the disk took nothing. */
  dropped = 0;
  readonly payloadTypes = new Set<number>();
  readonly reasons = new Set<'encrypted' | 'codec'>();
  #file: OpenFile | undefined;
  #pending: Uint8Array[];
  #pendingBytes = 0;
  #writtenBytes = 0;

  /** @param startedAt milliseconds of the epoch; the packets' times count from it. @param startedTick the same on the recorder's clock */
  constructor(path: () => string, fileSystem: FileSystem, startedAt: number, startedTick: number) {
    this.#path = path;
    this.#fileSystem = fileSystem;
    this.#startedTick = startedTick;
    this.#pending = [fileHeader(startedAt)];
  }

  add(packet: Packet, reason: 'encrypted' | 'codec'): void {
    if (this.#pendingBytes >= MAX_PENDING_BYTES) {
      this.dropped += 1;
      return;
    }
    const record = encodeRecord(packet, packet.arrivedAt - this.#startedTick);
    this.#pending.push(record);
    this.#pendingBytes += record.length;
    this.packets += 1;
    this.payloadTypes.add(packet.header.payloadType);
    this.reasons.add(reason);
  }

  /** One at a time. @throws the system's error; what waits is tried again */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    this.#file ??= await this.#fileSystem.create(this.#path());
    const bytes = Buffer.concat(this.#pending.splice(0));
    this.#pendingBytes = 0;
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#writtenBytes);
      this.#writtenBytes += bytes.length;
    } catch (error) {
      this.#pending.unshift(bytes);
      this.#pendingBytes += bytes.length;
      throw error;
    }
  }

  /** Everything is written: the file ends here. */
  async finish(): Promise<void> {
    await this.#file?.finish(this.#writtenBytes);
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

function fileHeader(startedAt: number): Buffer {
  const text = Buffer.from('#!rtpplay1.0 0.0.0.0/0\n', 'latin1');
  const header = Buffer.alloc(16);
  header.writeUInt32BE(Math.floor(startedAt / 1000), 0);
  header.writeUInt32BE((startedAt % 1000) * 1000, 4);
  return Buffer.concat([text, header]);
}

function encodeRecord({ bytes }: Packet, offsetMs: number): Buffer {
  const record = Buffer.alloc(8 + bytes.length);
  record.writeUInt16BE(record.length, 0);
  record.writeUInt16BE(bytes.length, 2);
  record.writeUInt32BE(Math.max(0, Math.round(offsetMs)), 4);
  record.set(bytes, 8);
  return record;
}
