/**
 * What a link has to find again after a crash of Node-RED: one small file a link in the user directory, readable by its owner only. It holds
 * the registration and what is desired, no secret.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asO2GError, type LinkMemory, type StoredLink, type Log } from '../../../o2g';

/** Devices come in hundreds: their changes are written together … */
const WRITE_AFTER_MS = 200;
/** … and thousands of devices less often: so many times as long as the last writing took. */
const PAUSE = 50;
/** Between so many devices other things run: all 15,000 would hold up commands and events for 11 ms. */
const PIECE = 500;

export class StateFile implements LinkMemory {
  readonly #path: string;
  readonly #identity: string;
  readonly #log: Log;
  #waiting: StoredLink | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tookMs = 0;
  /** What is written by pieces is overtaken by what is written, or removed, at once. */
  #generation = 0;

  /**
   * @param identity says which server, OXE node and type of recorder the registration is for: another one is never adopted
   */
  constructor(userDir: string, nodeId: string, identity: string, log: Log) {
    this.#path = join(userDir, '.o2g', `${nodeId.replace(/[^\w.-]/g, '_')}.json`);
    this.#identity = identity;
    this.#log = log;
  }

  load(): StoredLink | undefined {
    try {
      const stored = JSON.parse(readFileSync(this.#path, 'utf8')) as StoredLink & { identity?: string };
      const whole =
        Array.isArray(stored.registrations) &&
        Array.isArray(stored.wanted) &&
        Array.isArray(stored.armed ?? []);
      return whole && stored.identity === this.#identity ? stored : undefined;
    } catch {
      // No file: nothing was left behind. A broken one tells nothing that could be trusted.
      return undefined;
    }
  }

  save(stored: StoredLink | undefined): void {
    // The registration must not be lost in a crash right after it was made; the devices may be a moment late.
    const fresh = namesOf(this.#waiting) !== namesOf(stored);
    this.#waiting = stored;
    if (!stored)
      this.#atOnce(() => {
        rmSync(this.#path, { force: true });
      });
    else if (fresh)
      this.#atOnce(() => {
        this.#write(stored);
      });
    else this.#writeSoon();
  }

  #atOnce(work: () => void): void {
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
    const draft = this.#draft('new');
    writeFileSync(draft, [...piecesOf(this.#identity, stored)].join(''), { mode: 0o600 });
    renameSync(draft, this.#path);
  }

  /** A timer that runs is left alone: changes that never pause are written, too. */
  #writeSoon(): void {
    this.#timer ??= setTimeout(
      () => {
        void this.#writeByPieces();
      },
      Math.max(WRITE_AFTER_MS, PAUSE * this.#tookMs),
    );
  }

  async #writeByPieces(): Promise<void> {
    const stored = this.#waiting;
    const generation = this.#generation;
    if (!stored) return;
    const began = performance.now();
    const isOvertaken = (): boolean => generation !== this.#generation;
    try {
      // Of a name of its own: one that was overtaken may still be writing.
      const draft = this.#draft(`${generation}.new`);
      await writeFile(draft, piecesOf(this.#identity, stored), { mode: 0o600 });
      if (isOvertaken()) rmSync(draft);
      else renameSync(draft, this.#path);
    } catch (error) {
      this.#warn(error);
    }
    this.#tookMs = performance.now() - began;
    if (isOvertaken()) return;
    this.#timer = undefined;
    if (this.#waiting !== stored) this.#writeSoon();
  }

  #draft(extension: string): string {
    mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    return `${this.#path}.${extension}`;
  }

  #warn(error: unknown): void {
    this.#log.warn(
      `${this.#path} can't be written, after a crash the link will not be found again: ${asO2GError(error).message}`,
    );
  }
}

/** The file's text. What changes while it is written is in it or in the next one. */
function* piecesOf(identity: string, { registrations, wanted, armed = [] }: StoredLink): Generator<string> {
  yield `{"identity":${JSON.stringify(identity)},"registrations":${JSON.stringify([...registrations])},"wanted":[`;
  yield* listOf(wanted);
  yield '],"armed":[';
  yield* listOf(armed);
  yield ']}';
}

function* listOf(entries: Iterable<unknown>): Generator<string> {
  const all = [...entries];
  for (let start = 0; start < all.length; start += PIECE) {
    yield (start === 0 ? '' : ',') + JSON.stringify(all.slice(start, start + PIECE)).slice(1, -1);
  }
}

/** Its registrations, to be compared. */
function namesOf(stored: StoredLink | undefined): string {
  return JSON.stringify([...(stored?.registrations ?? [])]);
}
