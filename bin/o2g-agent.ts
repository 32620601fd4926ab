#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readServerUrl, Agent, DEFAULT_FORMAT, readFormat, type AgentOptions } from '../o2g';

const HELP = `o2g-agent: connects out to the tunnel of an o2g-server node, and forwards to an O2G server

  --tunnel URL        where the tunnel is: wss://node-red.example.com/o2g/tunnel
  --o2g URL           the O2G server: https://o2g.example.com
  --token-file FILE   the tunnel's token; else the environment's O2G_TUNNEL_TOKEN
  --event-port PORT   port of O2G's event channel (the one that O2G names)
  --ca FILE           certificate to trust, of the tunnel and of O2G (PEM)
  --timeout SECONDS   that O2G may take for an answer (10)
  --format FILE       JSON that replaces names in the messages
  --help

It runs until Ctrl-C, and connects again after every loss.`;

class UsageError extends Error {}

const printLine = (line: string): void => {
  console.log(`${new Date().toTimeString().slice(0, 8)} ${line}`);
};

function readOptions(args: string[]): AgentOptions | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      tunnel: text,
      o2g: text,
      'token-file': text,
      'event-port': text,
      ca: text,
      timeout: text,
      format: text,
      help: { type: 'boolean' },
    },
  });
  if (values.help) return undefined;
  const token =
    values['token-file'] === undefined
      ? process.env.O2G_TUNNEL_TOKEN
      : readFileSync(values['token-file'], 'utf8').trim();
  if (!token) throw new UsageError('the token is missing: --token-file FILE, or O2G_TUNNEL_TOKEN');
  if (values.tunnel === undefined || !/^wss?:\/\//.test(values.tunnel) || !URL.canParse(values.tunnel))
    throw new UsageError('--tunnel must be an address such as wss://node-red.example.com/o2g/tunnel');
  const eventPort =
    values['event-port'] === undefined ? undefined : readInteger('--event-port', values['event-port'], 65535);
  return {
    tunnel: new URL(values.tunnel),
    token,
    o2g: readServerUrl('--o2g', values.o2g),
    ...(eventPort === undefined ? {} : { eventPort }),
    format: values.format === undefined ? DEFAULT_FORMAT : readFormat(readFileSync(values.format, 'utf8')),
    timeoutMs: readInteger('--timeout', values.timeout ?? '10', 600) * 1000,
    ...(values.ca === undefined ? {} : { tls: { ca: readFileSync(values.ca) } }),
    log: { info: printLine, warn: printLine, debug: () => undefined },
  };
}

function readInteger(name: string, value: string, max: number): number {
  if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > max)
    throw new UsageError(`${name} must be a whole number from 1 to ${max}`);
  return Number(value);
}

function run(options: AgentOptions): void {
  const agent = new Agent(options);
  agent.start();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      agent.close();
    });
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(HELP);
  else run(options);
} catch (error) {
  // Whatever it is, it is said in one line: a wrong option, a file that isn't there, a wrong address.
  console.error(`o2g-agent: ${error instanceof Error ? error.message : String(error)}\nSee o2g-agent --help`);
  process.exitCode = 2;
}
