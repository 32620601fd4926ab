/**
 * How long recordings are kept, and what is under hold. What is in force is what the manifest says: every change is a line of it, and nothing
 * is remembered elsewhere. A deletion begins with its line, then the files go; what a crash left of them goes at the next start.
 */
import { realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { invalid, messageOf, RecorderError, checkDays, CHANNELS } from '../common';
import { metadataPath, nameFromAudioPath, PART_EXTENSION, rawPathBeside } from '../files';
import { ManifestIndex, type IndexedRecording } from './manifest-index';
import type { Manifest } from './manifest';
import type { ManifestEntry } from './manifest-lines';

/** Which recording, by one or the other, and what the manifest shall say of who asked and why. */
export interface RetentionRequest {
  readonly id?: string | undefined;
  /** As a finished recording says it, or relative to the folder. */
  readonly file?: string | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
}

/** What is in force for a recording. */
export interface RetentionState {
  readonly id: string;
  /** Absolute path. */
  readonly file: string;
  readonly held: boolean;
  /** ISO 8601 UTC; null: for ever. While it is held it is kept beyond that. */
  readonly retainUntil: string | null;
  readonly deleted?: true;
}

export interface RetentionOptions {
  readonly folder: string;
  /** For recordings that nobody has said anything else of; 0: for ever. */
  readonly retentionDays: number;
}

export interface RetentionParts {
  readonly manifest: Manifest;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  readonly onChange: (state: RetentionState) => void;
  readonly warn: (makeEntry: string) => void;
}

const DAY_MS = 86_400_000;
/** Deleted together, with one wait for the disk; then others have their turn. */
const DELETION_BATCH_COUNT = 50;
const MAX_TEXT_CHARACTERS = 1000;

export class Retention {
  readonly #options: RetentionOptions;
  readonly #parts: RetentionParts;
  readonly #index: ManifestIndex;
  /** Files whose deletion is written down, and that wouldn't go. */
  readonly #undeletable = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: RetentionOptions, parts: RetentionParts) {
    this.#options = options;
    this.#parts = parts;
    this.#index = new ManifestIndex(options.folder);
  }

  /**
   * Nothing deletes it until it is released.
   * @throws RecorderError `INVALID_INPUT`, `NOT_FOUND`; the system's error
   */
  hold(request: RetentionRequest): Promise<RetentionState> {
    return this.#change(request, (recording) => (recording.held ? undefined : { entry: 'hold' }));
  }

  /** The hold ends; when its time is over it is deleted at the next look. Releasing what isn't held is no error. */
  release(request: RetentionRequest): Promise<RetentionState> {
    return this.#change(request, (recording) => (recording.held ? { entry: 'released' } : undefined));
  }

  /** @param days whole days from the recording's end, 0 to 36500; 0: for ever */
  retain(request: RetentionRequest, days: number): Promise<RetentionState> {
    return this.#change(request, (recording) => {
      checkDays('days', days);
      return recording.retainDays === days ? undefined : { entry: 'retain', days };
    });
  }

  /** @throws RecorderError `REFUSED` when it is under hold or unfinished, else as `hold` */
  delete(request: RetentionRequest): Promise<RetentionState> {
    return this.#serialize(async () => {
      const recording = await this.#find(request);
      if (recording.held)
        throw new RecorderError('REFUSED', `${recording.file} is under hold: it isn't deleted`);
      if (await this.#isUnfinished(recording))
        throw new RecorderError('REFUSED', `${recording.file} is still being completed: it isn't deleted`);
      const [state] = await this.#delete([recording], 'request', request);
      return state ?? this.#stateOf(recording);
    });
  }

  /** Deletes what has been kept long enough, in portions. @returns how many; what can't be deleted is told by `warn`, and tried again */
  async deleteExpired(): Promise<number> {
    await this.#serialize(() => this.#finishDeletions());
    const expired = [...this.#index.all]
      .filter((recording) => this.#isExpired(recording))
      .map(({ file }) => file);
    let deleted = 0;
    for (let from = 0; from < expired.length && !this.#closed; from += DELETION_BATCH_COUNT) {
      deleted += await this.#serialize(() =>
        this.#deleteBatch(expired.slice(from, from + DELETION_BATCH_COUNT)),
      );
    }
    return deleted;
  }

  /** Waits for what is being done; what isn't begun is done after the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
  }

  /** One thing after the other: what is looked up must still hold when it is written down. */
  #serialize<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined); // told to whoever asked
    return done;
  }

  #change(
    request: RetentionRequest,
    makeEntry: (
      recording: IndexedRecording,
    ) => { entry: 'hold' | 'released' } | { entry: 'retain'; days: number } | undefined,
  ): Promise<RetentionState> {
    return this.#serialize(async () => {
      const recording = await this.#find(request);
      const { file, id } = recording;
      const entry = makeEntry(recording);
      if (entry) {
        await this.#parts.manifest.append({
          ...entry,
          at: this.#iso(this.#parts.now()),
          file,
          id,
          ...reasonOf(request),
        });
        await this.#index.read();
      }
      const state = this.#stateOf(this.#index.find({ file }) ?? recording);
      if (entry) this.#parts.onChange(state);
      return state;
    });
  }

  async #find(request: RetentionRequest): Promise<IndexedRecording> {
    const { id } = request;
    if (id !== undefined && (typeof id !== 'string' || id === ''))
      throw invalid('id', id, 'the id of a recording');
    for (const field of ['reason', 'by'] as const) checkText(field, request[field]);
    const file = this.#relative(request.file);
    if (id === undefined && file === undefined)
      throw invalid('id', undefined, 'given, or file: which recording is meant');
    await this.#index.read();
    const recording = this.#index.find({ id, file });
    if (!recording)
      throw new RecorderError(
        'NOT_FOUND',
        `the manifest has no recording ${file ?? id ?? ''} that wasn't deleted`,
      );
    if (nameFromAudioPath(recording.file) === undefined)
      throw new RecorderError('REFUSED', `${recording.file} is no name that a recorder gives`);
    return recording;
  }

  #relative(file: unknown): string | undefined {
    if (file === undefined) return undefined;
    const rule = "the path of a recording in the recorder's folder";
    if (typeof file !== 'string' || file === '') throw invalid('file', file, rule);
    const relative = path
      .relative(this.#options.folder, path.resolve(this.#options.folder, file))
      .split(path.sep)
      .join('/');
    if (nameFromAudioPath(relative) === undefined) throw invalid('file', file, rule);
    return relative;
  }

  #isExpired(recording: IndexedRecording): boolean {
    return (
      !recording.held &&
      this.#expiresAt(recording) <= this.#parts.now() &&
      nameFromAudioPath(recording.file) !== undefined
    );
  }

  /** They were due a moment ago; a hold may have come since. */
  async #deleteBatch(files: readonly string[]): Promise<number> {
    await this.#index.read();
    const list: IndexedRecording[] = [];
    for (const file of files) {
      const recording = this.#index.find({ file });
      if (recording && this.#isExpired(recording) && !(await this.#isUnfinished(recording)))
        list.push(recording);
    }
    return (await this.#delete(list, 'retention')).length;
  }

  /** @returns those that are gone, or whose files will be gone after the next look */
  async #delete(
    list: readonly IndexedRecording[],
    cause: 'retention' | 'request',
    request: RetentionRequest = {},
  ): Promise<RetentionState[]> {
    const at = this.#iso(this.#parts.now());
    await Promise.all(
      list.map(({ id, file, sha256, metadataSha256 }) =>
        this.#parts.manifest.append({
          entry: 'deleted',
          at,
          file,
          id,
          sha256,
          metadataSha256,
          why: cause,
          ...reasonOf(request),
        } satisfies ManifestEntry),
      ),
    );
    await this.#index.read();
    await this.#finishDeletions();
    const gone = list.map((recording): RetentionState => ({ ...this.#stateOf(recording), deleted: true }));
    for (const state of gone) this.#parts.onChange(state);
    return gone;
  }

  /** Removes the files of all whose deletion is written down. */
  async #finishDeletions(): Promise<void> {
    await this.#index.read();
    for (const file of [...this.#undeletable, ...this.#index.takeDeleted()]) {
      try {
        await this.#removeFiles(file);
        this.#undeletable.delete(file);
      } catch (error) {
        if (!this.#undeletable.has(file))
          this.#parts.warn(`${file} is deleted, but its files wouldn't go: ${messageOf(error)}`);
        this.#undeletable.add(file);
      }
    }
  }

  /** Never leaves the folder, whatever a manifest says: names are made from one that a recorder gives, and no link is followed. */
  async #removeFiles(file: string): Promise<void> {
    const name = nameFromAudioPath(file);
    if (name === undefined || !(await this.#isInside(file))) return;
    for (const each of [
      file,
      ...CHANNELS.map((channel) => rawPathBeside(file, channel)),
      metadataPath(name),
    ]) {
      await rm(path.join(this.#options.folder, each), { force: true });
    }
  }

  async #isInside(file: string): Promise<boolean> {
    const folder = await realpath(this.#options.folder);
    const parent = path.dirname(file);
    // A folder that isn't there any more has no files.
    return (await realpath(path.join(folder, parent)).catch(() => undefined)) === path.join(folder, parent);
  }

  async #isUnfinished({ file }: IndexedRecording): Promise<boolean> {
    const sidecar = path.join(
      this.#options.folder,
      metadataPath(nameFromAudioPath(file) ?? file) + PART_EXTENSION,
    );
    return stat(sidecar).then(
      () => true,
      () => false,
    );
  }

  #expiresAt({ endedAt, retainDays = this.#options.retentionDays }: IndexedRecording): number {
    return retainDays === 0 ? Infinity : endedAt + retainDays * DAY_MS;
  }

  #stateOf(recording: IndexedRecording): RetentionState {
    const expiresAt = this.#expiresAt(recording);
    return {
      id: recording.id,
      file: path.join(this.#options.folder, ...recording.file.split('/')),
      held: recording.held,
      retainUntil: Number.isFinite(expiresAt) ? this.#iso(expiresAt) : null,
    };
  }

  #iso(at: number): string {
    return new Date(at).toISOString();
  }
}

function reasonOf({ reason, by }: RetentionRequest): { reason?: string; by?: string } {
  return { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) };
}

function checkText(field: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value.length > MAX_TEXT_CHARACTERS))
    throw invalid(field, value, `a text of at most ${MAX_TEXT_CHARACTERS} characters`);
}
