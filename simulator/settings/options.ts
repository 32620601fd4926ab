import type { NodeOptions, UserOptions } from './population';

/** Where the server says it can be reached: prefixes of the URLs it gives in answers, such as `https://o2g.example.com`. */
export interface AnnouncedUrls {
  /** Prefix of `publicUrl` and `publicBaseUrl`. '' gives URLs without scheme and host. */
  readonly publicRest?: string;
  /** Prefix of `internalUrl` and `privateBaseUrl`. */
  readonly privateRest?: string;
  /** Prefix of `publicPollingUrl`. */
  readonly publicEvents?: string;
  /** Prefix of `privatePollingUrl`. */
  readonly privateEvents?: string;
}

/** How the keys of a secured recording look and work. The suite is AES-CM with HMAC-SHA1-80. */
export interface SrtpOptions {
  /** Bits of the master key. @default 128 */
  readonly bits: 128 | 256;
  /** How key and salt are written in the answer. @default 'hex' */
  readonly encoding: 'hex' | 'base64';
  /** Whether packets carry the 10-byte authentication tag; many OXE don't. @default true */
  readonly tag: boolean;
}

/** Everything that shapes a simulator, complete. `SimulatorOptions` is the same with every part optional. */
export interface Settings {
  /** Address to listen on. @default '127.0.0.1' */
  readonly host: string;
  /** REST port; 0 takes a free one. @default 0 */
  readonly port: number;
  /** Port of the event channel; 0 takes a free one. @default 0 */
  readonly eventPort: number;
  /** Control port, always on loopback; `undefined` for none, 0 for a free one. @default undefined */
  readonly controlPort: number | undefined;
  /** Key and certificate (PEM) to serve https on both ports. @default undefined */
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer } | undefined;
  /** OXE nodes by number, or with their particulars. @default [7] */
  readonly nodes: readonly (number | NodeOptions)[];
  /** Whether nodes given by number only have native encryption. @default false */
  readonly secure: boolean;
  /** The OXE's users: numbers, ranges such as `70000-70099` or, on another node, `8:71000-71099`, or whole users. @default a population with every kind */
  readonly devices: readonly (string | UserOptions)[] | undefined;
  /** Login of the administrator. @default 'recorder' */
  readonly login: string;
  /** Password of the administrator. @default 'recorder-password' */
  readonly password: string;
  /** Password of every user (`oxe<number>`) without one of its own. @default 'user-password' */
  readonly userPassword: string;
  /** Lifetime of an unused session in seconds. @default 1800 */
  readonly timeToLive: number;
  /** How often ended sessions are cleared, in ms; until then a late request still revives one. @default 300000 */
  readonly purgeIntervalMs: number;
  /** Sessions are opened with a secure token that expires after so many seconds. @default undefined: with cookies */
  readonly tokenLifetime: number | undefined;
  /** Whether DR links stay when the session that registered them ends. @default false */
  readonly linksOutliveSessions: boolean;
  /** Whether `GET …/link` also lists devices that are only monitored. @default false */
  readonly listMonitored: boolean;
  /** Whether fields that the specification doesn't have are refused in bodies. @default 'refuse' */
  readonly unknownFields: 'refuse' | 'ignore';
  /** Names in answered URLs. @default the addresses listened on */
  readonly announce: AnnouncedUrls;
  /** Keys of secured recordings. @default 128 bits, hex, with tag */
  readonly srtp: SrtpOptions;
  /** The law of the G.711 audio: A is payload type 8, mu is 0. @default 'A' */
  readonly law: 'A' | 'mu';
  /** Whether a recorded device on hold goes on sending (music on hold, silence). @default false */
  readonly rtpOnHold: boolean;
  /** Whether RTP may leave this machine. @default false: loopback addresses only */
  readonly rtpAnywhere: boolean;
  /** Period of the channel's keepalive event (timeout 0 only) in ms; 0 for none. @default 10000 */
  readonly keepaliveMs: number;
  /** Length of a minute of channel lifetime in ms, to make one pass faster. @default 60000 */
  readonly minuteMs: number;
  /** Events kept for a subscription that nobody reads; older ones are dropped. @default 10000 */
  readonly queueSize: number;
  /** Requests remembered for `requests()`; older ones are dropped. @default 100000 */
  readonly requestLogSize: number;
  /** Receives one line for each thing that happened. @default nothing is written */
  readonly log: (line: string) => void;
}

/** Options of `startSimulator`: some of the settings, or none; `undefined` means the default. */
export type SimulatorOptions = { readonly [K in keyof Settings]?: Settings[K] | undefined };

const DEFAULT_SETTINGS: Settings = {
  host: '127.0.0.1',
  port: 0,
  eventPort: 0,
  controlPort: undefined,
  tls: undefined,
  nodes: [7],
  secure: false,
  devices: undefined,
  login: 'recorder',
  password: 'recorder-password',
  userPassword: 'user-password',
  timeToLive: 1800,
  purgeIntervalMs: 300_000,
  tokenLifetime: undefined,
  linksOutliveSessions: false,
  listMonitored: false,
  unknownFields: 'refuse',
  announce: {},
  srtp: { bits: 128, encoding: 'hex', tag: true },
  law: 'A',
  rtpOnHold: false,
  rtpAnywhere: false,
  keepaliveMs: 10_000,
  minuteMs: 60_000,
  queueSize: 10_000,
  requestLogSize: 100_000,
  log: () => undefined,
};

/** Options completed with the defaults. */
export function settingsFrom(options: SimulatorOptions): Settings {
  const defined = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...DEFAULT_SETTINGS, ...defined };
}
