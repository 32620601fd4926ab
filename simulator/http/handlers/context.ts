import type { OxeUser } from '../../oxe';
import type { Credential, Session } from '../../o2g';
import {
  Refusal,
  violation,
  OPERATIONS,
  type AnswerOf,
  type BodyOf,
  type Operation,
  type OperationName,
} from '../../specification';
import type { World } from '../../world';

/** Operations that need no session yet, and those that don't even need a cookie. */
export type WithoutSession = 'getDescriptor' | 'authenticate' | 'openSession';
export type WithoutCookie = 'getDescriptor' | 'authenticate';

/** A request that passed all checks, as its handler gets it. */
export interface RequestContext<N extends OperationName> {
  readonly name: N;
  readonly world: World;
  readonly session: N extends WithoutSession ? undefined : Session;
  readonly credential: N extends WithoutCookie ? undefined : Credential;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: BodyOf<N>;
  readonly authorization: string | undefined;
  /** Host header: how the client names this server. */
  readonly host: string | undefined;
  /** Adds a Set-Cookie header to the answer. */
  setCookie(cookie: string): void;
}

/** A handler answers with a body (200), with `undefined` (204), or throws a Refusal. */
export type Handler<N extends OperationName> = (context: RequestContext<N>) => AnswerOf<N>;
export type Handlers<N extends OperationName = OperationName> = { readonly [K in N]: Handler<K> };

/** Every operation with a session in it. */
type SessionContext = RequestContext<Exclude<OperationName, WithoutSession>>;

const operationOf = (name: OperationName): Operation => OPERATIONS[name];

/** "Not found" as the operation's list of answers allows it: 404, else 400. */
export function notFound({ name }: { readonly name: OperationName }, message: string): Refusal {
  return operationOf(name).notFound
    ? new Refusal(404, 'NOT_FOUND', message)
    : new Refusal(400, 'BAD_PARAMETER', message);
}

/**
 * The user that a request is about: the session's own, else the one of `loginName`, which an administrator must give.
 * Only monitored users are visible.
 */
export function requestedUser(context: SessionContext): OxeUser {
  if (context.session.user) return monitoredUser(context, context.session.user.login);
  const { loginName } = context.query;
  if (loginName === undefined)
    throw violation(400, 'BAD_PARAMETER', 'loginName must be specified by an administrator');
  return monitoredUser(context, loginName);
}

/** The monitored user of a login; the bare number is understood, too. */
export function monitoredUser(context: SessionContext, loginName: string): OxeUser {
  const { users } = context.world.oxe;
  const user = users.get(loginName) ?? users.get(`oxe${loginName}`);
  if (!user || user.monitorCount === 0)
    throw notFound(context, `There is no user ${loginName}, or none of its devices is monitored`);
  return user;
}
