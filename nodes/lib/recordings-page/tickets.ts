/**
 * Tickets for one recording each: an audio element and a download can't send the editor's token. Who has the permission gets a ticket, and
 * whoever shows it gets that recording and nothing else. They are kept in memory only, and as hashes.
 */
import { createHash, randomBytes } from 'node:crypto';

/** So long a ticket waits to be used first … */
const UNUSED_MS = 60_000;
/** … so long between two uses, for who plays a recording halts and looks for a place … */
const IDLE_MS = 10 * 60_000;
/** … and so long in all. */
const LONGEST_MS = 12 * 3600_000;
/** Far more than people listen at a time. */
const MOST = 1000;
const BYTES = 32;

interface Kept<Admission> {
  readonly admission: Admission;
  readonly endsAt: number;
  idleAt: number;
}

export class Tickets<Admission> {
  readonly #kept = new Map<string, Kept<Admission>>();

  /** @param now milliseconds on a clock that is never set */
  constructor(private readonly now: () => number = () => performance.now()) {}

  issue(admission: Admission): string {
    const now = this.now();
    for (const [hash, kept] of this.#kept)
      if (isOver(kept, now) || this.#kept.size >= MOST) this.#kept.delete(hash);
    const ticket = randomBytes(BYTES).toString('base64url');
    this.#kept.set(hashOf(ticket), { admission, endsAt: now + LONGEST_MS, idleAt: now + UNUSED_MS });
    return ticket;
  }

  /** What a ticket is for, which is being used; undefined when it isn't one, or no longer. */
  use(ticket: string): Admission | undefined {
    const kept = this.#kept.get(hashOf(ticket));
    const now = this.now();
    if (!kept || isOver(kept, now)) return undefined;
    kept.idleAt = now + IDLE_MS;
    return kept.admission;
  }
}

const isOver = <Admission>({ endsAt, idleAt }: Kept<Admission>, now: number): boolean =>
  now >= Math.min(endsAt, idleAt);

/** What lies in memory, or in a dump of it, opens nothing. */
const hashOf = (ticket: string): string => createHash('sha256').update(ticket).digest('base64');
