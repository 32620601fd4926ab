/** The actions of `o2g-record` on finished recordings: `hold`, `release`, `retain`, `delete`. They need a recorder, not a link. */
import type { Node, NodeAPI } from 'node-red';
import { asO2GError, mapConcurrently, invalid } from '../../../o2g';
import type { Retention, RetentionState, RetentionRequest } from '../../../recorder';
import type { RecorderAdapter } from '../recorder';
import {
  configuredRecorder,
  nodeOf,
  asNumber,
  isBlank,
  readField,
  type Config,
  type RecorderNode,
} from '../config';
import { errorPayload } from './device-action-node';
import type { FlowMessage } from '../node';

type RecordingAction = (
  retention: Retention,
  request: RetentionRequest,
  days: unknown,
) => Promise<RetentionState>;

const ACTIONS: Readonly<Record<string, RecordingAction>> = {
  hold: (retention, request) => retention.hold(request),
  release: (retention, request) => retention.release(request),
  // What isn't a number is refused by the recorder, in words.
  retain: (retention, request, days) => retention.retain(request, days as number),
  delete: (retention, request) => retention.delete(request),
};

/** They are done one after the other in any case; a list as long as this would keep the others waiting. */
const MAX_RECORDINGS_PER_MESSAGE = 10_000;

interface RecordingRequest {
  readonly request: RetentionRequest;
  readonly days: unknown;
}

/**
 * The actions by their words, each answering a message with what is in force: {id, file, held, retainUntil, deleted?}, or a list of it.
 * They reject with O2GError `INVALID_INPUT`, `NOT_FOUND`, `REFUSED` and the recorder's own codes.
 */
export function recordingActions(
  RED: NodeAPI,
  config: Config,
): Readonly<Record<string, (message: FlowMessage) => Promise<object>>> {
  return Object.fromEntries(
    Object.entries(ACTIONS).map(([actionName, action]) => [
      actionName,
      async (message: FlowMessage): Promise<object> => {
        const { payload } = message;
        const recorder = recorderFor(RED, config, message);
        if (!Array.isArray(payload)) return applyAction(recorder, action, read(payload));
        if (payload.length === 0 || payload.length > MAX_RECORDINGS_PER_MESSAGE)
          throw invalid('payload', `${payload.length} recordings`, `1 to ${MAX_RECORDINGS_PER_MESSAGE}`);
        return mapConcurrently(
          payload.map(read),
          1,
          (requested) => resultForRecording(recorder, action, requested),
          () => undefined,
        );
      },
    ]),
  );
}

function applyAction(
  recorder: RecorderAdapter,
  action: RecordingAction,
  { request, days }: RecordingRequest,
): Promise<RetentionState> {
  return recorder.applyRetention((retention) => action(retention, request, days));
}

/** In a list each recording has its own end. */
async function resultForRecording(
  recorder: RecorderAdapter,
  action: RecordingAction,
  requested: RecordingRequest,
): Promise<object> {
  try {
    return await applyAction(recorder, action, requested);
  } catch (error) {
    const { id, file } = requested.request;
    return {
      ...(id === undefined ? {} : { id }),
      ...(file === undefined ? {} : { file }),
      error: errorPayload(asO2GError(error)),
    };
  }
}

function read(entry: unknown): RecordingRequest {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw invalid('payload', entry, 'an object with the id or the file of a recording, or a list of them');
  const text = (name: string): string | undefined => {
    const value = readField(entry, name);
    if (isBlank(value)) return undefined;
    if (typeof value !== 'string') throw invalid(name, value, 'a text');
    return value;
  };
  return {
    request: { id: text('id'), file: text('file'), reason: text('reason'), by: text('by') },
    days: asNumber(readField(entry, 'days')),
  };
}

/** The node's, else that of msg.recorder, a name or an id, else the only one. @throws O2GError `INVALID_INPUT` */
function recorderFor(RED: NodeAPI, config: Config, message: FlowMessage): RecorderAdapter {
  const configured = configuredRecorder(RED, 'recorder', config.recorder);
  if (configured) return configured.recorder.get();
  const all = recorderNodes(RED).filter(({ recorder }) => recorder.current !== undefined);
  const requested = message.recorder;
  const found = isBlank(requested)
    ? all
    : all.filter(({ id, label }) => id === requested || label === requested);
  const [only] = found;
  if (found.length !== 1 || !only)
    throw invalid(
      'recorder',
      requested,
      isBlank(requested)
        ? `chosen, on the node or in msg.recorder: ${all.length} are in use`
        : 'the name or id of one built-in recorder that is in use',
    );
  return only.recorder.get();
}

function recorderNodes(RED: NodeAPI): RecorderNode[] {
  const nodes: (Node | undefined)[] = [];
  RED.nodes.eachNode(({ id }) => {
    nodes.push(nodeOf(RED, id, 'o2g-recorder'));
  });
  return nodes.filter((node): node is RecorderNode => node !== undefined);
}
