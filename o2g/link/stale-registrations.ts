/**
 * Registrations that an outage left behind at the other site of a geographic pair: each is ended there, if that site lists it.
 */
import { onlyObjects, type Session } from '../session';
import { asO2GError, DeniedError } from '../spec';
import { linkPath } from './link-path';
import type { Logger } from '../util';

export interface StaleRegistrationsDependencies {
  /** For the log. */
  readonly name: string;
  readonly oxeNode: number;
  /** The identifiers of all our registrations, by the host of the site that gave them. */
  all(): readonly (readonly [host: string, id: string])[];
  /** The registration at that site need not be remembered any more. */
  forget(host: string): void;
}

export class StaleRegistrations {
  readonly #session: Session;
  readonly #dependencies: StaleRegistrationsDependencies;
  readonly #log: Logger;
  /** Hosts at which a registration is being ended. */
  readonly #endingHosts = new Set<string>();

  constructor(session: Session, dependencies: StaleRegistrationsDependencies, log: Logger) {
    this.#session = session;
    this.#dependencies = dependencies;
    this.#log = log;
  }

  /** Ends those that can be ended now; to be tried again until the site can be reached. Never rejects. */
  async endAll(): Promise<void> {
    const others = this.#dependencies.all().filter(([host]) => host !== this.#session.host);
    await Promise.all(others.map(([host, id]) => this.#endAt(host, id)));
  }

  async #endAt(host: string, id: string): Promise<void> {
    if (this.#endingHosts.has(host)) return;
    this.#endingHosts.add(host);
    const { name, oxeNode } = this.#dependencies;
    try {
      await this.#session.runAtSite(host, async (perform) => {
        const { drLinks } = await perform('getLinks', { nodeId: String(oxeNode) }, undefined);
        const isListed = onlyObjects(drLinks).some(({ identifier }) => identifier === id);
        // In the meantime it may have become the one that is used again.
        if (isListed && this.#session.host !== host)
          await perform('unregisterLink', linkPath(oxeNode, id), undefined);
      });
      if (this.#session.host !== host) this.#dependencies.forget(host);
      this.#log.info(`${name}: the link left at ${host} is ended`);
    } catch (error) {
      // A password that the site refuses would lock the account.
      if (error instanceof DeniedError) this.#dependencies.forget(host);
      this.#log.debug(`${name}: the link left at ${host} can't be ended yet: ${asO2GError(error).message}`);
    } finally {
      this.#endingHosts.delete(host);
    }
  }
}
