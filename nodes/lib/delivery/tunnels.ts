/**
 * Where O2G's agents reach this Node-RED: /o2g/tunnel of its own HTTP server, or ports of their own. One listener for all servers.
 */
import type { NodeAPI } from 'node-red';
import { asO2GError, TunnelDoor, invalid, type TlsOptions, type Log, type Tunnel } from '../../../o2g';
import { oncePerRuntime } from '../lifecycle';

export interface TunnelPlace {
  readonly token: string;
  /** 0: the HTTP server of Node-RED. */
  readonly port: number;
  /** Key and certificate of a port of its own. */
  readonly tls: TlsOptions;
}

interface OwnPort {
  readonly door: TunnelDoor;
  readonly opened: Promise<unknown>;
}

class Tunnels {
  readonly #RED: NodeAPI;
  #door: TunnelDoor | undefined;
  readonly #ports = new Map<number, OwnPort>();

  constructor(RED: NodeAPI) {
    this.#RED = RED;
  }

  /**
   * Lets an agent reach a tunnel.
   * @param onFailure the port can't be opened
   * @returns takes the tunnel off, and closes a port that nobody uses any more
   */
  expect(
    tunnel: Tunnel,
    { token, port, tls }: TunnelPlace,
    log: Log,
    onFailure: (error: Error) => void,
  ): () => void {
    if (port === 0) return this.#doorOfNodeRed(log).expect(token, tunnel);
    const own = this.#ports.get(port) ?? this.#open(port, tls, log);
    own.opened.catch((error: unknown) => {
      onFailure(invalid('tunnelPort', port, `a port that can be opened (${asO2GError(error).message})`));
    });
    const leave = own.door.expect(token, tunnel);
    return () => {
      leave();
      if (own.door.size > 0 || this.#ports.get(port) !== own) return;
      this.#ports.delete(port);
      void own.opened.then(
        () => {
          own.door.close();
        },
        () => undefined,
      );
    };
  }

  #open(port: number, tls: TlsOptions, log: Log): OwnPort {
    const door = new TunnelDoor(log);
    const own = { door, opened: door.listen(port, tls) };
    this.#ports.set(port, own);
    return own;
  }

  #doorOfNodeRed(log: Log): TunnelDoor {
    if (this.#door) return this.#door;
    const door = (this.#door = new TunnelDoor(log));
    // Other upgrades on this server are the editor's and the websocket nodes': whoever's path it is answers.
    this.#RED.server.on('upgrade', (request, socket, head) => {
      if (request.url?.split('?')[0] === tunnelPath(this.#RED)) door.knock(request, socket, head);
    });
    return door;
  }
}

/** The tunnels of a runtime. */
export const tunnelsOf = oncePerRuntime((RED) => new Tunnels(RED));

/** Under the root of the HTTP nodes. */
function tunnelPath({ settings: { httpNodeRoot } }: NodeAPI): string {
  return `/${typeof httpNodeRoot === 'string' ? httpNodeRoot : ''}/o2g/tunnel`.replace(/\/{2,}/g, '/');
}
