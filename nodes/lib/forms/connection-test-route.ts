/**
 * The editor's "Test connection": tries what the form of an o2g-server holds now, deployed or not, and tells each step as it ends, a line of
 * JSON each. It needs the permission to deploy (`flows.write`): it sends credentials to an address that was just typed, which is what a
 * deploy does, so nobody can do more with it than before.
 */
import type { Node, NodeAPI } from 'node-red';
import {
  asO2GError,
  HttpTransport,
  testConnection,
  type TlsOptions,
  type ConnectionTestOptions,
} from '../../../o2g';
import { nodeOf, readField, type Config } from '../config';
import { needsPermission } from '../admin';

type Credentials = Readonly<Record<string, string>>;

/** What is tried, read from a configuration as the node itself reads it. @throws O2GError `INVALID_INPUT` */
export type ReadConnectionTest = (
  config: Config,
  credentials: Credentials,
) => Omit<ConnectionTestOptions, 'verified'> & { readonly tls: TlsOptions };

/** Adds the route `POST o2g/trial`. Its body: `id` of the node, its `properties`, and of its `credentials` those that were typed. */
export function addConnectionTestRoute(RED: NodeAPI, read: ReadConnectionTest): void {
  RED.httpAdmin.post('/o2g/trial', needsPermission(RED, 'flows.write'), (request, response) => {
    const abortController = new AbortController();
    response.on('close', () => {
      abortController.abort();
    });
    // Proxies must not keep the lines until the last one is there.
    response.set({
      'Content-Type': 'application/x-ndjson',
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    });
    const writeLine = (line: object): void => {
      response.write(`${JSON.stringify(line)}\n`);
    };
    runTest(RED, request.body, read, writeLine, abortController.signal)
      .catch((error: unknown) => {
        writeLine({ error: asO2GError(error).message });
      })
      .finally(() => {
        response.end();
      });
  });
}

async function runTest(
  RED: NodeAPI,
  body: unknown,
  read: ReadConnectionTest,
  writeLine: (line: object) => void,
  signal: AbortSignal,
): Promise<void> {
  const deployed = nodeOf(RED, readField(body, 'id'), 'o2g-server') as
    Node<Record<string, string>> | undefined;
  const expand = (raw: unknown): Record<string, string> => withEnvironment(RED, deployed, raw);
  const { tls, ...options } = read(expand(readField(body, 'properties')), {
    ...deployed?.credentials,
    ...expand(readField(body, 'credentials')),
  });
  const transport = new HttpTransport({ timeoutMs: options.timeoutMs, tls });
  await testConnection(
    { ...options, verified: tls.rejectUnauthorized !== false },
    transport,
    writeLine,
    signal,
  );
}

/** The values with environment variables in place of whole-value `${NAME}`, as Node-RED does it at a deploy. */
function withEnvironment(RED: NodeAPI, node: Node | undefined, raw: unknown): Record<string, string> {
  const values = Object.entries(typeof raw === 'object' && raw !== null ? raw : {});
  return Object.fromEntries(
    values.flatMap(([name, value]) => {
      if (typeof value !== 'string') return [];
      const [, braced, bracketed] = /^\$(?:\{(\S+)\}|\((\S+)\))$/.exec(value) ?? [];
      const variable = braced ?? bracketed;
      const setting: unknown =
        variable === undefined ? value : node ? RED.util.getSetting(node, variable) : process.env[variable];
      return [[name, typeof setting === 'string' ? setting : value]];
    }),
  );
}
