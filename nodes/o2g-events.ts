import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import {
  asO2GError,
  packageOf,
  readSelectors,
  forEachBounded,
  invalid,
  type O2GEvent,
  type ConnectionReport,
  type Selector,
  type Link,
  type Session,
} from '../o2g';
import { configuredServer, linksOf, type Config, type ServerNode } from './lib/config';
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
      start(RED, this, {
        server,
        session,
        selectors,
        snapshot: config.snapshot === true || config.snapshot === 'true',
      });
    } catch (error) {
      this.status(NOT_CONFIGURED);
      this.error(asO2GError(error), {});
    }
  });
};

interface Parts {
  readonly server: ServerNode;
  readonly session: Session;
  readonly selectors: Selector[];
  readonly snapshot: boolean;
}

function start(RED: NodeAPI, node: Node, { server, session, selectors, snapshot }: Parts): void {
  let asked = selectors;
  let links: readonly Link[] = [];
  let leaveLinks: (() => void)[] = [];
  let told: Pick<ConnectionReport, 'state' | 'unheard'> = { state: 'closed' };
  const inFlight = inFlightOf(RED);

  const ask = (): void => {
    session.interest(node.id, {
      selectors: asked,
      deliver: (event, receivedAt) => {
        inFlight.send(node, 0, eventMessage(server, links, event, receivedAt));
      },
    });
  };
  /** On output 2. */
  const tell = (topic: string, payload: object): void => {
    const message: NodeMessage & { o2g: object } = {
      topic,
      payload,
      o2g: { server: server.label, unsolicited: true },
    };
    inFlight.send(node, 1, message);
  };
  const report = (connection: ConnectionReport): void => {
    node.status(connectionStatus(connection));
    const { state, unheard, blindMs } = connection;
    const before = told;
    told = connection;
    if (state === before.state && unheard === before.unheard && blindMs === undefined) return;
    tell('connection', connection);
    if (state === 'connected' && (state !== before.state || blindMs !== undefined)) askState();
  };
  /** @param logins of users that are monitored only now; undefined: of all that are asked for */
  const askState = (logins?: readonly string[]): void => {
    if (snapshot)
      askSnapshots(session, asked, logins).catch((error: unknown) => {
        node.error(asO2GError(error), {});
      });
  };
  const followLinks = (): void => {
    for (const leave of leaveLinks) leave();
    links = linksOf(RED).on(session);
    leaveLinks = links.flatMap((link) => [...tellOf(link, tell), link.onMonitored.on(askState)]);
  };

  ask();
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
    asked = changed(asked, message.action, readSelectors(message.payload));
    ask();
    return Promise.resolve(undefined);
  });
  node.on('close', () => {
    for (const off of [...offs, ...leaveLinks]) off();
    session.interest(node.id, undefined);
    server.session.release(node);
  });
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
function tellOf(link: Link, tell: (topic: string, payload: object) => void): (() => void)[] {
  let told = link.report.state;
  const { name, oxeNode } = link;
  return [
    link.onState.on((report) => {
      if (report.state === told) return;
      told = report.state;
      tell('link', { link: name, oxeNode, ...report });
    }),
    // Keys are told by o2g-record alone.
    link.onCoverage.on(({ kind, deviceNumber, desired, actual, reason, since }) => {
      tell(kind, { link: name, deviceNumber, desired, actual, reason, since });
    }),
  ];
}

function changed(asked: readonly Selector[], action: unknown, given: readonly Selector[]): Selector[] {
  if (action === 'subscribe') return [...without(asked, given), ...given];
  if (action === 'unsubscribe') return without(asked, given);
  throw invalid('action', action, 'subscribe or unsubscribe, in msg.action');
}

/** The selectors that are left when names (for the same logins) are taken away. */
function without(asked: readonly Selector[], taken: readonly Selector[]): Selector[] {
  const key = (name: string, ids: readonly string[] = []): string =>
    JSON.stringify([name, [...ids].filter((id) => id !== '*').sort()]);
  const gone = new Set(taken.flatMap(({ names, ids }) => names.map((name) => key(name, ids))));
  return asked
    .map(({ names, ids = [] }) => ({ ids, names: names.filter((name) => !gone.has(key(name, ids))) }))
    .filter(({ names }) => names.length > 0);
}

/** So many users are asked for one by one; more of them with one request for all. */
const FEW_USERS = 20;

/** Asks for the state of those whose events are asked for; the answers are events (OnTelephonyState, OnAgentStateChanged). */
async function askSnapshots(
  session: Session,
  asked: readonly Selector[],
  only: readonly string[] | undefined,
): Promise<void> {
  for (const [eventPackage, operation] of [
    ['telephony', 'askTelephonySnapshot'],
    ['agent', 'askAgentSnapshot'],
  ] as const) {
    const matching = asked.filter(({ names }) =>
      names.some((name) => name === eventPackage || packageOf(name) === eventPackage),
    );
    if (matching.length === 0) continue;
    const wanted = matching.some(({ ids = [] }) => ids.length === 0 || ids.includes('*'))
      ? undefined
      : new Set(matching.flatMap(({ ids }) => ids ?? []));
    const logins = only && wanted ? only.filter((login) => wanted.has(login)) : (only ?? [...(wanted ?? [])]);
    const all = session.info?.admin !== true || (only ? logins.length > FEW_USERS : !wanted);
    if (all) await session.call(operation, {}, undefined);
    else await forEachBounded(logins, 4, (loginName) => session.call(operation, { loginName }, undefined));
  }
}
