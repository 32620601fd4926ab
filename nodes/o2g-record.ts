import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { validated, invalid, type RecordResult, type RecordTarget, type DesiredRecording } from '../o2g';
import {
  configuredRecorder,
  configuredLink,
  linksOf,
  asNumber,
  isBlank,
  type Config,
  type LinkNode,
} from './lib/config';
import { deploymentOf, inFlightOf } from './lib/lifecycle';
import { actOnDevices, recordingActions } from './lib/actions';
import { NOT_CONFIGURED } from './lib/node';

const IP_FIELDS = ['ipRecorderAddr', 'sentFlowPort', 'receivedFlowPort'];
const TDM_FIELDS = ['crystal', 'board', 'timeslot'];
/** A pause that nobody ends should end within a day: beyond that it is a mistake of units. */
const MAX_PAUSE_SECONDS = 86_400;
const MAX_TEXT_CHARS = 1000;

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-record', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    actOnDevices(
      RED,
      this,
      config,
      ['mode', ...IP_FIELDS, ...TDM_FIELDS, 'resumeAfter', 'by', 'reason'],
      {
        start: {
          read(deviceNumber, fields) {
            const desired = readDesiredTarget(RED, config, deviceNumber, fields);
            return async (link) => recordPayload(await link.record(deviceNumber, desired));
          },
        },
        stop: { read: (deviceNumber) => async (link) => recordPayload(await link.stopRecord(deviceNumber)) },
        pause: {
          read(deviceNumber, fields) {
            const pauseReason = {
              resumeAfter: readResumeAfter(fields.resumeAfter),
              by: readShortText('by', fields.by),
              reason: readShortText('reason', fields.reason),
            };
            const { resumeAfter } = pauseReason;
            return async (link) => ({
              ...recordPayload(await link.pause(deviceNumber, pauseReason)),
              ...(resumeAfter === undefined ? {} : { resumeAfter }),
            });
          },
        },
        resume: { read: (deviceNumber) => async (link) => recordPayload(await link.resume(deviceNumber)) },
      },
      recordingActions(RED, config),
    );
    sendUnsolicited(RED, this, config);
  });
};

/** Where a device is to be recorded: in the node's built-in recorder, else as the request says. */
function readDesiredTarget(
  RED: NodeAPI,
  config: Config,
  deviceNumber: string,
  fields: Readonly<Record<string, unknown>>,
): DesiredRecording {
  const recorder = configuredRecorder(RED, 'recorder', config.recorder);
  if (!recorder) return readTarget(deviceNumber, fields);
  if (fields.mode === 'tdm')
    throw invalid('mode', fields.mode, 'ip: the built-in recorder has no time slots');
  recorder.recorder.get();
  return { mode: 'builtin', recorder: recorder.id };
}

function readTarget(deviceNumber: string, fields: Readonly<Record<string, unknown>>): RecordTarget {
  const { mode = isBlank(fields.timeslot) ? 'ip' : 'tdm', ipRecorderAddr } = fields;
  if (mode !== 'ip' && mode !== 'tdm') throw invalid('mode', mode, 'ip or tdm');
  const numbersOf = (names: readonly string[]): Record<string, unknown> =>
    Object.fromEntries(names.map((name) => [name, asNumber(fields[name])]));
  if (mode === 'tdm') {
    const { crystal, board, timeslot } = validated('StartTDMRecordRequest', {
      deviceNumber,
      ...numbersOf(TDM_FIELDS),
    });
    return { mode, crystal, board, timeslot };
  }
  const { sentFlowPort, receivedFlowPort, ...request } = validated('StartRecordRequest', {
    deviceNumber,
    ...numbersOf(IP_FIELDS),
    ipRecorderAddr,
  });
  if (sentFlowPort === receivedFlowPort)
    throw invalid(
      'receivedFlowPort',
      receivedFlowPort,
      'another port than sentFlowPort: each direction needs its own',
    );
  return { mode, ipRecorderAddr: request.ipRecorderAddr, sentFlowPort, receivedFlowPort };
}

function readResumeAfter(value: unknown): number | undefined {
  if (isBlank(value)) return undefined;
  const seconds = asNumber(value);
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= MAX_PAUSE_SECONDS))
    throw invalid('resumeAfter', value, `a number of seconds above 0, at most ${MAX_PAUSE_SECONDS}`);
  return seconds;
}

/** Who asked for a pause and why: it goes to the metadata. */
function readShortText(field: string, value: unknown): string | undefined {
  if (isBlank(value)) return undefined;
  if (typeof value !== 'string' || value.length > MAX_TEXT_CHARS)
    throw invalid(field, value, `a text of at most ${MAX_TEXT_CHARS} characters`);
  return value;
}

/** What is in force now, in the fields of the message. A spread of two objects costs 1.3 µs a field on Node.js 20. */
function recordPayload({ target, ...recorded }: RecordResult): object {
  return Object.assign(recorded, target);
}

/** Output 2: what its recorder finishes and warns of, and what its link had to record anew. */
function sendUnsolicited(RED: NodeAPI, node: Node, config: Config): void {
  const inFlight = inFlightOf(RED);
  const notify = (topic: string, payload: object): void => {
    const message: NodeMessage & { o2g: object } = { topic, payload, o2g: { unsolicited: true } };
    inFlight.send(node, 1, message);
  };
  try {
    const link = configuredLink(RED, config.link);
    const offs = [followRecorder(RED, node, config, link, notify), followLinks(RED, link, notify)];
    node.on('close', () => {
      for (const off of offs) off();
    });
  } catch {
    // Every input is answered with the reason; until one comes, the status tells.
    node.status(NOT_CONFIGURED);
  }
}

/**
 * Tells what the node's own recorder finishes, else that of its link: every recording, whoever asked for it.
 * @returns stops that
 * @throws O2GError `INVALID_INPUT` when the node's recorder doesn't exist
 */
function followRecorder(
  RED: NodeAPI,
  node: Node,
  config: Config,
  link: LinkNode | undefined,
  notify: (topic: string, payload: object) => void,
): () => void {
  const recorder = configuredRecorder(
    RED,
    'recorder',
    isBlank(config.recorder) ? link?.media : config.recorder,
  );
  if (!recorder) return () => undefined;
  recorder.recorder.use(node);
  let off = (): void => undefined;
  try {
    // Now, and not when the flows have started: what a deploy held up is handed on then.
    off = recorder.recorder.get().onEvent.on(({ topic, payload }) => {
      notify(topic, structuredClone(payload));
    });
  } catch {
    // A mistake in its configuration is told by the recorder itself, and to every input.
  }
  return () => {
    off();
    recorder.recorder.release(node);
  };
}

/** Tells what a link, or any when the node names none, had to record anew: external recorders need the new keys. @returns stops that */
function followLinks(
  RED: NodeAPI,
  only: LinkNode | undefined,
  notify: (topic: string, payload: object) => void,
): () => void {
  let linkOffs: (() => void)[] = [];
  const off = deploymentOf(RED).onStarted(() => {
    for (const each of linkOffs) each();
    linkOffs = linksOf(RED)
      .current(only)
      .map((link) =>
        link.onCoverage.on(({ kind, deviceNumber, recording }) => {
          if (kind === 'restored' && recording)
            notify('restored', {
              link: link.name,
              ...recordPayload(link.recordResultOf(deviceNumber, recording)),
            });
        }),
      );
  });
  return () => {
    off();
    for (const each of linkOffs) each();
  };
}
