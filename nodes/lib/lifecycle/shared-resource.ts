/** What a config node holds for others: made when somebody uses it, alive over deploys, closed when nobody does any more. */
import { createHash } from 'node:crypto';
import type { Node, NodeAPI } from 'node-red';
import { deploymentOf, type Deployment, type Survivor } from './deployment';

export interface Sharing<T extends Survivor> {
  /** What it needs itself, for as long as somebody needs it; undefined for what is missing in the configuration. */
  bases?(): readonly (Pick<Shared<Survivor>, 'use' | 'release'> | undefined)[];
  /**
   * What it is made from: made anew only when that changes.
   * @throws O2GError `INVALID_INPUT` when the configuration is wrong
   */
  recipe(): { readonly ingredients: unknown; make(previous: Survivor | undefined): T };
  /**
   * All nodes of a deploy are there, and somebody uses it.
   * @param closed settles when its predecessor is closed: only then it may start
   * @returns takes off what it listens to
   */
  run(thing: T, closed: Promise<unknown>): () => void;
}

export class Shared<T extends Survivor> {
  /**
   * Node-RED forwards status and errors of a config node to the Status and Catch nodes of those in its `users`. Only flow nodes are in it:
   * a config node's errors would recurse.
   */
  readonly users: Record<string, Node> = {};
  readonly #node: Node;
  readonly #sharing: Sharing<T>;
  readonly #deployment: Deployment;
  readonly #using = new Set<Node>();
  #current: T | undefined;
  #closed: Promise<unknown> = Promise.resolve();
  #forget = (): void => undefined;

  constructor(RED: NodeAPI, node: Node, sharing: Sharing<T>) {
    this.#node = node;
    this.#sharing = sharing;
    this.#deployment = deploymentOf(RED);
    const off = this.#deployment.onStarted(() => {
      this.#settle();
    });
    node.on('close', (removed: boolean, done: () => void) => {
      off();
      this.#forget();
      this.#releaseBases();
      this.#deployment.leave(node.id, removed).then(done, done);
    });
  }

  /** What is there now; undefined while nobody needs it. */
  get current(): T | undefined {
    return this.#current;
  }

  /** The thing itself, made if need be. @throws O2GError `INVALID_INPUT` */
  get(): T {
    // Every request asks for it; what it is made from changes with a deploy only.
    if (this.#current) return this.#current;
    const recipe = this.#sharing.recipe();
    // Hashed, because it lives on and may be made from secrets.
    const fingerprint = createHash('sha256').update(JSON.stringify(recipe.ingredients)).digest('hex');
    return this.#deployment.take(this.#node.id, fingerprint, (closed, previous) => {
      this.#closed = closed;
      return recipe.make(previous);
    });
  }

  /** Somebody needs it, until `release`. */
  use(user: Node, kind: 'flow node' | 'config node' = 'flow node'): void {
    if (this.#using.size === 0)
      for (const base of this.#sharing.bases?.() ?? []) base?.use(this.#node, 'config node');
    this.#using.add(user);
    if (kind === 'flow node') this.users[user.id] = user;
    if (this.#deployment.running)
      setImmediate(() => {
        this.#settle();
      });
  }

  release(user: Node): void {
    this.#using.delete(user);
    Reflect.deleteProperty(this.users, user.id);
    if (this.#using.size === 0) this.#releaseBases();
  }

  #releaseBases(): void {
    for (const base of this.#sharing.bases?.() ?? []) base?.release(this.#node);
  }

  #settle(): void {
    this.#forget();
    this.#forget = () => undefined;
    this.#current = undefined;
    if (this.#using.size === 0) {
      void this.#deployment.leave(this.#node.id, true);
      return;
    }
    try {
      this.#current = this.get();
      this.#forget = this.#sharing.run(this.#current, this.#closed);
    } catch (error) {
      // A mistake in the configuration: told once a deploy, and again to every request.
      this.#node.error(error, {});
    }
  }
}
