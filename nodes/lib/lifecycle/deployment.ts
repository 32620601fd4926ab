/**
 * What survives a deploy. Full deploy, restart-flows and shutdown all close nodes with `removed = false`; only a signal (or the supervisor's
 * message) tells a shutdown. So sessions and links are kept for ten seconds for a successor with the same configuration, and events are held
 * from the moment flows stop until they have started again.
 */
import type { EventEmitter } from 'node:events';
import type { CloseReason } from '../../../o2g';
import { oncePerRuntime } from './per-runtime';

/** How long something waits for the node that takes it over. */
const SUCCESSOR_TIMEOUT_MS = 10_000;

/** Something that is kept beyond its node: a session, a link. */
export interface Resource {
  close(reason: CloseReason): Promise<unknown>;
}

interface ResourceEntry {
  readonly fingerprint: string;
  readonly resource: Resource;
  timer?: NodeJS.Timeout;
}

export class Deployment {
  readonly #entries = new Map<string, ResourceEntry>();
  /** Closings under way by id: a successor starts after them. */
  readonly #closing = new Map<string, Promise<unknown>>();
  #running = false;
  readonly #onStopping = new Set<() => void>();
  readonly #onStarted = new Set<() => void>();

  constructor(events: EventEmitter) {
    events.on('flows:stopping', () => {
      this.#running = false;
      for (const run of this.#onStopping) run();
    });
    events.on('flows:started', () => {
      this.#running = true;
      for (const run of this.#onStarted) run();
    });
  }

  /** All nodes of the last deploy are there. */
  get running(): boolean {
    return this.#running;
  }

  /** Runs whenever flows begin to stop. @returns takes it off again */
  onStopping(run: () => void): () => void {
    this.#onStopping.add(run);
    return () => {
      this.#onStopping.delete(run);
    };
  }

  /** Runs whenever flows have started: all nodes of the deploy are there then. @returns takes it off again */
  onStarted(run: () => void): () => void {
    this.#onStarted.add(run);
    return () => {
      this.#onStarted.delete(run);
    };
  }

  /**
   * Gives a node what its predecessor left when the configuration is the same, else something new.
   * @param create gets what was there before, and a promise that settles when that is closed: only then the new one may start
   */
  acquire<T extends Resource>(
    id: string,
    fingerprint: string,
    create: (predecessorClosed: Promise<unknown>, previous: Resource | undefined) => T,
  ): T {
    const entry = this.#entries.get(id);
    if (entry) clearTimeout(entry.timer);
    // Kept under this id by the same node type: what is in it is a T.
    if (entry?.fingerprint === fingerprint) return entry.resource as T;
    if (entry) void this.#closeEntry(id, entry, 'removed');
    const resource = create(this.#closing.get(id) ?? Promise.resolve(), entry?.resource);
    this.#entries.set(id, { fingerprint, resource });
    return resource;
  }

  /** A node closes: what it held is closed with it when it is removed or the program stops, else kept for its successor. */
  async release(id: string, removed: boolean): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry) return;
    if (removed || isShuttingDown()) {
      await this.#closeEntry(id, entry, isShuttingDown() ? 'stop' : 'removed');
      return;
    }
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      void this.#closeEntry(id, entry, 'removed');
    }, SUCCESSOR_TIMEOUT_MS);
  }

  #closeEntry(id: string, entry: ResourceEntry, reason: CloseReason): Promise<unknown> {
    clearTimeout(entry.timer);
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
    const closing = entry.resource.close(reason).finally(() => {
      if (this.#closing.get(id) === closing) this.#closing.delete(id);
    });
    this.#closing.set(id, closing);
    return closing;
  }
}

/** The deployment of a runtime. */
export const deploymentOf = oncePerRuntime((RED) => {
  watchForShutdown();
  return new Deployment(RED.events);
});

let shuttingDown = false;
let watching = false;

function isShuttingDown(): boolean {
  return shuttingDown;
}

/** Node-RED itself listens to the same signals and closes all nodes on them; we only have to know before it does. */
function watchForShutdown(): void {
  if (watching) return;
  watching = true;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) {
    const onSignal = (): void => {
      shuttingDown = true;
      // Alone here, we would keep an embedding program from dying of the signal.
      if (process.listenerCount(signal) > 1) return;
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
    };
    process.prependListener(signal, onSignal);
  }
  process.prependListener('message', (message: unknown) => {
    if (message === 'shutdown') shuttingDown = true;
  });
}
