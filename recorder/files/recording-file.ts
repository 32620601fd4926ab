/**
 * One file while it is made: its name, its WAV, the packets kept beside it, and `NAME.json.part`, which says what is known so far and is
 * what the next start completes it from. Everything that touches the disk happens here, one thing after the other.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { encrypting, type FileKey } from '../encryption';
import { audioOf, metadataOf, PART, rawOf } from './file-names';
import { sha256OfFile, type Files } from '../disk';
import { nameOf } from './name-template';
import type { Owner } from './owner';
import type { Packet } from '../rtp';
import { RawWriter } from './rtpdump-writer';
import type { FormatName, Timeline } from '../audio';
import { CHANNELS, type Channel, type DeviceContext, type RawFile, type Recorded } from '../common';
import { WavWriter } from './wav-writer';

/** `NAME.json.part`. */
export interface Sidecar {
  readonly owner: Owner;
  /** As far as it is known; `sha256` is empty. */
  readonly recorded: Recorded;
}

export interface RecordingOptions {
  readonly folder: string;
  readonly filename: string;
  readonly format: FormatName;
  /** Undefined: nothing is encrypted. */
  readonly key?: FileKey | undefined;
}

/** So many recordings of one name, and the template isn't one. */
const MOST_NUMBERS = 10_000;
/** How often what is known is written, besides when something important happens. It grows with the gaps, and is then written less often. */
const SIDECAR_MS = 10_000;
const SIDECAR_MS_PER_GAP = 10;
/** A name is taken by any of them. */
const TAKEN = ['.wav', '.wav.part', '.wav.enc', '.wav.enc.part', '.json'];

export class Recording {
  readonly id = randomBytes(6).toString('hex');
  /** Relative to the folder, without extension; known once it is reserved. */
  #name: string | undefined;
  #writer: WavWriter | undefined;
  readonly #raw = new Map<Channel, RawWriter>();
  #sidecarDue: number | undefined;
  /** For all that can be heard. */
  readonly #audible: Files;

  /**
   * @param origin the position on the timeline where the file begins
   * @param startedAt that moment in milliseconds of the epoch. @param startedTick the same on the recorder's clock
   */
  constructor(
    private readonly options: RecordingOptions,
    private readonly files: Files,
    private readonly owner: Owner,
    readonly deviceNumber: string,
    readonly context: DeviceContext,
    readonly origin: number,
    readonly startedAt: number,
    readonly startedTick: number,
  ) {
    this.#audible = options.key ? encrypting(files, options.key) : files;
  }

  get name(): string | undefined {
    return this.#name;
  }

  get keyId(): string | undefined {
    return this.options.key?.id;
  }

  /** There is something on the disk. */
  get exists(): boolean {
    return this.#name !== undefined;
  }

  /** Keeps a packet as it came, beside the audio. */
  keep(channel: Channel, packet: Packet, reason: 'encrypted' | 'codec'): void {
    this.#rawOf(channel).add(packet, reason);
  }

  get keptAny(): boolean {
    return this.#raw.size > 0;
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
    known: () => Recorded,
  ): Promise<void> {
    await this.#reserve(known);
    if (timeline) await this.#wavOf(timeline).flush(timeline, upTo);
    for (const raw of this.#raw.values()) await raw.flush();
    if (this.#sidecarDue === undefined) this.#sidecarDue = now + SIDECAR_MS; // reserving the name has written it
    if (now < this.#sidecarDue) return;
    const recorded = known();
    await this.files.replace(this.#path(sidecarOf), sidecarText(this.owner, recorded));
    this.#sidecarDue = now + SIDECAR_MS + SIDECAR_MS_PER_GAP * recorded.gaps.length;
  }

  /** Something is known that a crash must not lose: the next flush writes it. */
  note(): void {
    this.#sidecarDue = 0;
  }

  /** Frames that are in the file. */
  get frames(): number {
    return this.#writer?.frames ?? 0;
  }

  /** Ends the audio at a position on the timeline. @returns length and hash of the file */
  async finish(timeline: Timeline, position: number): Promise<{ bytes: number; sha256: string }> {
    const bytes = await this.#wavOf(timeline).finish(position);
    for (const raw of this.#raw.values()) await raw.finish();
    return { bytes, sha256: await sha256OfFile(this.#path(audioOf) + PART) };
  }

  /** Writes what is known last, hash included, so that a crash from here on loses nothing of it. */
  async seal(recorded: Recorded): Promise<void> {
    await this.files.replace(this.#path(sidecarOf), sidecarText(this.owner, recorded));
  }

  /** Lets go of the files as they are: the next start completes what can be completed. */
  async abandon(): Promise<void> {
    await this.#writer?.close().catch(() => undefined); // a broken disk may refuse even this; there is nothing more to do
    for (const raw of this.#raw.values()) await raw.close().catch(() => undefined);
  }

  async rawFiles(): Promise<RawFile[]> {
    const list: RawFile[] = [];
    for (const channel of CHANNELS) {
      const raw = this.#raw.get(channel);
      if (raw)
        list.push({
          ...this.#describeRaw(channel, raw),
          sha256: await sha256OfFile(this.#path((named) => rawOf(named, channel)) + PART),
        });
    }
    return list;
  }

  /** Without hash, while it grows. */
  get rawSoFar(): RawFile[] {
    return [...this.#raw].map(([channel, raw]) => this.#describeRaw(channel, raw));
  }

  #describeRaw(channel: Channel, raw: RawWriter): RawFile {
    return {
      path: rawOf({ name: this.#name ?? '', keyId: this.keyId }, channel),
      channel,
      packets: raw.packets,
      dropped: raw.dropped,
      payloadTypes: [...raw.payloadTypes],
      reasons: [...raw.reasons],
      sha256: '',
    };
  }

  #rawOf(channel: Channel): RawWriter {
    let raw = this.#raw.get(channel);
    if (!raw) {
      raw = new RawWriter(
        () => this.#path((named) => rawOf(named, channel)) + PART,
        this.#audible,
        this.startedAt,
        this.startedTick,
      );
      this.#raw.set(channel, raw);
    }
    return raw;
  }

  #wavOf(timeline: Timeline): WavWriter {
    const { name: format, law } = timeline.format;
    return (this.#writer ??= new WavWriter(
      this.#path(audioOf) + PART,
      { format, law },
      this.origin,
      this.#audible,
    ));
  }

  /** Takes a name that nobody has: `NAME.json.part` is made only when it isn't there, which no other worker or process can undo. */
  async #reserve(known: () => Recorded): Promise<void> {
    if (this.#name !== undefined) return;
    const wanted = nameOf(this.options.filename, {
      ...this.context,
      deviceNumber: this.deviceNumber,
      startedAt: this.startedAt,
      id: this.id,
    });
    await this.files.makeFolder(path.dirname(path.join(this.options.folder, wanted)));
    for (let number = 1; number <= MOST_NUMBERS; number += 1) {
      const name = number === 1 ? wanted : `${wanted}-${number}`;
      if (await this.#take(name, known)) return;
    }
    throw Object.assign(new Error(`${MOST_NUMBERS} recordings are named ${wanted}`), { code: 'EEXIST' });
  }

  async #take(name: string, known: () => Recorded): Promise<boolean> {
    const base = path.join(this.options.folder, name);
    for (const extension of TAKEN) if (await this.files.exists(base + extension)) return false;
    const text = Buffer.from(sidecarText(this.owner, { ...known(), name }));
    try {
      const file = await this.files.create(`${base}.json.part`);
      try {
        await file.write(text, 0, text.length, 0);
      } catch (error) {
        await this.files.remove(`${base}.json.part`);
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
    return path.join(this.options.folder, of({ name: this.#name ?? this.id, keyId: this.keyId }));
  }
}

const sidecarOf = ({ name }: { name: string }): string => metadataOf(name) + PART;

const sidecarText = (owner: Owner, recorded: Recorded): string =>
  JSON.stringify({ owner, recorded } satisfies Sidecar);
