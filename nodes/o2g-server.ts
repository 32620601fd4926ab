import type { Node, NodeAPI, NodeDef } from 'node-red';
import { readServerUrl, type Access } from '../o2g/addresses';
import { HttpTransport, type TlsOptions } from '../o2g/http';
import { Session, type SessionOptions } from '../o2g/session';
import { invalid } from '../o2g/validate';
import { attempt, logOf, nodeOf } from './lib/config-node';
import { deploymentOf, type Deployment } from './lib/deployment';
import { labelOf, readChoice, readNumber, readText, type Config } from './lib/properties';
import { CONNECTION_STATUS } from './lib/status';
import { Shared } from './lib/shared';
import { offerOverview } from './lib/overview-routes';
import { serversOf } from './lib/servers';
import { offerSuggestions } from './lib/suggestions';
import { offerTrial } from './lib/trial-route';
import type { ServerNode } from './lib/types';
import { webhooksOf } from './lib/webhook';

interface Credentials {
  login?: string;
  password?: string;
  webhookToken?: string;
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
}

const ACCESS: readonly Access[] = ['typed', 'private', 'public', 'auto'];

export = (RED: NodeAPI): void => {
  RED.nodes.registerType<ServerNode & Node<Credentials>, NodeDef, object, Credentials>('o2g-server', function (this, definition) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    const settings = attempt(() => readSettings(RED, config, this.credentials));
    const session = new Shared<Session>(RED, this, {
      recipe: () => {
        const { session: options, timeoutMs, tls, webhookToken } = settings();
        return {
          ingredients: [options, timeoutMs, tls],
          make: () => {
            const made = new Session(options, { transport: new HttpTransport({ timeoutMs, tls }), log: logOf(this) });
            if (webhookToken !== undefined) receiveWebhook(RED, this, made, webhookToken);
            return made;
          },
        };
      },
      run: (current, closed) => {
        current.resume();
        void closed.then(() => { current.open(); });
        return follow(this, current, deploymentOf(RED));
      },
    });
    Object.assign(this, { label: labelOf(config, String(config.url)), session, users: session.users });
    this.on('close', serversOf(RED).add(this));
  }, {
    credentials: { login: { type: 'text' }, password: { type: 'password' }, webhookToken: { type: 'password' } },
  });
  offerOverview(RED);
  offerSuggestions(RED);
  offerTrial(RED, (config, credentials) => {
    const { session, timeoutMs, tls } = readSettings(RED, config, credentials);
    return { ...session, timeoutMs, tls };
  });
};

/** Takes events for as long as the session lives, also while a deploy replaces the node. */
function receiveWebhook(RED: NodeAPI, node: Node, session: Session, token: string): void {
  const leave = webhooksOf(RED).receive(token, (event) => session.takeFromWebhook(event));
  session.onState.on(({ state }) => { if (state === 'closed') leave(); });
  if (RED.settings.httpNodeAuth) node.warn('httpNodeAuth is on: O2G can post events only if the proxy in front of Node-RED, or the webhook address, logs it in');
}

/** Shows what the session says, on the Status and Catch nodes of its users too. @returns stops that */
function follow(node: Node, session: Session, deployment: Deployment): () => void {
  const offs = [
    session.onState.on(({ state }) => { node.status(CONNECTION_STATUS[state]); }),
    session.onFailure.on((error) => { node.error(error, {}); }),
    // Events that come while a deploy replaces the nodes wait for the new ones.
    deployment.onStopping(() => { session.hold(); }),
  ];
  return () => { for (const off of offs) off(); };
}

function readSettings(RED: NodeAPI, config: Config, credentials: Credentials): Settings {
  const url = readServerUrl('url', config.url);
  const secondary = readText(config, 'secondaryUrl');
  const supervisedId = readText(config, 'supervisedId');
  const { login, password } = credentials;
  if (!login) throw invalid('login', login, 'the login of an O2G administrator, or of an OXE user such as oxe70120');
  if (!password) throw invalid('password', undefined, 'given');
  const lifetime = readNumber(config, 'lifetime', 0, 0, 60);
  if (lifetime === 1) throw invalid('lifetime', lifetime, '0 or 2 to 60 minutes');
  const delivery = readChoice(config, 'delivery', ['chunk', 'webhook'], 'chunk');
  const webhookToken = delivery === 'webhook' ? readToken(credentials) : undefined;
  const eventPort = readNumber(config, 'eventPort', 0, 1, 65535);
  return {
    session: {
      sites: secondary === undefined ? [url] : [url, readServerUrl('secondaryUrl', secondary)],
      access: readChoice(config, 'access', ACCESS, 'typed'),
      eventPort: eventPort === 0 ? undefined : eventPort,
      account: {
        login,
        password,
        applicationName: readText(config, 'application') ?? 'Node-RED',
        ...(supervisedId === undefined ? {} : {
          supervisedAccount: { id: supervisedId, type: readChoice(config, 'supervisedType', ['LOGIN_NAME', 'PHONE_NUMBER'], 'LOGIN_NAME') },
        }),
      },
      offlineWaitMs: readNumber(config, 'offlineWait', 10, 0, 3600) * 1000,
      lifetime,
      webHookUrl: webhookToken === undefined ? undefined : webhookUrlOf(RED, config, webhookToken),
    },
    webhookToken,
    timeoutMs: readNumber(config, 'timeout', 10, 0.1, 600) * 1000,
    tls: readTls(RED, config),
  };
}

function readToken({ webhookToken }: Credentials): string {
  if (!webhookToken || !/^[\w.~-]{16,}$/.test(webhookToken)) throw invalid('webhookToken', undefined, 'a secret of 16 or more letters, digits or - . _ ~');
  return webhookToken;
}

/** The address that O2G posts events to. */
function webhookUrlOf(RED: NodeAPI, config: Config, token: string): string {
  if (RED.settings.httpNodeRoot === false) throw invalid('delivery', 'webhook', 'chunk, for Node-RED\'s HTTP nodes are off (httpNodeRoot: false)');
  const text = readText(config, 'webhookUrl');
  if (text === undefined || !URL.canParse(text) || !/^https?:/.test(text)) {
    throw invalid('webhookUrl', text, 'the address under which O2G reaches the HTTP nodes of this Node-RED, such as https://node-red.example.com:1880');
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
