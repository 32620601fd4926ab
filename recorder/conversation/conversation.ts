/**
 * What is said from the first packet on: two channels on one timeline, written into one file, or into several when it grows too long.
 * Times come in as milliseconds on the recorder's clock.
 */
import {
  messageOf,
  systemCode,
  SAMPLES_PER_MS,
  type Alarm,
  type Channel,
  type DeviceContext,
  type RecordingMetadata,
} from '../common';
import type { FileSystem } from '../disk';
import { lawOf, DEFAULT_LAW, SampleFormat, Timeline, type Law } from '../audio';
import { RecordingFile, type FileOwner, type RecordingFileOptions } from '../files';
import { COMFORT_NOISE_PAYLOAD_TYPE, type Packet, type PacketRun, type StreamStart } from '../rtp';
import { Pauses } from './pauses';
import { RecordingReport } from './recording-report';
import { ChannelState } from './channel-state';
import { ChannelStatistics, type RtpStreamTotals, type Loudness } from './channel-statistics';
import { DtmfEvents } from './dtmf';
import type { PacketClock } from './packet-clock';

export interface ConversationOptions extends RecordingFileOptions {
  readonly dtmfPayloadTypes: readonly number[];
  /** Longest file, in frames. */
  readonly maxFrames: number;
}

export interface ConversationParts {
  readonly deviceNumber: string;
  readonly context: () => DeviceContext;
  readonly options: ConversationOptions;
  readonly fileSystem: FileSystem;
  readonly owner: FileOwner;
  /** Milliseconds of the epoch for a time on the recorder's clock. */
  readonly epoch: (at: number) => number;
  readonly totals: (channel: Channel) => RtpStreamTotals;
  /** A file is complete, though the conversation goes on or ends. */
  readonly onRecorded: (metadata: RecordingMetadata) => void;
  /** The disk refuses; undefined: it takes everything again. */
  readonly onDiskStatus: (failure: { code: string; message: string } | undefined) => void;
  /** The file is there: from now on a crash leaves something to complete. */
  readonly onStarted: (id: string, startedAt: string) => void;
}

/** A-law has no zero: its smallest value is 8. */
const DIGITAL_SILENCE_LEVEL = 8;
/** Below this audio counts as silent: -48 dBFS, a quiet line. */
const QUIET_LEVEL = 128;
/** Silence before a packet that is moved to later. */
const QUIET_BEFORE_SAMPLES = 160;
/** The disk gets so many more chances at the end, so far apart. */
const FINAL_FLUSH_ATTEMPTS = 3;
const FINAL_FLUSH_RETRY_MS = 300;
const PACKET_SAMPLES = 160;

export class Conversation {
  readonly #parts: ConversationParts;
  readonly #startedTick: number;
  readonly #channels: Readonly<Record<Channel, ChannelState>> = {
    sent: new ChannelState('sent'),
    received: new ChannelState('received'),
  };
  readonly #pauses = new Pauses();
  readonly #dtmfEvents = new DtmfEvents();
  readonly #dtmfPayloadTypes: ReadonlySet<number>;
  #timeline: Timeline | undefined;
  /** The end of packets that can't be written. */
  #unwrittenEnd = 0;
  #recording: RecordingFile;
  #report: RecordingReport;
  #flushQueue: Promise<void> = Promise.resolve();
  #flushing = false;
  /** Files that were cut off and are being completed. */
  readonly #rotations = new Set<Promise<void>>();
  #finished = false;

  /** @param startedTick when the first stream of either flow began */
  constructor(parts: ConversationParts, startedTick: number) {
    this.#parts = parts;
    this.#startedTick = startedTick;
    this.#dtmfPayloadTypes = new Set(parts.options.dtmfPayloadTypes);
    this.#recording = this.#newRecording(0);
    this.#report = this.#newReport();
  }

  get report(): RecordingReport {
    return this.#report;
  }

  get startedTick(): number {
    return this.#startedTick;
  }

  /** ISO 8601 UTC. */
  get startedAt(): string {
    return new Date(this.#parts.epoch(this.#startedTick)).toISOString();
  }

  /** Comfort noise was heard of it: it may be silent. */
  usesComfortNoise(channel: Channel): boolean {
    return this.#channels[channel].usesComfortNoise;
  }

  startStream(channel: Channel, packet: Packet, start: StreamStart, previous: string | undefined): void {
    const state = this.#channels[channel];
    state.beginStream(start.timestamp, this.#position(start.at));
    this.#report.channels[channel].beginStream(packet.header.ssrc);
    if (previous !== undefined)
      this.#report.addTakeOver(
        channel,
        this.#position(packet.arrivedAt),
        previous,
        packet.source,
        packet.header.ssrc,
      );
  }

  /** What was said in a pause of the recording stays there. */
  resumeStream(channel: Channel, packet: Packet, { timestamp, at }: StreamStart): void {
    const state = this.#channels[channel];
    if (!this.#wasSentDuringPause(state, packet)) state.clock.resume(timestamp, this.#position(at));
  }

  /** @param slackMs milliseconds that the packet may have waited unread */
  addPacket(channel: Channel, packet: Packet, reordered: boolean, slackMs: number): void {
    const state = this.#channels[channel];
    const statistics = this.#report.channels[channel];
    const { payloadType } = packet.header;
    statistics.receive(packet.extended, payloadType, packet.arrivedAt);
    if (reordered) statistics.reordered += 1;
    const law = lawOf(payloadType);
    if (law) this.#placeAudio(state, packet, law, reordered, slackMs);
    else if (this.#dtmfPayloadTypes.has(payloadType)) this.#addDtmfEvent(state, packet);
    else if (payloadType === COMFORT_NOISE_PAYLOAD_TYPE) state.inComfortNoise = state.usesComfortNoise = true;
    else this.#addUndecodable(state, packet);
    state.packetReceived(packet.extended);
  }

  /** Packets of audio that follow each other. @returns false when they must be looked at one by one: then nothing was done */
  addRun(channel: Channel, run: PacketRun): boolean {
    const state = this.#channels[channel];
    const { clock, gaps } = state;
    const timeline = this.#timeline;
    const law = lawOf(run.payloadType);
    const from = clock.locateReordered(run.timestamp);
    if (!timeline || !law || clock.drift !== 0 || gaps.end !== from || from < timeline.settledEnd)
      return false;
    const lastPauseEnd = this.#pauses.lastPauseEnd;
    if (
      run.arrivedAt(0) < lastPauseEnd ||
      this.#startedTick + from / SAMPLES_PER_MS < lastPauseEnd ||
      !this.#followsStream(clock, run)
    )
      return false;
    this.#report.channels[channel].receiveRun(run);
    let position = from;
    for (let index = 0; index < run.length; index += 1, position += run.samples) {
      clock.locate(run.timestampAt(index), this.#position(run.arrivedAt(index)), 0);
      const start = run.payloadOffset(index);
      timeline.place(state.index, position, law, run.plain, start, start + run.samples);
    }
    gaps.cover(from, position, 'loss');
    clock.advance(run.timestampAt(run.length - 1), position - run.samples, position);
    state.packetReceived(run.lastExtended);
    return true;
  }

  countDuplicate(channel: Channel): void {
    this.#report.channels[channel].duplicated += 1;
  }

  countTooLate(channel: Channel): void {
    this.#report.channels[channel].late += 1;
  }

  addLevel(channel: Channel, level: Loudness, now: number): void {
    if (this.#pauses.active) return;
    this.#report.channels[channel].addLoudness(level);
    if (level.peak > DIGITAL_SILENCE_LEVEL) this.#report.audibleAt[channel] = now;
  }

  /** Its place stays silent until it can be deciphered. */
  addUndeciphered(channel: Channel, packet: Packet, slackMs: number): void {
    const state = this.#channels[channel];
    const { header, to } = packet;
    const position = state.clock.locate(
      header.timestamp,
      this.#position(packet.arrivedAt),
      SAMPLES_PER_MS * slackMs,
    );
    const length = to - header.payloadStart;
    const samples = length - (length % (PACKET_SAMPLES / 2)) || PACKET_SAMPLES;
    this.#markMissing(state, packet, position, samples, 'encrypted');
    state.clock.advance(header.timestamp, position, position + samples);
    state.packetReceived(packet.extended);
  }

  /** Nobody has deciphered it. */
  storeRaw(channel: Channel, packet: Packet): void {
    if (this.#isPaused(this.#channels[channel], packet)) return;
    this.#report.channels[channel].receive(packet.extended, packet.header.payloadType, packet.arrivedAt);
    this.#recording.addRawPacket(channel, packet, 'encrypted');
  }

  pause(at: number, by: string | undefined, reason: string | undefined): void {
    if (this.#pauses.active) return;
    this.#pauses.begin(at, by, reason);
    this.#recording.requestSidecar();
    this.#timeline?.mask(this.#position(at));
  }

  resume(at: number): void {
    this.#pauses.end(at);
    this.#recording.requestSidecar();
    this.#timeline?.unmask(this.#position(at));
  }

  addAlarm(alarm: Alarm): void {
    this.#report.addAlarm(alarm);
    this.#recording.requestSidecar();
  }

  /** Brings the disk up to date, if it isn't being done already. */
  flush(now: number): void {
    this.#closeSettled(now);
    if (this.#flushing || this.#finished) return;
    this.#flushing = true;
    this.#flushQueue = this.#flushQueue
      .then(() => this.#flush(now))
      .finally(() => {
        this.#flushing = false;
      });
  }

  /** Ends the file; what it is goes to `onRecorded`. Never rejects. */
  async finish(endedBy: string): Promise<void> {
    this.#finished = true;
    await this.#flushQueue;
    await Promise.all([
      ...this.#rotations,
      this.#finishRecording(this.#recording, this.#report, this.#end, endedBy),
    ]);
  }

  get #end(): number {
    return Math.max(this.#timeline?.end ?? 0, this.#unwrittenEnd);
  }

  #followsStream(clock: PacketClock, run: PacketRun): boolean {
    for (let index = 0; index < run.length; index += 1) {
      if (!clock.follows(run.timestampAt(index), this.#position(run.arrivedAt(index)))) return false;
    }
    return true;
  }

  #position(at: number): number {
    return Math.round((at - this.#startedTick) * SAMPLES_PER_MS);
  }

  #placeAudio(state: ChannelState, packet: Packet, law: Law, reordered: boolean, slackMs: number): void {
    const {
      header: { timestamp },
      plain,
      start,
      end,
    } = packet;
    if (end <= start) return;
    const statistics = this.#report.channels[state.channel];
    const arrival = this.#position(packet.arrivedAt);
    if (slackMs > 0) statistics.breakJitter();
    else statistics.updateJitter(timestamp, packet.arrivedAt);
    const timeline = (this.#timeline ??= this.#newTimeline(law));
    // What was said in a pause stays there, however late it comes: no stream begins anew with it.
    let position =
      reordered || this.#wasSentDuringPause(state, packet)
        ? state.clock.locateReordered(timestamp)
        : state.clock.locate(timestamp, arrival, SAMPLES_PER_MS * slackMs);
    if (!reordered && state.clock.drift !== 0)
      position = this.#correctDrift(state, timeline, position, arrival);
    const endPosition = position + end - start;
    if (this.#pauses.covers(packet.arrivedAt)) {
      // It may belong behind the pause's end, having come early by the jitter: that is a part of the pause as well.
      timeline.extendTo(state.index, endPosition);
      state.gaps.addMissing(position, endPosition, 'pause', state.gapKindBefore(packet, position));
    } else if (!timeline.place(state.index, position, law, plain, start, end)) {
      return this.#addLate(state, statistics, position, endPosition);
    } else {
      state.gaps.cover(position, endPosition, state.gapKindBefore(packet, position));
    }
    state.clock.advance(timestamp, position, endPosition);
    state.inComfortNoise = false;
  }

  /** Whether a packet that is kept whole, or not at all, came in a pause or tells of one. */
  #isPaused(state: ChannelState, packet: Packet): boolean {
    return this.#pauses.covers(packet.arrivedAt) || this.#wasSentDuringPause(state, packet);
  }

  #wasSentDuringPause(state: ChannelState, { header: { timestamp } }: Packet): boolean {
    if (this.#pauses.all.length === 0) return false;
    const from = this.#startedTick + state.clock.locateReordered(timestamp) / SAMPLES_PER_MS;
    return this.#pauses.covers(from) || this.#pauses.covers(from + (PACKET_SAMPLES - 1) / SAMPLES_PER_MS);
  }

  #addLate(state: ChannelState, statistics: ChannelStatistics, position: number, endPosition: number): void {
    statistics.late += 1;
    state.gaps.markLate(position, endPosition);
  }

  /** Moves the audio by the drift of the clocks, if that makes no hole in speech. */
  #correctDrift(state: ChannelState, timeline: Timeline, position: number, arrival: number): number {
    const { drift } = state.clock;
    if (
      !timeline.isSilent(
        state.index,
        position - Math.max(QUIET_BEFORE_SAMPLES, -drift),
        position,
        QUIET_LEVEL,
      )
    )
      return position;
    const moved = state.clock.correctDrift(arrival);
    if (moved > 0) state.gaps.cover(position, position + moved, 'no-media');
    this.#report.addCorrection(state.channel, position, moved);
    return position + moved;
  }

  #addDtmfEvent(state: ChannelState, packet: Packet): void {
    if (this.#isPaused(state, packet)) return;
    const position = state.clock.locateReordered(packet.header.timestamp);
    const duration = this.#dtmfEvents.add(state.channel, packet, position);
    if (duration === undefined || position < 0) return;
    state.gaps.cover(position, position + duration, state.gapKindBefore(packet, position));
    this.#timeline?.extendTo(state.index, position + duration);
  }

  /** Another codec: its time is known by arrival only. */
  #addUndecodable(state: ChannelState, packet: Packet): void {
    if (this.#isPaused(state, packet)) return;
    this.#markMissing(state, packet, this.#position(packet.arrivedAt), PACKET_SAMPLES, 'codec');
    this.#recording.addRawPacket(state.channel, packet, 'codec');
  }

  #markMissing(
    state: ChannelState,
    packet: Packet,
    position: number,
    samples: number,
    kind: 'encrypted' | 'codec',
  ): void {
    state.gaps.addMissing(position, position + samples, kind, state.gapKindBefore(packet, position));
    this.#unwrittenEnd = Math.max(this.#unwrittenEnd, position + samples);
  }

  #newTimeline(law: Law): Timeline {
    const timeline = new Timeline(SampleFormat.of(this.#parts.options.format, law));
    for (const { from, to } of this.#pauses.all) {
      timeline.mask(this.#position(from));
      if (to !== Infinity) timeline.unmask(this.#position(to));
    }
    return timeline;
  }

  #newRecording(origin: number): RecordingFile {
    const { options, fileSystem, owner, deviceNumber, context, epoch } = this.#parts;
    const tick = this.#startedTick + origin / SAMPLES_PER_MS;
    return new RecordingFile(options, fileSystem, owner, deviceNumber, context(), origin, epoch(tick), tick);
  }

  #newReport(): RecordingReport {
    const { totals } = this.#parts;
    return new RecordingReport({
      sent: new ChannelStatistics(totals('sent')),
      received: new ChannelStatistics(totals('received')),
    });
  }

  #closeSettled(now: number): void {
    if (!this.#timeline) return;
    for (const { from, to } of this.#timeline.closeSettled(this.#position(now))) {
      for (const state of Object.values(this.#channels)) state.gaps.overwrite(from, to, 'disk');
    }
  }

  async #flush(now: number): Promise<void> {
    const recording = this.#recording;
    const { exists } = recording;
    const settled = Math.min(this.#timeline?.settledEnd ?? 0, this.#end);
    try {
      await recording.flush(this.#timeline, this.#end, now, () =>
        this.#describe(recording, this.#report, this.#end, ''),
      );
      this.#parts.onDiskStatus(undefined);
      if (!exists) this.#parts.onStarted(recording.id, new Date(recording.startedAt).toISOString());
    } catch (error) {
      this.#parts.onDiskStatus({ code: systemCode(error), message: messageOf(error) });
      return;
    }
    if (settled - recording.origin >= this.#parts.options.maxFrames) this.#rotate(settled);
  }

  /** The file ends where nothing can change any more; what comes after it, in memory already, goes to the next one. */
  #rotate(position: number): void {
    const { timeline, recording, report } = {
      timeline: this.#timeline,
      recording: this.#recording,
      report: this.#report,
    };
    const gaps = {
      sent: this.#channels.sent.gaps.split(position),
      received: this.#channels.received.gaps.split(position),
    };
    this.#recording = this.#newRecording(position);
    this.#report = this.#newReport();
    this.#report.continues(report, recording.id);
    timeline?.startNewFile(position);
    const rotation = this.#finishRecording(recording, report, position, 'rotation', gaps).finally(() => {
      this.#rotations.delete(rotation);
    });
    this.#rotations.add(rotation);
  }

  async #finishRecording(
    recording: RecordingFile,
    report: RecordingReport,
    end: number,
    endedBy: string,
    gaps = this.#gaps(),
  ): Promise<void> {
    if (!report.hasPackets && !recording.exists) return;
    const timeline = (this.#timeline ??= this.#newTimeline(DEFAULT_LAW));
    const written = endedBy === 'rotation' ? end : await this.#finalFlush(recording, report, timeline, end);
    if (written < end) for (const list of Object.values(gaps)) list.overwrite(written, end, 'disk');
    for (const list of Object.values(gaps)) list.finish(end, 'no-media');
    try {
      const { bytes, sha256 } = await recording.finish(timeline, end);
      const raw = await recording.rawFiles();
      const metadata = { ...this.#describe(recording, report, end, endedBy, gaps), bytes, sha256, raw };
      await recording.seal(metadata);
      this.#parts.onRecorded(metadata);
    } catch (error) {
      // Read-only, full or gone: what is there stays as it is for the next start, and everybody is told.
      await recording.abandon();
      this.#parts.onDiskStatus({ code: systemCode(error), message: messageOf(error) });
    }
  }

  /** @returns the position up to which everything is on the disk */
  async #finalFlush(
    recording: RecordingFile,
    report: RecordingReport,
    timeline: Timeline,
    end: number,
  ): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await recording.flush(timeline, end, 0, () => this.#describe(recording, report, end, ''));
        return end;
      } catch (error) {
        this.#parts.onDiskStatus({ code: systemCode(error), message: messageOf(error) });
        if (attempt === FINAL_FLUSH_ATTEMPTS) return recording.origin + recording.frames;
        await new Promise((resolve) => {
          setTimeout(resolve, FINAL_FLUSH_RETRY_MS);
        });
      }
    }
  }

  #gaps(): Record<Channel, ChannelState['gaps']> {
    return { sent: this.#channels.sent.gaps, received: this.#channels.received.gaps };
  }

  #describe(
    recording: RecordingFile,
    report: RecordingReport,
    end: number,
    endedBy: string,
    gaps = this.#gaps(),
  ): RecordingMetadata {
    const { epoch, totals } = this.#parts;
    const pauses = this.#pauses.all.map(({ from, to, by, reason }) => ({
      from: this.#position(from),
      to: Math.min(end, this.#position(to)),
      by,
      reason,
    }));
    const law = this.#timeline?.format.law ?? DEFAULT_LAW;
    return report.describe({
      recording,
      format: this.#parts.options.format,
      law,
      end,
      endedBy,
      gaps,
      pauses,
      epoch,
      totals,
      // The list is emptied only when the file is done.
      events: endedBy === '' ? [] : this.#dtmfEvents.take(recording.origin, end),
    });
  }
}
