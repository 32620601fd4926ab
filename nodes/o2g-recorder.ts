import { resolve } from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { invalid, type O2GError } from '../o2g';
import { checkFileKey, splitKeys, checkOptions, type RecorderOptions } from '../recorder';
import { RecorderAdapter, fromRecorderError } from './lib/recorder';
import {
  attempt,
  logOf,
  isBlank,
  labelOf,
  readChoice,
  readFlag,
  readNumber,
  readText,
  recordersOf,
  recordingFoldersOf,
  type Config,
  type RecorderNode,
} from './lib/config';
import { deploymentOf, SharedResource, type Deployment } from './lib/lifecycle';
import { addRecordingsRoutes } from './lib/recordings-page';
import { recorderStatus, throttledStatus } from './lib/node';

interface Credentials {
  key?: string;
  previousKeys?: string;
  signingKey?: string;
}

/** How often the status is brought up to date. */
const STATUS_INTERVAL_MS = 1000;

export = (RED: NodeAPI): void => {
  RED.nodes.registerType<RecorderNode & Node<Credentials>, NodeDef, object, Credentials>(
    'o2g-recorder',
    function (this, definition) {
      RED.nodes.createNode(this, definition);
      const config: Config = { ...definition };
      const options = attempt(() => readOptions(RED, config, this.credentials));
      const recorder = new SharedResource<RecorderAdapter>(RED, this, {
        prepare: () => {
          const settings = options();
          return { configuration: settings, create: () => makeRecorder(RED, this, settings) };
        },
        activate: (current, predecessorClosed) => {
          current.releaseEvents();
          void predecessorClosed.then(() => current.start());
          return follow(this, current, deploymentOf(RED));
        },
      });
      Object.assign(this, {
        label: labelOf(config, String(config.address)),
        recorder,
        users: recorder.users,
      });
      registerFolder(RED, this, options);
    },
    {
      credentials: {
        key: { type: 'password' },
        previousKeys: { type: 'password' },
        signingKey: { type: 'password' },
      },
    },
  );
  addRecordingsRoutes(RED);
};

/** What is in the folder is found on the recordings page, whether somebody uses the recorder or not. */
function registerFolder(RED: NodeAPI, node: Node, options: () => RecorderOptions): void {
  try {
    const { folder, keys = [] } = options();
    node.on('close', recordingFoldersOf(RED).add(node.id, { folder, keys }));
  } catch {
    // A mistake in the configuration is told when somebody uses the recorder; without a folder there is nothing to be found.
  }
}

function makeRecorder(RED: NodeAPI, node: Node, settings: RecorderOptions): RecorderAdapter {
  const recorders = recordersOf(RED);
  let unregister = (): void => undefined;
  const adapter = new RecorderAdapter(settings, {
    log: logOf(node),
    onUndecipherable: (deviceNumber) => {
      recorders.onUndecipherable.emit({ recorder: node.id, deviceNumber });
    },
    onClose: () => {
      unregister();
    },
  });
  unregister = recorders.add(node.id, adapter);
  const folders = recordingFoldersOf(RED);
  adapter.onEvent.on(({ topic, payload }) => {
    if (topic === 'finished') folders.refresh(settings.folder, payload.file);
  });
  adapter.onRetentionChanged.on(({ file }) => {
    folders.refresh(settings.folder, file);
  });
  return adapter;
}

/** Shows what is recorded and what is wrong. @returns stops that */
function follow(node: Node, recorder: RecorderAdapter, deployment: Deployment): () => void {
  const show = throttledStatus(node);
  let shown = '';
  let failure: O2GError | undefined;
  const updateStatus = (): void => {
    const { metrics, alarms } = recorder;
    const status = recorderStatus(metrics, alarms, metrics ? undefined : failure);
    const text = JSON.stringify(status);
    if (text === shown) return;
    shown = text;
    show(status);
  };
  const timer = setInterval(updateStatus, STATUS_INTERVAL_MS);
  timer.unref();
  const offs = [
    recorder.onFailure.on((error) => {
      // Every device asks for it: one mistake is told once.
      if (error.message !== failure?.message) node.error(error, {});
      failure = error;
      updateStatus();
    }),
    recorder.onEvent.on(updateStatus),
    deployment.onStopping(() => {
      recorder.holdEvents();
    }),
    () => {
      clearInterval(timer);
    },
  ];
  return () => {
    for (const off of offs) off();
  };
}

/** The present key first: new files are encrypted with it. Previous ones only read. */
function readKeys(key: string | undefined, previousKeys: string): string[] {
  const previous = splitKeys(previousKeys);
  try {
    for (const each of previous) checkFileKey('previousKeys', each);
  } catch (error) {
    throw fromRecorderError(error);
  }
  return isBlank(key) ? previous : [String(key).trim(), ...previous];
}

function readOptions(
  RED: NodeAPI,
  config: Config,
  { key, previousKeys = '', signingKey }: Credentials,
): RecorderOptions {
  const address = readText(config, 'address');
  const folder = readText(config, 'folder');
  if (address === undefined)
    throw invalid('address', address, 'the IPv4 address to which the phones send, such as 192.0.2.10');
  if (folder === undefined) throw invalid('folder', folder, 'the path of a folder for the recordings');
  const encrypt = readFlag(config, 'encrypt');
  // None of the previous keys may take its place.
  if (encrypt && isBlank(key)) throw invalid('key', undefined, 'given when recordings are to be encrypted');
  const options: RecorderOptions = {
    address,
    bind: readText(config, 'bind'),
    portMin: readNumber(config, 'portMin', 20_000, 1, 65_535),
    portMax: readNumber(config, 'portMax', 29_999, 1, 65_535),
    // As everything that a flow names: beside the flow file, wherever Node-RED was started.
    folder: resolve(RED.settings.userDir ?? '.', folder),
    filename: readText(config, 'filename'),
    format: readChoice<'g711' | 'pcm16'>(config, 'format', ['g711', 'pcm16'], 'g711'),
    split: readChoice<'conversation' | 'none'>(config, 'split', ['conversation', 'none'], 'conversation'),
    maxMinutes: readNumber(config, 'maxMinutes', 240, 1, 4400),
    encrypt,
    keys: readKeys(key, previousKeys),
    signingKey: isBlank(signingKey) ? undefined : signingKey,
    retentionDays: readNumber(config, 'retentionDays', 0, 0, 36_500),
  };
  try {
    checkOptions(options);
  } catch (error) {
    throw fromRecorderError(error);
  }
  return options;
}
