/** What a config node holds for others: made when somebody uses it, alive over deploys, closed when nobody does any more. */
import { createHash } from 'node:crypto';
import type { Node, NodeAPI } from 'node-red';
import { asO2GError, type O2GError } from '../../../o2g';
import { deploymentOf, type Deployment, type Resource } from './deployment';

export interface SharedResourceDefinition<T extends Resource> {
  /** What it needs itself, for as long as somebody needs it; undefined for what is missing in the configuration. */
  dependencies?(): readonly (Pick<SharedResource<Resource>, 'use' | 'release'> | undefined)[];
  /**
   * What it is made from: made anew only when that changes.
   * @throws O2GError `INVALID_INPUT` when the configuration is wrong
   */
  prepare(): { readonly configuration: unknown; create(previous: Resource | undefined): T };
  /**
   * All nodes of a deploy are there, and somebody uses it.
   * @param predecessorClosed settles when its predecessor is closed: only then it may start
   * @returns takes off what it listens to
   */
  activate(resource: T, predecessorClosed: Promise<unknown>): () => void;
}

export class SharedResource<T extends Resource> {
  /**
   * Node-RED forwards status and errors of a config node to the Status and Catch nodes of those in its `users`. Only flow nodes are in it:
   * a config node's errors would recurse.
   */
  readonly users: Record<string, Node> = {};
  readonly #node: Node;
  readonly #definition: SharedResourceDefinition<T>;
  readonly #deployment: Deployment;
  readonly #consumers = new Set<Node>();
  #current: T | undefined;
  #failure: O2GError | undefined;
  #predecessorClosed: Promise<unknown> = Promise.resolve();
  #deactivate = (): void => undefined;

  constructor(RED: NodeAPI, node: Node, definition: SharedResourceDefinition<T>) {
    this.#node = node;
    this.#definition = definition;
    this.#deployment = deploymentOf(RED);
    const off = this.#deployment.onStarted(() => {
      this.#update();
    });
    node.on('close', (removed: boolean, done: () => void) => {
      off();
      this.#deactivate();
      this.#releaseDependencies();
      this.#deployment.release(node.id, removed).then(done, done);
    });
  }

  /** What is there now; undefined while nobody needs it. */
  get current(): T | undefined {
    return this.#current;
  }

  /** Why it could not be made at the last deploy: a mistake in the configuration. */
  get failure(): O2GError | undefined {
    return this.#failure;
  }

  /** The thing itself, made if need be. @throws O2GError `INVALID_INPUT` */
  get(): T {
    // Every request asks for it; what it is made from changes with a deploy only.
    if (this.#current) return this.#current;
    const prepared = this.#definition.prepare();
    // Hashed, because it lives on and may be made from secrets.
    const fingerprint = createHash('sha256').update(JSON.stringify(prepared.configuration)).digest('hex');
    return this.#deployment.acquire(this.#node.id, fingerprint, (predecessorClosed, previous) => {
      this.#predecessorClosed = predecessorClosed;
      return prepared.create(previous);
    });
  }

  /** Somebody needs it, until `release`. */
  use(user: Node, kind: 'flow node' | 'config node' = 'flow node'): void {
    if (this.#consumers.size === 0)
      for (const dependency of this.#definition.dependencies?.() ?? [])
        dependency?.use(this.#node, 'config node');
    this.#consumers.add(user);
    if (kind === 'flow node') this.users[user.id] = user;
    if (this.#deployment.running)
      setImmediate(() => {
        this.#update();
      });
  }

  release(user: Node): void {
    this.#consumers.delete(user);
    Reflect.deleteProperty(this.users, user.id);
    if (this.#consumers.size === 0) this.#releaseDependencies();
  }

  #releaseDependencies(): void {
    for (const dependency of this.#definition.dependencies?.() ?? []) dependency?.release(this.#node);
  }

  #update(): void {
    this.#deactivate();
    this.#deactivate = () => undefined;
    this.#current = undefined;
    this.#failure = undefined;
    if (this.#consumers.size === 0) {
      void this.#deployment.release(this.#node.id, true);
      return;
    }
    try {
      this.#current = this.get();
      this.#deactivate = this.#definition.activate(this.#current, this.#predecessorClosed);
    } catch (error) {
      // A mistake in the configuration: reported once a deploy, and again to every request.
      this.#failure = asO2GError(error);
      this.#node.error(error, {});
    }
  }
}
