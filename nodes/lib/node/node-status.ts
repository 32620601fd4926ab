/** What a node shows. Texts are keys of the catalog, translated in the browser, or names and numbers that need no translation. */
import type { Node, NodeStatus } from 'node-red';
import type { ConnectionReport, O2GError, State, LinkReport } from '../../../o2g';
import type { Alarm, RecorderMetrics } from '../../../recorder';

const key = (name: string): string => `@o2g/node-red-recording/o2g-server:status.${name}`;

const CONNECTION_STATUS: Readonly<Record<Exclude<State, 'degraded'>, NodeStatus>> = {
  closed: { fill: 'grey', shape: 'ring', text: key('closed') },
  connecting: { fill: 'yellow', shape: 'ring', text: key('connecting') },
  connected: { fill: 'green', shape: 'dot', text: key('connected') },
  recovering: { fill: 'yellow', shape: 'ring', text: key('recovering') },
  refused: { fill: 'red', shape: 'ring', text: key('refused') },
};

/** Green only when events are known to arrive. A dot: the session is open, and records. */
export function connectionStatus({ state, events }: ConnectionReport): NodeStatus {
  if (state === 'degraded')
    return {
      fill: 'yellow',
      shape: 'dot',
      text: events === 'refused' ? key('eventsRefused') : key('eventsLost'),
    };
  return events === 'unheard'
    ? { fill: 'yellow', shape: 'dot', text: key('unheard') }
    : CONNECTION_STATUS[state];
}

export const LINK_STATUS: Readonly<Record<LinkReport['state'], NodeStatus>> = {
  closed: { fill: 'grey', shape: 'ring', text: key('closed') },
  registering: { fill: 'yellow', shape: 'ring', text: key('registering') },
  registered: { fill: 'green', shape: 'dot', text: key('registered') },
  refused: { fill: 'red', shape: 'ring', text: key('refused') },
};

export const NOT_CONFIGURED: NodeStatus = { fill: 'red', shape: 'ring', text: key('notConfigured') };
export const working = (text: string): NodeStatus => ({ fill: 'blue', shape: 'dot', text });
export const active = (text: string): NodeStatus => ({ fill: 'green', shape: 'dot', text });
export const ended = (text: string): NodeStatus => ({ fill: 'grey', shape: 'dot', text });
/** The code is what a flow branches on, and the same in every language. */
export const failed = ({ code }: O2GError): NodeStatus => ({ fill: 'red', shape: 'ring', text: code });

/** Of the built-in recorder: how many are recorded, of those that are armed, and the oldest alarm. */
export function recorderStatus(
  metrics: RecorderMetrics | undefined,
  alarms: readonly Alarm[],
  failure: O2GError | undefined,
): NodeStatus {
  if (!metrics) return failure ? failed(failure) : {};
  const counts = `${metrics.recording} / ${metrics.armed}`;
  const [alarm, ...others] = alarms;
  if (alarm)
    return {
      fill: 'yellow',
      shape: 'dot',
      text: `${counts}, ${alarm.alarm} ${alarm.deviceNumber}${others.length === 0 ? '' : ` +${others.length}`}`,
    };
  return { fill: metrics.recording > 0 ? 'green' : 'grey', shape: 'dot', text: counts };
}

/** So often a status may change at most: more would flicker, and cost every open editor. */
const MIN_STATUS_INTERVAL_MS = 300;

/** Shows statuses of a node, the last one surely, those in between as time allows. */
export function throttledStatus(node: Node): (status: NodeStatus) => void {
  let pending: NodeStatus | undefined;
  let timer: NodeJS.Timeout | undefined;
  const show = (): void => {
    timer = undefined;
    if (pending === undefined) return;
    node.status(pending);
    pending = undefined;
    timer = setTimeout(show, MIN_STATUS_INTERVAL_MS);
  };
  node.on('close', () => {
    clearTimeout(timer);
  });
  return (status) => {
    pending = status;
    if (timer === undefined) show();
  };
}
