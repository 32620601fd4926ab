/** The words of a recording, shared by all parts. */

/** `sent`: what the device sends, on the left; `received`: what it hears, on the right. */
export type Channel = 'sent' | 'received';
export const CHANNELS = ['sent', 'received'] as const;

/** RTP audio of a telephone: 8,000 samples a second (RFC 3551, table 4, also for G.722's timestamps). */
export const SAMPLE_RATE = 8000;
export const SAMPLES_PER_MS = 8;

/**
 * Why a stretch is silent: `loss` packets never came; `late` came when the stretch was already closed; `noise` comfort noise (PT 13);
 * `pause` by request; `no-media` the sender was quiet; `encrypted` couldn't be deciphered and `codec` couldn't be decoded, both kept raw
 * beside the file; `disk` couldn't be written.
 */
export type GapKind = 'loss' | 'late' | 'noise' | 'pause' | 'no-media' | 'encrypted' | 'codec' | 'disk';

/** A stretch without audio. Times in ms from the file's beginning. `by` and `reason` are a pause's. */
export interface Gap {
  readonly channel: Channel;
  readonly atMs: number;
  readonly durationMs: number;
  readonly kind: GapKind;
  readonly by?: string;
  readonly reason?: string;
}

/** A key pressed, told by RFC 4733 packets. */
export interface TelephoneEvent {
  readonly channel: Channel;
  readonly atMs: number;
  readonly durationMs: number;
  /** 0-9, *, #, A-D, or the event's number. */
  readonly event: string;
}

export type AlarmName =
  'no-media' | 'one-way' | 'encrypted' | 'auth-failed' | 'keys-missing' | 'disk' | 'stranger' | 'interrupted';

/** Something is wrong with a device's recording; the same with `until` when it is over. Times are ISO 8601 UTC. */
export interface Alarm {
  readonly deviceNumber: string;
  readonly alarm: AlarmName;
  readonly since: string;
  readonly until?: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** What is told of one flow. Levels in dB below full scale (dBFS), -Infinity is written as null in JSON. */
export interface ChannelReport {
  readonly packets: number;
  /** Expected minus received, without duplicates (RFC 3550, A.3). */
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Came after its stretch was closed. */
  readonly late: number;
  /** Interarrival jitter (RFC 3550, 6.4.1). */
  readonly jitterMs: number;
  readonly maxJitterMs: number;
  readonly longestGapMs: number;
  readonly codec: string | null;
  readonly ssrcs: readonly number[];
  /** Packets that are no RTP, of other senders, that failed authentication, that nobody could decipher. */
  readonly malformed: number;
  readonly strangers: number;
  readonly authFailed: number;
  readonly undeciphered: number;
  readonly levelDb: number | null;
  readonly peakDb: number | null;
  /** Mean opinion score, 1 to 4.5, estimated from loss (G.107 E-model); null without packets. */
  readonly mos: number | null;
  readonly firstPacketAt: string | null;
  readonly lastPacketAt: string | null;
}

/** The clock of sender and recorder differed: placed audio was moved by so much, in silence. */
export interface ClockCorrection {
  readonly channel: Channel;
  readonly atMs: number;
  readonly movedMs: number;
}

/** The flow goes on from another sender: hold, conference, transfer. */
export interface TakeOver {
  readonly channel: Channel;
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly ssrc: number;
}

/** Packets kept as they came, beside the file, in rtpdump form. `path` is relative to the folder. */
export interface RawFile {
  readonly path: string;
  readonly channel: Channel;
  readonly packets: number;
  /** Packets that had no place in memory any more. */
  readonly dropped: number;
  readonly payloadTypes: readonly number[];
  readonly reasons: readonly ('encrypted' | 'codec')[];
  readonly sha256: string;
}

/** What the caller knows of a device when it is armed. */
export interface DeviceContext {
  readonly user?: string | undefined;
  readonly callRef?: string | undefined;
  readonly direction?: string | undefined;
  readonly party?: string | undefined;
}

/** What a recorded file is, before the caller adds what it knows. Paths are relative to the folder. */
export interface RecordingMetadata {
  readonly id: string;
  readonly deviceNumber: string;
  readonly context: DeviceContext;
  /** Without extension. */
  readonly name: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly durationMs: number;
  readonly sha256: string;
  readonly bytes: number;
  readonly format: 'g711' | 'pcm16';
  /** Of the key that its files are encrypted with; absent: they aren't. */
  readonly keyId?: string;
  readonly law: 'alaw' | 'ulaw';
  readonly channels: Readonly<Record<Channel, ChannelReport>>;
  readonly gaps: readonly Gap[];
  /** Gaps beyond the bound of the list. */
  readonly gapsOmitted: number;
  readonly alarms: readonly Omit<Alarm, 'deviceNumber'>[];
  readonly events: readonly TelephoneEvent[];
  readonly corrections: readonly ClockCorrection[];
  readonly takeOvers: readonly TakeOver[];
  readonly raw: readonly RawFile[];
  /** Some of the audio is only in `raw`. */
  readonly needsDecode: boolean;
  /** Why it ended: the caller's word, `silence`, `rotation`, `disarmed`, `closed`, `crash`. */
  readonly endedBy: string;
  /** The id of the file that was cut where this one begins. */
  readonly continues?: string;
  readonly recovered?: true;
}
