/**
 * What a node has sent and Node-RED has not delivered yet. Node-RED hands a message on after the current turn of the event loop; when a
 * deploy closes the receiver in that same turn, it is dropped without a word. So messages are remembered for that one turn, and a deploy
 * gives them to the receivers' successors.
 */
import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { deploymentOf, type Deployment } from './deployment';
import { oncePerRuntime } from './per-runtime';

/** A node of the runtime, with the fields that the typings leave out. Without the last two we take it for closed. */
interface Receiver extends Node {
  readonly wires?: readonly (readonly string[])[];
  readonly _inputCallback?: unknown;
  readonly _inputCallbacks?: unknown;
}

interface SentMessage {
  readonly node: Receiver;
  readonly port: number;
  readonly message: NodeMessage;
}

interface CapturedMessage {
  readonly receiver: Receiver;
  readonly message: NodeMessage;
  /** The receiver was still there when its turn came. */
  delivered: boolean;
}

class InFlightMessages {
  readonly #RED: NodeAPI;
  /** In the order of sending; those before `#delivered` have been delivered. */
  #sent: SentMessage[] = [];
  #deliveredCount = 0;
  #captured: CapturedMessage[] = [];
  readonly #countDelivered = (): void => {
    this.#deliveredCount += 1;
    if (this.#deliveredCount < this.#sent.length) return;
    this.#sent = [];
    this.#deliveredCount = 0;
  };

  constructor(RED: NodeAPI, deployment: Deployment) {
    this.#RED = RED;
    deployment.onStopping(() => {
      this.#capture();
    });
    deployment.onStarted(() => {
      this.#redeliver();
    });
  }

  /** Sends a message that no input asked for from an output of a node. */
  send(node: Node, port: number, message: NodeMessage): void {
    this.#sent.push({ node, port, message });
    // Queued right before the delivery of this very message: once it is there, whoever got it may begin the deploy.
    setImmediate(this.#countDelivered);
    sendFrom(node, port, message);
  }

  #capture(): void {
    const captured = this.#sent.slice(this.#deliveredCount).flatMap(({ node, port, message }) =>
      (node.wires?.[port] ?? []).flatMap((id) => {
        const receiver = this.#find(id);
        // A copy: a receiver that the deploy leaves alone may still change its message.
        return receiver
          ? [{ receiver, message: this.#RED.util.cloneMessage(message), delivered: false }]
          : [];
      }),
    );
    this.#captured.push(...captured);
    // After the delivery: a receiver that takes its time to close may have got it.
    setImmediate(() => {
      for (const each of captured) each.delivered = hasInputHandlers(each.receiver);
    });
  }

  #redeliver(): void {
    const captured = this.#captured;
    this.#captured = [];
    for (const { receiver, message, delivered } of captured) {
      const successor = this.#find(receiver.id);
      if (!delivered && successor && successor !== receiver) successor.receive(message);
    }
  }

  /** Typed as always there, null in truth while a deploy is under way. */
  #find(id: string): Receiver | null {
    return this.#RED.nodes.getNode(id);
  }
}

/** Node-RED takes the input handlers off a node when it is closed. */
function hasInputHandlers({ _inputCallback, _inputCallbacks }: Receiver): boolean {
  return Boolean(_inputCallback) || Boolean(_inputCallbacks);
}

function sendFrom(node: Node, port: number, message: NodeMessage): void {
  node.send(port === 0 ? message : [...Array<null>(port).fill(null), message]);
}

/** What is in flight in a runtime; with `runtimeSyncDelivery` nothing ever is. */
export const inFlightOf = oncePerRuntime<Pick<InFlightMessages, 'send'>>((RED) =>
  (RED.settings as { runtimeSyncDelivery?: boolean }).runtimeSyncDelivery === true
    ? { send: sendFrom }
    : new InFlightMessages(RED, deploymentOf(RED)),
);
