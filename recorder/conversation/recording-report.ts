/** What is told of one file: counted while it is made, put together at its end. */
import type { Law, FormatName } from '../audio';
import type { Gaps, SampleGap } from './gaps';
import type { RecordingFile } from '../files';
import type { ChannelStatistics, RtpStreamTotals } from './channel-statistics';
import {
  CHANNELS,
  SAMPLES_PER_MS,
  type Alarm,
  type Channel,
  type ChannelReport,
  type ClockCorrection,
  type Gap,
  type RecordingMetadata,
  type TakeOver,
  type TelephoneEvent,
} from '../common';

/** Of everything that is listed, at most so many. */
const MAX_LIST_ENTRIES = 1000;
/** A flow that begins or ends so much apart from the other is no gap: phones begin when they are ready. */
const EDGE_TOLERANCE_SAMPLES = 40 * SAMPLES_PER_MS;

/** What can't be told in milliseconds isn't told. */
const MAX_IGNORED_GAP_SAMPLES = SAMPLES_PER_MS - 1;

interface PauseRange {
  readonly from: number;
  readonly to: number;
  readonly by: string | undefined;
  readonly reason: string | undefined;
}

export interface ReportInputs {
  readonly recording: RecordingFile;
  readonly format: FormatName;
  readonly law: Law;
  readonly end: number;
  readonly endedBy: string;
  readonly gaps: Readonly<Record<Channel, Gaps>>;
  readonly pauses: readonly PauseRange[];
  readonly events: readonly TelephoneEvent[];
  readonly epoch: (at: number) => number;
  readonly totals: (channel: Channel) => RtpStreamTotals;
}

export class RecordingReport {
  /** When audio that isn't digital silence was last heard, on the recorder's clock. */
  readonly audibleAt: Record<Channel, number | undefined> = { sent: undefined, received: undefined };
  #alarms: Alarm[] = [];
  #continueFrom: string | undefined;
  readonly #corrections: { channel: Channel; position: number; samples: number }[] = [];
  readonly #takeOvers: (Omit<TakeOver, 'atMs'> & { position: number })[] = [];

  constructor(readonly channels: Readonly<Record<Channel, ChannelStatistics>>) {}

  get hasPackets(): boolean {
    return CHANNELS.some((channel) => this.channels[channel].packets > 0);
  }

  /** An alarm began, or is over: then it has `until`. */
  addAlarm(alarm: Alarm): void {
    const index = this.#alarms.findIndex((known) => known.alarm === alarm.alarm && known.until === undefined);
    if (index >= 0) this.#alarms[index] = alarm;
    else if (this.#alarms.length < MAX_LIST_ENTRIES) this.#alarms.push(alarm);
  }

  addCorrection(channel: Channel, position: number, samples: number): void {
    if (this.#corrections.length < MAX_LIST_ENTRIES) this.#corrections.push({ channel, position, samples });
  }

  addTakeOver(channel: Channel, position: number, from: string, to: string, ssrc: number): void {
    if (this.#takeOvers.length < MAX_LIST_ENTRIES)
      this.#takeOvers.push({ channel, position, from, to, ssrc });
  }

  /** This file goes on where another one was cut. */
  continues(previous: RecordingReport, id: string): void {
    this.#continueFrom = id;
    this.#alarms = previous.#alarms.filter(({ until }) => until === undefined);
    for (const channel of CHANNELS) {
      const ssrc = previous.channels[channel].ssrcs.at(-1);
      if (ssrc !== undefined) this.channels[channel].beginStream(ssrc);
    }
  }

  describe({
    recording,
    format,
    law,
    end,
    endedBy,
    gaps,
    pauses,
    events,
    epoch,
    totals,
  }: ReportInputs): RecordingMetadata {
    const { id, deviceNumber, context, startedAt, origin, name } = recording;
    const durationMs = Math.max(0, Math.round((end - origin) / SAMPLES_PER_MS));
    const toMs = (position: number): number => Math.max(0, Math.round((position - origin) / SAMPLES_PER_MS));
    const iso = (at: number): string => new Date(epoch(at)).toISOString();
    const listed = CHANNELS.flatMap((channel) => channelGaps(channel, gaps[channel], pauses, origin, end));
    const raw = recording.rawFilesSoFar;
    const report = (channel: Channel): ChannelReport =>
      this.channels[channel].report(totals(channel), longestGapMs(listed, channel), iso);
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
      corrections: this.#corrections.map(({ channel, position, samples }): ClockCorrection => ({
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
      ...(this.#continueFrom === undefined ? {} : { continues: this.#continueFrom }),
    };
  }
}

const withoutDevice = ({ alarm, since, until, details }: Alarm): Omit<Alarm, 'deviceNumber'> => ({
  alarm,
  since,
  ...(until === undefined ? {} : { until }),
  details,
});

function longestGapMs(gaps: readonly Gap[], channel: Channel): number {
  return gaps.reduce((maxMs, gap) => (gap.channel === channel ? Math.max(maxMs, gap.durationMs) : maxMs), 0);
}

/** A channel's gaps within a file; where it was paused, that is the reason. */
function channelGaps(
  channel: Channel,
  gaps: Gaps,
  pauses: readonly PauseRange[],
  origin: number,
  end: number,
): Gap[] {
  const known = gaps.clone();
  known.finish(end, 'no-media');
  for (const { from, to } of pauses) known.subtract(from, to);
  const listed = known.list
    .filter((sampleGap) => isReportable(sampleGap, origin, end))
    .map((sampleGap) => toGap(channel, clip(sampleGap, origin, end), origin));
  const paused = pauses
    .map((pause) => ({ ...pause, ...clip(pause, origin, end) }))
    .filter(({ from, to }) => to > from)
    .map((pause) => ({
      ...toGap(channel, { ...pause, kind: 'pause' as const }, origin),
      ...pauseReason(pause),
    }));
  return [...listed, ...paused].sort((a, b) => a.atMs - b.atMs);
}

const pauseReason = ({ by, reason }: PauseRange): { by?: string; reason?: string } => ({
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

function isReportable(sampleGap: SampleGap, origin: number, end: number): boolean {
  const { from, to } = clip(sampleGap, origin, end);
  const isAtEdge = sampleGap.kind === 'no-media' && (from <= origin || to >= end);
  return to - from > (isAtEdge ? EDGE_TOLERANCE_SAMPLES : MAX_IGNORED_GAP_SAMPLES);
}

function toGap(channel: Channel, { from, to, kind }: SampleGap, origin: number): Gap {
  return {
    channel,
    atMs: Math.round((from - origin) / SAMPLES_PER_MS),
    durationMs: Math.round((to - from) / SAMPLES_PER_MS),
    kind,
  };
}
