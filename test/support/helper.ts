import assert from 'node:assert/strict';

import type { Node, NodeAPI, NodeDef, NodeInitializer } from 'node-red';
import helper from 'node-red-node-test-helper';

import { whenRunEnds, whenTestEnds } from './cleanup';
import type { Flow } from './flow';
import { Mailbox, type Patience } from './mailbox';
import type { Message, Status } from './node-red';

/**
 * A flow running inside the test's own process, in node-red-node-test-helper. Faster than a spawned Node-RED, but hooks,
 * translations, real authorisation and HTTP nodes don't exist there: those tests use `startNodeRed`.
 */
export interface LoadedFlow {
  /** The running node; fails when the flow has none with this id. */
  node(id: string): Node;
  inject(probe: string, msg: Record<string, unknown>): void;
  told<Payload = unknown>(
    probe: string,
    predicate?: (msg: Message<Payload>) => boolean,
    patience?: Patience,
  ): Promise<Message<Payload>>;
  received<Payload = unknown>(probe: string): Message<Payload>[];
  statuses(nodeId: string): Status[];
  statusOf(nodeId: string, predicate: (status: Status) => boolean, patience?: Patience): Promise<Status>;
  /** Deploys another flow over it. */
  deploy(flow: Flow, type?: 'full' | 'nodes' | 'flows'): Promise<void>;
  unload(): Promise<void>;
}

let listening: Promise<void> | undefined;

/**
 * Loads the nodes and starts the flow; it is unloaded when the test ends.
 * @param nodes what the node files export; catch, status and complete are there anyway, tls-config is not
 * @param flow as `flow()` builds it, probes and `credentials` included
 */
export async function loadFlow(nodes: readonly NodeInitializer[], flow: Flow): Promise<LoadedFlow> {
  listening ??= listen();
  await listening;
  const loaded = new Loaded();
  whenTestEnds(() => loaded.unload());
  const { flows, credentials } = apart(flow);
  await helper.load([loaded.probes, ...nodes], flows, credentials);
  return loaded;
}

async function listen(): Promise<void> {
  await new Promise<void>((resolve) => helper.startServer(resolve)); // its promise is not in its types
  whenRunEnds(() => helper.stopServer());
}

/** The helper compares the flow with what runs, where credentials and undefined properties are gone. */
function apart(flow: Flow): {
  flows: { id: string; type: string }[];
  credentials: Record<string, Record<string, string>>;
} {
  const credentials = Object.fromEntries(
    flow.flatMap(({ id, credentials: own }) => (own ? [[id, own]] : [])),
  );
  const flows = JSON.parse(JSON.stringify(flow.map((node) => ({ ...node, credentials: undefined })))) as Flow;
  return { flows, credentials };
}

class Loaded implements LoadedFlow {
  readonly #messages = new Map<string, Mailbox<Message>>();
  readonly #statuses = new Map<string, Mailbox<Status>>();
  #stopListening = (): void => undefined;

  /** Registers the probes, as the spawned Node-RED has them, and listens to statuses from the first on. */
  readonly probes = (RED: NodeAPI): void => {
    const hear = ({ id, status }: { id: string; status: Status }): void =>
      box(this.#statuses, id, 'status of node').put({ ...status });
    RED.events.on('node-status', hear);
    this.#stopListening = () => RED.events.off('node-status', hear);
    RED.nodes.registerType('probe-in', function (this: Node, definition: NodeDef) {
      RED.nodes.createNode(this, definition);
    });
    const messages = this.#messages;
    RED.nodes.registerType('probe-out', function (this: Node, definition: NodeDef) {
      RED.nodes.createNode(this, definition);
      this.on('input', (msg, _send, done) => {
        box(messages, definition.name, 'message at probe-out').put(msg as Message);
        done();
      });
    });
  };

  node(id: string): Node {
    const node = helper.getNode(id) as Node | null;
    assert.ok(node, `no node "${id}" runs`);
    return node;
  }

  inject(probe: string, msg: Record<string, unknown>): void {
    this.node(probe).send(msg);
  }

  told<Payload = unknown>(
    probe: string,
    predicate?: (msg: Message<Payload>) => boolean,
    patience?: Patience,
  ): Promise<Message<Payload>> {
    return box(this.#messages, probe, 'message at probe-out').take(
      predicate as (msg: Message) => boolean,
      patience,
    ) as Promise<Message<Payload>>;
  }

  received<Payload = unknown>(probe: string): Message<Payload>[] {
    return [...box(this.#messages, probe, 'message at probe-out').all] as Message<Payload>[];
  }

  statuses(nodeId: string): Status[] {
    return [...box(this.#statuses, nodeId, 'status of node').all];
  }

  statusOf(nodeId: string, predicate: (status: Status) => boolean, patience?: Patience): Promise<Status> {
    return box(this.#statuses, nodeId, 'status of node').last(predicate, patience);
  }

  async deploy(flow: Flow, type: 'full' | 'nodes' | 'flows' = 'full'): Promise<void> {
    const { flows, credentials } = apart(flow);
    await helper.setFlows(flows, type, credentials);
  }

  async unload(): Promise<void> {
    await helper.unload();
    this.#stopListening();
  }
}

function box<T extends object>(boxes: Map<string, Mailbox<T>>, name: string, what: string): Mailbox<T> {
  const mailbox = boxes.get(name) ?? new Mailbox<T>(`${what} "${name}"`);
  boxes.set(name, mailbox);
  return mailbox;
}
