import { Webhook, type Session } from '../o2g';
import type { World } from '../world';
import type { Faults, FaultTargets, RestartOptions } from './types';

type ServerFaults = Pick<
  Faults,
  'down' | 'up' | 'restart' | 'notReady' | 'ready' | 'nodeLoaded' | 'expireSession' | 'resetConnections'
>;

/** Faults of the server as a whole: its ports, its start, its sessions. */
export function serverFaults(targets: FaultTargets): ServerFaults {
  const { world, restListener, eventsListener, logFault, schedule } = targets;
  const ready = (): void => {
    world.readiness.ready = true;
    logFault('O2G is ready');
    sendServerStart(world);
  };
  const notReady = (): void => {
    world.readiness.ready = false;
    logFault('O2G is not ready');
  };
  const nodeLoaded = (nodeId: number, loaded: boolean): void => {
    const node = world.oxe.node(nodeId);
    node.loaded = loaded;
    logFault(`OXE node ${nodeId} is ${loaded ? '' : 'not '}connected and loaded`);
    if (loaded) sendServerStart(world);
  };
  const down = async (): Promise<void> => {
    logFault('the ports are closed');
    await Promise.all([restListener.down(), eventsListener.down()]);
  };
  const up = async (): Promise<void> => {
    await Promise.all([restListener.up(), eventsListener.up()]);
    logFault('the ports are open');
  };
  const restart = async ({
    downMs = 0,
    notReadyMs = 0,
    loadingMs = 0,
  }: RestartOptions = {}): Promise<void> => {
    await down();
    resetServerState(world);
    notReady();
    for (const nodeId of world.oxe.nodes.keys()) nodeLoaded(nodeId, false);
    await new Promise<void>((resolve) => {
      schedule(downMs, resolve);
    });
    await up();
    world.readiness.startedAt = Date.now();
    schedule(notReadyMs, ready);
    schedule(notReadyMs + loadingMs, () => {
      for (const nodeId of world.oxe.nodes.keys()) nodeLoaded(nodeId, true);
    });
  };
  return {
    down,
    up,
    restart,
    ready,
    notReady,
    nodeLoaded,
    expireSession: ({ channel = 'close', login } = {}) => {
      const sessions = [...world.sessions.open.values()].filter(
        (session) => login === undefined || session.login === login,
      );
      for (const session of sessions) expire(world, session, channel);
      logFault(`${sessions.length} sessions expired`);
    },
    resetConnections: () => {
      restListener.resetConnections();
      eventsListener.resetConnections();
    },
  };
}

function resetServerState({ sessions, subscriptions, links }: World): void {
  for (const subscription of [...subscriptions.all.values()]) subscriptions.remove(subscription, 'reset');
  links.unregisterAll('server restarted');
  sessions.reset();
}

function expire({ subscriptions, sessions }: World, session: Session, channel: 'close' | 'keep'): void {
  const subscription = subscriptions.ofSession(session.credential.token);
  if (subscription && channel === 'keep') subscriptions.removeSilently(subscription);
  sessions.end(session, 'expired');
}

/** OnServerStart means "all oxe nodes are connected and loaded"; it goes to webhooks only, whose sessions are long gone. */
function sendServerStart({ readiness, oxe }: World): void {
  if (!readiness.ready || [...oxe.nodes.values()].some(({ loaded }) => !loaded)) return;
  for (const url of readiness.serverStartWebhooks) {
    const webhook = new Webhook(new URL(url));
    webhook.push(JSON.stringify({ eventName: 'OnServerStart', serverId: '127.0.0.1' }));
    void webhook.delivered().then(() => {
      webhook.close();
    });
  }
}
