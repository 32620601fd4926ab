/**
 * Registrations that an outage left behind at the other site of a geographic pair: each is ended there, if that site lists it.
 */
import { objectsIn, type Session } from '../session';
import { asO2GError, Denied } from '../spec';
import { linkPath } from './link-path';
import type { Log } from '../util';

export interface LeftBehindNeeds {
  /** For the log. */
  readonly name: string;
  readonly oxeNode: number;
  /** The identifiers of all our registrations, by the host of the site that gave them. */
  all(): readonly (readonly [host: string, id: string])[];
  /** The registration at that site need not be remembered any more. */
  forget(host: string): void;
}

export class LeftBehind {
  readonly #session: Session;
  readonly #needs: LeftBehindNeeds;
  readonly #log: Log;
  /** Hosts at which a registration is being ended. */
  readonly #ending = new Set<string>();

  constructor(session: Session, needs: LeftBehindNeeds, log: Log) {
    this.#session = session;
    this.#needs = needs;
    this.#log = log;
  }

  /** Ends those that can be ended now; to be tried again until the site can be reached. Never rejects. */
  async end(): Promise<void> {
    const others = this.#needs.all().filter(([host]) => host !== this.#session.host);
    await Promise.all(others.map(([host, id]) => this.#end(host, id)));
  }

  async #end(host: string, id: string): Promise<void> {
    if (this.#ending.has(host)) return;
    this.#ending.add(host);
    const { name, oxeNode } = this.#needs;
    try {
      await this.#session.visit(host, async (ask) => {
        const { drLinks } = await ask('getLinks', { nodeId: String(oxeNode) }, undefined);
        const isThere = objectsIn(drLinks).some(({ identifier }) => identifier === id);
        // In the meantime it may have become the one that is used again.
        if (isThere && this.#session.host !== host)
          await ask('unregisterLink', linkPath(oxeNode, id), undefined);
      });
      if (this.#session.host !== host) this.#needs.forget(host);
      this.#log.info(`${name}: the link left at ${host} is ended`);
    } catch (error) {
      // A password that the site refuses would lock the account.
      if (error instanceof Denied) this.#needs.forget(host);
      this.#log.debug(`${name}: the link left at ${host} can't be ended yet: ${asO2GError(error).message}`);
    } finally {
      this.#ending.delete(host);
    }
  }
}
