/** The only `input` listener of the palette: it sends and calls `done` once, and no rejection leaves it (one would end Node-RED). */
import type { Node, NodeMessage, NodeMessageInFlow } from 'node-red';
import { asO2GError, O2GError } from '../../o2g/errors';

export type FlowMessage = NodeMessageInFlow & Record<string, unknown>;

/**
 * Answers every input of a node.
 * @param answer gives the payload of the answer; the message keeps its other properties. `undefined` answers nothing.
 * @param onFailed shows the failure on the node
 */
export function onInput(node: Node, answer: (message: FlowMessage) => Promise<unknown>, onFailed?: (error: O2GError) => void): void {
  onInputEach(node, async (message) => {
    const payload = await answer(message);
    return payload === undefined ? [] : [Object.assign(message, { payload })];
  }, onFailed);
}

/**
 * Answers every input of a node with any number of messages, on its first output.
 * @param answers gives the messages, in the order in which they are sent
 * @param onFailed shows the failure on the node
 */
export function onInputEach(
  node: Node, answers: (message: FlowMessage) => Promise<readonly NodeMessage[]>, onFailed: (error: O2GError) => void = () => undefined,
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
    answered(message, answers).then((replies) => {
      if (settled) return;
      if (replies.length > 0) send([[...replies]]);
      settle();
    }).catch((error: unknown) => {
      const known = asO2GError(error);
      if (!settled) onFailed(known);
      settle(known);
    });
  });
  node.on('close', () => {
    for (const settle of pending) settle(new O2GError('CLOSED', 'the node was closed before the answer came'));
  });
}

/** Also what is thrown before the first await becomes a rejection. */
async function answered<Answer>(message: FlowMessage, answer: (message: FlowMessage) => Promise<Answer>): Promise<Answer> {
  return answer(message);
}
