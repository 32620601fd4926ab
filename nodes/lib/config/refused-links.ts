/**
 * Recorder links whose configuration is refused: what was deployed is desired all the same, so that their devices are reported as
 * unrecorded, with the reason, instead of being in no list.
 */
import { Signal, type Coverage, type Logger, type Session } from '../../../o2g';
import { oncePerRuntime } from '../lifecycle';
import type { NodeAPI } from 'node-red';
import type { LinkNode, ServerNode } from './config-node-types';
import { nodeOf, runtimeLog } from './node-lookup';

export interface RefusedLink {
  readonly node: LinkNode;
  readonly reason: string;
  /** ISO 8601 UTC: since when its configuration is refused. */
  readonly since: string;
}

/** One desired device of a refused link. A list that can't be read is one row, with `devices`, its text, instead of the number. */
export interface RefusedCoverage extends Omit<Coverage, 'deviceNumber'> {
  readonly kind: 'unrecorded' | 'released';
  readonly node: LinkNode;
  readonly deviceNumber?: string;
  readonly devices?: string;
}

/** As for every other reason: what is desired and not confirmed for so long is reported. */
const REPORT_DELAY_MS = 20_000;

class RefusedLinks {
  readonly onCoverage: Signal<RefusedCoverage>;
  #refused: readonly RefusedLink[] = [];
  /** Refused links that were reported, by id. */
  readonly #reported = new Map<string, RefusedLink>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.onCoverage = new Signal(log);
  }

  get all(): readonly RefusedLink[] {
    return this.#refused;
  }

  /** Takes note of the links of a deploy. */
  update(links: readonly LinkNode[]): void {
    const before = new Map(this.#refused.map((each) => [each.node.id, each]));
    this.#refused = links.flatMap((node) => {
      const { failure } = node.link;
      if (!failure || (node.devices.size === 0 && node.unreadableDevices === undefined)) return [];
      const known = before.get(node.id);
      const since = known?.reason === failure.message ? known.since : new Date().toISOString();
      return [{ node, reason: failure.message, since }];
    });
    for (const [id, reported] of this.#reported)
      if (!this.#refused.some(({ node }) => node.id === id)) this.#end(id, reported, links);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#report();
    }, REPORT_DELAY_MS);
    this.#timer.unref();
  }

  #report(): void {
    for (const refused of this.#refused) {
      if (this.#reported.has(refused.node.id)) continue;
      this.#reported.set(refused.node.id, refused);
      for (const row of rowsOf(refused)) this.onCoverage.emit({ kind: 'unrecorded', ...row });
    }
  }

  /** Its configuration is accepted now: the link reports when a device is recorded. Otherwise it, or the device, is gone. */
  #end(id: string, reported: RefusedLink, links: readonly LinkNode[]): void {
    this.#reported.delete(id);
    const link = links.find((each) => each.id === id)?.link.current;
    for (const row of rowsOf(reported)) {
      const { deviceNumber } = row;
      const isTakenOver =
        deviceNumber !== undefined && link?.takeOverProblem(deviceNumber, reported) === true;
      if (!isTakenOver) this.onCoverage.emit({ kind: 'released', ...row });
    }
  }
}

/** The desired devices of a refused link. */
export function rowsOf({ node, reason, since }: RefusedLink): Omit<RefusedCoverage, 'kind'>[] {
  const row = { node, actual: [], reason, since };
  const devices = [...node.devices].map((deviceNumber) => ({
    ...row,
    deviceNumber,
    desired: node.recordedDevices.has(deviceNumber)
      ? (['monitored', 'recorded'] as const)
      : (['monitored'] as const),
  }));
  if (node.unreadableDevices === undefined) return devices;
  return [...devices, { ...row, devices: node.unreadableDevices, desired: ['monitored', 'recorded'] }];
}

/** Whether a refused link is reported by what uses this session: it is the link's own, or the link has no usable server. */
export function isReportedFor(RED: NodeAPI, { serverId }: LinkNode, session: Session | undefined): boolean {
  const own = (nodeOf(RED, serverId, 'o2g-server') as ServerNode | undefined)?.session.current;
  return own === undefined || own === session;
}

/** The refused links of a runtime. */
export const refusedLinksOf = oncePerRuntime((RED) => new RefusedLinks(runtimeLog(RED)));
