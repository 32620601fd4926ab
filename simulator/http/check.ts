import type { IncomingHttpHeaders } from 'node:http';
import type { RequestContext } from './handlers';
import type { RequestRecord } from '../journal';
import type { Credential, Session } from '../o2g';
import {
  invalidSession,
  Refusal,
  violation,
  matchOperation,
  brokenRules,
  problemsOf,
  type OperationMatch,
  type Operation,
  type OperationName,
} from '../specification';
import type { World } from '../world';

/** A body as it came: the text, and its JSON when it is JSON. */
export interface ReceivedBody {
  readonly text: string;
  readonly json: unknown;
  readonly isJson: boolean;
}

/**
 * Checks a request against the specification: path, method, session, rights, query, content type and body, in this order.
 * @param setCookie receives the cookies that the handler will set
 * @throws Refusal with the answer; a violation when a client written after the specification would not have sent it
 */
export function checkRequest(
  world: World,
  request: RequestRecord,
  received: ReceivedBody,
  setCookie: (cookie: string) => void,
): RequestContext<OperationName> {
  if (!world.readiness.ready) throw new Refusal(503, 'NOT_READY', 'O2G is starting');
  const { name, operation, parameters } = matchedOperation(request);
  const { credential, session } = authorize(world, name, operation, request.headers);
  checkQuery(operation, request.query);
  checkBody(world, name, operation, request.headers, received);
  return {
    name,
    world,
    parameters,
    setCookie,
    // Session, credential and body are there for every operation whose handler may read them: that is what was checked above.
    session,
    credential,
    body: received.json as RequestContext<OperationName>['body'],
    query: request.query,
    authorization: request.headers.authorization,
    host: request.headers.host,
  };
}

function matchedOperation({ method, path }: RequestRecord): OperationMatch {
  const match = matchOperation(method, path);
  if (match === 'path') throw violation(404, 'NOT_FOUND', 'There is no such resource');
  if (match === 'method')
    throw violation(405, 'NOT_SUPPORTED', `${method} is not available on this resource`);
  return match;
}

interface Authorization {
  readonly credential: Credential | undefined;
  readonly session: Session | undefined;
}

function authorize(
  { sessions }: World,
  name: OperationName,
  operation: Operation,
  headers: IncomingHttpHeaders,
): Authorization {
  if (operation.root) return { credential: undefined, session: undefined };
  const token = cookieOf(headers.cookie, 'AlcUserId');
  const credential = sessions.credential(token);
  if (name === 'openSession') {
    if (!credential) throw invalidSession(token, !sessions.wasIssued(token));
    return { credential, session: undefined };
  }
  const session = sessions.touch(token);
  if (!session) throw invalidSession(token, !sessions.wasIssued(token));
  if (operation.administrator && !session.administrator)
    throw new Refusal(403, 'NOT_ALLOWED', 'This operation is restricted to an administrator');
  return { credential: session.credential, session };
}

/** The value of a cookie in a Cookie header. */
function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === name) return value?.trim();
  }
  return undefined;
}

function checkQuery({ query: known = {} }: Operation, query: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(query)) {
    const kind = known[name];
    if (kind === undefined) throw violation(400, 'BAD_PARAMETER', `There is no query parameter ${name}`);
    if (kind === 'flag' && value !== '')
      throw violation(400, 'BAD_PARAMETER', `The query parameter ${name} has no value, ${value} given`);
    if (kind === 'text' && value === '')
      throw violation(400, 'BAD_PARAMETER', `The query parameter ${name} can't be empty`);
  }
}

function checkBody(
  { settings }: World,
  name: OperationName,
  { body }: Operation,
  headers: IncomingHttpHeaders,
  { text, json, isJson }: ReceivedBody,
): void {
  if (body === 'anything') return;
  if (body === undefined) {
    if (text !== '') throw violation(400, 'BAD_PARAMETER', 'This operation has no body');
    return;
  }
  if (text === '') throw violation(400, 'BAD_PARAMETER', `The body is mandatory: ${body}`);
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw violation(415, 'BAD_PARAMETER', `Content-Type must be application/json, ${type ?? 'none'} given`);
  if (!isJson) throw violation(400, 'BAD_PARAMETER', 'The body is not JSON');
  const problems = problemsOf(json, body, settings.unknownFields);
  if (problems.length === 0)
    problems.push(...brokenRules(name, json as RequestContext<OperationName>['body']));
  if (problems.length > 0) throw violation(400, 'BAD_PARAMETER', problems.join('; '));
}
