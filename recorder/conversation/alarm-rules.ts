/** What is wrong with a device's media right now. Pure: a table of conditions over what is known. Times in ms on the recorder's clock. */
import { CHANNELS, type Alarm, type AlarmName, type Channel } from '../common';

type Details = Alarm['details'];

export interface ChannelActivity {
  /** When the last packet came; undefined: never in this conversation. */
  readonly lastPacketAt: number | undefined;
  /** When something else than digital silence was heard. */
  readonly audibleAt: number | undefined;
  /** It sends comfort noise: it may be silent. */
  readonly usesComfortNoise: boolean;
  readonly looksEncrypted: boolean;
  readonly hasKeys: boolean;
  readonly failsAuthentication: boolean;
  readonly authFailed: number;
}

export interface AlarmInputs {
  readonly now: number;
  /** Since when media is expected; undefined while nobody said so; false while it is said not to come. */
  readonly expectedSince: number | false | undefined;
  /** When the conversation began; undefined without one. */
  readonly since: number | undefined;
  /** The link is said to be secure. */
  readonly secure: boolean;
  readonly channels: Readonly<Record<Channel, ChannelActivity>>;
}

/** A flow is on when its last packet is so young. */
const ACTIVE_STREAM_MS = 1000;
/** Nothing but digital silence from the beginning for so long isn't a muted microphone any more. */
const DIGITAL_SILENCE_MS = 10_000;

/** @param noMediaMs silence that is a fault. @returns details for each alarm that is on */
export function alarmConditions(
  inputs: AlarmInputs,
  noMediaMs: number,
): Partial<Record<AlarmName, Details | undefined>> {
  return {
    'no-media': noMedia(inputs, noMediaMs),
    'one-way': oneWay(inputs, noMediaMs),
    encrypted: firstChannel(inputs, ({ looksEncrypted, hasKeys }) =>
      looksEncrypted ? { keys: hasKeys } : undefined,
    ),
    'auth-failed': firstChannel(inputs, ({ failsAuthentication, authFailed }) =>
      failsAuthentication ? { packets: authFailed } : undefined,
    ),
    'keys-missing': inputs.secure
      ? firstChannel(inputs, ({ lastPacketAt: at, hasKeys }) =>
          at !== undefined && !hasKeys ? {} : undefined,
        )
      : undefined,
  };
}

function noMedia({ now, expectedSince, channels }: AlarmInputs, noMediaMs: number): Details | undefined {
  if (typeof expectedSince !== 'number') return undefined;
  const silentSince = Math.max(
    expectedSince,
    channels.sent.lastPacketAt ?? -Infinity,
    channels.received.lastPacketAt ?? -Infinity,
  );
  return now - silentSince >= noMediaMs ? { silentMs: Math.round(now - silentSince) } : undefined;
}

function oneWay(inputs: AlarmInputs, noMediaMs: number): Details | undefined {
  const { now, expectedSince, since, channels } = inputs;
  if (since === undefined || expectedSince === false) return undefined;
  for (const channel of CHANNELS) {
    const silent = channels[channel];
    const other = channels[channel === 'sent' ? 'received' : 'sent'];
    if (
      other.lastPacketAt === undefined ||
      now - other.lastPacketAt > ACTIVE_STREAM_MS ||
      silent.usesComfortNoise
    )
      continue;
    const silentMs = now - Math.max(since, expectedSince ?? since, silent.lastPacketAt ?? -Infinity);
    if (silentMs >= noMediaMs) return { channel, reason: 'no packets' };
    if (
      silent.lastPacketAt !== undefined &&
      silent.audibleAt === undefined &&
      other.audibleAt !== undefined &&
      now - since >= DIGITAL_SILENCE_MS
    ) {
      return { channel, reason: 'digital silence' };
    }
  }
  return undefined;
}

function firstChannel(
  { channels }: AlarmInputs,
  test: (activity: ChannelActivity) => Details | undefined,
): Details | undefined {
  for (const channel of CHANNELS) {
    const details = test(channels[channel]);
    if (details) return { channel, ...details };
  }
  return undefined;
}
