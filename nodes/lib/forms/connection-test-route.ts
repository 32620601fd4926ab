/**
 * The editor's "Test connection": tries what the form of an o2g-server holds now, deployed or not, and tells each step as it ends, a line of
 * JSON each. It needs the permission to deploy (`flows.write`): it sends credentials to an address that was just typed, which is what a
 * deploy does, so nobody can do more with it than before.
 */
import type { Node, NodeAPI } from 'node-red';
import { asO2GError, HttpTransport, tryConnection, type TlsOptions, type TrialOptions } from '../../../o2g';
import { nodeOf, ownField, type Config } from '../config';
import { needsPermission } from '../admin';

type Credentials = Readonly<Record<string, string>>;

/** What is tried, read from a configuration as the node itself reads it. @throws O2GError `INVALID_INPUT` */
export type ReadTrial = (
  config: Config,
  credentials: Credentials,
) => Omit<TrialOptions, 'verified'> & { readonly tls: TlsOptions };

/** Adds the route `POST o2g/trial`. Its body: `id` of the node, its `properties`, and of its `credentials` those that were typed. */
export function offerTrial(RED: NodeAPI, read: ReadTrial): void {
  RED.httpAdmin.post('/o2g/trial', needsPermission(RED, 'flows.write'), (request, response) => {
    const giveUp = new AbortController();
    response.on('close', () => {
      giveUp.abort();
    });
    // Proxies must not keep the lines until the last one is there.
    response.set({
      'Content-Type': 'application/x-ndjson',
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    });
    const tell = (line: object): void => {
      response.write(`${JSON.stringify(line)}\n`);
    };
    run(RED, request.body, read, tell, giveUp.signal)
      .catch((error: unknown) => {
        tell({ error: asO2GError(error).message });
      })
      .finally(() => {
        response.end();
      });
  });
}

async function run(
  RED: NodeAPI,
  body: unknown,
  read: ReadTrial,
  tell: (line: object) => void,
  signal: AbortSignal,
): Promise<void> {
  const deployed = nodeOf(RED, ownField(body, 'id'), 'o2g-server') as
    Node<Record<string, string>> | undefined;
  const inForce = (given: unknown): Record<string, string> => withEnvironment(RED, deployed, given);
  const { tls, ...options } = read(inForce(ownField(body, 'properties')), {
    ...deployed?.credentials,
    ...inForce(ownField(body, 'credentials')),
  });
  const transport = new HttpTransport({ timeoutMs: options.timeoutMs, tls });
  await tryConnection({ ...options, verified: tls.rejectUnauthorized !== false }, transport, tell, signal);
}

/** The values with environment variables in place of whole-value `${NAME}`, as Node-RED does it at a deploy. */
function withEnvironment(RED: NodeAPI, node: Node | undefined, given: unknown): Record<string, string> {
  const values = Object.entries(typeof given === 'object' && given !== null ? given : {});
  return Object.fromEntries(
    values.flatMap(([name, value]) => {
      if (typeof value !== 'string') return [];
      const [, braced, bracketed] = /^\$(?:\{(\S+)\}|\((\S+)\))$/.exec(value) ?? [];
      const variable = braced ?? bracketed;
      const found: unknown =
        variable === undefined ? value : node ? RED.util.getSetting(node, variable) : process.env[variable];
      return [[name, typeof found === 'string' ? found : value]];
    }),
  );
}
