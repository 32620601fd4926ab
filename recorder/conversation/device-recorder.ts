/**
 * An armed device: two flows that may begin at any time, the conversation that is being recorded, and what is wrong with it.
 * It has neither clock nor socket: whoever owns it hands in packets and calls `tick` five times a second. Times are milliseconds
 * on the recorder's clock.
 */
import { Alarms } from './alarms';
import { Conversation, type ConversationOptions } from './conversation';
import type { FileSystem } from '../disk';
import {
  RtpStream,
  type RtpStreamListener,
  type PacketBuffer,
  type Packet,
  type ByteHistogram,
} from '../rtp';
import { lawOf } from '../audio';
import type { MasterKey } from '../srtp';
import type { FileOwner } from '../files';
import { decibels, loudnessOf, type Loudness } from './channel-statistics';
import { CHANNELS, type Alarm, type Channel, type DeviceContext, type RecordingMetadata } from '../common';
import { alarmConditions, type ChannelActivity } from './alarm-rules';

export interface DeviceRecorderOptions extends ConversationOptions {
  readonly split: 'conversation' | 'none';
  /** Silence that is a fault while media is expected. */
  readonly noMediaMs: number;
  readonly flushMs: number;
}

export interface DeviceRecorderParts {
  readonly options: DeviceRecorderOptions;
  readonly fileSystem: FileSystem;
  readonly owner: FileOwner;
  readonly onRecorded: (metadata: RecordingMetadata) => void;
  readonly onAlarm: (alarm: Alarm) => void;
  readonly onStarted: (deviceNumber: string, id: string, startedAt: string) => void;
}

/** RMS and peak of the last second in dBFS; null: nothing was heard. */
export interface Level {
  readonly rmsDb: number | null;
  readonly peakDb: number | null;
}

export interface DeviceSnapshot {
  readonly deviceNumber: string;
  /** ISO 8601 UTC; null while nothing is recorded. */
  readonly recordingSince: string | null;
  readonly paused: boolean;
  readonly levels: Readonly<Record<Channel, Level>>;
  /** Of this conversation's present file. */
  readonly packets: Readonly<Record<Channel, number>>;
  readonly lost: Readonly<Record<Channel, number>>;
  readonly strangers: number;
  readonly alarms: readonly Alarm[];
}

/** Without anybody telling the conversation's end, so much silence is it. */
const CONVERSATION_SILENCE_MS = 30_000;
/** When somebody tells it (`expectMedia` was called), a hold may be long; a call forgotten ends so nevertheless. */
const MAX_EXPECTED_SILENCE_MS = 3_600_000;
/** After a conversation's end its last packets are still on their way; what goes on beyond is another conversation. */
const TRAILING_PACKETS_MS = 1000;
const STILL_ACTIVE_MS = 300;
/** How often it is looked whether something is wrong. */
const ALARM_CHECK_INTERVAL_MS = 1000;
/** A stranger that is quiet for so long is gone. */
const STRANGER_SILENCE_MS = 10_000;

const SILENT_LOUDNESS: Loudness = { squares: 0, samples: 0, peak: 0 };

export class DeviceRecorder {
  #context: DeviceContext;
  readonly #secure: boolean;
  readonly #parts: DeviceRecorderParts;
  readonly #streams: Readonly<Record<Channel, RtpStream>>;
  readonly #alarms: Alarms;
  readonly #loudness: Record<Channel, Loudness> = { sent: SILENT_LOUDNESS, received: SILENT_LOUDNESS };
  readonly #finishing = new Set<Promise<void>>();
  #lastPacketAt: Record<Channel, number | undefined> = { sent: undefined, received: undefined };
  #conversation: Conversation | undefined;
  #expectedSince: number | false | undefined;
  #pause: { by: string | undefined; reason: string | undefined; until: number } | undefined;
  #trailingUntil: number | undefined;
  #flushedAt = 0;
  #alarmsCheckedAt = 0;
  #strangers = 0;
  #strangersAt = 0;
  #now = 0;
  #slackMs = 0;

  /** @param secure media is known to be encrypted */
  constructor(
    readonly deviceNumber: string,
    context: DeviceContext,
    secure: boolean,
    parts: DeviceRecorderParts,
  ) {
    this.#context = context;
    this.#secure = secure;
    this.#parts = parts;
    this.#streams = {
      sent: new RtpStream(this.#listener('sent')),
      received: new RtpStream(this.#listener('received')),
    };
    this.#alarms = new Alarms(
      deviceNumber,
      (alarm) => {
        this.#reportAlarm(alarm);
      },
      (at) => this.#epoch(at),
    );
  }

  /** For the names and metadata of files that begin from now on. */
  setContext(context: DeviceContext): void {
    this.#context = context;
  }

  /** Where the datagrams of a port go. */
  packetBuffer(channel: Channel): PacketBuffer {
    return this.#streams[channel].buffer;
  }

  /** A packet came since then that isn't worked off yet. */
  hasReadSince(at: number): boolean {
    return CHANNELS.some((channel) => (this.#streams[channel].lastPendingArrival ?? -Infinity) >= at);
  }

  /** @param master one key for both flows, wiped */
  setKeys(master: MasterKey | undefined, now: number): void {
    this.#now = now;
    for (const channel of CHANNELS)
      this.#streams[channel].setKeys(master && { key: master.key.slice(), salt: master.salt.slice() }, now);
    master?.key.fill(0);
    master?.salt.fill(0);
  }

  /** @param expected undefined: the course of the call isn't known */
  expectMedia(expected: boolean | undefined, now: number): void {
    if (!expected) this.#expectedSince = expected;
    else if (typeof this.#expectedSince !== 'number') this.#expectedSince = now;
  }

  /** @param resumeAfterMs Infinity: until `resume` or the conversation's end is told */
  pause(by: string | undefined, reason: string | undefined, resumeAfterMs: number, now: number): void {
    this.#now = now;
    this.#startConversation(now, true);
    this.#pause = { by, reason, until: now + resumeAfterMs };
    this.#conversation?.pause(now, by, reason);
  }

  resume(now: number): void {
    this.#pause = undefined;
    this.#conversation?.resume(now);
  }

  /** @param slackMs milliseconds that packets may have waited unread, because this process was busy */
  tick(now: number, slackMs: number): void {
    this.#now = now;
    this.#slackMs = slackMs;
    if (this.#pause && now >= this.#pause.until) this.resume(this.#pause.until);
    if (this.#trailingUntil !== undefined && !this.#isTrailingOver(now)) return;
    this.#startConversation(now, false);
    for (const channel of CHANNELS) this.#streams[channel].process(now, false);
    if (now - this.#alarmsCheckedAt >= ALARM_CHECK_INTERVAL_MS) this.#checkAlarms(now);
    if (this.#endsBySilence(now)) void this.endConversation('silence', now);
    else if (now - this.#flushedAt >= this.#parts.options.flushMs) this.#flush(now);
  }

  /** Ends the present file. @returns when it is complete on the disk, and told */
  async endConversation(endedBy: string, now: number): Promise<void> {
    this.#now = now;
    this.#startConversation(now, true);
    const conversation = this.#conversation;
    if (conversation) {
      for (const channel of CHANNELS) this.#streams[channel].flush(now);
      this.#conversation = undefined;
      const finishing = conversation.finish(endedBy).finally(() => {
        this.#finishing.delete(finishing);
      });
      this.#finishing.add(finishing);
    }
    this.#endStreams(endedBy, now);
    await Promise.all(this.#finishing);
  }

  async close(endedBy: string, now: number): Promise<void> {
    await this.endConversation(endedBy, now);
    this.#alarms.clear(now);
    for (const channel of CHANNELS) this.#streams[channel].close();
  }

  /** Levels are those since the last snapshot. */
  snapshot(): DeviceSnapshot {
    const statistics = this.#conversation?.report.channels;
    const each = <T>(of: (channel: Channel) => T): Record<Channel, T> => ({
      sent: of('sent'),
      received: of('received'),
    });
    return {
      deviceNumber: this.deviceNumber,
      paused: this.#pause !== undefined,
      recordingSince: this.#conversation?.startedAt ?? null,
      levels: each((channel) => this.#level(channel)),
      packets: each((channel) => statistics?.[channel].packets ?? 0),
      lost: each((channel) => statistics?.[channel].lost ?? 0),
      strangers: this.#streams.sent.strangers + this.#streams.received.strangers,
      alarms: this.#alarms.active,
    };
  }

  /** The conversation's end is told, or found out; a pause that somebody asked for outlives only the latter. */
  #endStreams(endedBy: string, now: number): void {
    for (const channel of CHANNELS) this.#streams[channel].startNewConversation();
    this.#lastPacketAt = { sent: undefined, received: undefined };
    if (endedBy === 'silence') return;
    this.#pause = undefined;
    this.#expectedSince = undefined;
    this.#trailingUntil = now + TRAILING_PACKETS_MS;
    for (const alarm of ['no-media', 'one-way'] as const) this.#alarms.set(alarm, undefined, now);
  }

  /** Whether the time of trailing packets is over; they are forgotten then, unless more have come. */
  #isTrailingOver(now: number): boolean {
    if (this.#trailingUntil === undefined || now < this.#trailingUntil) return false;
    this.#trailingUntil = undefined;
    const stillActive = CHANNELS.some(
      (channel) => (this.#streams[channel].lastPendingArrival ?? -Infinity) > now - STILL_ACTIVE_MS,
    );
    if (!stillActive) for (const channel of CHANNELS) this.#streams[channel].discard();
    return true;
  }

  /** Begins a conversation when packets wait for one. @param immediately without waiting until it can be told when their streams began */
  #startConversation(now: number, immediately: boolean): void {
    if (this.#conversation || this.#trailingUntil !== undefined) return;
    const streams = CHANNELS.map((channel) => this.#streams[channel]).filter(
      ({ pendingSince: waitingSince }) => waitingSince !== undefined,
    );
    if (streams.length === 0 || (!immediately && streams.every((stream) => stream.isStarting(now)))) return;
    const startedTick = Math.min(...streams.map(({ pendingStart: waitingStart = now }) => waitingStart));
    this.#conversation = this.#newConversation(startedTick);
    this.#flushedAt = now;
    if (this.#pause) this.#conversation.pause(startedTick, this.#pause.by, this.#pause.reason);
    for (const alarm of this.#alarms.active) this.#conversation.addAlarm(alarm);
  }

  #newConversation(startedTick: number): Conversation {
    const { options, fileSystem, owner, onRecorded, onStarted } = this.#parts;
    // One difference of the clocks for the whole conversation: a clock that is set meanwhile moves nothing.
    const clockOffsetMs = this.#epoch(0);
    return new Conversation(
      {
        deviceNumber: this.deviceNumber,
        context: () => this.#context,
        options,
        fileSystem,
        owner,
        onRecorded,
        epoch: (at) => clockOffsetMs + at,
        totals: (channel) => ({
          ...this.#streams[channel].counters,
          strangers: this.#streams[channel].strangers,
        }),
        onDiskStatus: (failure) => {
          this.#alarms.set('disk', failure, this.#now);
        },
        onStarted: (id, startedAt) => {
          onStarted(this.deviceNumber, id, startedAt);
        },
      },
      startedTick,
    );
  }

  #flush(now: number): void {
    this.#flushedAt = now;
    this.#conversation?.flush(now);
  }

  #endsBySilence(now: number): boolean {
    if (!this.#conversation || this.#parts.options.split === 'none') return false;
    const lastPacketAt = Math.max(
      this.#lastPacketAt.sent ?? this.#conversation.startedTick,
      this.#lastPacketAt.received ?? this.#conversation.startedTick,
    );
    return (
      now - lastPacketAt >=
      (this.#expectedSince === undefined ? CONVERSATION_SILENCE_MS : MAX_EXPECTED_SILENCE_MS)
    );
  }

  #checkAlarms(now: number): void {
    this.#alarmsCheckedAt = now;
    const inputs = {
      now,
      expectedSince: this.#expectedSince,
      since: this.#conversation?.startedTick,
      secure: this.#secure,
      channels: { sent: this.#activity('sent'), received: this.#activity('received') },
    };
    for (const [alarm, details] of Object.entries(alarmConditions(inputs, this.#parts.options.noMediaMs))) {
      this.#alarms.set(alarm as Alarm['alarm'], details, now);
    }
    this.#checkStrangers(now);
  }

  #checkStrangers(now: number): void {
    const { sent, received } = this.#streams;
    const strangers = sent.strangers + received.strangers;
    if (strangers > this.#strangers) {
      const channel = sent.lastStranger === '' ? 'received' : 'sent';
      this.#alarms.set('stranger', { channel, from: this.#streams[channel].lastStranger }, now);
      this.#strangers = strangers;
      this.#strangersAt = now;
    } else if (now - this.#strangersAt >= STRANGER_SILENCE_MS) {
      this.#alarms.set('stranger', undefined, now);
    }
  }

  #activity(channel: Channel): ChannelActivity {
    const { looksEncrypted, hasKeys, failsAuthentication, counters } = this.#streams[channel];
    return {
      lastPacketAt: this.#lastPacketAt[channel],
      audibleAt: this.#conversation?.report.audibleAt[channel],
      usesComfortNoise: this.#conversation?.usesComfortNoise(channel) ?? false,
      looksEncrypted,
      hasKeys,
      failsAuthentication,
      authFailed: counters.authFailed,
    };
  }

  #level(channel: Channel): Level {
    const { squares, samples, peak } = this.#loudness[channel];
    this.#loudness[channel] = SILENT_LOUDNESS;
    return samples === 0
      ? { rmsDb: null, peakDb: null }
      : { rmsDb: decibels(Math.sqrt(squares / samples)), peakDb: decibels(peak) };
  }

  #listener(channel: Channel): RtpStreamListener {
    return {
      onStart: (packet, start, previous) => this.#conversation?.startStream(channel, packet, start, previous),
      onResume: (packet, start) => {
        if (this.#slackMsOf(channel, packet) === 0) this.#conversation?.resumeStream(channel, packet, start);
      },
      onPacket: (packet, reordered) => {
        this.#noteArrival(channel, packet.arrivedAt);
        this.#conversation?.addPacket(channel, packet, reordered, this.#slackMsOf(channel, packet));
      },
      onRun: (run) => {
        if (this.#slackMs > 0 || this.#conversation?.addRun(channel, run) === false) return false;
        this.#noteArrival(channel, run.arrivedAt(run.length - 1));
        return true;
      },
      onDuplicate: () => this.#conversation?.countDuplicate(channel),
      onTooLate: () => this.#conversation?.countTooLate(channel),
      onAudio: (counts, payloadType) => {
        this.#addLevel(channel, counts, payloadType);
      },
      onUndeciphered: (packet) => {
        this.#noteArrival(channel, packet.arrivedAt);
        this.#conversation?.addUndeciphered(channel, packet, this.#slackMsOf(channel, packet));
      },
      onUndecipherable: (packet) => this.#conversation?.storeRaw(channel, packet),
    };
  }

  /** How long a packet may have waited: unread, this process having been busy, or on its way. */
  #slackMsOf(channel: Channel, { arrivedAt }: Packet): number {
    return Math.max(this.#slackMs, this.#streams[channel].stalledMs(arrivedAt));
  }

  #noteArrival(channel: Channel, at: number): void {
    this.#lastPacketAt[channel] = Math.max(at, this.#lastPacketAt[channel] ?? at);
  }

  #addLevel(channel: Channel, counts: ByteHistogram, payloadType: number): void {
    const law = lawOf(payloadType);
    if (!law || this.#pause) return;
    const loudness = loudnessOf(counts, law);
    const { squares, samples, peak } = this.#loudness[channel];
    this.#loudness[channel] = {
      squares: squares + loudness.squares,
      samples: samples + loudness.samples,
      peak: Math.max(peak, loudness.peak),
    };
    this.#conversation?.addLevel(channel, loudness, this.#now);
  }

  #reportAlarm(alarm: Alarm): void {
    this.#conversation?.addAlarm(alarm);
    this.#parts.onAlarm(alarm);
  }

  #epoch(at: number): number {
    return Date.now() - this.#now + at;
  }
}
