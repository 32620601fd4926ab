import type { Representation, RepresentationName } from './representations';

/** One operation as the specification describes it. Paths are relative to `/api/rest/1.0` unless `root` says otherwise. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** The path is relative to `/api/rest`, and no session is needed. */
  readonly root?: true;
  /** The body's representation. Without it a body is a mistake, save for the keepalive, where clients send anything. */
  readonly body?: RepresentationName | 'anything';
  /** Query parameters by name: text, or a flag that is given without a value. */
  readonly query?: Readonly<Record<string, 'text' | 'flag'>>;
  /** What a 200 carries; without it success is a 204. */
  readonly answer?: RepresentationName;
  /** Only an administrator's session may. */
  readonly administrator?: true;
  /** Whether the specification lists a 404 among the answers. */
  readonly notFound?: true;
}

const loginName = { loginName: 'text' } as const;
const drLink = { administrator: true, notFound: true } as const;

/** All 31 operations: the descriptor, the authentication, and the 29 of the resources. */
export const OPERATIONS = {
  getDescriptor: { method: 'GET', path: '', root: true, answer: 'RoxeRestApiDescriptor' },
  authenticate: {
    method: 'GET',
    path: '/authenticate',
    root: true,
    query: { version: 'text' },
    answer: 'Authentication',
  },

  getSession: { method: 'GET', path: '/sessions', answer: 'SessionInfo' },
  openSession: { method: 'POST', path: '/sessions', body: 'SessionRequest', answer: 'SessionInfo' },
  closeSession: { method: 'DELETE', path: '/sessions' },
  keepalive: { method: 'POST', path: '/sessions/keepalive', body: 'anything', answer: 'SessionTokenInfo' },

  getLogins: {
    method: 'GET',
    path: '/logins',
    query: { nodeIds: 'text', onlyACD: 'flag', onlyWithExtLogin: 'flag' },
    answer: 'LoginsResponse',
  },
  findUser: {
    method: 'GET',
    path: '/users',
    query: { companyPhone: 'text' },
    answer: 'User',
    notFound: true,
  },
  getUser: { method: 'GET', path: '/users/{loginName}', answer: 'User' },

  subscribe: { method: 'POST', path: '/subscriptions', body: 'SubscriptionRequest', answer: 'Subscription' },
  updateSubscription: { method: 'PUT', path: '/subscriptions', body: 'Filter' },
  unsubscribe: { method: 'DELETE', path: '/subscriptions/{subscriptionId}' },

  getCalls: { method: 'GET', path: '/telephony/calls', query: loginName, answer: 'Calls' },
  getCall: {
    method: 'GET',
    path: '/telephony/calls/{callRef}',
    query: loginName,
    answer: 'Call',
    notFound: true,
  },
  getDeviceStates: {
    method: 'GET',
    path: '/telephony/devices',
    query: loginName,
    answer: 'DeviceStates',
    notFound: true,
  },
  getDeviceState: {
    method: 'GET',
    path: '/telephony/devices/{deviceId}',
    query: loginName,
    answer: 'DeviceState',
    notFound: true,
  },
  getTelephonicState: {
    method: 'GET',
    path: '/telephony/state',
    query: loginName,
    answer: 'TelephonicState',
  },
  askTelephonySnapshot: {
    method: 'POST',
    path: '/telephony/state/snapshot',
    query: loginName,
    notFound: true,
  },

  getAgentState: { method: 'GET', path: '/acd/agent/state', query: loginName, answer: 'AgentState' },
  askAgentSnapshot: { method: 'POST', path: '/acd/agent/state/snapshot', query: loginName, notFound: true },

  getSystemStatus: { method: 'GET', path: '/system/status', answer: 'SystemStatus', administrator: true },

  getLinks: { method: 'GET', path: '/iprecord/{nodeId}/link', answer: 'DRLinks', ...drLink },
  registerLink: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link',
    body: 'RegisterServiceRequest',
    answer: 'ServiceRegistered',
    ...drLink,
  },
  unregisterLink: { method: 'DELETE', path: '/iprecord/{nodeId}/link/{registerId}', ...drLink },
  startBeep: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/beep',
    body: 'StartBeepRequest',
    ...drLink,
  },
  stopBeep: { method: 'DELETE', path: '/iprecord/{nodeId}/link/{registerId}/beep/{deviceNumber}', ...drLink },
  startMonitor: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/monitor',
    body: 'MonitorRequest',
    answer: 'DeviceMonitored',
    ...drLink,
  },
  stopMonitor: {
    method: 'DELETE',
    path: '/iprecord/{nodeId}/link/{registerId}/monitor/{deviceNumber}',
    ...drLink,
  },
  startRecord: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/record',
    body: 'StartRecordRequest',
    answer: 'RecordingSrtpKeys',
    ...drLink,
  },
  stopRecord: {
    method: 'DELETE',
    path: '/iprecord/{nodeId}/link/{registerId}/record/{deviceNumber}',
    ...drLink,
  },
  startTdmRecord: {
    method: 'POST',
    path: '/iprecord/{nodeId}/link/{registerId}/tdmrecord',
    body: 'StartTDMRecordRequest',
    ...drLink,
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

/** The body of an operation as its handler gets it: validated, so typed. */
export type BodyOf<N extends OperationName> = (typeof OPERATIONS)[N] extends {
  body: infer B extends RepresentationName;
}
  ? Representation<B>
  : undefined;

/** The answer of an operation; `undefined` is a 204. */
export type AnswerOf<N extends OperationName> = (typeof OPERATIONS)[N] extends {
  answer: infer A extends RepresentationName;
}
  ? Representation<A> | undefined
  : undefined;

interface OperationRoute {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly segments: readonly string[];
}

const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '');

const ROUTES: readonly OperationRoute[] = (Object.entries(OPERATIONS) as [OperationName, Operation][]).map(
  ([name, operation]) => ({
    name,
    operation,
    segments: segmentsOf(operation.root ? `/api/rest${operation.path}` : `/api/rest/1.0${operation.path}`),
  }),
);

const ROUTES_BY_LENGTH = new Map<number, OperationRoute[]>();
for (const route of ROUTES) {
  const sameLength = ROUTES_BY_LENGTH.get(route.segments.length);
  if (sameLength) sameLength.push(route);
  else ROUTES_BY_LENGTH.set(route.segments.length, [route]);
}

export interface OperationMatch {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * The operation that a request means. Doubled and trailing slashes are forgiven, as real servers forgive them.
 * @returns the match, `'method'` when the path exists but not with this method, `'path'` when it does not exist
 */
export function matchOperation(method: string, path: string): OperationMatch | 'method' | 'path' {
  const segments = segmentsOf(path);
  const candidates = (ROUTES_BY_LENGTH.get(segments.length) ?? []).filter((route) =>
    matchesTemplate(route.segments, segments),
  );
  if (candidates.length === 0) return 'path';
  const route = candidates.find((candidate) => candidate.operation.method === method);
  return route
    ? { name: route.name, operation: route.operation, parameters: parametersOf(route.segments, segments) }
    : 'method';
}

const matchesTemplate = (template: readonly string[], segments: readonly string[]): boolean =>
  template.every((part, index) => part.startsWith('{') || part === segments[index]);

function parametersOf(template: readonly string[], segments: readonly string[]): Record<string, string> {
  const parameters: Record<string, string> = {};
  template.forEach((part, index) => {
    if (part.startsWith('{')) parameters[part.slice(1, -1)] = decode(segments[index] ?? '');
  });
  return parameters;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // not percent-encoded: taken as it came, and looked up in vain
  }
}
