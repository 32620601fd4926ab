/**
 * What a link has to find again after a crash of Node-RED: one small file a link in the user directory, readable by its owner only. It holds
 * the registration and what is desired, no secret.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  asO2GError,
  type DesiredState,
  type LinkStateStore,
  type Logger,
  type RecordTarget,
  type StoredLink,
} from '../../../o2g';

const STATE_FILE_VERSION = 2;
/** Devices come in hundreds: their changes are written together … */
const WRITE_DELAY_MS = 200;
/** … and thousands of devices less often: so many times as long as the last writing took. */
const WRITE_PAUSE_FACTOR = 50;
/** Between so many devices other things run: all 15,000 would hold up commands and events for 11 ms. */
const CHUNK_ENTRY_COUNT = 500;

export class LinkStateFile implements LinkStateStore {
  readonly #path: string;
  readonly #identity: string;
  readonly #log: Logger;
  #pending: StoredLink | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastWriteMs = 0;
  /** What is written by pieces is overtaken by what is written, or removed, at once. */
  #generation = 0;

  /**
   * @param identity says which server, OXE node and type of recorder the registration is for: another one is never adopted
   */
  constructor(userDir: string, nodeId: string, identity: string, log: Logger) {
    this.#path = join(userDir, '.o2g', `${nodeId.replace(/[^\w.-]/g, '_')}.json`);
    this.#identity = identity;
    this.#log = log;
  }

  load(): StoredLink | undefined {
    try {
      const stored = readVersion(JSON.parse(readFileSync(this.#path, 'utf8')) as StoredFile);
      const isComplete =
        Array.isArray(stored.registrations) &&
        Array.isArray(stored.desiredStates) &&
        Array.isArray(stored.armed ?? []);
      return isComplete && stored.identity === this.#identity ? stored : undefined;
    } catch {
      // No file: nothing was left behind. A broken one tells nothing that could be trusted.
      return undefined;
    }
  }

  save(stored: StoredLink | undefined): void {
    // The registration must not be lost in a crash right after it was made; the devices may be a moment late.
    const isNewRegistration = registrationsKey(this.#pending) !== registrationsKey(stored);
    this.#pending = stored;
    if (!stored)
      this.#runNow(() => {
        rmSync(this.#path, { force: true });
      });
    else if (isNewRegistration)
      this.#runNow(() => {
        this.#write(stored);
      });
    else this.#scheduleWrite();
  }

  #runNow(work: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#generation += 1;
    try {
      work();
    } catch (error) {
      this.#warn(error);
    }
  }

  #write(stored: StoredLink): void {
    const draftPath = this.#createDraftPath('new');
    writeFileSync(draftPath, [...fileChunks(this.#identity, stored)].join(''), { mode: 0o600 });
    renameSync(draftPath, this.#path);
  }

  /** A timer that runs is left alone: changes that never pause are written, too. */
  #scheduleWrite(): void {
    this.#timer ??= setTimeout(
      () => {
        void this.#writeInChunks();
      },
      Math.max(WRITE_DELAY_MS, WRITE_PAUSE_FACTOR * this.#lastWriteMs),
    );
  }

  async #writeInChunks(): Promise<void> {
    const stored = this.#pending;
    const generation = this.#generation;
    if (!stored) return;
    const startedAtMs = performance.now();
    const isSuperseded = (): boolean => generation !== this.#generation;
    try {
      // Of a name of its own: one that was overtaken may still be writing.
      const draftPath = this.#createDraftPath(`${generation}.new`);
      await writeFile(draftPath, fileChunks(this.#identity, stored), { mode: 0o600 });
      if (isSuperseded()) rmSync(draftPath);
      else renameSync(draftPath, this.#path);
    } catch (error) {
      this.#warn(error);
    }
    this.#lastWriteMs = performance.now() - startedAtMs;
    if (isSuperseded()) return;
    this.#timer = undefined;
    if (this.#pending !== stored) this.#scheduleWrite();
  }

  #createDraftPath(extension: string): string {
    mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    return `${this.#path}.${extension}`;
  }

  #warn(error: unknown): void {
    this.#log.warn(
      `${this.#path} can't be written, after a crash the link will not be found again: ${asO2GError(error).message}`,
    );
  }
}

interface StoredFile extends StoredLink {
  readonly version?: number;
  readonly identity?: string;
}

/** The file as version 0.1.0 of the palette wrote it, which had no `version`. */
interface StoredFileVersion1 extends Omit<StoredFile, 'desiredStates'> {
  readonly wanted?: readonly (readonly [string, DesiredStateVersion1])[];
}

interface DesiredStateVersion1 {
  readonly own: boolean;
  readonly record?:
    RecordTarget | { readonly mode: 'own'; readonly recorder: string; readonly listed?: boolean };
  readonly beep?: DesiredState['beep'];
}

function readVersion(stored: StoredFile | StoredFileVersion1): StoredFile {
  if (!('wanted' in stored)) return stored as StoredFile;
  const { wanted = [], ...others } = stored;
  return {
    ...others,
    desiredStates: wanted.map(([deviceNumber, state]) => [deviceNumber, readDesiredState(state)] as const),
  };
}

function readDesiredState({ own, record, ...others }: DesiredStateVersion1): DesiredState {
  const recording =
    record?.mode === 'own'
      ? { mode: 'builtin' as const, recorder: record.recorder, fromConfig: record.listed === true }
      : record;
  return { ...others, fromConfig: own, ...(recording && { record: recording }) };
}

/** The file's text. What changes while it is written is in it or in the next one. */
function* fileChunks(
  identity: string,
  { registrations, desiredStates, armed = [] }: StoredLink,
): Generator<string> {
  yield `{"version":${STATE_FILE_VERSION},"identity":${JSON.stringify(identity)},"registrations":${JSON.stringify([...registrations])},"desiredStates":[`;
  yield* listChunks(desiredStates);
  yield '],"armed":[';
  yield* listChunks(armed);
  yield ']}';
}

function* listChunks(entries: Iterable<unknown>): Generator<string> {
  const all = [...entries];
  for (let start = 0; start < all.length; start += CHUNK_ENTRY_COUNT) {
    yield (start === 0 ? '' : ',') + JSON.stringify(all.slice(start, start + CHUNK_ENTRY_COUNT)).slice(1, -1);
  }
}

/** Its registrations, to be compared. */
function registrationsKey(stored: StoredLink | undefined): string {
  return JSON.stringify([...(stored?.registrations ?? [])]);
}
