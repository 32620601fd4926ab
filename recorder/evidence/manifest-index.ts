/** What the manifest says of the recordings of a folder: which there are, which are under hold, how long each is to be kept. */
import { stat } from 'node:fs/promises';
import path from 'node:path';

import { MANIFEST_FILE, readLines, type ManifestLine } from './manifest-lines';

/** A recording that was not deleted. */
export interface IndexedRecording {
  readonly id: string;
  /** Relative to the folder, separated by `/`. */
  readonly file: string;
  readonly sha256: string;
  readonly metadataSha256: string;
  /** Milliseconds of the epoch. */
  readonly endedAt: number;
  held: boolean;
  /** Of its own; 0 is for ever. Undefined: as the recorder says. */
  retainDays: number | undefined;
}

export class ManifestIndex {
  readonly #folder: string;
  readonly #byFile = new Map<string, IndexedRecording>();
  readonly #byId = new Map<string, IndexedRecording>();
  #deleted: string[] = [];
  #readBytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what the manifest says since the last time, whoever has written it. Rejects with the system's error. */
  async read(): Promise<void> {
    const size = await stat(path.join(this.#folder, MANIFEST_FILE)).then(
      (stats) => stats.size,
      () => 0,
    );
    if (size < this.#readBytes) this.#clear();
    if (size === this.#readBytes) return;
    for await (const { text, parsed, complete: isComplete } of readLines(this.#folder, this.#readBytes)) {
      if (!isComplete) break;
      this.#readBytes += Buffer.byteLength(text) + 1;
      if (parsed) this.#apply(parsed);
    }
  }

  get all(): Iterable<IndexedRecording> {
    return this.#byFile.values();
  }

  find({
    id,
    file,
  }: {
    readonly id?: string | undefined;
    readonly file?: string | undefined;
  }): IndexedRecording | undefined {
    const found = file === undefined ? this.#byId.get(id ?? '') : this.#byFile.get(file);
    return id === undefined || found?.id === id ? found : undefined;
  }

  /** Files of recordings that were deleted, as far as it wasn't asked before: a crash may have come before they were gone. */
  takeDeleted(): string[] {
    const deleted = this.#deleted.filter((file) => !this.#byFile.has(file));
    this.#deleted = [];
    return deleted;
  }

  #apply(parsed: ManifestLine): void {
    if (parsed.entry === 'recording') {
      const { id, file, sha256, metadataSha256, endedAt } = parsed;
      this.#add({
        id,
        file,
        sha256,
        metadataSha256,
        endedAt: Date.parse(endedAt),
        held: false,
        retainDays: undefined,
      });
      return;
    }
    const recording = this.#byFile.get(parsed.file);
    if (parsed.entry === 'deleted') {
      this.#deleted.push(parsed.file);
      if (recording) this.#remove(recording);
    } else if (recording) {
      if (parsed.entry === 'retain') recording.retainDays = parsed.days;
      else recording.held = parsed.entry === 'hold';
    }
  }

  /** A recording that a crash made known twice keeps what was said of it. */
  #add(recording: IndexedRecording): void {
    const previous = this.#byFile.get(recording.file);
    if (previous) {
      recording.held = previous.held;
      recording.retainDays = previous.retainDays;
      this.#remove(previous);
    }
    this.#byFile.set(recording.file, recording);
    this.#byId.set(recording.id, recording);
  }

  #remove({ file, id }: IndexedRecording): void {
    this.#byFile.delete(file);
    this.#byId.delete(id);
  }

  #clear(): void {
    this.#byFile.clear();
    this.#byId.clear();
    this.#deleted = [];
    this.#readBytes = 0;
  }
}
