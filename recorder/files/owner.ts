/** Who writes an unfinished file, so that the next start knows whether somebody still does. */
import { hostname } from 'node:os';

export interface FileOwner {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in ms of the epoch: a container gives each its processes the same number. */
  readonly processStartedAt: number;
  /** One recorder within the process. */
  readonly instance: string;
}

/** Clocks are set while processes run; two beginnings nearer than this are one. */
const START_TOLERANCE_MS = 2000;
/** A living recorder touches its files every second; a disk may be slow. */
const ABANDONED_AFTER_MS = 60_000;

export function currentOwner(instance: string): FileOwner {
  return {
    host: hostname(),
    pid: process.pid,
    processStartedAt: Math.round(Date.now() - process.uptime() * 1000),
    instance,
  };
}

/**
 * Whether nobody works on the file any more.
 * @param unchangedMs how long the file hasn't changed
 */
export function isAbandoned(owner: FileOwner, current: FileOwner, unchangedMs: number): boolean {
  if (unchangedMs > ABANDONED_AFTER_MS) return true;
  if (owner.host !== current.host) return false; // perhaps a folder shared over the network: only time tells
  if (owner.pid !== current.pid) return !isRunning(owner.pid);
  return Math.abs(owner.processStartedAt - current.processStartedAt) > START_TOLERANCE_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it lives, but isn't ours
  }
}
