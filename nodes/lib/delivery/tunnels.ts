/**
 * Where O2G's agents reach this Node-RED: /o2g/tunnel of its own HTTP server, or ports of their own. One listener for all servers.
 */
import type { NodeAPI } from 'node-red';
import {
  asO2GError,
  AgentListener,
  invalid,
  type TlsOptions,
  type Logger,
  type TunnelTransport,
} from '../../../o2g';
import { oncePerRuntime } from '../lifecycle';

export interface TunnelEndpoint {
  readonly token: string;
  /** 0: the HTTP server of Node-RED. */
  readonly port: number;
  /** Key and certificate of a port of its own. */
  readonly tls: TlsOptions;
}

interface DedicatedPort {
  readonly listener: AgentListener;
  readonly opened: Promise<unknown>;
}

class Tunnels {
  readonly #RED: NodeAPI;
  #nodeRedListener: AgentListener | undefined;
  readonly #dedicatedPorts = new Map<number, DedicatedPort>();

  constructor(RED: NodeAPI) {
    this.#RED = RED;
  }

  /**
   * Lets an agent reach a tunnel.
   * @param onFailure the port can't be opened
   * @returns takes the tunnel off, and closes a port that nobody uses any more
   */
  register(
    tunnel: TunnelTransport,
    { token, port, tls }: TunnelEndpoint,
    log: Logger,
    onFailure: (error: Error) => void,
  ): () => void {
    if (port === 0) return this.#listenOnNodeRed(log).register(token, tunnel);
    const dedicated = this.#dedicatedPorts.get(port) ?? this.#open(port, tls, log);
    dedicated.opened.catch((error: unknown) => {
      onFailure(invalid('tunnelPort', port, `a port that can be opened (${asO2GError(error).message})`));
    });
    const unregister = dedicated.listener.register(token, tunnel);
    return () => {
      unregister();
      if (dedicated.listener.size > 0 || this.#dedicatedPorts.get(port) !== dedicated) return;
      this.#dedicatedPorts.delete(port);
      void dedicated.opened.then(
        () => {
          dedicated.listener.close();
        },
        () => undefined,
      );
    };
  }

  #open(port: number, tls: TlsOptions, log: Logger): DedicatedPort {
    const listener = new AgentListener(log);
    const dedicated = { listener, opened: listener.listen(port, tls) };
    this.#dedicatedPorts.set(port, dedicated);
    return dedicated;
  }

  #listenOnNodeRed(log: Logger): AgentListener {
    if (this.#nodeRedListener) return this.#nodeRedListener;
    const listener = (this.#nodeRedListener = new AgentListener(log));
    // Other upgrades on this server are the editor's and the websocket nodes': whoever's path it is answers.
    this.#RED.server.on('upgrade', (request, socket, head) => {
      if (request.url?.split('?')[0] === tunnelPath(this.#RED)) listener.handleUpgrade(request, socket, head);
    });
    return listener;
  }
}

/** The tunnels of a runtime. */
export const tunnelsOf = oncePerRuntime((RED) => new Tunnels(RED));

/** Under the root of the HTTP nodes. */
function tunnelPath({ settings: { httpNodeRoot } }: NodeAPI): string {
  return `/${typeof httpNodeRoot === 'string' ? httpNodeRoot : ''}/o2g/tunnel`.replace(/\/{2,}/g, '/');
}
