import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { usersOf, type SimulatorOptions, type UserOptions } from '../settings';
import { PLAY_NAMES, type PlayName } from '../play';

/** Ports of the command. Those of real event channels are 8014 for http and 8016 for https. */
const DEFAULT_PORTS = { rest: '8080', events: '8014', secureEvents: '8016', control: '8090' } as const;

const PLAY_LINES = [PLAY_NAMES.slice(0, 8), PLAY_NAMES.slice(8)]
  .map((names) => names.join(', '))
  .join(`,\n${' '.repeat(26)}`);

export const HELP = `o2g-simulator: an O2G server (Recording-only configuration) with an OXE behind it, for trying flows without a PBX.

usage: o2g-simulator [options]

  --host ADDRESS          address to listen on (127.0.0.1)
  --port PORT             REST port (${DEFAULT_PORTS.rest})
  --event-port PORT       port of the event channel (${DEFAULT_PORTS.events}, with TLS ${DEFAULT_PORTS.secureEvents})
  --control-port PORT     port for starting calls and faults, loopback only (${DEFAULT_PORTS.control}; none for no such port)
  --tls-key FILE          private key and certificate, PEM: serve https on both ports
  --tls-cert FILE
  --login NAME            the administrator (recorder)
  --password TEXT         and the password (recorder-password); users are oxe<number>, user-password
  --nodes LIST            OXE nodes, such as 7,8 (7)
  --devices LIST          directory numbers, such as 70000-70099,8:71000 (the latter on node 8;
                          by default 70000-70199 with every kind of user)
  --secure                the OXE nodes have native encryption: secure links get SRTP keys
  --law A|mu              G.711 law of the voices (A)
  --rtp-anywhere          send RTP to any address, not to loopback only
  --time-to-live SECONDS  lifetime of an unused session (1800)
  --links-outlive-sessions  DR links stay when their session ends
  --list-monitored        GET .../link also lists devices that are only monitored
  --lenient               ignore unknown fields in bodies instead of refusing them
  --calls SECONDS         start a call by itself every so many seconds
  --plays LIST            what happens in those calls, in turn; all for everything (incoming):
                          ${PLAY_LINES}
  --verbose               also a line for each request
  --help                  this text

Without --calls, start one through the control port:
  curl -d '{"from":"0390670000","to":"70120"}' http://127.0.0.1:${DEFAULT_PORTS.control}/calls
  curl http://127.0.0.1:${DEFAULT_PORTS.control}/            lists everything it can do
`;

const COMMAND_OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'event-port': { type: 'string' },
  'control-port': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-cert': { type: 'string' },
  login: { type: 'string' },
  password: { type: 'string' },
  nodes: { type: 'string' },
  devices: { type: 'string' },
  secure: { type: 'boolean' },
  law: { type: 'string' },
  'rtp-anywhere': { type: 'boolean' },
  'time-to-live': { type: 'string' },
  'links-outlive-sessions': { type: 'boolean' },
  'list-monitored': { type: 'boolean' },
  lenient: { type: 'boolean' },
  calls: { type: 'string' },
  plays: { type: 'string' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean' },
} as const satisfies ParseArgsConfig['options'];

/** What the command line asks for. */
export interface Command {
  readonly help: boolean;
  readonly verbose: boolean;
  /** Milliseconds between calls that start by themselves; none without. */
  readonly callsEveryMs: number | undefined;
  /** What happens in them, in turn. */
  readonly plays: readonly PlayName[];
  readonly options: SimulatorOptions;
}

/** Arguments that make no sense, in words for the one who typed them. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the arguments of the command. @throws UsageError */
export function parseCommand(args: readonly string[]): Command {
  const values = parse(args);
  const tls = tlsOf(values['tls-key'], values['tls-cert']);
  const calls = values.calls === undefined ? undefined : numberOf('--calls', values.calls, 1, 86_400);
  return {
    help: values.help ?? false,
    verbose: values.verbose ?? false,
    callsEveryMs: calls === undefined ? undefined : calls * 1000,
    plays: playsOf(values.plays ?? 'incoming'),
    options: {
      host: values.host,
      tls,
      login: values.login,
      password: values.password,
      port: portOf('--port', values.port ?? DEFAULT_PORTS.rest),
      eventPort: portOf(
        '--event-port',
        values['event-port'] ?? (tls ? DEFAULT_PORTS.secureEvents : DEFAULT_PORTS.events),
      ),
      controlPort:
        values['control-port'] === 'none'
          ? undefined
          : portOf('--control-port', values['control-port'] ?? DEFAULT_PORTS.control),
      nodes: values.nodes?.split(',').map((node) => numberOf('--nodes', node.trim(), 0, 999_999)),
      devices: values.devices === undefined ? undefined : devicesOf(values.devices),
      secure: values.secure,
      law: lawOf(values.law),
      rtpAnywhere: values['rtp-anywhere'],
      timeToLive:
        values['time-to-live'] === undefined
          ? undefined
          : numberOf('--time-to-live', values['time-to-live'], 1, 86_400),
      linksOutliveSessions: values['links-outlive-sessions'],
      listMonitored: values['list-monitored'],
      unknownFields: values.lenient ? 'ignore' : 'refuse',
    },
  };
}

type ParsedValues = ReturnType<typeof parseArgs<{ options: typeof COMMAND_OPTIONS }>>['values'];

function parse(args: readonly string[]): ParsedValues {
  try {
    return parseArgs({ args: [...args], options: COMMAND_OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`${name}: a number of ${min}..${max} is expected, '${text}' given`);
  return value;
}

const portOf = (name: string, text: string): number => numberOf(name, text, 0, 65_535);

function lawOf(text: string | undefined): 'A' | 'mu' | undefined {
  if (text === undefined || text === 'A' || text === 'mu') return text;
  throw new UsageError(`--law: A or mu is expected, '${text}' given`);
}

function playsOf(text: string): readonly PlayName[] {
  if (text === 'all') return PLAY_NAMES;
  return text.split(',').map((part) => {
    const name = PLAY_NAMES.find((known) => known === part.trim());
    if (name === undefined)
      throw new UsageError(
        `--plays: all, or some of ${PLAY_NAMES.join(', ')} are expected, '${part.trim()}' given`,
      );
    return name;
  });
}

function devicesOf(text: string): UserOptions[] {
  try {
    return usersOf([text]);
  } catch (error) {
    throw new UsageError(`--devices: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function tlsOf(key: string | undefined, cert: string | undefined): SimulatorOptions['tls'] {
  if (key === undefined && cert === undefined) return undefined;
  if (key === undefined || cert === undefined)
    throw new UsageError('--tls-key and --tls-cert belong together');
  return { key: readOptionFile('--tls-key', key), cert: readOptionFile('--tls-cert', cert) };
}

function readOptionFile(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
