import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import {
  asO2GError,
  packageOf,
  readSelectors,
  mapConcurrently,
  invalid,
  type O2GEvent,
  type ConnectionReport,
  type Selector,
  type Link,
  type Session,
} from '../o2g';
import {
  configuredServer,
  isReportedFor,
  linksOf,
  nodeOf,
  refusedLinksOf,
  type Config,
  type ServerNode,
} from './lib/config';
import { deploymentOf, inFlightOf } from './lib/lifecycle';
import { onInput, nextMessageId, connectionStatus, NOT_CONFIGURED } from './lib/node';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-events', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    try {
      const server = configuredServer(RED, config.server);
      const session = server.session.get();
      const selectors = readSelectors(config.selectors ?? [{ names: ['telephony'] }]);
      followRefusedLinks(RED, this, config);
      start(RED, this, {
        server,
        session,
        selectors,
        snapshot: config.snapshot === true || config.snapshot === 'true',
      });
    } catch (error) {
      followRefusedLinks(RED, this, config);
      this.status(NOT_CONFIGURED);
      this.error(asO2GError(error), {});
    }
  });
};

interface EventsNodeOptions {
  readonly server: ServerNode;
  readonly session: Session;
  readonly selectors: Selector[];
  readonly snapshot: boolean;
}

function start(RED: NodeAPI, node: Node, { server, session, selectors, snapshot }: EventsNodeOptions): void {
  let activeSelectors = selectors;
  let links: readonly Link[] = [];
  let linkOffs: (() => void)[] = [];
  let lastReported: Pick<ConnectionReport, 'state' | 'events'> = { state: 'closed' };
  const inFlight = inFlightOf(RED);

  const updateInterest = (): void => {
    session.setInterest(node.id, {
      selectors: activeSelectors,
      deliver: (event, receivedAt) => {
        inFlight.send(node, 0, eventMessage(server, links, event, receivedAt));
      },
    });
  };
  /** On output 2. */
  const notify = (topic: string, payload: object): void => {
    const message: NodeMessage & { o2g: object } = {
      topic,
      payload,
      o2g: { server: server.label, unsolicited: true },
    };
    inFlight.send(node, 1, message);
  };
  const report = (connection: ConnectionReport): void => {
    node.status(connectionStatus(connection));
    const { state, events, blindMs } = connection;
    const previous = lastReported;
    lastReported = connection;
    if (state === previous.state && events === previous.events && blindMs === undefined) return;
    notify('connection', connection);
    if (state === 'connected' && (state !== previous.state || blindMs !== undefined)) requestState();
  };
  /** @param logins of users that are monitored only now; undefined: of all that are asked for */
  const requestState = (logins?: readonly string[]): void => {
    if (snapshot)
      requestSnapshots(session, activeSelectors, logins).catch((error: unknown) => {
        node.error(asO2GError(error), {});
      });
  };
  const followLinks = (): void => {
    for (const off of linkOffs) off();
    links = linksOf(RED).ofSession(session);
    linkOffs = links.flatMap((link) => [...notifyOfLink(link, notify), link.onMonitored.on(requestState)]);
  };

  updateInterest();
  server.session.use(node);
  const offs = [
    session.onState.on(report),
    // Not before the nodes behind this one, and the links, are there.
    deploymentOf(RED).onStarted(() => {
      followLinks();
      report(session.report);
    }),
  ];
  onInput(node, (message) => {
    activeSelectors = updateSelectors(activeSelectors, message.action, readSelectors(message.payload));
    updateInterest();
    return Promise.resolve(undefined);
  });
  node.on('close', () => {
    for (const off of [...offs, ...linkOffs]) off();
    session.setInterest(node.id, undefined);
    server.session.release(node);
  });
}

/** Reports on output 2 the devices of links whose configuration is refused: of this server, and of those without a usable server. */
function followRefusedLinks(RED: NodeAPI, node: Node, config: Config): void {
  const off = refusedLinksOf(RED).onCoverage.on(
    ({ kind, node: link, desired, actual, reason, since, ...device }) => {
      const serverOf = (id: unknown): ServerNode | undefined =>
        nodeOf(RED, id, 'o2g-server') as ServerNode | undefined;
      if (!isReportedFor(RED, link, serverOf(config.server)?.session.current)) return;
      const payload = {
        link: link.label,
        oxeNode: link.oxeNode,
        ...device,
        ...(kind === 'released'
          ? { why: 'its link, or its configuration, is another one' }
          : { desired, actual, confirmed: false, reason, since }),
      };
      const message: NodeMessage & { o2g: object } = {
        topic: kind,
        payload,
        o2g: { server: serverOf(link.serverId)?.label ?? '', unsolicited: true },
      };
      inFlightOf(RED).send(node, 1, message);
    },
  );
  node.on('close', off);
}

function eventMessage(
  server: ServerNode,
  links: readonly Link[],
  event: O2GEvent,
  receivedAt: number,
): NodeMessage {
  const message: NodeMessage & { o2g: object } = {
    _msgid: nextMessageId(),
    topic: event.eventName,
    payload: event,
    o2g: {
      server: server.label,
      package: packageOf(event.eventName),
      receivedAt,
      unsolicited: true,
      ...monitoredBy(links, event.loginName),
    },
  };
  return message;
}

/** The link that monitors a user, and which of the user's devices. */
function monitoredBy(
  links: readonly Link[],
  loginName: string | undefined,
): { devices?: string[]; link?: string } {
  if (loginName === undefined) return {};
  for (const link of links) {
    const devices = link.devicesOf(loginName);
    if (devices.length > 0) return { devices, link: link.name };
  }
  return {};
}

/** Tells on output 2 what a link says of itself and of its devices. @returns stops that */
function notifyOfLink(link: Link, notify: (topic: string, payload: object) => void): (() => void)[] {
  let lastReported = link.report.state;
  const { name, oxeNode } = link;
  return [
    link.onState.on((report) => {
      if (report.state === lastReported) return;
      lastReported = report.state;
      notify('link', { link: name, oxeNode, ...report });
    }),
    // Keys are told by o2g-record alone.
    link.onCoverage.on(({ kind, deviceNumber, desired, actual, confirmed, reason, since }) => {
      if (kind === 'released')
        notify(kind, { link: name, oxeNode, deviceNumber, why: 'it is no longer desired' });
      else
        notify(kind, {
          link: name,
          oxeNode,
          deviceNumber,
          desired,
          actual,
          ...(confirmed === false ? { confirmed } : {}),
          reason,
          since,
        });
    }),
  ];
}

function updateSelectors(
  activeSelectors: readonly Selector[],
  action: unknown,
  changes: readonly Selector[],
): Selector[] {
  if (action === 'subscribe') return [...without(activeSelectors, changes), ...changes];
  if (action === 'unsubscribe') return without(activeSelectors, changes);
  throw invalid('action', action, 'subscribe or unsubscribe, in msg.action');
}

/** The selectors that are left when names (for the same logins) are taken away. */
function without(activeSelectors: readonly Selector[], removed: readonly Selector[]): Selector[] {
  const key = (name: string, ids: readonly string[] = []): string =>
    JSON.stringify([name, [...ids].filter((id) => id !== '*').sort()]);
  const removedKeys = new Set(removed.flatMap(({ names, ids }) => names.map((name) => key(name, ids))));
  return activeSelectors
    .map(({ names, ids = [] }) => ({ ids, names: names.filter((name) => !removedKeys.has(key(name, ids))) }))
    .filter(({ names }) => names.length > 0);
}

/** So many users are asked for one by one; more of them with one request for all. */
const MAX_SINGLE_USER_REQUESTS = 20;

/** Asks for the state of those whose events are asked for; the answers are events (OnTelephonyState, OnAgentStateChanged). */
async function requestSnapshots(
  session: Session,
  activeSelectors: readonly Selector[],
  onlyLogins: readonly string[] | undefined,
): Promise<void> {
  for (const [eventPackage, operation] of [
    ['telephony', 'requestTelephonySnapshot'],
    ['agent', 'requestAgentSnapshot'],
  ] as const) {
    const matching = activeSelectors.filter(({ names }) =>
      names.some((name) => name === eventPackage || packageOf(name) === eventPackage),
    );
    if (matching.length === 0) continue;
    const selectedLogins = matching.some(({ ids = [] }) => ids.length === 0 || ids.includes('*'))
      ? undefined
      : new Set(matching.flatMap(({ ids }) => ids ?? []));
    const logins =
      onlyLogins && selectedLogins
        ? onlyLogins.filter((login) => selectedLogins.has(login))
        : (onlyLogins ?? [...(selectedLogins ?? [])]);
    const useSingleRequest =
      session.info?.admin !== true ||
      (onlyLogins ? logins.length > MAX_SINGLE_USER_REQUESTS : !selectedLogins);
    if (useSingleRequest) await session.perform(operation, {}, undefined);
    else
      await mapConcurrently(logins, 4, (loginName) => session.perform(operation, { loginName }, undefined));
  }
}
