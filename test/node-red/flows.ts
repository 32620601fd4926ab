import {
  catchAll,
  completeOf,
  flow,
  node,
  o2gLink,
  o2gServer,
  probeIn,
  probeOut,
  statusOfTab,
  type Flow,
} from '../support/flow';
import type { Simulator } from '../../simulator/simulator-api';

export const DEVICES = ['70000-70099', '70120', '70130'];
export const TARGET = { ipRecorderAddr: '127.0.0.1', sentFlowPort: 20000, receivedFlowPort: 20002 };
export const BEEP = { tone: 25, presenceDuration: 50, silenceDuration: 15 };

/** Properties of the nodes in `wholeFlow`, by node. */
export interface FlowProperties {
  server?: Record<string, unknown>;
  link?: Record<string, unknown>;
  events?: Record<string, unknown>;
  monitor?: Record<string, unknown>;
  record?: Record<string, unknown>;
  beep?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/**
 * A flow with one node of each type. Messages go in at `in-monitor`, `in-record`, `in-beep`, `in-status`, `in-events`; answers come out at `out`, events at
 * `events`, the second outputs at `news` and `finished`, and what Catch, Status and Complete nodes hear at `caught`, `shown`, `completed`.
 */
export function wholeFlow(oxe: Simulator, properties: FlowProperties = {}): Flow {
  const actions = ['monitor', 'record', 'beep'] as const;
  return flow([
    o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password, ...properties.server }),
    o2gLink({ oxeNode: '7', ...properties.link }),
    node(
      'node-events',
      'o2g-events',
      {
        server: 'server',
        selectors: [{ names: ['telephony'], ids: [] }],
        snapshot: false,
        dynamic: false,
        ...properties.events,
      },
      'events',
      'news',
    ),
    ...actions.map((name) =>
      node(
        `node-${name}`,
        `o2g-${name}`,
        { link: 'link', action: '', ...properties[name] },
        'out',
        ...(name === 'record' ? ['finished'] : []),
      ),
    ),
    node('node-status', 'o2g-status', { server: 'server', query: '', ...properties.status }, 'out'),
    ...[...actions, 'status', 'events'].map((name) => probeIn(`in-${name}`, `node-${name}`)),
    ...['out', 'events', 'news', 'finished', 'caught', 'shown', 'completed'].map((name) => probeOut(name)),
    catchAll('caught'),
    statusOfTab('shown'),
    completeOf(
      [...actions, 'status'].map((name) => `node-${name}`),
      'completed',
    ),
  ]);
}

/** Requests to /iprecord so far, in order, without the registration's id and with their bodies. */
export function recordingRequests(oxe: Simulator): string[] {
  return oxe
    .requests()
    .filter(({ path }) => path.includes('/iprecord/'))
    .map(({ method, path, body }) =>
      [
        method,
        path.replace(/^.*\/link\/?/, '').replace(/^[^/]+\/?/, ''),
        body === undefined ? '' : JSON.stringify(body),
      ]
        .join(' ')
        .trim(),
    );
}
