/** What is wrong with a device's media right now. Pure: a table of conditions over what is known. Times in ms on the recorder's clock. */
import { CHANNELS, type Alarm, type AlarmName, type Channel } from '../common';

type Details = Alarm['details'];

export interface Heard {
  /** When the last packet came; undefined: never in this conversation. */
  readonly at: number | undefined;
  /** When something else than digital silence was heard. */
  readonly audibleAt: number | undefined;
  /** It sends comfort noise: it may be silent. */
  readonly suppresses: boolean;
  readonly looksEncrypted: boolean;
  readonly hasKeys: boolean;
  readonly failsAuthentication: boolean;
  readonly authFailed: number;
}

export interface Watched {
  readonly now: number;
  /** Since when media is expected; undefined while nobody said so; false while it is said not to come. */
  readonly expectedSince: number | false | undefined;
  /** When the conversation began; undefined without one. */
  readonly since: number | undefined;
  /** The link is said to be secure. */
  readonly secure: boolean;
  readonly channels: Readonly<Record<Channel, Heard>>;
}

/** A flow is on when its last packet is so young. */
const ON_MS = 1000;
/** Nothing but digital silence from the beginning for so long isn't a muted microphone any more. */
const DIGITAL_SILENCE_MS = 10_000;

/** @param noMediaMs silence that is a fault. @returns details for each alarm that is on */
export function conditions(
  watched: Watched,
  noMediaMs: number,
): Partial<Record<AlarmName, Details | undefined>> {
  return {
    'no-media': noMedia(watched, noMediaMs),
    'one-way': oneWay(watched, noMediaMs),
    encrypted: first(watched, ({ looksEncrypted, hasKeys }) =>
      looksEncrypted ? { keys: hasKeys } : undefined,
    ),
    'auth-failed': first(watched, ({ failsAuthentication, authFailed }) =>
      failsAuthentication ? { packets: authFailed } : undefined,
    ),
    'keys-missing': watched.secure
      ? first(watched, ({ at, hasKeys }) => (at !== undefined && !hasKeys ? {} : undefined))
      : undefined,
  };
}

function noMedia({ now, expectedSince, channels }: Watched, noMediaMs: number): Details | undefined {
  if (typeof expectedSince !== 'number') return undefined;
  const silentSince = Math.max(
    expectedSince,
    channels.sent.at ?? -Infinity,
    channels.received.at ?? -Infinity,
  );
  return now - silentSince >= noMediaMs ? { silentMs: Math.round(now - silentSince) } : undefined;
}

function oneWay(watched: Watched, noMediaMs: number): Details | undefined {
  const { now, expectedSince, since, channels } = watched;
  if (since === undefined || expectedSince === false) return undefined;
  for (const channel of CHANNELS) {
    const silent = channels[channel];
    const other = channels[channel === 'sent' ? 'received' : 'sent'];
    if (other.at === undefined || now - other.at > ON_MS || silent.suppresses) continue;
    const silentMs = now - Math.max(since, expectedSince ?? since, silent.at ?? -Infinity);
    if (silentMs >= noMediaMs) return { channel, reason: 'no packets' };
    if (
      silent.at !== undefined &&
      silent.audibleAt === undefined &&
      other.audibleAt !== undefined &&
      now - since >= DIGITAL_SILENCE_MS
    ) {
      return { channel, reason: 'digital silence' };
    }
  }
  return undefined;
}

function first({ channels }: Watched, test: (heard: Heard) => Details | undefined): Details | undefined {
  for (const channel of CHANNELS) {
    const details = test(channels[channel]);
    if (details) return { channel, ...details };
  }
  return undefined;
}
