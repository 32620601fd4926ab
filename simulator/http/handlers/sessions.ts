import type { Session } from '../../o2g';
import { Refusal, violation, type Representation } from '../../specification';
import type { World } from '../../world';
import type { RequestContext, Handlers } from './context';
import { randomBytes } from 'node:crypto';

const REST_SERVICES: Representation<'Service'>[] = [
  ['Logins', '/logins'],
  ['Users', '/users'],
  ['Subscriptions', '/subscriptions'],
  ['Telephony', '/telephony'],
  ['AcdAgent', '/acd/agent'],
  ['Maintenance', '/system'],
  ['VoiceRecording', '/iprecord'],
].map(([serviceName = '', relativeUrl = '']) => ({ serviceName, serviceVersion: '1.0', relativeUrl }));

/** Entry points, authentication and "Session management". */
export const sessionHandlers: Handlers<
  'getDescriptor' | 'authenticate' | 'getSession' | 'openSession' | 'closeSession' | 'keepalive'
> = {
  getDescriptor: ({ world: { urls }, host }) => ({
    serverInfo: {
      productName: 'O2G Solution',
      productType: 'O2G',
      productVersion: { major: '2.7', minor: '001.000' },
      haMode: false,
    },
    versions: [
      {
        id: '1.0',
        status: 'CURRENT',
        publicUrl: `${urls.rest('public', host)}/api/rest/authenticate?version=1.0`,
        internalUrl: `${urls.rest('private', host)}/api/rest/authenticate?version=1.0`,
      },
    ],
    custoFeatures: [],
  }),

  authenticate: (context) => {
    const {
      world: { sessions, journal, urls },
      query,
      host,
    } = context;
    if (query.version !== '1.0')
      throw violation(400, 'BAD_PARAMETER', `version must be 1.0, ${query.version ?? 'none'} given`);
    const [login, password] = basicCredentials(context.authorization);
    const credential = sessions.authenticate(login, password);
    journal.addLogin(login, credential !== undefined);
    if (!credential) {
      journal.log(`login of '${login}' refused`);
      throw challenge('Bad login or password');
    }
    context.setCookie(`AlcUserId=${credential.token}; Path=/`);
    return {
      credential: credential.token,
      publicUrl: `${urls.rest('public', host)}/api/rest/1.0/sessions`,
      internalUrl: `${urls.rest('private', host)}/api/rest/1.0/sessions`,
    };
  },

  openSession: (context) => {
    const { world, credential, body } = context;
    if (world.sessions.open.has(credential.token)) {
      throw violation(403, 'NOT_EXPECTED', 'A session is already opened with this cookie');
    }
    const session = world.sessions.start(credential, sessionAccount(context), body.applicationName);
    world.journal.log(
      `session of ${session.login} opened by '${session.application}'${session.login === credential.login ? '' : `, supervised by ${credential.login}`}`,
    );
    context.setCookie(`JSESSIONID=${randomBytes(16).toString('hex').toUpperCase()}.tomcat; Path=/api`);
    return sessionInfo(world, session, context.host);
  },

  getSession: ({ world, session, host }) => sessionInfo(world, session, host),

  closeSession: ({ world, session }) => {
    world.sessions.end(session, 'closed');
  },

  keepalive: ({ world, session }) => {
    const expires = world.sessions.keepalive(session);
    return expires === undefined ? undefined : { expirationDate: new Date(expires).toISOString() };
  },
};

function basicCredentials(header: string | undefined): [string, string] {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(header ?? '') ?? [];
  const text = Buffer.from(encoded ?? '', 'base64').toString();
  const colon = text.indexOf(':');
  if (colon < 0) throw challenge('Basic authentication is required');
  return [text.slice(0, colon), text.slice(colon + 1)];
}

const challenge = (message: string): Refusal =>
  new Refusal(401, 'NOT_ALLOWED', message, { headers: { 'WWW-Authenticate': 'Basic realm="O2G"' } });

/** Whose session it becomes: the login's own, or the account that an administrator supervises. */
function sessionAccount({
  world: { oxe, settings },
  credential,
  body: { supervisedAccount },
}: RequestContext<'openSession'>): Pick<Session, 'login' | 'administrator' | 'user'> {
  if (!supervisedAccount) {
    return {
      login: credential.login,
      administrator: credential.administrator,
      user: oxe.users.get(credential.login),
    };
  }
  if (!credential.administrator)
    throw new Refusal(403, 'NOT_ALLOWED', 'Only an administrator can supervise an account');
  const { id, type } = supervisedAccount;
  if (type === 'LOGIN_NAME' && id === settings.login)
    return { login: id, administrator: true, user: undefined };
  const user = type === 'LOGIN_NAME' ? oxe.users.get(id) : oxe.devices.get(id)?.user;
  if (!user) throw new Refusal(400, 'BAD_PARAMETER', `There is no account with ${type} ${id}`);
  return { login: user.login, administrator: false, user };
}

function sessionInfo(
  { settings, sessions, urls }: World,
  session: Session,
  host: string | undefined,
): Representation<'SessionInfo'> {
  const others = sessions.otherSessions(session);
  return {
    admin: session.administrator,
    timeToLive: settings.timeToLive,
    publicBaseUrl: `${urls.rest('public', host)}/api/rest/1.0`,
    privateBaseUrl: `${urls.rest('private', host)}/api/rest/1.0`,
    services: REST_SERVICES,
    creationDate: new Date(session.createdAt).toISOString(),
    ...(session.tokenExpiresAt !== undefined && {
      expirationDate: new Date(session.tokenExpiresAt).toISOString(),
    }),
    ...(others.length > 0 && { otherSessions: others }),
  };
}
