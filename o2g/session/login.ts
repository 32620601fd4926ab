/**
 * From a typed address to an open session: descriptor, authentication, session (Introduction and Session management).
 */
import { chooseUrl, type Access, type Offered, type Side } from './site-urls';
import { objectsIn, readAnswer, refusal } from './responses';
import { requestOf, asO2GError, Denied, O2GError, type Request, type Representation } from '../spec';
import { objectIn } from '../util';
import type { Answer, Call } from '../transport';

export type SessionInfo = Representation<'SessionInfo'>;

export interface Account {
  readonly login: string;
  readonly password: string;
  readonly applicationName: string;
  readonly supervisedAccount?: Representation<'SupervisedAccount'>;
}

/** An open session: where it is and what opens it. `cookie` is a secret. */
export interface OpenSession {
  readonly side: Side;
  readonly baseUrl: URL;
  readonly cookie: string;
  readonly info: SessionInfo;
}

/** A request in an open session, complete. */
export function callIn(open: OpenSession, { method, target, body }: Request): Call {
  return {
    method,
    url: new URL(open.baseUrl.href + target),
    headers: {
      Accept: 'application/json',
      Cookie: open.cookie,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  };
}

type Send = (call: Call) => Promise<Answer>;

/** What it takes to open a session, in this order. */
export type LoginStep = 'descriptor' | 'login' | 'session';

/** What `GET authenticate` answers; the specification shows it in an example only. */
interface Authenticated {
  readonly credential?: string;
  readonly publicUrl?: string;
  readonly internalUrl?: string;
}

/**
 * Opens a session.
 * @param typed the origin that the user typed
 * @param begin is told which step begins
 * @throws Denied when login and password are refused; O2GError with what the transport and the server say
 */
export async function logIn(
  typed: URL,
  access: Access,
  account: Account,
  send: Send,
  begin: (step: LoginStep) => void = () => undefined,
): Promise<OpenSession> {
  if (access !== 'auto') return logInOn(typed, access, account, send, begin);
  try {
    return await logInOn(typed, 'private', account, send, begin);
  } catch (error) {
    const { code } = asO2GError(error);
    if (code !== 'NOT_CONNECTED' && code !== 'TIMEOUT') throw error;
    return logInOn(typed, 'public', account, send, begin);
  }
}

async function logInOn(
  typed: URL,
  side: Side,
  account: Account,
  send: Send,
  begin: (step: LoginStep) => void,
): Promise<OpenSession> {
  begin('descriptor');
  const descriptor = readAnswer(
    'getDescriptor',
    await send({
      method: 'GET',
      url: new URL('/api/rest', typed.origin),
      headers: { Accept: 'application/json' },
    }),
  );
  const version = currentVersion(descriptor, typed);

  begin('login');
  const authentication = await send({
    method: 'GET',
    url: chooseUrl(typed, side, version),
    headers: {
      Accept: 'application/json',
      Authorization: `Basic ${Buffer.from(`${account.login}:${account.password}`).toString('base64')}`,
    },
  });
  if (authentication.status === 401 || authentication.status === 403) throw wrongPassword(authentication);
  if (authentication.status !== 200) throw refusal('authenticate', authentication);
  const { credential, publicUrl, internalUrl } = readAuthenticated(authentication);
  const cookies = readCookies(authentication);
  if (!cookies.has('AlcUserId') && typeof credential === 'string') cookies.set('AlcUserId', credential);

  begin('session');
  const sessionsUrl = chooseUrl(typed, side, { public: publicUrl, private: internalUrl });
  const request = requestOf(
    'openSession',
    {},
    {
      applicationName: account.applicationName,
      ...(account.supervisedAccount ? { supervisedAccount: account.supervisedAccount } : {}),
    },
  );
  const opened = await send({
    method: 'POST',
    url: sessionsUrl,
    body: request.body ?? '',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', Cookie: written(cookies) },
  });
  const info = readAnswer('openSession', opened);
  for (const [name, value] of readCookies(opened)) cookies.set(name, value);
  return { side, baseUrl: baseUrlOf(typed, side, info, sessionsUrl), cookie: written(cookies), info };
}

/** Some servers say 401, some 403: another try with the same password could lock the account. */
function wrongPassword(answer: Answer): Denied {
  const words =
    "O2G refuses the login or the password; it is not tried again, so that the account isn't locked. Correct them and deploy";
  return new Denied('NOT_ALLOWED', words, refusal('authenticate', answer).cause);
}

function currentVersion(descriptor: Representation<'RoxeRestApiDescriptor'>, typed: URL): Offered {
  const versions = objectsIn(descriptor.versions);
  const version =
    versions.find(({ id }) => id === '1.0') ?? versions.find(({ status }) => status === 'CURRENT');
  if (!version)
    throw new O2GError(
      'NOT_SUPPORTED',
      `${typed.host} does not offer version 1.0 of the O2G API (is it an O2G server?)`,
    );
  return { public: version.publicUrl, private: version.internalUrl };
}

function baseUrlOf(typed: URL, side: Side, info: SessionInfo, sessionsUrl: URL): URL {
  // privateBaseUrl is mandatory, but a base can be told from the sessions' URL just as well.
  const fallback = sessionsUrl.href.replace(/\/sessions\/?$/, '');
  const url = chooseUrl(typed, side, {
    public: info.publicBaseUrl ?? info.privateBaseUrl,
    private: info.privateBaseUrl || fallback,
  });
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

function readAuthenticated({ body }: Answer): Authenticated {
  const authenticated = objectIn(body);
  if (!authenticated)
    throw new O2GError(
      'SERVER_PROBLEM',
      'O2G answered the authentication with something else than JSON (is that address an O2G server?)',
    );
  return authenticated;
}

function readCookies(answer: Answer): Map<string, string> {
  const lines = [answer.headers['set-cookie'] ?? []].flat();
  return new Map(
    lines.flatMap((line) => {
      const pair = /^\s*([^=;\s]+)=([^;]*)/.exec(line);
      return pair?.[1] !== undefined && pair[2] !== undefined ? [[pair[1], pair[2].trim()] as const] : [];
    }),
  );
}

function written(cookies: ReadonlyMap<string, string>): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
}
