/**
 * An armed device: two flows that may begin at any time, the conversation that is being recorded, and what is wrong with it.
 * It has neither clock nor socket: whoever owns it hands in packets and calls `tick` five times a second. Times are milliseconds
 * on the recorder's clock.
 */
import { AlarmBoard } from './alarms';
import { Conversation, type ConversationOptions } from './conversation';
import type { Files } from '../disk';
import { Flow, type FlowListener, type Inbox, type Packet, type ByteCounts } from '../rtp';
import { lawOf } from '../audio';
import type { MasterKey } from '../srtp';
import type { Owner } from '../files';
import { decibels, loudnessOf, type Loudness } from './channel-statistics';
import { CHANNELS, type Alarm, type Channel, type DeviceContext, type Recorded } from '../common';
import { conditions, type Heard } from './alarm-rules';

export interface DeviceOptions extends ConversationOptions {
  readonly split: 'conversation' | 'none';
  /** Silence that is a fault while media is expected. */
  readonly noMediaMs: number;
  readonly flushMs: number;
}

export interface DeviceParts {
  readonly options: DeviceOptions;
  readonly files: Files;
  readonly owner: Owner;
  readonly onRecorded: (recorded: Recorded) => void;
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
const SILENCE_MS = 30_000;
/** When somebody tells it (`expectMedia` was called), a hold may be long; a call forgotten ends so nevertheless. */
const FORGOTTEN_MS = 3_600_000;
/** After a conversation's end its last packets are still on their way; what goes on beyond is another conversation. */
const TRAILING_MS = 1000;
const STILL_ON_MS = 300;
/** How often it is looked whether something is wrong. */
const WATCH_MS = 1000;
/** A stranger that is quiet for so long is gone. */
const STRANGER_MS = 10_000;

const SILENT: Loudness = { squares: 0, samples: 0, peak: 0 };

export class Device {
  readonly #parts: DeviceParts;
  readonly #flows: Readonly<Record<Channel, Flow>>;
  readonly #alarms: AlarmBoard;
  readonly #loudness: Record<Channel, Loudness> = { sent: SILENT, received: SILENT };
  readonly #finishing = new Set<Promise<void>>();
  #heardAt: Record<Channel, number | undefined> = { sent: undefined, received: undefined };
  #conversation: Conversation | undefined;
  #expectedSince: number | false | undefined;
  #pause: { by: string | undefined; reason: string | undefined; until: number } | undefined;
  #trailingUntil: number | undefined;
  #flushedAt = 0;
  #watchedAt = 0;
  #strangers = 0;
  #strangersAt = 0;
  #now = 0;
  #slack = 0;

  /** @param secure media is known to be encrypted */
  constructor(
    readonly deviceNumber: string,
    private context: DeviceContext,
    private readonly secure: boolean,
    parts: DeviceParts,
  ) {
    this.#parts = parts;
    this.#flows = { sent: new Flow(this.#listener('sent')), received: new Flow(this.#listener('received')) };
    this.#alarms = new AlarmBoard(
      deviceNumber,
      (alarm) => {
        this.#tell(alarm);
      },
      (at) => this.#epoch(at),
    );
  }

  /** For the names and metadata of files that begin from now on. */
  describe(context: DeviceContext): void {
    this.context = context;
  }

  /** Where the datagrams of a port go. */
  inbox(channel: Channel): Inbox {
    return this.#flows[channel].inbox;
  }

  /** A packet came since then that isn't worked off yet. */
  hasReadSince(at: number): boolean {
    return CHANNELS.some((channel) => (this.#flows[channel].lastWaiting ?? -Infinity) >= at);
  }

  /** @param master one key for both flows, wiped */
  setKeys(master: MasterKey | undefined, now: number): void {
    this.#now = now;
    for (const channel of CHANNELS)
      this.#flows[channel].setKeys(master && { key: master.key.slice(), salt: master.salt.slice() }, now);
    master?.key.fill(0);
    master?.salt.fill(0);
  }

  expectMedia(expected: boolean, now: number): void {
    if (!expected) this.#expectedSince = false;
    else if (typeof this.#expectedSince !== 'number') this.#expectedSince = now;
  }

  /** @param resumeAfterMs Infinity: until `resume` or the conversation's end is told */
  pause(by: string | undefined, reason: string | undefined, resumeAfterMs: number, now: number): void {
    this.#now = now;
    this.#begin(now, true);
    this.#pause = { by, reason, until: now + resumeAfterMs };
    this.#conversation?.pause(now, by, reason);
  }

  resume(now: number): void {
    this.#pause = undefined;
    this.#conversation?.resume(now);
  }

  /** @param slack milliseconds that packets may have waited unread, because this process was busy */
  tick(now: number, slack: number): void {
    this.#now = now;
    this.#slack = slack;
    if (this.#pause && now >= this.#pause.until) this.resume(this.#pause.until);
    if (this.#trailingUntil !== undefined && !this.#isOver(now)) return;
    this.#begin(now, false);
    for (const channel of CHANNELS) this.#flows[channel].process(now, false);
    if (now - this.#watchedAt >= WATCH_MS) this.#watch(now);
    if (this.#endsBySilence(now)) void this.endConversation('silence', now);
    else if (now - this.#flushedAt >= this.#parts.options.flushMs) this.#flush(now);
  }

  /** Ends the present file. @returns when it is complete on the disk, and told */
  async endConversation(endedBy: string, now: number): Promise<void> {
    this.#now = now;
    this.#begin(now, true);
    const conversation = this.#conversation;
    if (conversation) {
      for (const channel of CHANNELS) this.#flows[channel].flush(now);
      this.#conversation = undefined;
      const finishing = conversation.finish(endedBy).finally(() => {
        this.#finishing.delete(finishing);
      });
      this.#finishing.add(finishing);
    }
    this.#settle(endedBy, now);
    await Promise.all(this.#finishing);
  }

  async close(endedBy: string, now: number): Promise<void> {
    await this.endConversation(endedBy, now);
    this.#alarms.clear(now);
    for (const channel of CHANNELS) this.#flows[channel].close();
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
      strangers: this.#flows.sent.strangers + this.#flows.received.strangers,
      alarms: this.#alarms.active,
    };
  }

  /** The conversation's end is told, or found out; a pause that somebody asked for outlives only the latter. */
  #settle(endedBy: string, now: number): void {
    for (const channel of CHANNELS) this.#flows[channel].beginAnew();
    this.#heardAt = { sent: undefined, received: undefined };
    if (endedBy === 'silence') return;
    this.#pause = undefined;
    this.#expectedSince = undefined;
    this.#trailingUntil = now + TRAILING_MS;
    for (const alarm of ['no-media', 'one-way'] as const) this.#alarms.set(alarm, undefined, now);
  }

  /** Whether the time of trailing packets is over; they are forgotten then, unless more have come. */
  #isOver(now: number): boolean {
    if (this.#trailingUntil === undefined || now < this.#trailingUntil) return false;
    this.#trailingUntil = undefined;
    const stillOn = CHANNELS.some(
      (channel) => (this.#flows[channel].lastWaiting ?? -Infinity) > now - STILL_ON_MS,
    );
    if (!stillOn) for (const channel of CHANNELS) this.#flows[channel].discard();
    return true;
  }

  /** Begins a conversation when packets wait for one. @param atOnce without waiting until it can be told when their streams began */
  #begin(now: number, atOnce: boolean): void {
    if (this.#conversation || this.#trailingUntil !== undefined) return;
    const flows = CHANNELS.map((channel) => this.#flows[channel]).filter(
      ({ waitingSince }) => waitingSince !== undefined,
    );
    if (flows.length === 0 || (!atOnce && flows.every((flow) => flow.isBeginning(now)))) return;
    const t0 = Math.min(...flows.map(({ waitingStart = now }) => waitingStart));
    this.#conversation = this.#newConversation(t0);
    this.#flushedAt = now;
    if (this.#pause) this.#conversation.pause(t0, this.#pause.by, this.#pause.reason);
    for (const alarm of this.#alarms.active) this.#conversation.alarm(alarm);
  }

  #newConversation(t0: number): Conversation {
    const { options, files, owner, onRecorded, onStarted } = this.#parts;
    // One difference of the clocks for the whole conversation: a clock that is set meanwhile moves nothing.
    const difference = this.#epoch(0);
    return new Conversation(
      {
        deviceNumber: this.deviceNumber,
        context: () => this.context,
        options,
        files,
        owner,
        onRecorded,
        epoch: (at) => difference + at,
        totals: (channel) => ({
          ...this.#flows[channel].counters,
          strangers: this.#flows[channel].strangers,
        }),
        onDisk: (trouble) => {
          this.#alarms.set('disk', trouble, this.#now);
        },
        onStarted: (id, startedAt) => {
          onStarted(this.deviceNumber, id, startedAt);
        },
      },
      t0,
    );
  }

  #flush(now: number): void {
    this.#flushedAt = now;
    this.#conversation?.flush(now);
  }

  #endsBySilence(now: number): boolean {
    if (!this.#conversation || this.#parts.options.split === 'none') return false;
    const heardAt = Math.max(
      this.#heardAt.sent ?? this.#conversation.startedTick,
      this.#heardAt.received ?? this.#conversation.startedTick,
    );
    return now - heardAt >= (this.#expectedSince === undefined ? SILENCE_MS : FORGOTTEN_MS);
  }

  #watch(now: number): void {
    this.#watchedAt = now;
    const watched = {
      now,
      expectedSince: this.#expectedSince,
      since: this.#conversation?.startedTick,
      secure: this.secure,
      channels: { sent: this.#heard('sent'), received: this.#heard('received') },
    };
    for (const [alarm, details] of Object.entries(conditions(watched, this.#parts.options.noMediaMs))) {
      this.#alarms.set(alarm as Alarm['alarm'], details, now);
    }
    this.#watchStrangers(now);
  }

  #watchStrangers(now: number): void {
    const { sent, received } = this.#flows;
    const strangers = sent.strangers + received.strangers;
    if (strangers > this.#strangers) {
      const channel = sent.lastStranger === '' ? 'received' : 'sent';
      this.#alarms.set('stranger', { channel, from: this.#flows[channel].lastStranger }, now);
      this.#strangers = strangers;
      this.#strangersAt = now;
    } else if (now - this.#strangersAt >= STRANGER_MS) {
      this.#alarms.set('stranger', undefined, now);
    }
  }

  #heard(channel: Channel): Heard {
    const { looksEncrypted, hasKeys, failsAuthentication, counters } = this.#flows[channel];
    return {
      at: this.#heardAt[channel],
      audibleAt: this.#conversation?.report.audibleAt[channel],
      suppresses: this.#conversation?.suppresses(channel) ?? false,
      looksEncrypted,
      hasKeys,
      failsAuthentication,
      authFailed: counters.authFailed,
    };
  }

  #level(channel: Channel): Level {
    const { squares, samples, peak } = this.#loudness[channel];
    this.#loudness[channel] = SILENT;
    return samples === 0
      ? { rmsDb: null, peakDb: null }
      : { rmsDb: decibels(Math.sqrt(squares / samples)), peakDb: decibels(peak) };
  }

  #listener(channel: Channel): FlowListener {
    return {
      begins: (packet, start, previous) => this.#conversation?.begins(channel, packet, start, previous),
      resumes: (packet, start) => {
        if (this.#slackOf(channel, packet) === 0) this.#conversation?.resumes(channel, packet, start);
      },
      packet: (packet, reordered) => {
        this.#hear(channel, packet.arrivedAt);
        this.#conversation?.packet(channel, packet, reordered, this.#slackOf(channel, packet));
      },
      run: (run) => {
        if (this.#slack > 0 || this.#conversation?.run(channel, run) === false) return false;
        this.#hear(channel, run.arrivedAt(run.length - 1));
        return true;
      },
      duplicate: () => this.#conversation?.duplicate(channel),
      tooLate: () => this.#conversation?.tooLate(channel),
      heard: (counts, payloadType) => {
        this.#measure(channel, counts, payloadType);
      },
      undeciphered: (packet) => {
        this.#hear(channel, packet.arrivedAt);
        this.#conversation?.undeciphered(channel, packet, this.#slackOf(channel, packet));
      },
      keep: (packet) => this.#conversation?.keep(channel, packet),
    };
  }

  /** How long a packet may have waited: unread, this process having been busy, or on its way. */
  #slackOf(channel: Channel, { arrivedAt }: Packet): number {
    return Math.max(this.#slack, this.#flows[channel].stalledMs(arrivedAt));
  }

  #hear(channel: Channel, at: number): void {
    this.#heardAt[channel] = Math.max(at, this.#heardAt[channel] ?? at);
  }

  #measure(channel: Channel, counts: ByteCounts, payloadType: number): void {
    const law = lawOf(payloadType);
    if (!law || this.#pause) return;
    const loudness = loudnessOf(counts, law);
    const { squares, samples, peak } = this.#loudness[channel];
    this.#loudness[channel] = {
      squares: squares + loudness.squares,
      samples: samples + loudness.samples,
      peak: Math.max(peak, loudness.peak),
    };
    this.#conversation?.heard(channel, loudness, this.#now);
  }

  #tell(alarm: Alarm): void {
    this.#conversation?.alarm(alarm);
    this.#parts.onAlarm(alarm);
  }

  #epoch(at: number): number {
    return Date.now() - this.#now + at;
  }
}
