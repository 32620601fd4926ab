import type { Node, NodeAPI, NodeDef } from 'node-red';
import {
  readServerUrl,
  HttpTransport,
  Session,
  TunnelTransport,
  DEFAULT_FORMAT,
  readFormat,
  invalid,
  type Access,
  type TlsOptions,
  type SessionOptions,
  type TunnelFormat,
} from '../o2g';
import {
  attempt,
  logOf,
  nodeOf,
  labelOf,
  readChoice,
  readNumber,
  readText,
  serversOf,
  type Config,
  type ServerNode,
} from './lib/config';
import { deploymentOf, SharedResource, type Deployment } from './lib/lifecycle';
import { connectionStatus } from './lib/node';
import { addOverviewRoutes } from './lib/sidebar';
import { addSuggestionsRoute, addConnectionTestRoute } from './lib/forms';
import { tunnelsOf, webhooksOf, type TunnelEndpoint } from './lib/delivery';

interface Credentials {
  login?: string;
  password?: string;
  webhookToken?: string;
  tunnelToken?: string;
}

interface TlsConfigNode extends Node {
  addTLSOptions(options: TlsOptions): TlsOptions;
}

interface Settings {
  readonly session: SessionOptions;
  readonly timeoutMs: number;
  readonly tls: TlsOptions;
  /** Part of the webhook's path; undefined without webhook. A secret. */
  readonly webhookToken: string | undefined;
  /** Undefined without tunnel; its endpoint holds a secret. */
  readonly tunnel: { readonly endpoint: TunnelEndpoint; readonly format: TunnelFormat } | undefined;
}

const ACCESS_MODES: readonly Access[] = ['typed', 'private', 'public', 'auto'];

export = (RED: NodeAPI): void => {
  RED.nodes.registerType<ServerNode & Node<Credentials>, NodeDef, object, Credentials>(
    'o2g-server',
    function (this, definition) {
      RED.nodes.createNode(this, definition);
      const config: Config = { ...definition };
      const settings = attempt(() => readSettings(RED, config, this.credentials));
      const session = new SharedResource<Session>(RED, this, {
        prepare: () => {
          const resolved = settings();
          return {
            configuration: [resolved.session, resolved.timeoutMs, resolved.tls, resolved.tunnel],
            create: () => makeSession(RED, this, resolved),
          };
        },
        activate: (current, predecessorClosed) => {
          current.resume();
          void predecessorClosed.then(() => {
            current.open();
          });
          return follow(this, current, deploymentOf(RED));
        },
      });
      Object.assign(this, { label: labelOf(config, String(config.url)), session, users: session.users });
      this.on('close', serversOf(RED).add(this));
    },
    {
      credentials: {
        login: { type: 'text' },
        password: { type: 'password' },
        webhookToken: { type: 'password' },
        tunnelToken: { type: 'password' },
      },
    },
  );
  addOverviewRoutes(RED);
  addSuggestionsRoute(RED);
  addConnectionTestRoute(RED, (config, credentials) => {
    const { session, timeoutMs, tls, tunnel } = readSettings(RED, config, credentials);
    if (tunnel)
      throw invalid(
        'delivery',
        'tunnel',
        'chunk or webhook to be tested: an agent comes only when the node is deployed',
      );
    return { ...session, timeoutMs, tls };
  });
};

function makeSession(
  RED: NodeAPI,
  node: Node,
  { session: options, timeoutMs, tls, webhookToken, tunnel }: Settings,
): Session {
  const log = logOf(node);
  if (tunnel === undefined) {
    const session = new Session(options, { transport: new HttpTransport({ timeoutMs, tls }), log });
    if (webhookToken !== undefined) receiveWebhook(RED, node, session, webhookToken);
    return session;
  }
  const transport = new TunnelTransport({ format: tunnel.format, timeoutMs, log });
  const session = new Session(options, { transport, log });
  let unregister: (() => void) | undefined;
  session.onState.on(({ state }) => {
    // Not before the session is opened: until then its predecessor, with another configuration, may have the port.
    if (state === 'connecting')
      unregister ??= tunnelsOf(RED).register(transport, tunnel.endpoint, log, (error) => {
        node.error(error, {});
      });
    if (state === 'closed') unregister?.();
  });
  return session;
}

/** Takes events for as long as the session lives, also while a deploy replaces the node. */
function receiveWebhook(RED: NodeAPI, node: Node, session: Session, token: string): void {
  const unregister = webhooksOf(RED).register(token, (event) => session.receiveFromWebhook(event));
  session.onState.on(({ state }) => {
    if (state === 'closed') unregister();
  });
  if (RED.settings.httpNodeAuth)
    node.warn(
      'httpNodeAuth is on: O2G can post events only when something in front of Node-RED, a reverse proxy, adds that login',
    );
}

/** Shows what the session says, on the Status and Catch nodes of its users too. @returns stops that */
function follow(node: Node, session: Session, deployment: Deployment): () => void {
  const offs = [
    session.onState.on((report) => {
      node.status(connectionStatus(report));
    }),
    session.onFailure.on((error) => {
      node.error(error, {});
    }),
    // Events that come while a deploy replaces the nodes wait for the new ones.
    deployment.onStopping(() => {
      session.hold();
    }),
  ];
  return () => {
    for (const off of offs) off();
  };
}

function readSettings(RED: NodeAPI, config: Config, credentials: Credentials): Settings {
  const url = readServerUrl('url', config.url);
  const secondary = readText(config, 'secondaryUrl');
  const supervisedId = readText(config, 'supervisedId');
  const { login, password } = credentials;
  if (!login)
    throw invalid('login', login, 'the login of an O2G administrator, or of an OXE user such as oxe70120');
  if (!password) throw invalid('password', undefined, 'given');
  const lifetime = readNumber(config, 'lifetime', 0, 0, 60);
  if (lifetime === 1) throw invalid('lifetime', lifetime, '0 or 2 to 60 minutes');
  const delivery = readChoice(config, 'delivery', ['chunk', 'webhook', 'tunnel'], 'chunk');
  const webhookToken =
    delivery === 'webhook' ? readToken('webhookToken', credentials.webhookToken) : undefined;
  const tls = readTls(RED, config);
  const eventPort = readNumber(config, 'eventPort', 0, 1, 65535);
  return {
    session: {
      // An agent stands before one server, and what that names as its own address means nothing here.
      sites:
        secondary === undefined || delivery === 'tunnel'
          ? [url]
          : [url, readServerUrl('secondaryUrl', secondary)],
      access: delivery === 'tunnel' ? 'typed' : readChoice(config, 'access', ACCESS_MODES, 'typed'),
      eventPort: eventPort === 0 ? undefined : eventPort,
      account: {
        login,
        password,
        applicationName: readText(config, 'application') ?? 'Node-RED',
        ...(supervisedId === undefined
          ? {}
          : {
              supervisedAccount: {
                id: supervisedId,
                type: readChoice(config, 'supervisedType', ['LOGIN_NAME', 'PHONE_NUMBER'], 'LOGIN_NAME'),
              },
            }),
      },
      offlineWaitMs: readNumber(config, 'offlineWait', 10, 0, 3600) * 1000,
      lifetime,
      webHookUrl: webhookToken === undefined ? undefined : webhookUrlOf(RED, config, webhookToken),
    },
    webhookToken,
    tunnel: delivery === 'tunnel' ? readTunnel(RED, config, credentials, tls) : undefined,
    timeoutMs: readNumber(config, 'timeout', 10, 0.1, 600) * 1000,
    tls,
  };
}

function readToken(name: string, token: string | undefined): string {
  if (!token || !/^[\w.~-]{16,}$/.test(token))
    throw invalid(name, undefined, 'a secret of 16 or more letters, digits or - . _ ~');
  return token;
}

function readTunnel(
  RED: NodeAPI,
  config: Config,
  credentials: Credentials,
  tls: TlsOptions,
): { endpoint: TunnelEndpoint; format: TunnelFormat } {
  const port = readNumber(config, 'tunnelPort', 0, 1, 65535);
  if (port === 0 && RED.settings.httpNodeRoot === false)
    throw invalid('tunnelPort', undefined, "a port, for Node-RED's HTTP nodes are off (httpNodeRoot: false)");
  const format = readText(config, 'tunnelFormat');
  return {
    endpoint: { token: readToken('tunnelToken', credentials.tunnelToken), port, tls },
    format: format === undefined ? DEFAULT_FORMAT : readFormat(format),
  };
}

/** The address that O2G posts events to. */
function webhookUrlOf(RED: NodeAPI, config: Config, token: string): string {
  if (RED.settings.httpNodeRoot === false)
    throw invalid('delivery', 'webhook', "chunk, for Node-RED's HTTP nodes are off (httpNodeRoot: false)");
  const text = readText(config, 'webhookUrl');
  if (text === undefined || !URL.canParse(text) || !/^https?:/.test(text)) {
    throw invalid(
      'webhookUrl',
      text,
      'the address under which O2G reaches the HTTP nodes of this Node-RED, such as https://node-red.example.com:1880',
    );
  }
  return `${text.replace(/\/+$/, '')}/o2g/${token}`;
}

function readTls(RED: NodeAPI, config: Config): TlsOptions {
  const id = readText(config, 'tls');
  if (id === undefined) return {};
  const tls = nodeOf(RED, id, 'tls-config');
  if (!tls) throw invalid('tls', id, 'a TLS configuration that exists, is deployed and enabled');
  return (tls as TlsConfigNode).addTLSOptions({});
}
