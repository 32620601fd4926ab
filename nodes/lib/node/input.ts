/** The only `input` listener of the palette: it sends and calls `done` once, and no rejection leaves it (one would end Node-RED). */
import type { Node, NodeMessageInFlow } from 'node-red';
import { asO2GError, O2GError } from '../../../o2g';

export type FlowMessage = NodeMessageInFlow & Record<string, unknown>;

/**
 * Answers every input of a node.
 * @param handle gives the payload of the answer; the message keeps its other properties. `undefined` answers nothing.
 * @param onFailed shows the failure on the node
 */
export function onInput(
  node: Node,
  handle: (message: FlowMessage) => Promise<unknown>,
  onFailed: (error: O2GError) => void = () => undefined,
): void {
  const pending = new Set<(error: Error) => void>();
  node.on('input', (message, send, done) => {
    let settled = false;
    const settle = (error?: Error): void => {
      if (settled) return;
      settled = true;
      pending.delete(settle);
      done(error);
    };
    pending.add(settle);
    callHandler(message, handle)
      .then((payload) => {
        if (settled) return;
        if (payload !== undefined) send(Object.assign(message, { payload }));
        settle();
      })
      .catch((error: unknown) => {
        const o2gError = asO2GError(error);
        if (!settled) onFailed(o2gError);
        settle(o2gError);
      });
  });
  node.on('close', () => {
    for (const settle of pending)
      settle(new O2GError('CLOSED', 'the node was closed before the answer came'));
  });
}

/** Also what is thrown before the first await becomes a rejection. */
async function callHandler<Payload>(
  message: FlowMessage,
  handle: (message: FlowMessage) => Promise<Payload>,
): Promise<Payload> {
  return handle(message);
}
