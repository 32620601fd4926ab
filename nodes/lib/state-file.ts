/**
 * What a link has to find again after a crash of Node-RED: one small file a link in the user directory, readable by its owner only. It holds
 * the registration and what is desired, no secret.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asO2GError } from '../../o2g/errors';
import type { LinkMemory, StoredLink } from '../../o2g/link';
import type { Log } from '../../o2g/log';

/** Devices come in hundreds: their changes are written together … */
const WRITE_AFTER_MS = 200;
/** … and thousands of devices less often, for nothing else runs meanwhile: so many times as long as the last writing took. */
const PAUSE = 50;

export class StateFile implements LinkMemory {
  readonly #path: string;
  readonly #identity: string;
  readonly #log: Log;
  #waiting: StoredLink | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tookMs = 0;

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
      const whole = Array.isArray(stored.registrations) && Array.isArray(stored.wanted) && Array.isArray(stored.armed ?? []);
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
    // A timer that runs is left alone: changes that never pause are written, too.
    if (!fresh && stored) this.#timer ??= setTimeout(() => { this.#write(); }, Math.max(WRITE_AFTER_MS, PAUSE * this.#tookMs));
    else if (stored) this.#write();
    else this.#remove();
  }

  #remove(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#try(() => { rmSync(this.#path, { force: true }); });
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const began = performance.now();
    this.#try(() => {
      mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
      const draft = `${this.#path}.new`;
      const { registrations = [], wanted = [], armed = [] } = this.#waiting ?? {};
      writeFileSync(draft, JSON.stringify({ identity: this.#identity, registrations: [...registrations], wanted: [...wanted], armed: [...armed] }), { mode: 0o600 });
      renameSync(draft, this.#path);
    });
    this.#tookMs = performance.now() - began;
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#log.warn(`${this.#path} can't be written, after a crash the link will not be found again: ${asO2GError(error).message}`);
    }
  }
}

/** Its registrations, to be compared. */
function namesOf(stored: StoredLink | undefined): string {
  return JSON.stringify([...(stored?.registrations ?? [])]);
}
