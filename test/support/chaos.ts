import { setTimeout as delay } from 'node:timers/promises';
import type { Simulator } from '../../simulator/simulator-api';

/** Gives the next number from 0 up to 1. */
export type Random = () => number;

export interface Fault {
  readonly name: string;
  /** Nobody announces it: without another fault it is found by the next audit only. */
  readonly silent?: boolean;
  /** Breaks the connection, so that everything is looked at when it is back. */
  readonly reconnects?: boolean;
  /** Answers may be lost on their way: what was asked for may have been done all the same. */
  readonly losesAnswers?: boolean;
  /** Devices whose recording it ends. */
  readonly ends?: readonly string[];
  /** Resolves when the server can do everything again. */
  strike(): Promise<void> | void;
}

/** What the faults are about. */
export interface Victims {
  readonly oxe: Simulator;
  readonly nodeId: number;
  readonly devices: readonly string[];
  readonly recorded: readonly string[];
}

/** A fault chosen at random, among those that `accepts`. */
export function faultFrom(random: Random, victims: Victims, accepts: (fault: Fault) => boolean): Fault {
  for (;;) {
    const all = faultsNow(random, victims);
    const fault = all[Math.floor(random() * all.length)];
    if (fault && accepts(fault)) return fault;
  }
}

/** Milliseconds that a fault lasts: some are over before anybody notices, some are long. */
const span = (random: Random): number => 50 + Math.floor(random() ** 2 * 2000);
const one = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

function faultsNow(random: Random, { oxe, nodeId, devices, recorded }: Victims): Fault[] {
  const device = one(random, devices);
  const recording = one(random, recorded);
  const ms = span(random);
  const how = one(random, ['reset', 'clean', 'cut'] as const);
  const status = one(random, [403, 404, 503, 500]);
  const refusal = one(random, [429, 500, 502, 503, 504]);
  const what = one(random, ['monitor', 'record', 'link', 'sessions', 'subscriptions']);
  const path = new RegExp(`/${what}$`);
  return [
    {
      name: 'the session expires',
      strike: () => {
        oxe.expireSession();
      },
    },
    {
      name: 'the session dies, its channel lives',
      silent: true,
      strike: () => {
        oxe.expireSession({ channel: 'keep' });
      },
    },
    {
      name: `the channel is dropped (${how})`,
      reconnects: true,
      strike: () => {
        oxe.dropChannel(how);
      },
    },
    {
      name: `the channel is dropped and refused with ${status}`,
      reconnects: true,
      strike: () => {
        oxe.refuseChannel(status);
        oxe.dropChannel(how);
      },
    },
    {
      name: 'all connections are reset',
      reconnects: true,
      losesAnswers: true,
      strike: () => {
        oxe.resetConnections();
      },
    },
    {
      name: `the server is away for ${ms} ms`,
      reconnects: true,
      losesAnswers: true,
      strike: async () => {
        await oxe.down();
        await delay(ms);
        await oxe.up();
      },
    },
    {
      name: `the server restarts and is not ready for ${ms} ms`,
      reconnects: true,
      losesAnswers: true,
      strike: () => restarted(oxe, { notReadyMs: ms }),
    },
    {
      name: `the server restarts and its node loads for ${ms} ms`,
      reconnects: true,
      losesAnswers: true,
      strike: () => restarted(oxe, { loadingMs: ms }),
    },
    {
      name: `the server is not ready for ${ms} ms`,
      strike: async () => {
        oxe.notReady();
        await delay(ms);
        oxe.ready();
      },
    },
    {
      name: `the node is not loaded for ${ms} ms`,
      strike: async () => {
        oxe.nodeLoaded(nodeId, false);
        await delay(ms);
        oxe.nodeLoaded(nodeId, true);
      },
    },
    {
      name: `the CTI link is down for ${ms} ms, its DR links with it`,
      strike: async () => {
        oxe.ctiLinkDown(nodeId, { loseLinks: true });
        await delay(ms);
        oxe.ctiLinkUp(nodeId);
      },
    },
    {
      name: `the CTI link is down for ${ms} ms`,
      strike: async () => {
        oxe.ctiLinkDown(nodeId);
        await delay(ms);
        oxe.ctiLinkUp(nodeId);
      },
    },
    {
      name: `the server thinks for 200 ms before each answer, for ${ms} ms`,
      strike: async () => {
        oxe.thinkTime(200);
        await delay(ms);
        oxe.thinkTime(0);
      },
    },
    {
      name: `the next POST …/${what} is answered with ${refusal}`,
      strike: () => {
        oxe.answerNext({ method: 'POST', path, status: refusal });
      },
    },
    {
      name: `the next POST …/${what} is done but never answered`,
      losesAnswers: true,
      strike: () => {
        oxe.answerNext({ method: 'POST', path, hang: true, execute: true });
      },
    },
    {
      name: `the connection of the next POST …/${what} is reset`,
      losesAnswers: true,
      strike: () => {
        oxe.answerNext({ method: 'POST', path, reset: true, execute: one(random, [true, false]) });
      },
    },
    {
      name: 'the OXE forgets the link',
      silent: true,
      strike: () => {
        oxe.forgetLink(nodeId);
      },
    },
    {
      name: `the OXE forgets the monitor of ${device}`,
      silent: true,
      ends: [device],
      strike: () => {
        oxe.forgetMonitor(device);
      },
    },
    {
      name: `the OXE forgets the recording of ${recording}`,
      silent: true,
      ends: [recording],
      strike: () => {
        oxe.forgetRecording(recording);
      },
    },
  ];
}

/** Resolves when the restart is over and the node is loaded. */
async function restarted(oxe: Simulator, how: { notReadyMs?: number; loadingMs?: number }): Promise<void> {
  await oxe.restart(how);
  await delay((how.notReadyMs ?? 0) + (how.loadingMs ?? 0));
}
