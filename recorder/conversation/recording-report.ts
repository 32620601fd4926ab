/** What is told of one file: counted while it is made, put together at its end. */
import type { Law, FormatName } from '../audio';
import type { Gaps, Hole } from './gaps';
import type { Recording } from '../files';
import type { ChannelStatistics, FlowTotals } from './channel-statistics';
import {
  CHANNELS,
  SAMPLES_PER_MS,
  type Alarm,
  type Channel,
  type ChannelReport,
  type Correction,
  type Gap,
  type Recorded,
  type TakeOver,
  type TelephoneEvent,
} from '../common';

/** Of everything that is listed, at most so many. */
const MOST_LISTED = 1000;
/** A flow that begins or ends so much apart from the other is no gap: phones begin when they are ready. */
const SKEW = 40 * SAMPLES_PER_MS;

/** What can't be told in milliseconds isn't told. */
const SHORTEST = SAMPLES_PER_MS - 1;

interface PauseOnTimeline {
  readonly from: number;
  readonly to: number;
  readonly by: string | undefined;
  readonly reason: string | undefined;
}

export interface Known {
  readonly recording: Recording;
  readonly format: FormatName;
  readonly law: Law;
  readonly end: number;
  readonly endedBy: string;
  readonly gaps: Readonly<Record<Channel, Gaps>>;
  readonly pauses: readonly PauseOnTimeline[];
  readonly events: readonly TelephoneEvent[];
  readonly epoch: (at: number) => number;
  readonly totals: (channel: Channel) => FlowTotals;
}

export class Report {
  /** When audio that isn't digital silence was last heard, on the recorder's clock. */
  readonly audibleAt: Record<Channel, number | undefined> = { sent: undefined, received: undefined };
  #alarms: Alarm[] = [];
  #continues: string | undefined;
  readonly #corrections: { channel: Channel; position: number; samples: number }[] = [];
  readonly #takeOvers: (Omit<TakeOver, 'atMs'> & { position: number })[] = [];

  constructor(readonly channels: Readonly<Record<Channel, ChannelStatistics>>) {}

  get hasPackets(): boolean {
    return CHANNELS.some((channel) => this.channels[channel].packets > 0);
  }

  /** An alarm began, or is over: then it has `until`. */
  alarm(alarm: Alarm): void {
    const index = this.#alarms.findIndex((known) => known.alarm === alarm.alarm && known.until === undefined);
    if (index >= 0) this.#alarms[index] = alarm;
    else if (this.#alarms.length < MOST_LISTED) this.#alarms.push(alarm);
  }

  correct(channel: Channel, position: number, samples: number): void {
    if (this.#corrections.length < MOST_LISTED) this.#corrections.push({ channel, position, samples });
  }

  takeOver(channel: Channel, position: number, from: string, to: string, ssrc: number): void {
    if (this.#takeOvers.length < MOST_LISTED) this.#takeOvers.push({ channel, position, from, to, ssrc });
  }

  /** This file goes on where another one was cut. */
  continues(before: Report, id: string): void {
    this.#continues = id;
    this.#alarms = before.#alarms.filter(({ until }) => until === undefined);
    for (const channel of CHANNELS) {
      const ssrc = before.channels[channel].ssrcs.at(-1);
      if (ssrc !== undefined) this.channels[channel].beginStream(ssrc);
    }
  }

  describe({ recording, format, law, end, endedBy, gaps, pauses, events, epoch, totals }: Known): Recorded {
    const { id, deviceNumber, context, startedAt, origin, name } = recording;
    const durationMs = Math.max(0, Math.round((end - origin) / SAMPLES_PER_MS));
    const toMs = (position: number): number => Math.max(0, Math.round((position - origin) / SAMPLES_PER_MS));
    const iso = (at: number): string => new Date(epoch(at)).toISOString();
    const listed = CHANNELS.flatMap((channel) => gapsOf(channel, gaps[channel], pauses, origin, end));
    const raw = recording.rawSoFar;
    const report = (channel: Channel): ChannelReport =>
      this.channels[channel].report(totals(channel), longest(listed, channel), iso);
    return {
      id,
      deviceNumber,
      context,
      name: name ?? '',
      startedAt: new Date(startedAt).toISOString(),
      endedAt: new Date(startedAt + durationMs).toISOString(),
      durationMs,
      sha256: '',
      bytes: 0,
      format,
      law,
      ...(recording.keyId === undefined ? {} : { keyId: recording.keyId }),
      channels: { sent: report('sent'), received: report('received') },
      gaps: listed,
      gapsOmitted: gaps.sent.omitted + gaps.received.omitted,
      alarms: this.#alarms.map(withoutDevice),
      events,
      corrections: this.#corrections.map(({ channel, position, samples }): Correction => ({
        channel,
        atMs: toMs(position),
        movedMs: samples / SAMPLES_PER_MS,
      })),
      takeOvers: this.#takeOvers.map(({ position, ...rest }): TakeOver => ({
        ...rest,
        atMs: toMs(position),
      })),
      raw,
      needsDecode: raw.length > 0,
      endedBy,
      ...(this.#continues === undefined ? {} : { continues: this.#continues }),
    };
  }
}

const withoutDevice = ({ alarm, since, until, details }: Alarm): Omit<Alarm, 'deviceNumber'> => ({
  alarm,
  since,
  ...(until === undefined ? {} : { until }),
  details,
});

function longest(gaps: readonly Gap[], channel: Channel): number {
  return gaps.reduce((most, gap) => (gap.channel === channel ? Math.max(most, gap.durationMs) : most), 0);
}

/** A channel's gaps within a file; where it was paused, that is the reason. */
function gapsOf(
  channel: Channel,
  gaps: Gaps,
  pauses: readonly PauseOnTimeline[],
  origin: number,
  end: number,
): Gap[] {
  const known = gaps.clone();
  known.finish(end, 'no-media');
  for (const { from, to } of pauses) known.subtract(from, to);
  const listed = known.holes
    .filter((hole) => matters(hole, origin, end))
    .map((hole) => asGap(channel, clip(hole, origin, end), origin));
  const paused = pauses
    .map((pause) => ({ ...pause, ...clip(pause, origin, end) }))
    .filter(({ from, to }) => to > from)
    .map((pause) => ({ ...asGap(channel, { ...pause, kind: 'pause' as const }, origin), ...why(pause) }));
  return [...listed, ...paused].sort((a, b) => a.atMs - b.atMs);
}

const why = ({ by, reason }: PauseOnTimeline): { by?: string; reason?: string } => ({
  ...(by === undefined ? {} : { by }),
  ...(reason === undefined ? {} : { reason }),
});

function clip<Stretch extends { from: number; to: number }>(
  stretch: Stretch,
  from: number,
  to: number,
): Stretch {
  return { ...stretch, from: Math.max(stretch.from, from), to: Math.min(stretch.to, to) };
}

function matters(hole: Hole, origin: number, end: number): boolean {
  const { from, to } = clip(hole, origin, end);
  const atTheEdge = hole.kind === 'no-media' && (from <= origin || to >= end);
  return to - from > (atTheEdge ? SKEW : SHORTEST);
}

function asGap(channel: Channel, { from, to, kind }: Hole, origin: number): Gap {
  return {
    channel,
    atMs: Math.round((from - origin) / SAMPLES_PER_MS),
    durationMs: Math.round((to - from) / SAMPLES_PER_MS),
    kind,
  };
}
