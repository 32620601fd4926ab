/**
 * From a typed address to an open session: descriptor, authentication, session (Introduction and Session management).
 */
import { chooseUrl, type Access, type OfferedUrls, type ResolvedAccess } from './site-urls';
import { onlyObjects, readResponse, refusalError } from './responses';
import {
  requestOf,
  asO2GError,
  DeniedError,
  O2GError,
  type OperationRequest,
  type Representation,
} from '../spec';
import { parseJsonObject } from '../util';
import type { HttpResponse, HttpRequest } from '../transport';

export type SessionInfo = Representation<'SessionInfo'>;

export interface Account {
  readonly login: string;
  readonly password: string;
  readonly applicationName: string;
  readonly supervisedAccount?: Representation<'SupervisedAccount'>;
}

/** An open session: where it is and what opens it. `cookie` is a secret. */
export interface OpenSession {
  readonly access: ResolvedAccess;
  readonly baseUrl: URL;
  readonly cookie: string;
  readonly info: SessionInfo;
}

/** A request in an open session, complete. */
export function httpRequestOf(open: OpenSession, { method, target, body }: OperationRequest): HttpRequest {
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

type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** What it takes to open a session, in this order. */
export type LoginStep = 'descriptor' | 'login' | 'session';

/** What `GET authenticate` answers; the specification shows it in an example only. */
interface AuthenticationResponse {
  readonly credential?: string;
  readonly publicUrl?: string;
  readonly internalUrl?: string;
}

/**
 * Opens a session.
 * @param typed the origin that the user typed
 * @param onStep is told which step begins
 * @throws Denied when login and password are refused; O2GError with what the transport and the server say
 */
export async function logIn(
  typed: URL,
  access: Access,
  account: Account,
  send: Send,
  onStep: (step: LoginStep) => void = () => undefined,
): Promise<OpenSession> {
  if (access !== 'auto') return logInWith(typed, access, account, send, onStep);
  try {
    return await logInWith(typed, 'private', account, send, onStep);
  } catch (error) {
    const { code } = asO2GError(error);
    if (code !== 'NOT_CONNECTED' && code !== 'TIMEOUT') throw error;
    return logInWith(typed, 'public', account, send, onStep);
  }
}

async function logInWith(
  typed: URL,
  access: ResolvedAccess,
  account: Account,
  send: Send,
  onStep: (step: LoginStep) => void,
): Promise<OpenSession> {
  onStep('descriptor');
  const descriptor = readResponse(
    'getDescriptor',
    await send({
      method: 'GET',
      url: new URL('/api/rest', typed.origin),
      headers: { Accept: 'application/json' },
    }),
  );
  const version = currentVersion(descriptor, typed);

  onStep('login');
  const authentication = await send({
    method: 'GET',
    url: chooseUrl(typed, access, version),
    headers: {
      Accept: 'application/json',
      Authorization: `Basic ${Buffer.from(`${account.login}:${account.password}`).toString('base64')}`,
    },
  });
  if (authentication.status === 401 || authentication.status === 403)
    throw wrongPasswordError(authentication);
  if (authentication.status !== 200) throw refusalError('authenticate', authentication);
  const { credential, publicUrl, internalUrl } = readAuthentication(authentication);
  const cookies = readCookies(authentication);
  if (!cookies.has('AlcUserId') && typeof credential === 'string') cookies.set('AlcUserId', credential);

  onStep('session');
  const sessionsUrl = chooseUrl(typed, access, { public: publicUrl, private: internalUrl });
  const request = requestOf(
    'openSession',
    {},
    {
      applicationName: account.applicationName,
      ...(account.supervisedAccount ? { supervisedAccount: account.supervisedAccount } : {}),
    },
  );
  const response = await send({
    method: 'POST',
    url: sessionsUrl,
    body: request.body ?? '',
    headers: {
      Accept: 'application/json',
      'Content-Type': 'application/json',
      Cookie: cookieHeaderOf(cookies),
    },
  });
  const info = readResponse('openSession', response);
  for (const [name, value] of readCookies(response)) cookies.set(name, value);
  return {
    access,
    baseUrl: baseUrlOf(typed, access, info, sessionsUrl),
    cookie: cookieHeaderOf(cookies),
    info,
  };
}

/** Some servers say 401, some 403: another try with the same password could lock the account. */
function wrongPasswordError(response: HttpResponse): DeniedError {
  const words =
    "O2G refuses the login or the password; it is not tried again, so that the account isn't locked. Correct them and deploy";
  return new DeniedError('NOT_ALLOWED', words, refusalError('authenticate', response).cause);
}

function currentVersion(descriptor: Representation<'RoxeRestApiDescriptor'>, typed: URL): OfferedUrls {
  const versions = onlyObjects(descriptor.versions);
  const version =
    versions.find(({ id }) => id === '1.0') ?? versions.find(({ status }) => status === 'CURRENT');
  if (!version)
    throw new O2GError(
      'NOT_SUPPORTED',
      `${typed.host} does not offer version 1.0 of the O2G API (is it an O2G server?)`,
    );
  return { public: version.publicUrl, private: version.internalUrl };
}

function baseUrlOf(typed: URL, access: ResolvedAccess, info: SessionInfo, sessionsUrl: URL): URL {
  // privateBaseUrl is mandatory, but a base can be told from the sessions' URL just as well.
  const fallback = sessionsUrl.href.replace(/\/sessions\/?$/, '');
  const url = chooseUrl(typed, access, {
    public: info.publicBaseUrl ?? info.privateBaseUrl,
    private: info.privateBaseUrl || fallback,
  });
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

function readAuthentication({ body }: HttpResponse): AuthenticationResponse {
  const authenticated = parseJsonObject(body);
  if (!authenticated)
    throw new O2GError(
      'SERVER_PROBLEM',
      'O2G answered the authentication with something else than JSON (is that address an O2G server?)',
    );
  return authenticated;
}

function readCookies(response: HttpResponse): Map<string, string> {
  const lines = [response.headers['set-cookie'] ?? []].flat();
  return new Map(
    lines.flatMap((line) => {
      const pair = /^\s*([^=;\s]+)=([^;]*)/.exec(line);
      return pair?.[1] !== undefined && pair[2] !== undefined ? [[pair[1], pair[2].trim()] as const] : [];
    }),
  );
}

function cookieHeaderOf(cookies: ReadonlyMap<string, string>): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
}
