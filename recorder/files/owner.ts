/** Who writes an unfinished file, so that the next start knows whether somebody still does. */
import { hostname } from 'node:os';

export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in ms of the epoch: a container gives each its processes the same number. */
  readonly processStartedAt: number;
  /** One recorder within the process. */
  readonly instance: string;
}

/** Clocks are set while processes run; two beginnings nearer than this are one. */
const SAME_START_MS = 2000;
/** A living recorder touches its files every second; a disk may be slow. */
const ABANDONED_MS = 60_000;

export function thisOwner(instance: string): Owner {
  return {
    host: hostname(),
    pid: process.pid,
    processStartedAt: Math.round(Date.now() - process.uptime() * 1000),
    instance,
  };
}

/**
 * Whether nobody works on the file any more.
 * @param untouchedMs how long the file hasn't changed
 */
export function isAbandoned(owner: Owner, us: Owner, untouchedMs: number): boolean {
  if (untouchedMs > ABANDONED_MS) return true;
  if (owner.host !== us.host) return false; // perhaps a folder shared over the network: only time tells
  if (owner.pid !== us.pid) return !isAlive(owner.pid);
  return Math.abs(owner.processStartedAt - us.processStartedAt) > SAME_START_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it lives, but isn't ours
  }
}
