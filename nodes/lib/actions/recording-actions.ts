/** The actions of `o2g-record` on finished recordings: `hold`, `release`, `retain`, `delete`. They need a recorder, not a link. */
import type { Node, NodeAPI } from 'node-red';
import { asO2GError, forEachBounded, invalid } from '../../../o2g';
import type { Keeping, Kept, Which } from '../../../recorder';
import type { BuiltInRecorder } from '../recorder';
import {
  configuredRecorder,
  nodeOf,
  asNumber,
  isBlank,
  ownField,
  type Config,
  type RecorderNode,
} from '../config';
import { shown } from './device-action-node';
import type { FlowMessage } from '../node';

type Do = (keeping: Keeping, which: Which, days: unknown) => Promise<Kept>;

const ACTIONS: Readonly<Record<string, Do>> = {
  hold: (keeping, which) => keeping.hold(which),
  release: (keeping, which) => keeping.release(which),
  // What isn't a number is refused by the recorder, in words.
  retain: (keeping, which, days) => keeping.retain(which, days as number),
  delete: (keeping, which) => keeping.delete(which),
};

/** They are done one after the other in any case; a list as long as this would keep the others waiting. */
const MOST_RECORDINGS = 10_000;

interface Asked {
  readonly which: Which;
  readonly days: unknown;
}

/**
 * The actions by their words, each answering a message with what is in force: {id, file, held, retainUntil, deleted?}, or a list of it.
 * They reject with O2GError `INVALID_INPUT`, `NOT_FOUND`, `REFUSED` and the recorder's own codes.
 */
export function keepRecordings(
  RED: NodeAPI,
  config: Config,
): Readonly<Record<string, (message: FlowMessage) => Promise<object>>> {
  return Object.fromEntries(
    Object.entries(ACTIONS).map(([word, act]) => [
      word,
      async (message: FlowMessage): Promise<object> => {
        const { payload } = message;
        const recorder = recorderFor(RED, config, message);
        if (!Array.isArray(payload)) return keep(recorder, act, read(payload));
        if (payload.length === 0 || payload.length > MOST_RECORDINGS)
          throw invalid('payload', `${payload.length} recordings`, `1 to ${MOST_RECORDINGS}`);
        return forEachBounded(
          payload.map(read),
          1,
          (asked) => tried(recorder, act, asked),
          () => undefined,
        );
      },
    ]),
  );
}

function keep(recorder: BuiltInRecorder, act: Do, { which, days }: Asked): Promise<Kept> {
  return recorder.keep((keeping) => act(keeping, which, days));
}

/** In a list each recording has its own end. */
async function tried(recorder: BuiltInRecorder, act: Do, asked: Asked): Promise<object> {
  try {
    return await keep(recorder, act, asked);
  } catch (error) {
    const { id, file } = asked.which;
    return {
      ...(id === undefined ? {} : { id }),
      ...(file === undefined ? {} : { file }),
      error: shown(asO2GError(error)),
    };
  }
}

function read(entry: unknown): Asked {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw invalid('payload', entry, 'an object with the id or the file of a recording, or a list of them');
  const text = (name: string): string | undefined => {
    const value = ownField(entry, name);
    if (isBlank(value)) return undefined;
    if (typeof value !== 'string') throw invalid(name, value, 'a text');
    return value;
  };
  return {
    which: { id: text('id'), file: text('file'), reason: text('reason'), by: text('by') },
    days: asNumber(ownField(entry, 'days')),
  };
}

/** The node's, else that of msg.recorder, a name or an id, else the only one. @throws O2GError `INVALID_INPUT` */
function recorderFor(RED: NodeAPI, config: Config, message: FlowMessage): BuiltInRecorder {
  const configured = configuredRecorder(RED, 'recorder', config.recorder);
  if (configured) return configured.recorder.get();
  const all = recorderNodes(RED).filter(({ recorder }) => recorder.current !== undefined);
  const asked = message.recorder;
  const found = isBlank(asked) ? all : all.filter(({ id, label }) => id === asked || label === asked);
  const [only] = found;
  if (found.length !== 1 || !only)
    throw invalid(
      'recorder',
      asked,
      isBlank(asked)
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
