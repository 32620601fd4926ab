import { Webhook, type Session } from '../o2g';
import type { World } from '../world';
import type { Faults, FaultTargets, RestartOptions } from './types';

type ServerFaults = Pick<
  Faults,
  'down' | 'up' | 'restart' | 'notReady' | 'ready' | 'nodeLoaded' | 'expireSession' | 'resetConnections'
>;

/** Faults of the server as a whole: its ports, its start, its sessions. */
export function serverFaults(targets: FaultTargets): ServerFaults {
  const { world, rest, events, told, later } = targets;
  const ready = (): void => {
    world.readiness.ready = true;
    told('O2G is ready');
    tellStart(world);
  };
  const notReady = (): void => {
    world.readiness.ready = false;
    told('O2G is not ready');
  };
  const nodeLoaded = (nodeId: number, loaded: boolean): void => {
    const node = world.oxe.node(nodeId);
    node.loaded = loaded;
    told(`OXE node ${nodeId} is ${loaded ? '' : 'not '}connected and loaded`);
    if (loaded) tellStart(world);
  };
  const down = async (): Promise<void> => {
    told('the ports are closed');
    await Promise.all([rest.down(), events.down()]);
  };
  const up = async (): Promise<void> => {
    await Promise.all([rest.up(), events.up()]);
    told('the ports are open');
  };
  const restart = async ({
    downMs = 0,
    notReadyMs = 0,
    loadingMs = 0,
  }: RestartOptions = {}): Promise<void> => {
    await down();
    loseEverything(world);
    notReady();
    for (const nodeId of world.oxe.nodes.keys()) nodeLoaded(nodeId, false);
    await new Promise<void>((resolve) => {
      later(downMs, resolve);
    });
    await up();
    world.readiness.startedAt = Date.now();
    later(notReadyMs, ready);
    later(notReadyMs + loadingMs, () => {
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
      told(`${sessions.length} sessions expired`);
    },
    resetConnections: () => {
      rest.resetConnections();
      events.resetConnections();
    },
  };
}

function loseEverything({ sessions, subscriptions, links }: World): void {
  for (const subscription of [...subscriptions.all.values()]) subscriptions.remove(subscription, 'reset');
  links.unregisterAll('server restarted');
  sessions.forgetEverything();
}

function expire({ subscriptions, sessions }: World, session: Session, channel: 'close' | 'keep'): void {
  const subscription = subscriptions.ofSession(session.credential.token);
  if (subscription && channel === 'keep') subscriptions.abandon(subscription);
  sessions.end(session, 'expired');
}

/** OnServerStart means "all oxe nodes are connected and loaded"; it goes to webhooks only, whose sessions are long gone. */
function tellStart({ readiness, oxe }: World): void {
  if (!readiness.ready || [...oxe.nodes.values()].some(({ loaded }) => !loaded)) return;
  for (const url of readiness.startListeners) {
    const webhook = new Webhook(new URL(url));
    webhook.push(JSON.stringify({ eventName: 'OnServerStart', serverId: '127.0.0.1' }));
    void webhook.delivered().then(() => {
      webhook.close();
    });
  }
}
