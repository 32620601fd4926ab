/**
 * One file while it is made: its name, its WAV, the packets kept beside it, and `NAME.json.part`, which says what is known so far and is
 * what the next start completes it from. Everything that touches the disk happens here, one thing after the other.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { encryptingFileSystem, type FileKey } from '../encryption';
import { audioPath, metadataPath, PART_EXTENSION, rawPath } from './file-names';
import { sha256OfFile, type FileSystem } from '../disk';
import { renderName } from './name-template';
import type { FileOwner } from './owner';
import type { Packet } from '../rtp';
import { RtpdumpWriter } from './rtpdump-writer';
import type { FormatName, Timeline } from '../audio';
import { CHANNELS, type Channel, type DeviceContext, type RawFile, type RecordingMetadata } from '../common';
import { WavWriter } from './wav-writer';

/** `NAME.json.part`. */
export interface Sidecar {
  readonly owner: FileOwner;
  /** As far as it is known; `sha256` is empty. */
  readonly recorded: RecordingMetadata;
}

export interface RecordingFileOptions {
  readonly folder: string;
  readonly filename: string;
  readonly format: FormatName;
  /** Undefined: nothing is encrypted. */
  readonly key?: FileKey | undefined;
}

/** So many recordings of one name, and the template isn't one. */
const MAX_NAME_ATTEMPTS = 10_000;
/** How often what is known is written, besides when something important happens. It grows with the gaps, and is then written less often. */
const SIDECAR_INTERVAL_MS = 10_000;
const SIDECAR_INTERVAL_PER_GAP_MS = 10;
/** A name is taken by any of them. */
const RESERVED_EXTENSIONS = ['.wav', '.wav.part', '.wav.enc', '.wav.enc.part', '.json'];

export class RecordingFile {
  readonly #options: RecordingFileOptions;
  readonly #fileSystem: FileSystem;
  readonly #owner: FileOwner;
  readonly id = randomBytes(6).toString('hex');
  /** Relative to the folder, without extension; known once it is reserved. */
  #name: string | undefined;
  #writer: WavWriter | undefined;
  readonly #rawWriters = new Map<Channel, RtpdumpWriter>();
  #sidecarDue: number | undefined;
  /** For all that can be heard. */
  readonly #mediaFileSystem: FileSystem;

  /**
   * @param origin the position on the timeline where the file begins
   * @param startedAt that moment in milliseconds of the epoch. @param startedTick the same on the recorder's clock
   */
  constructor(
    options: RecordingFileOptions,
    fileSystem: FileSystem,
    owner: FileOwner,
    readonly deviceNumber: string,
    readonly context: DeviceContext,
    readonly origin: number,
    readonly startedAt: number,
    readonly startedTick: number,
  ) {
    this.#options = options;
    this.#fileSystem = fileSystem;
    this.#owner = owner;
    this.#mediaFileSystem = options.key ? encryptingFileSystem(fileSystem, options.key) : fileSystem;
  }

  get name(): string | undefined {
    return this.#name;
  }

  get keyId(): string | undefined {
    return this.#options.key?.id;
  }

  /** There is something on the disk. */
  get exists(): boolean {
    return this.#name !== undefined;
  }

  /** Keeps a packet as it came, beside the audio. */
  addRawPacket(channel: Channel, packet: Packet, reason: 'encrypted' | 'codec'): void {
    this.#rawWriterFor(channel).add(packet, reason);
  }

  get hasRawPackets(): boolean {
    return this.#rawWriters.size > 0;
  }

  /**
   * Brings the disk up to date.
   * @param timeline undefined while no audio came whose law is known
   * @throws the system's error; the next flush tries again
   */
  async flush(
    timeline: Timeline | undefined,
    upTo: number,
    now: number,
    describe: () => RecordingMetadata,
  ): Promise<void> {
    await this.#reserve(describe);
    if (timeline) await this.#wavWriterFor(timeline).flush(timeline, upTo);
    for (const raw of this.#rawWriters.values()) await raw.flush();
    if (this.#sidecarDue === undefined) this.#sidecarDue = now + SIDECAR_INTERVAL_MS; // reserving the name has written it
    if (now < this.#sidecarDue) return;
    const metadata = describe();
    await this.#fileSystem.replace(this.#path(sidecarPath), sidecarText(this.#owner, metadata));
    this.#sidecarDue = now + SIDECAR_INTERVAL_MS + SIDECAR_INTERVAL_PER_GAP_MS * metadata.gaps.length;
  }

  /** Something is known that a crash must not lose: the next flush writes it. */
  requestSidecar(): void {
    this.#sidecarDue = 0;
  }

  /** Frames that are in the file. */
  get frames(): number {
    return this.#writer?.frames ?? 0;
  }

  /** Ends the audio at a position on the timeline. @returns length and hash of the file */
  async finish(timeline: Timeline, position: number): Promise<{ bytes: number; sha256: string }> {
    const bytes = await this.#wavWriterFor(timeline).finish(position);
    for (const raw of this.#rawWriters.values()) await raw.finish();
    return { bytes, sha256: await sha256OfFile(this.#path(audioPath) + PART_EXTENSION) };
  }

  /** Writes what is known last, hash included, so that a crash from here on loses nothing of it. */
  async seal(metadata: RecordingMetadata): Promise<void> {
    await this.#fileSystem.replace(this.#path(sidecarPath), sidecarText(this.#owner, metadata));
  }

  /** Lets go of the files as they are: the next start completes what can be completed. */
  async abandon(): Promise<void> {
    await this.#writer?.close().catch(() => undefined); // a broken disk may refuse even this; there is nothing more to do
    for (const raw of this.#rawWriters.values()) await raw.close().catch(() => undefined);
  }

  async rawFiles(): Promise<RawFile[]> {
    const list: RawFile[] = [];
    for (const channel of CHANNELS) {
      const raw = this.#rawWriters.get(channel);
      if (raw)
        list.push({
          ...this.#describeRaw(channel, raw),
          sha256: await sha256OfFile(this.#path((named) => rawPath(named, channel)) + PART_EXTENSION),
        });
    }
    return list;
  }

  /** Without hash, while it grows. */
  get rawFilesSoFar(): RawFile[] {
    return [...this.#rawWriters].map(([channel, raw]) => this.#describeRaw(channel, raw));
  }

  #describeRaw(channel: Channel, raw: RtpdumpWriter): RawFile {
    return {
      path: rawPath({ name: this.#name ?? '', keyId: this.keyId }, channel),
      channel,
      packets: raw.packets,
      dropped: raw.dropped,
      payloadTypes: [...raw.payloadTypes],
      reasons: [...raw.reasons],
      sha256: '',
    };
  }

  #rawWriterFor(channel: Channel): RtpdumpWriter {
    let raw = this.#rawWriters.get(channel);
    if (!raw) {
      raw = new RtpdumpWriter(
        () => this.#path((named) => rawPath(named, channel)) + PART_EXTENSION,
        this.#mediaFileSystem,
        this.startedAt,
        this.startedTick,
      );
      this.#rawWriters.set(channel, raw);
    }
    return raw;
  }

  #wavWriterFor(timeline: Timeline): WavWriter {
    const { name: format, law } = timeline.format;
    return (this.#writer ??= new WavWriter(
      this.#path(audioPath) + PART_EXTENSION,
      { format, law },
      this.origin,
      this.#mediaFileSystem,
    ));
  }

  /** Takes a name that nobody has: `NAME.json.part` is made only when it isn't there, which no other worker or process can undo. */
  async #reserve(describe: () => RecordingMetadata): Promise<void> {
    if (this.#name !== undefined) return;
    const baseName = renderName(this.#options.filename, {
      ...this.context,
      deviceNumber: this.deviceNumber,
      startedAt: this.startedAt,
      id: this.id,
    });
    await this.#fileSystem.makeFolder(path.dirname(path.join(this.#options.folder, baseName)));
    for (let number = 1; number <= MAX_NAME_ATTEMPTS; number += 1) {
      const name = number === 1 ? baseName : `${baseName}-${number}`;
      if (await this.#tryReserve(name, describe)) return;
    }
    throw Object.assign(new Error(`${MAX_NAME_ATTEMPTS} recordings are named ${baseName}`), {
      code: 'EEXIST',
    });
  }

  async #tryReserve(name: string, describe: () => RecordingMetadata): Promise<boolean> {
    const base = path.join(this.#options.folder, name);
    for (const extension of RESERVED_EXTENSIONS)
      if (await this.#fileSystem.exists(base + extension)) return false;
    const text = Buffer.from(sidecarText(this.#owner, { ...describe(), name }));
    try {
      const file = await this.#fileSystem.create(`${base}.json.part`);
      try {
        await file.write(text, 0, text.length, 0);
      } catch (error) {
        await this.#fileSystem.remove(`${base}.json.part`);
        throw error;
      } finally {
        await file.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
    this.#name = name;
    return true;
  }

  #path(of: (named: { name: string; keyId: string | undefined }) => string): string {
    return path.join(this.#options.folder, of({ name: this.#name ?? this.id, keyId: this.keyId }));
  }
}

const sidecarPath = ({ name }: { name: string }): string => metadataPath(name) + PART_EXTENSION;

const sidecarText = (owner: FileOwner, metadata: RecordingMetadata): string =>
  JSON.stringify({ owner, recorded: metadata } satisfies Sidecar);
