/** What the nodes that act on devices share: an action, devices, one request each, one answer. */
import type { Node, NodeAPI } from 'node-red';
import { asO2GError, mapConcurrently, invalid, type O2GError, type Link } from '../../../o2g';
import { onInput, failed, active, NOT_CONFIGURED, throttledStatus, working, type FlowMessage } from '../node';
import { configuredLink, linksOf, isBlank, type Config, type LinkNode } from '../config';
import { readRequests, type DeviceRequest } from './device-requests';

/** One action of a node on one device. */
export interface DeviceAction {
  /**
   * Reads and validates the request of a device, before any is sent.
   * @returns sends it
   * @throws O2GError `INVALID_INPUT`
   */
  read(deviceNumber: string, fields: Readonly<Record<string, unknown>>): (link: Link) => Promise<object>;
}

/** Requests of one message under way at a time: the knee of the curve, and room for what other nodes send. */
const MAX_PARALLEL_DEVICE_REQUESTS = 24;

/**
 * Makes a node act on devices.
 * @param fieldNames the request's fields besides deviceNumber, each a typed input of the node
 * @param actions by the word in `action` or `msg.action`
 * @param messageActions words of the same kind that aren't about devices: what answers the whole message
 */
export function actOnDevices(
  RED: NodeAPI,
  node: Node,
  config: Config,
  fieldNames: readonly string[],
  actions: Readonly<Record<string, DeviceAction>>,
  messageActions: Readonly<Record<string, (message: FlowMessage) => Promise<object>>> = {},
): void {
  const show = throttledStatus(node);
  const allActions: Readonly<Record<string, DeviceAction | ((message: FlowMessage) => Promise<object>)>> = {
    ...actions,
    ...messageActions,
  };
  useLink(RED, node, config, () => {
    show(NOT_CONFIGURED);
  });
  onInput(
    node,
    async (message) => {
      const chosen = readAction(config, message, allActions);
      if (typeof chosen === 'function') {
        const result = await chosen(message);
        show(active(Array.isArray(result) ? String(result.length) : ''));
        return result;
      }
      const action = chosen;
      const { requests, isList } = await readRequests(RED, node, config, message, fieldNames);
      const prepared = requests.map((request) => ({
        request,
        send: action.read(request.deviceNumber, request.fields),
      }));
      show(working(requests.length === 1 ? (requests[0]?.deviceNumber ?? '') : `0 / ${requests.length}`));
      if (!isList) {
        const [only] = prepared;
        const result = only && (await only.send(only.request.link.link.get()));
        show(active(only?.request.deviceNumber ?? ''));
        return result;
      }
      const results = await mapConcurrently(
        prepared,
        MAX_PARALLEL_DEVICE_REQUESTS,
        ({ request, send }) => resultForDevice(request, send),
        (done) => {
          show(working(`${done} / ${requests.length}`));
        },
      );
      const failures = results.filter((result) => 'error' in result).length;
      show(
        failures === 0
          ? active(String(results.length))
          : { fill: 'yellow', shape: 'dot', text: `${results.length - failures} / ${results.length}` },
      );
      return results;
    },
    (error) => {
      show(failed(error));
    },
  );
}

/** In a list each device has its own end: a failed one says why, the others are not touched by it. */
async function resultForDevice(
  { deviceNumber, link }: DeviceRequest,
  send: (link: Link) => Promise<object>,
): Promise<object> {
  try {
    return await send(link.link.get());
  } catch (error) {
    return { deviceNumber, error: errorPayload(asO2GError(error)) };
  }
}

/** An error in a list of answers. */
export function errorPayload({ code, message, cause }: O2GError): object {
  return { code, message, ...(cause === undefined ? {} : { cause }) };
}

function readAction<Action extends object>(
  config: Config,
  message: FlowMessage,
  actions: Readonly<Record<string, Action>>,
): Action {
  const actionName = isBlank(config.action) ? message.action : config.action;
  const action =
    typeof actionName === 'string' && Object.hasOwn(actions, actionName) ? actions[actionName] : undefined;
  if (!action)
    throw invalid('action', actionName, `${Object.keys(actions).join(' or ')}, on the node or in msg.action`);
  return action;
}

/** Says that the node's link (or any of them, when the message chooses) is needed, for as long as the node is there. */
function useLink(RED: NodeAPI, node: Node, config: Config, onMissing: () => void): void {
  let release: () => void;
  try {
    release = acquireLink(RED, node, configuredLink(RED, config.link));
  } catch {
    // Every input is answered with the reason; until one comes, the status tells.
    onMissing();
    return;
  }
  node.on('close', () => {
    release();
  });
}

function acquireLink(RED: NodeAPI, node: Node, configured: LinkNode | undefined): () => void {
  if (!configured) return linksOf(RED).useAny(node);
  configured.link.use(node);
  return () => {
    configured.link.release(node);
  };
}
