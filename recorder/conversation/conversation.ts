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
  type Recorded,
} from '../common';
import type { Files } from '../disk';
import { lawOf, DEFAULT_LAW, SampleFormat, Timeline, type Law } from '../audio';
import { Recording, type Owner, type RecordingOptions } from '../files';
import { COMFORT_NOISE, type Packet, type Run, type Start } from '../rtp';
import { Pauses } from './pauses';
import { Report } from './recording-report';
import { Side } from './channel-state';
import { ChannelStatistics, type FlowTotals, type Loudness } from './channel-statistics';
import { TelephoneEvents } from './dtmf';
import type { Track } from './packet-clock';

export interface ConversationOptions extends RecordingOptions {
  readonly dtmfPayloadTypes: readonly number[];
  /** Longest file, in frames. */
  readonly mostFrames: number;
}

export interface ConversationParts {
  readonly deviceNumber: string;
  readonly context: () => DeviceContext;
  readonly options: ConversationOptions;
  readonly files: Files;
  readonly owner: Owner;
  /** Milliseconds of the epoch for a time on the recorder's clock. */
  readonly epoch: (at: number) => number;
  readonly totals: (channel: Channel) => FlowTotals;
  /** A file is complete, though the conversation goes on or ends. */
  readonly onRecorded: (recorded: Recorded) => void;
  /** The disk refuses; undefined: it takes everything again. */
  readonly onDisk: (trouble: { code: string; message: string } | undefined) => void;
  /** The file is there: from now on a crash leaves something to complete. */
  readonly onStarted: (id: string, startedAt: string) => void;
}

/** A-law has no zero: its smallest value is 8. */
const DIGITAL_SILENCE = 8;
/** Below this audio counts as silent: -48 dBFS, a quiet line. */
const QUIET = 128;
/** Silence before a packet that is moved to later. */
const QUIET_BEFORE = 160;
/** The disk gets so many more chances at the end, so far apart. */
const LAST_TRIES = 3;
const LAST_TRY_MS = 300;
const PACKET = 160;

export class Conversation {
  readonly #parts: ConversationParts;
  readonly #t0: number;
  readonly #sides: Readonly<Record<Channel, Side>> = {
    sent: new Side('sent'),
    received: new Side('received'),
  };
  readonly #pauses = new Pauses();
  readonly #events = new TelephoneEvents();
  readonly #dtmf: ReadonlySet<number>;
  #timeline: Timeline | undefined;
  /** The end of packets that can't be written. */
  #missedEnd = 0;
  #recording: Recording;
  #report: Report;
  #work: Promise<void> = Promise.resolve();
  #flushing = false;
  /** Files that were cut off and are being completed. */
  readonly #cut = new Set<Promise<void>>();
  #finished = false;

  /** @param t0 when the first stream of either flow began */
  constructor(parts: ConversationParts, t0: number) {
    this.#parts = parts;
    this.#t0 = t0;
    this.#dtmf = new Set(parts.options.dtmfPayloadTypes);
    this.#recording = this.#newRecording(0);
    this.#report = this.#newReport();
  }

  get report(): Report {
    return this.#report;
  }

  get startedTick(): number {
    return this.#t0;
  }

  /** ISO 8601 UTC. */
  get startedAt(): string {
    return new Date(this.#parts.epoch(this.#t0)).toISOString();
  }

  /** Comfort noise was heard of it: it may be silent. */
  suppresses(channel: Channel): boolean {
    return this.#sides[channel].suppresses;
  }

  begins(channel: Channel, packet: Packet, start: Start, previous: string | undefined): void {
    const side = this.#sides[channel];
    side.begin(start.timestamp, this.#position(start.at));
    this.#report.channels[channel].beginStream(packet.header.ssrc);
    if (previous !== undefined)
      this.#report.takeOver(
        channel,
        this.#position(packet.arrivedAt),
        previous,
        packet.source,
        packet.header.ssrc,
      );
  }

  /** What was said in a pause of the recording stays there. */
  resumes(channel: Channel, packet: Packet, { timestamp, at }: Start): void {
    const side = this.#sides[channel];
    if (!this.#wasSaidPaused(side, packet)) side.track.resume(timestamp, this.#position(at));
  }

  /** @param slack milliseconds that the packet may have waited unread */
  packet(channel: Channel, packet: Packet, reordered: boolean, slack: number): void {
    const side = this.#sides[channel];
    const statistics = this.#report.channels[channel];
    const { payloadType } = packet.header;
    statistics.receive(packet.extended, payloadType, packet.arrivedAt);
    if (reordered) statistics.reordered += 1;
    const law = lawOf(payloadType);
    if (law) this.#audio(side, packet, law, reordered, slack);
    else if (this.#dtmf.has(payloadType)) this.#event(side, packet);
    else if (payloadType === COMFORT_NOISE) side.noise = side.suppresses = true;
    else this.#undecodable(side, packet);
    side.came(packet.extended);
  }

  /** Packets of audio that follow each other. @returns false when they must be looked at one by one: then nothing was done */
  run(channel: Channel, run: Run): boolean {
    const side = this.#sides[channel];
    const { track, gaps } = side;
    const timeline = this.#timeline;
    const law = lawOf(run.payloadType);
    const from = track.locateReordered(run.timestamp);
    if (!timeline || !law || track.drift !== 0 || gaps.end !== from || from < timeline.floor) return false;
    const over = this.#pauses.overSince;
    if (run.arrivedAt(0) < over || this.#t0 + from / SAMPLES_PER_MS < over || !this.#follow(track, run))
      return false;
    this.#report.channels[channel].receiveRun(run);
    let position = from;
    for (let index = 0; index < run.length; index += 1, position += run.samples) {
      track.locate(run.timestampOf(index), this.#position(run.arrivedAt(index)), 0);
      const start = run.payloadAt(index);
      timeline.place(side.index, position, law, run.plain, start, start + run.samples);
    }
    gaps.cover(from, position, 'loss');
    track.placed(run.timestampOf(run.length - 1), position - run.samples, position);
    side.came(run.last);
    return true;
  }

  duplicate(channel: Channel): void {
    this.#report.channels[channel].duplicated += 1;
  }

  tooLate(channel: Channel): void {
    this.#report.channels[channel].late += 1;
  }

  heard(channel: Channel, level: Loudness, now: number): void {
    if (this.#pauses.active) return;
    this.#report.channels[channel].level(level);
    if (level.peak > DIGITAL_SILENCE) this.#report.audibleAt[channel] = now;
  }

  /** Its place stays silent until it can be deciphered. */
  undeciphered(channel: Channel, packet: Packet, slack: number): void {
    const side = this.#sides[channel];
    const { header, to } = packet;
    const position = side.track.locate(
      header.timestamp,
      this.#position(packet.arrivedAt),
      SAMPLES_PER_MS * slack,
    );
    const length = to - header.payloadStart;
    const samples = length - (length % (PACKET / 2)) || PACKET;
    this.#miss(side, packet, position, samples, 'encrypted');
    side.track.placed(header.timestamp, position, position + samples);
    side.came(packet.extended);
  }

  /** Nobody has deciphered it. */
  keep(channel: Channel, packet: Packet): void {
    if (this.#isPaused(this.#sides[channel], packet)) return;
    this.#report.channels[channel].receive(packet.extended, packet.header.payloadType, packet.arrivedAt);
    this.#recording.keep(channel, packet, 'encrypted');
  }

  pause(at: number, by: string | undefined, reason: string | undefined): void {
    if (this.#pauses.active) return;
    this.#pauses.begin(at, by, reason);
    this.#recording.note();
    this.#timeline?.mask(this.#position(at));
  }

  resume(at: number): void {
    this.#pauses.end(at);
    this.#recording.note();
    this.#timeline?.unmask(this.#position(at));
  }

  alarm(alarm: Alarm): void {
    this.#report.alarm(alarm);
    this.#recording.note();
  }

  /** Brings the disk up to date, if it isn't being done already. */
  flush(now: number): void {
    this.#retire(now);
    if (this.#flushing || this.#finished) return;
    this.#flushing = true;
    this.#work = this.#work
      .then(() => this.#flush(now))
      .finally(() => {
        this.#flushing = false;
      });
  }

  /** Ends the file; what it is goes to `onRecorded`. Never rejects. */
  async finish(endedBy: string): Promise<void> {
    this.#finished = true;
    await this.#work;
    await Promise.all([
      ...this.#cut,
      this.#finishRecording(this.#recording, this.#report, this.#end, endedBy),
    ]);
  }

  get #end(): number {
    return Math.max(this.#timeline?.end ?? 0, this.#missedEnd);
  }

  #follow(track: Track, run: Run): boolean {
    for (let index = 0; index < run.length; index += 1) {
      if (!track.follows(run.timestampOf(index), this.#position(run.arrivedAt(index)))) return false;
    }
    return true;
  }

  #position(at: number): number {
    return Math.round((at - this.#t0) * SAMPLES_PER_MS);
  }

  #audio(side: Side, packet: Packet, law: Law, reordered: boolean, slack: number): void {
    const {
      header: { timestamp },
      plain,
      start,
      end,
    } = packet;
    if (end <= start) return;
    const statistics = this.#report.channels[side.channel];
    const arrival = this.#position(packet.arrivedAt);
    if (slack > 0) statistics.breakTiming();
    else statistics.timing(timestamp, packet.arrivedAt);
    const timeline = (this.#timeline ??= this.#newTimeline(law));
    // What was said in a pause stays there, however late it comes: no stream begins anew with it.
    let position =
      reordered || this.#wasSaidPaused(side, packet)
        ? side.track.locateReordered(timestamp)
        : side.track.locate(timestamp, arrival, SAMPLES_PER_MS * slack);
    if (!reordered && side.track.drift !== 0) position = this.#correct(side, timeline, position, arrival);
    const after = position + end - start;
    if (this.#pauses.covers(packet.arrivedAt)) {
      // It may belong behind the pause's end, having come early by the jitter: that is a part of the pause as well.
      timeline.reach(side.index, after);
      side.gaps.miss(position, after, 'pause', side.before(packet, position));
    } else if (!timeline.place(side.index, position, law, plain, start, end)) {
      return this.#late(side, statistics, position, after);
    } else {
      side.gaps.cover(position, after, side.before(packet, position));
    }
    side.track.placed(timestamp, position, after);
    side.noise = false;
  }

  /** Whether a packet that is kept whole, or not at all, came in a pause or tells of one. */
  #isPaused(side: Side, packet: Packet): boolean {
    return this.#pauses.covers(packet.arrivedAt) || this.#wasSaidPaused(side, packet);
  }

  #wasSaidPaused(side: Side, { header: { timestamp } }: Packet): boolean {
    if (this.#pauses.all.length === 0) return false;
    const from = this.#t0 + side.track.locateReordered(timestamp) / SAMPLES_PER_MS;
    return this.#pauses.covers(from) || this.#pauses.covers(from + (PACKET - 1) / SAMPLES_PER_MS);
  }

  #late(side: Side, statistics: ChannelStatistics, position: number, after: number): void {
    statistics.late += 1;
    side.gaps.late(position, after);
  }

  /** Moves the audio by the drift of the clocks, if that makes no hole in speech. */
  #correct(side: Side, timeline: Timeline, position: number, arrival: number): number {
    const { drift } = side.track;
    if (!timeline.isSilent(side.index, position - Math.max(QUIET_BEFORE, -drift), position, QUIET))
      return position;
    const moved = side.track.correct(arrival);
    if (moved > 0) side.gaps.cover(position, position + moved, 'no-media');
    this.#report.correct(side.channel, position, moved);
    return position + moved;
  }

  #event(side: Side, packet: Packet): void {
    if (this.#isPaused(side, packet)) return;
    const position = side.track.locateReordered(packet.header.timestamp);
    const duration = this.#events.add(side.channel, packet, position);
    if (duration === undefined || position < 0) return;
    side.gaps.cover(position, position + duration, side.before(packet, position));
    this.#timeline?.reach(side.index, position + duration);
  }

  /** Another codec: its time is known by arrival only. */
  #undecodable(side: Side, packet: Packet): void {
    if (this.#isPaused(side, packet)) return;
    this.#miss(side, packet, this.#position(packet.arrivedAt), PACKET, 'codec');
    this.#recording.keep(side.channel, packet, 'codec');
  }

  #miss(side: Side, packet: Packet, position: number, samples: number, kind: 'encrypted' | 'codec'): void {
    side.gaps.miss(position, position + samples, kind, side.before(packet, position));
    this.#missedEnd = Math.max(this.#missedEnd, position + samples);
  }

  #newTimeline(law: Law): Timeline {
    const timeline = new Timeline(SampleFormat.of(this.#parts.options.format, law));
    for (const { from, to } of this.#pauses.all) {
      timeline.mask(this.#position(from));
      if (to !== Infinity) timeline.unmask(this.#position(to));
    }
    return timeline;
  }

  #newRecording(origin: number): Recording {
    const { options, files, owner, deviceNumber, context, epoch } = this.#parts;
    const tick = this.#t0 + origin / SAMPLES_PER_MS;
    return new Recording(options, files, owner, deviceNumber, context(), origin, epoch(tick), tick);
  }

  #newReport(): Report {
    const { totals } = this.#parts;
    return new Report({
      sent: new ChannelStatistics(totals('sent')),
      received: new ChannelStatistics(totals('received')),
    });
  }

  #retire(now: number): void {
    if (!this.#timeline) return;
    for (const { from, to } of this.#timeline.retire(this.#position(now))) {
      for (const side of Object.values(this.#sides)) side.gaps.overwrite(from, to, 'disk');
    }
  }

  async #flush(now: number): Promise<void> {
    const recording = this.#recording;
    const { exists } = recording;
    const settled = Math.min(this.#timeline?.floor ?? 0, this.#end);
    try {
      await recording.flush(this.#timeline, this.#end, now, () =>
        this.#describe(recording, this.#report, this.#end, ''),
      );
      this.#parts.onDisk(undefined);
      if (!exists) this.#parts.onStarted(recording.id, new Date(recording.startedAt).toISOString());
    } catch (error) {
      this.#parts.onDisk({ code: systemCode(error), message: messageOf(error) });
      return;
    }
    if (settled - recording.origin >= this.#parts.options.mostFrames) this.#rotate(settled);
  }

  /** The file ends where nothing can change any more; what comes after it, in memory already, goes to the next one. */
  #rotate(position: number): void {
    const { timeline, recording, report } = {
      timeline: this.#timeline,
      recording: this.#recording,
      report: this.#report,
    };
    const gaps = {
      sent: this.#sides.sent.gaps.split(position),
      received: this.#sides.received.gaps.split(position),
    };
    this.#recording = this.#newRecording(position);
    this.#report = this.#newReport();
    this.#report.continues(report, recording.id);
    timeline?.startAnew(position);
    const cut = this.#finishRecording(recording, report, position, 'rotation', gaps).finally(() => {
      this.#cut.delete(cut);
    });
    this.#cut.add(cut);
  }

  async #finishRecording(
    recording: Recording,
    report: Report,
    end: number,
    endedBy: string,
    gaps = this.#gaps(),
  ): Promise<void> {
    if (!report.hasPackets && !recording.exists) return;
    const timeline = (this.#timeline ??= this.#newTimeline(DEFAULT_LAW));
    const written = endedBy === 'rotation' ? end : await this.#lastFlush(recording, report, timeline, end);
    if (written < end) for (const list of Object.values(gaps)) list.overwrite(written, end, 'disk');
    for (const list of Object.values(gaps)) list.finish(end, 'no-media');
    try {
      const { bytes, sha256 } = await recording.finish(timeline, end);
      const raw = await recording.rawFiles();
      const recorded = { ...this.#describe(recording, report, end, endedBy, gaps), bytes, sha256, raw };
      await recording.seal(recorded);
      this.#parts.onRecorded(recorded);
    } catch (error) {
      // Read-only, full or gone: what is there stays as it is for the next start, and everybody is told.
      await recording.abandon();
      this.#parts.onDisk({ code: systemCode(error), message: messageOf(error) });
    }
  }

  /** @returns the position up to which everything is on the disk */
  async #lastFlush(recording: Recording, report: Report, timeline: Timeline, end: number): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await recording.flush(timeline, end, 0, () => this.#describe(recording, report, end, ''));
        return end;
      } catch (error) {
        this.#parts.onDisk({ code: systemCode(error), message: messageOf(error) });
        if (attempt === LAST_TRIES) return recording.origin + recording.frames;
        await new Promise((resolve) => {
          setTimeout(resolve, LAST_TRY_MS);
        });
      }
    }
  }

  #gaps(): Record<Channel, Side['gaps']> {
    return { sent: this.#sides.sent.gaps, received: this.#sides.received.gaps };
  }

  #describe(
    recording: Recording,
    report: Report,
    end: number,
    endedBy: string,
    gaps = this.#gaps(),
  ): Recorded {
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
      events: endedBy === '' ? [] : this.#events.take(recording.origin, end),
    });
  }
}
