/**
 * The operations of the O2G Recording-only API 2.7.1, as data: the 29 resources, the descriptor and the authentication.
 * A call is typed, validated and addressed from its row; nothing else in the client knows a path.
 */
import { O2GError } from './errors';
import type { Representation, RepresentationName } from './representations';
import { validate } from './validation';

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the session's base URL; `{name}` is a path parameter. */
  readonly path: string;
  /** Query parameters; a `flag` is written without a value. */
  readonly query?: Readonly<Record<string, 'string' | 'flag'>>;
  readonly body?: RepresentationName;
  /** What a 200 carries; without it the answer is 204 and empty. */
  readonly response?: RepresentationName;
}

const LOGIN_NAME = { loginName: 'string' } as const;

export const OPERATIONS = {
  // Introduction: both are found by their own URLs, not below the base URL.
  getDescriptor: { method: 'GET', path: '/api/rest', response: 'RoxeRestApiDescriptor' },
  authenticate: { method: 'GET', path: '/api/rest/authenticate' },
  // Session management
  getSession: { method: 'GET', path: '/sessions', response: 'SessionInfo' },
  openSession: { method: 'POST', path: '/sessions', body: 'SessionRequest', response: 'SessionInfo' },
  closeSession: { method: 'DELETE', path: '/sessions' },
  keepSessionAlive: { method: 'POST', path: '/sessions/keepalive', response: 'SessionTokenInfo' },
  // User information
  getLogins: {
    method: 'GET',
    path: '/logins',
    query: { nodeIds: 'string', onlyACD: 'flag', onlyWithExtLogin: 'flag' },
    response: 'LoginsResponse',
  },
  findUser: { method: 'GET', path: '/users', query: { companyPhone: 'string' }, response: 'User' },
  getUser: { method: 'GET', path: '/users/{loginName}', response: 'User' },
  // Subscription management
  subscribe: {
    method: 'POST',
    path: '/subscriptions',
    body: 'SubscriptionRequest',
    response: 'Subscription',
  },
  updateSubscription: { method: 'PUT', path: '/subscriptions', body: 'Filter' },
  unsubscribe: { method: 'DELETE', path: '/subscriptions/{subscriptionId}' },
  // Call control
  getCalls: { method: 'GET', path: '/telephony/calls', query: LOGIN_NAME, response: 'Calls' },
  getCall: { method: 'GET', path: '/telephony/calls/{callRef}', query: LOGIN_NAME, response: 'Call' },
  getDevices: { method: 'GET', path: '/telephony/devices', query: LOGIN_NAME, response: 'DeviceStates' },
  getDevice: {
    method: 'GET',
    path: '/telephony/devices/{deviceId}',
    query: LOGIN_NAME,
    response: 'DeviceState',
  },
  getTelephonyState: {
    method: 'GET',
    path: '/telephony/state',
    query: LOGIN_NAME,
    response: 'TelephonicState',
  },
  requestTelephonySnapshot: { method: 'POST', path: '/telephony/state/snapshot', query: LOGIN_NAME },
  // Call Center Agent
  getAgentState: { method: 'GET', path: '/acd/agent/state', query: LOGIN_NAME, response: 'AgentState' },
  requestAgentSnapshot: { method: 'POST', path: '/acd/agent/state/snapshot', query: LOGIN_NAME },
  // Maintenance
  getSystemStatus: { method: 'GET', path: '/system/status', response: 'SystemStatus' },
  // Voice Recording
  getLinks: { method: 'GET', path: '/iprecord/{nodeId}/link', response: 'DRLinks' },
  registerLink: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link',
    body: 'RegisterServiceRequest',
    response: 'ServiceRegistered',
  },
  unregisterLink: { method: 'DELETE', path: '/iprecord/{nodeId}/link/{registerId}' },
  startBeep: { method: 'POST', path: '/iprecord/{nodeId}/link/{registerId}/beep', body: 'StartBeepRequest' },
  stopBeep: { method: 'DELETE', path: '/iprecord/{nodeId}/link/{registerId}/beep/{deviceNumber}' },
  startMonitor: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/monitor',
    body: 'MonitorRequest',
    response: 'DeviceMonitored',
  },
  stopMonitor: { method: 'DELETE', path: '/iprecord/{nodeId}/link/{registerId}/monitor/{deviceNumber}' },
  startRecord: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/record',
    body: 'StartRecordRequest',
    response: 'RecordingSrtpKeys',
  },
  stopRecord: { method: 'DELETE', path: '/iprecord/{nodeId}/link/{registerId}/record/{deviceNumber}' },
  startTdmRecord: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/tdmrecord',
    body: 'StartTDMRecordRequest',
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
type OperationRow<Name extends OperationName> = (typeof OPERATIONS)[Name];

type PathParameter<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PathParameter<Rest>
  : never;
type QueryOf<R> = R extends { query: infer Query }
  ? { [Name in keyof Query]?: Query[Name] extends 'flag' ? boolean : string }
  : unknown;

/** Path parameters (all of them) and query parameters (those wanted) of an operation, by name. */
export type ParametersOf<Name extends OperationName> = Record<
  PathParameter<OperationRow<Name>['path']>,
  string
> &
  QueryOf<OperationRow<Name>>;
export type BodyOf<Name extends OperationName> =
  OperationRow<Name> extends { body: infer Body extends RepresentationName }
    ? Representation<Body>
    : undefined;
export type ResponseOf<Name extends OperationName> =
  OperationRow<Name> extends { response: infer Response extends RepresentationName }
    ? Representation<Response>
    : undefined;

/** An operation ready to be sent: what the transport needs, except the base URL and the cookie. */
export interface OperationRequest {
  readonly method: Operation['method'];
  /** Path and query, encoded, to be appended to the base URL. */
  readonly target: string;
  readonly body?: string;
}

/**
 * Makes the request of an operation and validates it before anything is sent.
 * @throws O2GError `INVALID_INPUT` naming the field, the value and the rule
 */
export function requestOf<Name extends OperationName>(
  name: Name,
  parameters: ParametersOf<Name>,
  body: BodyOf<Name>,
): OperationRequest {
  const operation: Operation = OPERATIONS[name];
  const values = parameters as Readonly<Record<string, string | boolean | undefined>>;
  const path = operation.path.replace(/\{(\w+)\}/g, (_, parameter: string) =>
    pathSegment(parameter, values[parameter]),
  );
  const target = path + queryOf(operation, values);
  if (operation.body === undefined) return { method: operation.method, target };
  validate(operation.body, body);
  return { method: operation.method, target, body: JSON.stringify(body) };
}

function pathSegment(name: string, value: string | boolean | undefined): string {
  if (typeof value !== 'string' || value === '' || value === '.' || value === '..') {
    throw new O2GError(
      'INVALID_INPUT',
      `${name}: ${String(value)} can't be part of an address; give the ${name} itself`,
    );
  }
  return encodeURIComponent(value);
}

function queryOf(
  operation: Operation,
  values: Readonly<Record<string, string | boolean | undefined>>,
): string {
  const parts = Object.entries(operation.query ?? {}).flatMap(([name, kind]) => {
    const value = values[name];
    if (value === undefined || value === false) return [];
    return [kind === 'flag' ? name : `${name}=${encodeURIComponent(String(value)).replaceAll('%2C', ',')}`];
  });
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
