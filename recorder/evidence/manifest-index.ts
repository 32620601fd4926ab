/** What the manifest says of the recordings of a folder: which there are, which are under hold, how long each is to be kept. */
import { stat } from 'node:fs/promises';
import path from 'node:path';

import { MANIFEST, readLines, type ManifestLine } from './manifest-lines';

/** A recording that was not deleted. */
export interface Entered {
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

export class Ledger {
  readonly #folder: string;
  readonly #byFile = new Map<string, Entered>();
  readonly #byId = new Map<string, Entered>();
  #deleted: string[] = [];
  #read = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what the manifest says since the last time, whoever has written it. Rejects with the system's error. */
  async read(): Promise<void> {
    const size = await stat(path.join(this.#folder, MANIFEST)).then(
      (known) => known.size,
      () => 0,
    );
    if (size < this.#read) this.#forget();
    if (size === this.#read) return;
    for await (const { text, said, whole } of readLines(this.#folder, this.#read)) {
      if (!whole) break;
      this.#read += Buffer.byteLength(text) + 1;
      if (said) this.#enter(said);
    }
  }

  get all(): Iterable<Entered> {
    return this.#byFile.values();
  }

  find({
    id,
    file,
  }: {
    readonly id?: string | undefined;
    readonly file?: string | undefined;
  }): Entered | undefined {
    const found = file === undefined ? this.#byId.get(id ?? '') : this.#byFile.get(file);
    return id === undefined || found?.id === id ? found : undefined;
  }

  /** Files of recordings that were deleted, as far as it wasn't asked before: a crash may have come before they were gone. */
  takeDeleted(): string[] {
    const deleted = this.#deleted.filter((file) => !this.#byFile.has(file));
    this.#deleted = [];
    return deleted;
  }

  #enter(said: ManifestLine): void {
    if (said.entry === 'recording') {
      const { id, file, sha256, metadataSha256, endedAt } = said;
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
    const entered = this.#byFile.get(said.file);
    if (said.entry === 'deleted') {
      this.#deleted.push(said.file);
      if (entered) this.#remove(entered);
    } else if (entered) {
      if (said.entry === 'retain') entered.retainDays = said.days;
      else entered.held = said.entry === 'hold';
    }
  }

  /** A recording that a crash made known twice keeps what was said of it. */
  #add(entered: Entered): void {
    const before = this.#byFile.get(entered.file);
    if (before) {
      entered.held = before.held;
      entered.retainDays = before.retainDays;
      this.#remove(before);
    }
    this.#byFile.set(entered.file, entered);
    this.#byId.set(entered.id, entered);
  }

  #remove({ file, id }: Entered): void {
    this.#byFile.delete(file);
    this.#byId.delete(id);
  }

  #forget(): void {
    this.#byFile.clear();
    this.#byId.clear();
    this.#deleted = [];
    this.#read = 0;
  }
}
