/** The worker's beginning: it receives, places and writes what the main thread orders. */
import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';

import { messageOf } from '../common';
import { systemFileSystem } from '../disk';
import type { WorkerMessage, WorkerCommand, CommandFailure, WorkerRequest, WorkerData } from './messages';
import { PortTakenError, Receiver } from './receiver';

/** Files are brought up to date so often; with many of them half as often, which costs 1 % of a processor per 100 calls less. */
const FLUSH_INTERVAL_MS = 500;
const FLUSH_INTERVAL_MANY_MS = 1000;
const MANY_DEVICES_COUNT = 100;
const SNAPSHOT_INTERVAL_MS = 1000;
/** Orders after which a packet has no place any more. */
const ENDING_COMMANDS: ReadonlySet<WorkerCommand['type']> = new Set<WorkerCommand['type']>([
  'end',
  'disarm',
  'close',
]);

const { bind, options, owner } = workerData as WorkerData;
const post = (message: WorkerMessage): void => {
  parentPort?.postMessage(message);
};

const receiver: Receiver = new Receiver(bind, {
  options: {
    ...options,
    get flushMs() {
      return receiver.size > MANY_DEVICES_COUNT ? FLUSH_INTERVAL_MANY_MS : FLUSH_INTERVAL_MS;
    },
  },
  fileSystem: systemFileSystem,
  owner,
  onRecorded: (recorded) => {
    post({ type: 'recorded', recorded });
  },
  onAlarm: (alarm) => {
    post({ type: 'alarm', alarm });
  },
  onStarted: (deviceNumber, id, startedAt) => {
    post({ type: 'started', deviceNumber, id, startedAt });
  },
});
const snapshotTimer = setInterval(() => {
  post({ type: 'snapshot', devices: receiver.snapshots() });
}, SNAPSHOT_INTERVAL_MS);

/** Orders begin in the order in which they came, also when one of them has to wait for what lies unread. */
let previousCommand: Promise<void> = Promise.resolve();

parentPort?.on('message', ({ requestId, command }: WorkerRequest) => {
  if (ENDING_COMMANDS.has(command.type))
    previousCommand = previousCommand.then(() =>
      receiver.readPending(command.type === 'close' ? undefined : command.deviceNumber),
    );
  previousCommand
    .then(() => execute(command))
    .then(
      () => {
        post({ type: 'reply', requestId });
      },
      (error: unknown) => {
        post({ type: 'reply', requestId, failure: failureOf(error) });
      },
    );
});

async function execute(command: WorkerCommand): Promise<void> {
  if (command.type === 'arm')
    return receiver.arm(command.deviceNumber, command.context, command.secure, command.ports);
  if (command.type === 'disarm') return receiver.disarm(command.deviceNumber, command.endedBy);
  if (command.type === 'close') return close();
  const device = receiver.device(command.deviceNumber);
  const now = performance.now();
  switch (command.type) {
    case 'describe':
      return device?.setContext(command.context);
    case 'keys':
      return device?.setKeys(command.master, now);
    case 'expect':
      return device?.expectMedia(command.expected, now);
    case 'pause':
      return device?.pause(command.by, command.reason, command.resumeAfterMs, now);
    case 'resume':
      return device?.resume(now);
    case 'end':
      return device?.endConversation(command.endedBy, now);
  }
}

/** The last reply is on its way before the port closes, and with it the worker. */
async function close(): Promise<void> {
  clearInterval(snapshotTimer);
  await receiver.close();
  setImmediate(() => {
    parentPort?.close();
  });
}

function failureOf(error: unknown): CommandFailure {
  if (!(error instanceof PortTakenError)) return { code: 'BIND_FAILED', message: messageOf(error) };
  const taken = error.systemCode === 'EADDRINUSE' || error.systemCode === 'EACCES';
  return { code: taken ? 'PORT_TAKEN' : 'BIND_FAILED', message: error.message, port: error.port };
}
