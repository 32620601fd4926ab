import { randomBytes } from 'node:crypto';
import type { Oxe, OxeUser } from '../oxe';
import type { Settings } from '../settings';
import type { Representation } from '../specification';

/** Who authenticated, by the cookie that was given for it. */
export interface Credential {
  readonly token: string;
  readonly login: string;
  readonly administrator: boolean;
}

/** An open session. A supervised one carries the supervised account's login and rights. */
export interface Session {
  readonly credential: Credential;
  readonly login: string;
  readonly administrator: boolean;
  /** The OXE user whose session it is; none for an administrator. */
  readonly user: OxeUser | undefined;
  readonly application: string;
  readonly createdAt: number;
  /** When it ends, unless a request comes before. */
  expiresAt: number;
  /** When the secure token ends, for a session opened with one. */
  tokenExpiresAt: number | undefined;
}

/** Authentication and sessions: who may ask, and for how long. */
export class Sessions {
  readonly #settings: Pick<
    Settings,
    'login' | 'password' | 'userPassword' | 'timeToLive' | 'tokenLifetime' | 'purgeIntervalMs'
  >;
  readonly #oxe: Oxe;
  readonly #onEnd: (session: Session, reason: string) => void;
  readonly open = new Map<string, Session>();
  readonly #credentials = new Map<string, Credential>();
  /** Every cookie that was ever given: one that isn't among them was made up. */
  readonly #issuedTokens = new Set<string>();
  readonly #purgeTimer: NodeJS.Timeout;

  constructor(
    settings: Pick<
      Settings,
      'login' | 'password' | 'userPassword' | 'timeToLive' | 'tokenLifetime' | 'purgeIntervalMs'
    >,
    oxe: Oxe,
    onEnd: (session: Session, reason: string) => void,
  ) {
    this.#settings = settings;
    this.#oxe = oxe;
    this.#onEnd = onEnd;
    this.#purgeTimer = setInterval(() => {
      this.#endExpired();
    }, settings.purgeIntervalMs);
  }

  /** Checks login and password: the administrator's, or an OXE user's. @returns the new credential, none when they are wrong */
  authenticate(login: string, password: string): Credential | undefined {
    const administrator = login === this.#settings.login;
    if (password !== (administrator ? this.#settings.password : this.#passwordOf(login))) return undefined;
    const credential = { token: newToken(login), login, administrator };
    this.#credentials.set(credential.token, credential);
    this.#issuedTokens.add(credential.token);
    return credential;
  }

  #passwordOf(login: string): string | undefined {
    const user = this.#oxe.users.get(login);
    return user && (user.password ?? this.#settings.userPassword);
  }

  credential(token: string | undefined): Credential | undefined {
    return token === undefined ? undefined : this.#credentials.get(token);
  }

  wasIssued(token: string | undefined): boolean {
    return token !== undefined && this.#issuedTokens.has(token);
  }

  /** The session of a cookie; using it restarts its lifetime. Until the next purge that works for a late one, too. */
  touch(token: string | undefined): Session | undefined {
    const session = token === undefined ? undefined : this.open.get(token);
    if (session) session.expiresAt = Date.now() + this.#settings.timeToLive * 1000;
    return session;
  }

  start(
    credential: Credential,
    account: Pick<Session, 'login' | 'administrator' | 'user'>,
    application: string,
  ): Session {
    const now = Date.now();
    const session: Session = {
      ...account,
      credential,
      application,
      createdAt: now,
      expiresAt: now + this.#settings.timeToLive * 1000,
      tokenExpiresAt:
        this.#settings.tokenLifetime === undefined ? undefined : now + this.#settings.tokenLifetime * 1000,
    };
    this.open.set(credential.token, session);
    return session;
  }

  end(session: Session, reason: string): void {
    if (this.open.delete(session.credential.token)) this.#onEnd(session, reason);
  }

  /** Ends all sessions and forgets all cookies, as a restart does. */
  reset(): void {
    for (const session of [...this.open.values()]) this.end(session, 'server restarted');
    this.#credentials.clear();
  }

  /** The sessions of the same login that were opened before and live on. */
  otherSessions(session: Session): Representation<'UserSession'>[] {
    return [...this.open.values()]
      .filter((other) => other !== session && other.login === session.login)
      .map((other) => ({
        sessionId: maskedId(other.credential.token),
        creationDate: new Date(other.createdAt).toISOString(),
        timeToLive: Math.max(0, Math.round((other.expiresAt - Date.now()) / 1000)),
      }));
  }

  /** Keeps the session alive. @returns the new end of a secure token, when there is one */
  keepalive(session: Session): number | undefined {
    const { tokenLifetime } = this.#settings;
    if (tokenLifetime !== undefined) session.tokenExpiresAt = Date.now() + tokenLifetime * 1000;
    return session.tokenExpiresAt;
  }

  close(): void {
    clearInterval(this.#purgeTimer);
  }

  #endExpired(): void {
    const now = Date.now();
    for (const session of [...this.open.values()])
      if (session.expiresAt <= now) this.end(session, 'not used for its lifetime');
  }
}

const maskedId = (token: string): string => `...${Buffer.from(token.slice(-4)).toString('hex')}`;

/** An identifier of the form that real servers use: a JWT without an expiry. Nobody verifies it; it can't be guessed. */
export function newToken(login: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub: login, iat: Math.floor(Date.now() / 1000) })}.${randomBytes(32).toString('base64url')}`;
}
