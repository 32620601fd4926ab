/**
 * How long recordings are kept, and what is under hold. What is in force is what the manifest says: every change is a line of it, and nothing
 * is remembered elsewhere. A deletion begins with its line, then the files go; what a crash left of them goes at the next start.
 */
import { realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { invalid, messageOf, RecorderError, checkDays, CHANNELS } from '../common';
import { metadataOf, nameOfAudio, PART, rawBeside } from '../files';
import { Ledger, type Entered } from './manifest-index';
import type { Manifest } from './manifest';
import type { ManifestEntry } from './manifest-lines';

/** Which recording, by one or the other, and what the manifest shall say of who asked and why. */
export interface Which {
  readonly id?: string | undefined;
  /** As a finished recording says it, or relative to the folder. */
  readonly file?: string | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
}

/** What is in force for a recording. */
export interface Kept {
  readonly id: string;
  /** Absolute path. */
  readonly file: string;
  readonly held: boolean;
  /** ISO 8601 UTC; null: for ever. While it is held it is kept beyond that. */
  readonly retainUntil: string | null;
  readonly deleted?: true;
}

export interface KeepingOptions {
  readonly folder: string;
  /** For recordings that nobody has said anything else of; 0: for ever. */
  readonly retentionDays: number;
}

export interface KeepingParts {
  readonly manifest: Manifest;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  readonly onKept: (kept: Kept) => void;
  readonly warn: (line: string) => void;
}

const DAY_MS = 86_400_000;
/** Deleted together, with one wait for the disk; then others have their turn. */
const PORTION = 50;
const LONGEST_TEXT = 1000;

export class Keeping {
  readonly #options: KeepingOptions;
  readonly #parts: KeepingParts;
  readonly #ledger: Ledger;
  /** Files whose deletion is written down, and that wouldn't go. */
  readonly #stubborn = new Set<string>();
  #work: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: KeepingOptions, parts: KeepingParts) {
    this.#options = options;
    this.#parts = parts;
    this.#ledger = new Ledger(options.folder);
  }

  /**
   * Nothing deletes it until it is released.
   * @throws RecorderError `INVALID_INPUT`, `NOT_FOUND`; the system's error
   */
  hold(which: Which): Promise<Kept> {
    return this.#change(which, (entered) => (entered.held ? undefined : { entry: 'hold' }));
  }

  /** The hold ends; when its time is over it is deleted at the next look. Releasing what isn't held is no error. */
  release(which: Which): Promise<Kept> {
    return this.#change(which, (entered) => (entered.held ? { entry: 'released' } : undefined));
  }

  /** @param days whole days from the recording's end, 0 to 36500; 0: for ever */
  retain(which: Which, days: number): Promise<Kept> {
    return this.#change(which, (entered) => {
      checkDays('days', days);
      return entered.retainDays === days ? undefined : { entry: 'retain', days };
    });
  }

  /** @throws RecorderError `REFUSED` when it is under hold or unfinished, else as `hold` */
  delete(which: Which): Promise<Kept> {
    return this.#alone(async () => {
      const entered = await this.#find(which);
      if (entered.held) throw new RecorderError('REFUSED', `${entered.file} is under hold: it isn't deleted`);
      if (await this.#isUnfinished(entered))
        throw new RecorderError('REFUSED', `${entered.file} is still being completed: it isn't deleted`);
      const [kept] = await this.#delete([entered], 'request', which);
      return kept ?? this.#kept(entered);
    });
  }

  /** Deletes what has been kept long enough, in portions. @returns how many; what can't be deleted is told by `warn`, and tried again */
  async look(): Promise<number> {
    await this.#alone(() => this.#finishDeletions());
    const due = [...this.#ledger.all].filter((entered) => this.#isDue(entered)).map(({ file }) => file);
    let deleted = 0;
    for (let from = 0; from < due.length && !this.#closed; from += PORTION) {
      deleted += await this.#alone(() => this.#deletePortion(due.slice(from, from + PORTION)));
    }
    return deleted;
  }

  /** Waits for what is being done; what isn't begun is done after the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
  }

  /** One thing after the other: what is looked up must still hold when it is written down. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined); // told to whoever asked
    return done;
  }

  #change(
    which: Which,
    line: (
      entered: Entered,
    ) => { entry: 'hold' | 'released' } | { entry: 'retain'; days: number } | undefined,
  ): Promise<Kept> {
    return this.#alone(async () => {
      const entered = await this.#find(which);
      const { file, id } = entered;
      const said = line(entered);
      if (said) {
        await this.#parts.manifest.append({
          ...said,
          at: this.#iso(this.#parts.now()),
          file,
          id,
          ...why(which),
        });
        await this.#ledger.read();
      }
      const kept = this.#kept(this.#ledger.find({ file }) ?? entered);
      if (said) this.#parts.onKept(kept);
      return kept;
    });
  }

  async #find(which: Which): Promise<Entered> {
    const { id } = which;
    if (id !== undefined && (typeof id !== 'string' || id === ''))
      throw invalid('id', id, 'the id of a recording');
    for (const field of ['reason', 'by'] as const) checkText(field, which[field]);
    const file = this.#relative(which.file);
    if (id === undefined && file === undefined)
      throw invalid('id', undefined, 'given, or file: which recording is meant');
    await this.#ledger.read();
    const entered = this.#ledger.find({ id, file });
    if (!entered)
      throw new RecorderError(
        'NOT_FOUND',
        `the manifest has no recording ${file ?? id ?? ''} that wasn't deleted`,
      );
    if (nameOfAudio(entered.file) === undefined)
      throw new RecorderError('REFUSED', `${entered.file} is no name that a recorder gives`);
    return entered;
  }

  #relative(file: unknown): string | undefined {
    if (file === undefined) return undefined;
    const rule = "the path of a recording in the recorder's folder";
    if (typeof file !== 'string' || file === '') throw invalid('file', file, rule);
    const relative = path
      .relative(this.#options.folder, path.resolve(this.#options.folder, file))
      .split(path.sep)
      .join('/');
    if (nameOfAudio(relative) === undefined) throw invalid('file', file, rule);
    return relative;
  }

  #isDue(entered: Entered): boolean {
    return (
      !entered.held && this.#until(entered) <= this.#parts.now() && nameOfAudio(entered.file) !== undefined
    );
  }

  /** They were due a moment ago; a hold may have come since. */
  async #deletePortion(files: readonly string[]): Promise<number> {
    await this.#ledger.read();
    const list: Entered[] = [];
    for (const file of files) {
      const entered = this.#ledger.find({ file });
      if (entered && this.#isDue(entered) && !(await this.#isUnfinished(entered))) list.push(entered);
    }
    return (await this.#delete(list, 'retention')).length;
  }

  /** @returns those that are gone, or whose files will be gone after the next look */
  async #delete(
    list: readonly Entered[],
    reasonWhy: 'retention' | 'request',
    which: Which = {},
  ): Promise<Kept[]> {
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
          why: reasonWhy,
          ...why(which),
        } satisfies ManifestEntry),
      ),
    );
    await this.#ledger.read();
    await this.#finishDeletions();
    const gone = list.map((entered): Kept => ({ ...this.#kept(entered), deleted: true }));
    for (const kept of gone) this.#parts.onKept(kept);
    return gone;
  }

  /** Removes the files of all whose deletion is written down. */
  async #finishDeletions(): Promise<void> {
    await this.#ledger.read();
    for (const file of [...this.#stubborn, ...this.#ledger.takeDeleted()]) {
      try {
        await this.#remove(file);
        this.#stubborn.delete(file);
      } catch (error) {
        if (!this.#stubborn.has(file))
          this.#parts.warn(`${file} is deleted, but its files wouldn't go: ${messageOf(error)}`);
        this.#stubborn.add(file);
      }
    }
  }

  /** Never leaves the folder, whatever a manifest says: names are made from one that a recorder gives, and no link is followed. */
  async #remove(file: string): Promise<void> {
    const name = nameOfAudio(file);
    if (name === undefined || !(await this.#isInside(file))) return;
    for (const each of [file, ...CHANNELS.map((channel) => rawBeside(file, channel)), metadataOf(name)]) {
      await rm(path.join(this.#options.folder, each), { force: true });
    }
  }

  async #isInside(file: string): Promise<boolean> {
    const folder = await realpath(this.#options.folder);
    const parent = path.dirname(file);
    // A folder that isn't there any more has no files.
    return (await realpath(path.join(folder, parent)).catch(() => undefined)) === path.join(folder, parent);
  }

  async #isUnfinished({ file }: Entered): Promise<boolean> {
    const sidecar = path.join(this.#options.folder, metadataOf(nameOfAudio(file) ?? file) + PART);
    return stat(sidecar).then(
      () => true,
      () => false,
    );
  }

  #until({ endedAt, retainDays = this.#options.retentionDays }: Entered): number {
    return retainDays === 0 ? Infinity : endedAt + retainDays * DAY_MS;
  }

  #kept(entered: Entered): Kept {
    const until = this.#until(entered);
    return {
      id: entered.id,
      file: path.join(this.#options.folder, ...entered.file.split('/')),
      held: entered.held,
      retainUntil: Number.isFinite(until) ? this.#iso(until) : null,
    };
  }

  #iso(at: number): string {
    return new Date(at).toISOString();
  }
}

function why({ reason, by }: Which): { reason?: string; by?: string } {
  return { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) };
}

function checkText(field: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value.length > LONGEST_TEXT))
    throw invalid(field, value, `a text of at most ${LONGEST_TEXT} characters`);
}
