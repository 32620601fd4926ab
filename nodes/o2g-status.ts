import type { Node, NodeAPI, NodeDef } from 'node-red';
import { invalid, type Session } from '../o2g';
import {
  configuredServer,
  linksOf,
  asBoolean,
  isBlank,
  isReportedFor,
  readField,
  readTypedInputs,
  refusedLinksOf,
  rowsOf,
  type Config,
} from './lib/config';
import {
  onInput,
  failed,
  active,
  NOT_CONFIGURED,
  throttledStatus,
  working,
  type FlowMessage,
} from './lib/node';

/** Values of the parameters, blank ones left out: the node's, else the message's. */
interface ParameterValues {
  /** @throws O2GError `INVALID_INPUT` when it is blank */
  text(name: string): string;
  optional(name: string): string | undefined;
  /** A list, or a text with commas. */
  list(name: string): string | undefined;
  flag(name: string): boolean;
}

type Query = (session: Session, values: ParameterValues, RED: NodeAPI) => Promise<unknown>;

/** Every query by its word. What the specification calls a parameter keeps its name, but for `oxeNode`, its `nodeId`. */
const QUERIES: Readonly<Record<string, Query>> = {
  system: (session) => session.perform('getSystemStatus', {}, undefined),
  session: (session) => session.perform('getSession', {}, undefined),
  links: (session, values, RED) =>
    session.perform(
      'getLinks',
      { nodeId: values.optional('oxeNode') ?? onlyOxeNode(session, RED) },
      undefined,
    ),
  logins: (session, values) => {
    const nodeIds = values.list('nodeIds');
    const flags = { onlyACD: values.flag('onlyACD'), onlyWithExtLogin: values.flag('onlyWithExtLogin') };
    return session.perform(
      'getLogins',
      { ...flags, ...(nodeIds === undefined ? {} : { nodeIds }) },
      undefined,
    );
  },
  users: (session, values) =>
    session.perform('findUser', { companyPhone: values.text('companyPhone') }, undefined),
  user: (session, values) => session.perform('getUser', { loginName: values.text('loginName') }, undefined),
  calls: (session, values) => session.perform('getCalls', loginParameter(values), undefined),
  call: (session, values) =>
    session.perform('getCall', { callRef: values.text('callRef'), ...loginParameter(values) }, undefined),
  devices: (session, values) => session.perform('getDevices', loginParameter(values), undefined),
  device: (session, values) =>
    session.perform('getDevice', { deviceId: values.text('deviceId'), ...loginParameter(values) }, undefined),
  'telephony-state': (session, values) =>
    session.perform('getTelephonyState', loginParameter(values), undefined),
  'agent-state': (session, values) => session.perform('getAgentState', loginParameter(values), undefined),
  'telephony-snapshot': async (session, values) => {
    await session.perform('requestTelephonySnapshot', loginParameter(values), undefined);
    return { accepted: true };
  },
  'agent-snapshot': async (session, values) => {
    await session.perform('requestAgentSnapshot', loginParameter(values), undefined);
    return { accepted: true };
  },
  coverage: (session, _values, RED) =>
    Promise.resolve([
      ...linksOf(RED)
        .ofSession(session)
        .flatMap((link) => link.coverage.map((row) => ({ ...row, link: link.name, oxeNode: link.oxeNode }))),
      ...refusedCoverage(RED, session),
    ]),
  metrics: (session, _values, RED) =>
    Promise.resolve({
      connection: session.report,
      ...session.metrics,
      links: linksOf(RED)
        .ofSession(session)
        .map((link) => ({ link: link.name, oxeNode: link.oxeNode, ...link.report })),
    }),
};

/** The devices of links whose configuration is refused: of this server, and of those without a usable server. */
function refusedCoverage(RED: NodeAPI, session: Session): object[] {
  return refusedLinksOf(RED)
    .all.filter(({ node }) => isReportedFor(RED, node, session))
    .flatMap(rowsOf)
    .map(({ node, ...row }) => ({ ...row, confirmed: false, link: node.label, oxeNode: node.oxeNode }));
}

const PARAMETERS = [
  'loginName',
  'companyPhone',
  'callRef',
  'deviceId',
  'oxeNode',
  'nodeIds',
  'onlyACD',
  'onlyWithExtLogin',
] as const;

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-status', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    const show = throttledStatus(this);
    try {
      const { session } = configuredServer(RED, config.server);
      session.use(this);
      this.on('close', () => {
        session.release(this);
      });
    } catch {
      // Every input is answered with the reason; until one comes, the status tells.
      show(NOT_CONFIGURED);
    }
    onInput(
      this,
      async (message) => {
        const session = configuredServer(RED, config.server).session.get();
        const { name, query } = readQuery(config, message);
        const values = await readValues(RED, this, config, message);
        show(working(name));
        const result = await query(session, values, RED);
        show(active(name));
        return result;
      },
      (error) => {
        show(failed(error));
      },
    );
  });
};

function readQuery(config: Config, message: FlowMessage): { name: string; query: Query } {
  const name = isBlank(config.query) ? message.query : config.query;
  const query = typeof name === 'string' && Object.hasOwn(QUERIES, name) ? QUERIES[name] : undefined;
  if (typeof name !== 'string' || !query)
    throw invalid('query', name, `one of ${Object.keys(QUERIES).join(', ')}`);
  return { name, query };
}

async function readValues(
  RED: NodeAPI,
  node: Node,
  config: Config,
  message: FlowMessage,
): Promise<ParameterValues> {
  const values = await readTypedInputs(RED, node, config, PARAMETERS, message);
  for (const name of PARAMETERS) {
    const value = values.get(name) ?? readField(message.payload, name);
    if (!isBlank(value)) values.set(name, value);
  }
  const optional = (name: string): string | undefined => {
    const value = values.get(name);
    if (value === undefined || typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    throw invalid(name, value, 'a text');
  };
  return {
    optional,
    text: (name) => {
      const value = optional(name);
      if (value === undefined) throw invalid(name, value, 'given, on the node or in the payload');
      return value;
    },
    list: (name) => {
      const value = values.get(name);
      if (!Array.isArray(value)) return optional(name)?.replace(/\s*[,;]\s*/g, ',');
      return value.map(String).join(',');
    },
    flag: (name) => {
      const value = asBoolean(values.get(name) ?? false);
      if (typeof value !== 'boolean') throw invalid(name, value, 'true or false');
      return value;
    },
  };
}

/** An administrator says whose state it is; a user's own session ignores it. */
function loginParameter(values: ParameterValues): { loginName?: string } {
  const loginName = values.optional('loginName');
  return loginName === undefined ? {} : { loginName };
}

/** The OXE node of the links on this server, when it is one. */
function onlyOxeNode(session: Session, RED: NodeAPI): string {
  const [only, ...others] = new Set(
    linksOf(RED)
      .ofSession(session)
      .map(({ oxeNode }) => String(oxeNode)),
  );
  if (only === undefined || others.length > 0)
    throw invalid('oxeNode', undefined, 'the number of an OXE node');
  return only;
}
