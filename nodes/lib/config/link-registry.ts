/** Finding the link for a request: the node's own, else by `msg.oxeNode`, else the one that has the device in its list. */
import type { Node, NodeAPI } from 'node-red';
import { invalid, type Link, type Session } from '../../../o2g';
import { nodeOf } from './node-lookup';
import type { FlowMessage } from '../node';
import { isBlank } from './properties';
import { oncePerRuntime } from '../lifecycle';
import type { LinkNode } from './config-node-types';

class LinkRegistry {
  readonly #links = new Set<LinkNode>();
  /** Nodes whose messages choose the link: they may need any. */
  readonly #usersOfAny = new Set<Node>();

  /** @returns takes the link off again */
  add(link: LinkNode): () => void {
    this.#links.add(link);
    for (const user of this.#usersOfAny) link.link.use(user);
    return () => {
      this.#links.delete(link);
    };
  }

  get all(): LinkNode[] {
    return [...this.#links];
  }

  /** A node without a link of its own may need any. @returns takes that back */
  useAny(user: Node): () => void {
    this.#usersOfAny.add(user);
    for (const { link } of this.#links) link.use(user);
    return () => {
      this.#usersOfAny.delete(user);
      for (const { link } of this.#links) link.release(user);
    };
  }

  /** The link of `msg.oxeNode`, else of the device. @throws O2GError `INVALID_INPUT` when several or none match */
  find(message: FlowMessage, deviceNumber: string): LinkNode {
    if (!isBlank(message.oxeNode)) return this.findOnly(message);
    return requireOne(
      [...this.#links].filter(({ devices }) => devices.has(deviceNumber)),
      `device ${deviceNumber}`,
    );
  }

  /** The link of `msg.oxeNode`, else the only one there is. @throws O2GError `INVALID_INPUT` when several or none match */
  findOnly(message: FlowMessage): LinkNode {
    const requested = message.oxeNode;
    if (isBlank(requested)) return requireOne([...this.#links], 'this request');
    return requireOne(
      [...this.#links].filter(({ oxeNode }) => String(oxeNode) === String(requested)),
      `OXE node ${String(requested)}`,
    );
  }

  /** What the links are now: the one given, else all. */
  current(only: LinkNode | undefined): Link[] {
    return [...(only ? [only] : this.#links)].flatMap(({ link: { current } }) => current ?? []);
  }

  /** The links that live on a session now. */
  ofSession(session: Session): Link[] {
    return this.current(undefined).filter((link) => link.session === session);
  }
}

function requireOne(found: readonly LinkNode[], subject: string): LinkNode {
  const [only] = found;
  if (only && found.length === 1) return only;
  const which =
    found.length === 0 ? 'no link is' : `several links are (${found.map(({ label }) => label).join(', ')})`;
  throw invalid('link', undefined, `chosen on the node, for ${which} for ${subject}`);
}

/** The links of a runtime. */
export const linksOf = oncePerRuntime(() => new LinkRegistry());

/**
 * The link of a node's configuration.
 * @returns undefined when the message decides
 * @throws O2GError `INVALID_INPUT` when it doesn't exist
 */
export function configuredLink(RED: NodeAPI, id: unknown): LinkNode | undefined {
  if (isBlank(id)) return undefined;
  const link = nodeOf(RED, id, 'o2g-link');
  if (!link) throw invalid('link', id, 'a recorder link that exists and is enabled');
  return link as LinkNode;
}
