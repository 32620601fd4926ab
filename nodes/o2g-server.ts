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
import type { ServerNode } from './lib/types';

interface Credentials {
  login?: string;
  password?: string;
}

interface TlsConfigNode extends Node {
  addTLSOptions(options: TlsOptions): TlsOptions;
}

interface Settings {
  readonly session: SessionOptions;
  readonly timeoutMs: number;
  readonly tls: TlsOptions;
}

const ACCESS: readonly Access[] = ['typed', 'private', 'public', 'auto'];

export = (RED: NodeAPI): void => {
  RED.nodes.registerType<ServerNode & Node<Credentials>, NodeDef, object, Credentials>('o2g-server', function (this, definition) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    const settings = attempt(() => readSettings(RED, config, this.credentials));
    const session = new Shared<Session>(RED, this, {
      recipe: () => {
        const { session: options, timeoutMs, tls } = settings();
        return {
          ingredients: [options, timeoutMs, tls],
          make: () => new Session(options, { transport: new HttpTransport({ timeoutMs, tls }), log: logOf(this) }),
        };
      },
      run: (current, closed) => {
        current.resume();
        void closed.then(() => { current.open(); });
        return follow(this, current, deploymentOf(RED));
      },
    });
    Object.assign(this, { label: labelOf(config, String(config.url)), session, users: session.users });
  }, { credentials: { login: { type: 'text' }, password: { type: 'password' } } });
};

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
    },
    timeoutMs: readNumber(config, 'timeout', 10, 0.1, 600) * 1000,
    tls: readTls(RED, config),
  };
}

function readTls(RED: NodeAPI, config: Config): TlsOptions {
  const id = readText(config, 'tls');
  if (id === undefined) return {};
  const tls = nodeOf(RED, id, 'tls-config');
  if (!tls) throw invalid('tls', id, 'a TLS configuration that exists and is enabled');
  return (tls as TlsConfigNode).addTLSOptions({});
}
