/** The worker's beginning: it receives, places and writes what the main thread orders. */
import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';

import { messageOf } from '../common';
import { systemFiles } from '../disk';
import type { FromWorker, Order, Refusal, Request, WorkerData } from './messages';
import { PortTaken, Receiver } from './receiver';

/** Files are brought up to date so often; with many of them half as often, which costs 1 % of a processor per 100 calls less. */
const FLUSH_MS = 500;
const FLUSH_MANY_MS = 1000;
const MANY = 100;
const SNAPSHOT_MS = 1000;
/** Orders after which a packet has no place any more. */
const ENDS: ReadonlySet<Order['do']> = new Set<Order['do']>(['end', 'disarm', 'close']);

const { bind, options, owner } = workerData as WorkerData;
const tell = (message: FromWorker): void => {
  parentPort?.postMessage(message);
};

const receiver: Receiver = new Receiver(bind, {
  options: {
    ...options,
    get flushMs() {
      return receiver.size > MANY ? FLUSH_MANY_MS : FLUSH_MS;
    },
  },
  files: systemFiles,
  owner,
  onRecorded: (recorded) => {
    tell({ tells: 'recorded', recorded });
  },
  onAlarm: (alarm) => {
    tell({ tells: 'alarm', alarm });
  },
  onStarted: (deviceNumber, id, startedAt) => {
    tell({ tells: 'started', deviceNumber, id, startedAt });
  },
});
const snapshots = setInterval(() => {
  tell({ tells: 'snapshot', devices: receiver.snapshots() });
}, SNAPSHOT_MS);

/** Orders begin in the order in which they came, also when one of them has to wait for what lies unread. */
let ready: Promise<void> = Promise.resolve();

parentPort?.on('message', ({ request, order }: Request) => {
  if (ENDS.has(order.do))
    ready = ready.then(() => receiver.readPending(order.do === 'close' ? undefined : order.deviceNumber));
  ready
    .then(() => obey(order))
    .then(
      () => {
        tell({ tells: 'reply', request });
      },
      (error: unknown) => {
        tell({ tells: 'reply', request, refusal: refusalOf(error) });
      },
    );
});

async function obey(order: Order): Promise<void> {
  if (order.do === 'arm') return receiver.arm(order.deviceNumber, order.context, order.secure, order.ports);
  if (order.do === 'disarm') return receiver.disarm(order.deviceNumber, order.endedBy);
  if (order.do === 'close') return close();
  const device = receiver.device(order.deviceNumber);
  const now = performance.now();
  switch (order.do) {
    case 'describe':
      return device?.describe(order.context);
    case 'keys':
      return device?.setKeys(order.master, now);
    case 'expect':
      return device?.expectMedia(order.expected, now);
    case 'pause':
      return device?.pause(order.by, order.reason, order.resumeAfterMs, now);
    case 'resume':
      return device?.resume(now);
    case 'end':
      return device?.endConversation(order.endedBy, now);
  }
}

/** The last reply is on its way before the port closes, and with it the worker. */
async function close(): Promise<void> {
  clearInterval(snapshots);
  await receiver.close();
  setImmediate(() => {
    parentPort?.close();
  });
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof PortTaken)) return { code: 'BIND_FAILED', message: messageOf(error) };
  const taken = error.systemCode === 'EADDRINUSE' || error.systemCode === 'EACCES';
  return { code: taken ? 'PORT_TAKEN' : 'BIND_FAILED', message: error.message, port: error.port };
}
