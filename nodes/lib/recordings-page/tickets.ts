/**
 * Tickets for one recording each: an audio element and a download can't send the editor's token. Who has the permission gets a ticket, and
 * whoever shows it gets that recording and nothing else. They are kept in memory only, and as hashes.
 */
import { createHash, randomBytes } from 'node:crypto';

/** So long a ticket waits to be used first … */
const TICKET_FIRST_USE_TIMEOUT_MS = 60_000;
/** … so long between two uses, for who plays a recording halts and looks for a place … */
const TICKET_IDLE_TIMEOUT_MS = 10 * 60_000;
/** … and so long in all. */
const MAX_TICKET_LIFETIME_MS = 12 * 3600_000;
/** Far more than people listen at a time. */
const MAX_TICKETS = 1000;
const TICKET_BYTES = 32;

interface IssuedTicket<Grant> {
  readonly grant: Grant;
  readonly expiresAt: number;
  idleExpiresAt: number;
}

export class Tickets<Grant> {
  readonly #now: () => number;
  readonly #issued = new Map<string, IssuedTicket<Grant>>();

  /** @param now milliseconds on a clock that is never set */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  issue(grant: Grant): string {
    const now = this.#now();
    for (const [hash, issued] of this.#issued)
      if (isExpired(issued, now) || this.#issued.size >= MAX_TICKETS) this.#issued.delete(hash);
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    this.#issued.set(hashOf(ticket), {
      grant,
      expiresAt: now + MAX_TICKET_LIFETIME_MS,
      idleExpiresAt: now + TICKET_FIRST_USE_TIMEOUT_MS,
    });
    return ticket;
  }

  /** What a ticket is for, which is being used; undefined when it isn't one, or no longer. */
  use(ticket: string): Grant | undefined {
    const issued = this.#issued.get(hashOf(ticket));
    const now = this.#now();
    if (!issued || isExpired(issued, now)) return undefined;
    issued.idleExpiresAt = now + TICKET_IDLE_TIMEOUT_MS;
    return issued.grant;
  }
}

const isExpired = <Grant>({ expiresAt, idleExpiresAt }: IssuedTicket<Grant>, now: number): boolean =>
  now >= Math.min(expiresAt, idleExpiresAt);

/** What lies in memory, or in a dump of it, opens nothing. */
const hashOf = (ticket: string): string => createHash('sha256').update(ticket).digest('base64');
