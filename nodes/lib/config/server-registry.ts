/** The O2G servers of a runtime: what the editor's routes look at. */
import { oncePerRuntime } from '../lifecycle';
import type { ServerNode } from './config-node-types';

class ServerRegistry {
  readonly #servers = new Set<ServerNode>();

  /** @returns takes the server off again */
  add(server: ServerNode): () => void {
    this.#servers.add(server);
    return () => {
      this.#servers.delete(server);
    };
  }

  get all(): ServerNode[] {
    return [...this.#servers];
  }
}

export const serversOf = oncePerRuntime(() => new ServerRegistry());
