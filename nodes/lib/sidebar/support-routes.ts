/**
 * `GET o2g/support` and `GET o2g/support/numbers`: the support bundle, a JSON file. It tells more than the sidebar does, and it is made to be handed on:
 * so reading isn't enough, it needs `o2g.write`; with numbers `o2g.read` as well, for numbers are what that guards.
 */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { NodeAPI, NodeDef } from 'node-red';
import { asO2GError } from '../../../o2g';
import type { OverviewView } from './overview';
import { needsPermission } from '../admin';
import { recordersOf } from '../config';
import { supportBundle } from './support-bundle';

/** The delay of the event loop is that of this time, while the bundle is made. */
const MEASUREMENT_MS = 1000;
/** So often it is looked at; what is measured contains it. */
const SAMPLING_INTERVAL_MS = 10;

/** @param overview everything that the sidebar shows */
export function addSupportRoutes(RED: NodeAPI, overview: () => OverviewView): void {
  const addRoute = (path: string, withNumbers: boolean, ...permissions: readonly string[]): void => {
    RED.httpAdmin.get(
      path,
      ...permissions.map((permission) => needsPermission(RED, permission)),
      (_request, response) => {
        makeBundle(RED, overview, withNumbers)
          .then((bundle) => {
            response
              .set('Cache-Control', 'no-store')
              .type('json')
              .send(`${JSON.stringify(bundle, null, 2)}\n`);
          })
          .catch((error: unknown) => {
            response.status(500).json({ message: asO2GError(error).message });
          });
      },
    );
  };
  addRoute('/o2g/support', false, 'o2g.write');
  addRoute('/o2g/support/numbers', true, 'o2g.write', 'o2g.read');
}

async function makeBundle(RED: NodeAPI, overview: () => OverviewView, withNumbers: boolean): Promise<object> {
  const eventLoopDelayMs = await measureEventLoopDelay();
  const { rss, heapUsed } = process.memoryUsage();
  const nodes: NodeDef[] = [];
  RED.nodes.eachNode((node) => {
    if (node.type.startsWith('o2g-')) nodes.push(node);
  });
  return supportBundle(
    {
      versions: {
        palette: paletteVersion(),
        nodeRed: (RED.settings as { readonly version?: string }).version,
        node: process.version,
        os: `${process.platform} ${release()} ${process.arch}`,
      },
      process: {
        uptimeS: Math.round(process.uptime()),
        rssMb: Math.round(rss / 1e6),
        heapUsedMb: Math.round(heapUsed / 1e6),
        eventLoopDelayMs,
      },
      nodes,
      overview: overview(),
      recorders: recordersOf(RED).all,
    },
    withNumbers,
  );
}

/** Milliseconds by which turns of the event loop were late. */
async function measureEventLoopDelay(): Promise<object> {
  const delay = monitorEventLoopDelay({ resolution: SAMPLING_INTERVAL_MS });
  delay.enable();
  await pause(MEASUREMENT_MS);
  delay.disable();
  const ms = (nanoseconds: number): number =>
    Math.max(0, Math.round(10 * (nanoseconds / 1e6 - SAMPLING_INTERVAL_MS)) / 10);
  return { mean: ms(delay.mean), p99: ms(delay.percentile(99)), max: ms(delay.max) };
}

/** Of the package whose dist/ this is. */
function paletteVersion(): string {
  return (
    JSON.parse(readFileSync(join(__dirname, '..', '..', '..', '..', 'package.json'), 'utf8')) as {
      version: string;
    }
  ).version;
}
