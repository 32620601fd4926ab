/**
 * One of a device's two flows, from the bytes of a port to plain packets in order of arrival: whose they are, which were there before,
 * what they say. Packets are collected and worked off a fifth of a second at a time: when all are as expected as one run, otherwise one by one.
 */
import { Decryptor } from './decryptor';
import { lawOf } from '../audio';
import { PacketBuffer } from './packet-buffer';
import type { MasterKey } from '../srtp';
import { Packet } from './packet';
import { PacketRun } from './packet-run';
import { SequenceTracker } from './sequence-tracker';
import { SourceLock } from './source-lock';
import { isPause, StallDetector } from './stall-detector';
import { ByteHistogram, MIN_JUDGED_BYTES } from './byte-histogram';
import { CiphertextDetector } from './ciphertext-detector';
import { samplesAfter, streamStartOf, type StreamStart } from './rtp-time';
import { SAMPLE_RATE } from '../common';

/** Where a flow's packets go. */
export interface RtpStreamListener {
  /** A stream begins: the first of the flow, of another sender (`previous`), or a sender that began anew. */
  onStart(packet: Packet, start: StreamStart, previous: string | undefined): void;
  /** It goes on after a pause in which the network kept nothing back. */
  onResume(packet: Packet, start: StreamStart): void;
  /** A plain packet that wasn't there before. @param reordered a later one came first */
  onPacket(packet: Packet, reordered: boolean): void;
  /** Plain packets of audio that are all as expected. @returns false when they must be told one by one: then nothing was done */
  onRun(run: PacketRun): boolean;
  onDuplicate(packet: Packet): void;
  /** Came so late that nobody knows whether it was there before. */
  onTooLate(packet: Packet): void;
  /** Audio bytes of plain packets, for the level. `payloadType` of the last one. */
  onAudio(counts: ByteHistogram, payloadType: number): void;
  /** Nobody can decipher it, now. */
  onUndeciphered(packet: Packet): void;
  /** … and nobody could since: it is to be kept as it came. */
  onUndecipherable(packet: Packet): void;
}

export interface RtpStreamCounters {
  malformed: number;
  authFailed: number;
  undeciphered: number;
}

/** Before a stream begins, what comes in so many ms is collected: its first packet may be delayed, and the least delayed one tells by how much. */
const START_COLLECT_MS = 500;
/** So many packets are enough sooner, as when they lay unread. */
const START_COLLECT_PACKETS = 50;
/** Waiting for so long, a few packets are judged as they are. */
const MAX_WAIT_MS = 500;
/** What can't be deciphered waits for keys so long, as packets of 20 ms: 12 s. */
const MAX_HELD_PACKETS = 600;
/** A jump of the sequence number that is no loss; another packet from there must confirm it (RFC 3550, A.1). */
const SEQUENCE_JUMP_PACKETS = 3000;
/** Packets that jumped and wait for that … */
const MAX_SUSPECT_PACKETS = 16;
/** … by one at most so many numbers away: it may have been overtaken, or others lost. */
const JUMP_CONFIRM_PACKETS = 50;
/** After so much silence nothing is only late. */
const RESTART_SILENCE_MS = 2000;
/** A fifth of a second, as packets of 20 ms. */
const JUDGED_BATCH_PACKETS = 10;
/** So many wrong tags one after the other are no accident. */
const AUTH_FAILURE_PACKETS = 10;

export class RtpStream {
  readonly #listener: RtpStreamListener;
  /** Where its packets come in. */
  readonly buffer = new PacketBuffer();
  readonly #run = new PacketRun(this.buffer);
  readonly #sourceLock = new SourceLock();
  readonly #sequenceTracker = new SequenceTracker();
  readonly #decryptor = new Decryptor();
  readonly #ciphertextDetector = new CiphertextDetector();
  readonly #stallDetector = new StallDetector();
  readonly #histogram = new ByteHistogram();
  #held: Packet[] = [];
  #suspects: Packet[] = [];
  /** The end of what came last, when it may be ciphertext and is too short to tell: it waits for what follows. */
  #uncertain: Packet[] = [];
  #malformed = 0;
  #authFailed = 0;
  #undeciphered = 0;
  #lastTimestamp = 0;
  /** Of the packet that follows the last one, if nothing happens. */
  #nextTimestamp = 0;
  #lastArrivedAt = 0;
  #failures = 0;
  #started = false;

  constructor(listener: RtpStreamListener) {
    this.#listener = listener;
  }

  get counters(): RtpStreamCounters {
    return {
      malformed: this.buffer.malformed + this.#malformed,
      authFailed: this.#authFailed,
      undeciphered: this.#undeciphered,
    };
  }

  get strangers(): number {
    return this.#sourceLock.strangers;
  }

  get lastStranger(): string {
    return this.#sourceLock.lastStranger;
  }

  /** What came and wasn't worked off yet, by the arrival of its first packet; undefined when there is nothing. */
  get pendingSince(): number | undefined {
    return this.buffer.firstArrival;
  }

  /** When the stream began of which the first packets wait; undefined when none do. */
  get pendingStart(): number | undefined {
    const packets = this.#packets();
    const [first] = packets;
    return first && streamStartOf(first, packets).at;
  }

  /** Packets wait until it can be told when their stream began. */
  isStarting(now: number): boolean {
    return (
      !this.#started &&
      this.buffer.length < START_COLLECT_PACKETS &&
      now - (this.pendingSince ?? now) < START_COLLECT_MS
    );
  }

  /** When the last packet came that isn't worked off yet. */
  get lastPendingArrival(): number | undefined {
    return this.buffer.lastArrival;
  }

  get looksEncrypted(): boolean {
    return this.#ciphertextDetector.detected;
  }

  get hasKeys(): boolean {
    return this.#decryptor.hasKeys;
  }

  /** How long a packet may have been kept back by the network, in ms. */
  stalledMs(arrivedAt: number): number {
    return this.#stallDetector.stallMsAt(arrivedAt);
  }

  get failsAuthentication(): boolean {
    return this.#failures >= AUTH_FAILURE_PACKETS;
  }

  /** @param master wiped; what couldn't be deciphered so far is tried again */
  setKeys(master: MasterKey | undefined, now: number): void {
    this.#decryptor.setKeys(master, now);
    this.#ciphertextDetector.reset();
    this.#failures = 0;
    const held = this.#held.splice(0);
    const failed = this.#decryptor.decrypt(held);
    const speech = this.#selectSpeech(held.filter((packet) => !failed.has(packet)));
    this.#deliver(speech);
    const delivered = new Set(speech);
    this.#held = held.filter((packet) => !delivered.has(packet));
  }

  /** Works off what has come. @param immediately without waiting for more: pause, end */
  process(now: number, immediately: boolean): void {
    this.#decryptor.expire(now);
    if (!immediately && this.#shouldWait(now)) return;
    if (!this.#processRun()) this.#processPackets();
    this.buffer.clear();
    if (immediately || this.#isPausedAfterUncertain(now)) this.#flushUncertain();
    this.#changeSender(immediately);
  }

  /** The recording ends: what is still held is either speech or kept. */
  flush(now: number): void {
    this.process(now, true);
    for (const packet of this.#held.splice(0)) this.#listener.onUndecipherable(packet);
    this.#ciphertextDetector.reset();
  }

  /** What comes belongs to another conversation: it is told where its stream begins. Keys, sender and sequence stay. */
  startNewConversation(): void {
    this.#started = false;
  }

  /** Forgets what came and wasn't worked off, and what is held: nothing of it may be kept. */
  discard(): void {
    this.buffer.clear();
    this.#held = [];
    this.#suspects = [];
    this.#uncertain = [];
  }

  close(): void {
    this.discard();
    this.#decryptor.wipe();
  }

  #shouldWait(now: number): boolean {
    const since = this.pendingSince;
    if (since === undefined) return false;
    if (
      this.isStarting(now) ||
      (this.#started && this.#stallDetector.isPending(this.#lastArrivedAt, since, now))
    )
      return true;
    return (
      this.#ciphertextDetector.undecided &&
      this.buffer.length < MIN_JUDGED_BYTES / 160 &&
      now - since < MAX_WAIT_MS
    );
  }

  /** Works off what came, when all of it is as expected. @returns false when something isn't: then nothing was done */
  #processRun(): boolean {
    const { owner } = this.#sourceLock;
    const { tag, authenticated } = this.#decryptor;
    if (
      !this.#started ||
      !owner ||
      tag === undefined ||
      this.#held.length > 0 ||
      !(authenticated || this.#ciphertextDetector.clear)
    )
      return false;
    const run = this.#run;
    if (!run.read(owner, this.#sequenceTracker.highest + 1, this.#nextTimestamp, tag)) return false;
    const lastArrivedAt = run.arrivedAt(run.length - 1);
    if (
      isPause(this.#lastArrivedAt, run.arrivedAt(0)) ||
      this.#stallDetector.stallMsAt(run.arrivedAt(0)) > 0 ||
      !this.#decryptor.decryptRun(run)
    )
      return false;
    if (!authenticated && this.#endsUncertain(run)) return false;
    this.#countRun(run);
    if (!authenticated && this.#histogram.total >= MIN_JUDGED_BYTES && this.#histogram.looksEncrypted())
      return false;
    if (!this.#listener.onRun(run)) return false;
    this.#listener.onAudio(this.#histogram, run.payloadType);
    for (let extended = run.extended; extended <= run.lastExtended; extended += 1)
      this.#sequenceTracker.commit(extended);
    this.#sourceLock.refreshOwner(lastArrivedAt);
    this.#failures = 0;
    this.#setLastPacket(run.timestampAt(run.length - 1), run.samples, lastArrivedAt);
    return true;
  }

  #processPackets(): void {
    const admitted: Packet[] = [];
    const packets = this.#packets();
    this.#malformed += this.buffer.length - packets.length;
    for (const packet of packets) this.#admit(packet, admitted);
    if (this.#started) this.#stallDetector.observe(this.#lastArrivedAt, admitted);
    this.#trackSequence(admitted);
  }

  /** What waits, without what is no packet. */
  #packets(): Packet[] {
    const packets: Packet[] = [];
    this.buffer.forEach((view, start, end, source, arrivedAt) => {
      const packet = Packet.read(view, start, end, source, arrivedAt);
      if (packet) packets.push(packet);
    });
    return packets;
  }

  #admit(packet: Packet, admitted: Packet[]): void {
    const admission = this.#sourceLock.admit(packet);
    if (admission !== 'other') admitted.push(packet);
  }

  #changeSender(immediately: boolean): void {
    const previous = this.#sourceLock.owner?.source;
    const packets = this.#sourceLock.takeOver(immediately);
    if (packets.length === 0) return;
    this.#storeHeld();
    this.#restart();
    this.#decryptor.beginStream();
    this.#ciphertextDetector.reset();
    this.#trackSequence(packets, previous);
  }

  #trackSequence(packets: readonly Packet[], previous?: string): void {
    const known: Packet[] = [];
    for (const [index, packet] of packets.entries()) {
      if (!this.#isJump(packet)) {
        packet.extended = this.#sequenceTracker.extend(packet.header.sequenceNumber);
        known.push(packet);
        continue;
      }
      const confirmed = this.#suspects.filter((suspect) => confirmsJump(suspect, packet));
      if (confirmed.length > 0) {
        this.#suspects = [];
        this.#decrypt(known, previous);
        this.#restart();
        return this.#trackSequence([...confirmed, ...packets.slice(index)]);
      }
      this.#suspects = [...this.#suspects.slice(1 - MAX_SUSPECT_PACKETS), packet.copy()];
    }
    this.#decrypt(known, previous);
  }

  #restart(): void {
    this.#flushUncertain();
    this.#sequenceTracker.restart();
    this.#started = false;
  }

  /**
   * A sequence number far from the last one, and a timestamp that doesn't explain it by loss, or numbers that were there before after a
   * pause: the sender began anew without a new SSRC, as simple ones do with each call, or the packet is forged. With tags nobody can forge, and nobody begins anew.
   */
  #isJump({ header, arrivedAt }: Packet): boolean {
    if (this.#sequenceTracker.highest < 0 || this.#decryptor.authenticated) return false;
    const ahead = this.#sequenceTracker.extend(header.sequenceNumber) - this.#sequenceTracker.highest;
    if (ahead <= 0 && arrivedAt - this.#lastArrivedAt > RESTART_SILENCE_MS) return true;
    if (ahead > -SEQUENCE_JUMP_PACKETS && ahead < SEQUENCE_JUMP_PACKETS) return false;
    const seconds = samplesAfter(this.#lastTimestamp, header.timestamp) / SAMPLE_RATE;
    return ahead < 0 || Math.abs(seconds - ahead * 0.02) > ahead * 0.015;
  }

  /** Nothing followed what is in doubt: what comes later may go on after a hold, with other keys. */
  #isPausedAfterUncertain(at: number): boolean {
    const last = this.#uncertain.at(-1);
    return last !== undefined && isPause(last.arrivedAt, at);
  }

  /** What is in doubt goes where it belongs by what is known. */
  #flushUncertain(): void {
    // With other keys than before, a part of it may be in doubt again: each time it is less.
    while (this.#uncertain.length > 0) this.#decrypt(this.#uncertain.splice(0), undefined);
  }

  #decrypt(arrived: readonly Packet[], previous: string | undefined): void {
    const [next] = arrived;
    if (!next) return;
    if (this.#isPausedAfterUncertain(next.arrivedAt)) this.#flushUncertain();
    const packets = [...this.#uncertain.splice(0), ...arrived];
    const [first = next] = packets;
    const continuing = this.#started;
    if (!continuing) {
      this.#started = true;
      this.#listener.onStart(first, streamStartOf(first, packets), previous);
    }
    const fresh = packets.filter((packet) => this.#isFresh(packet));
    const failed = this.#decryptor.decrypt(fresh);
    this.#countAuthentication(fresh, failed);
    for (const packet of failed) this.#hold(packet);
    const opened = failed.size === 0 ? fresh : fresh.filter((packet) => !failed.has(packet));
    const [resumed] = opened;
    if (continuing && resumed && this.#stallDetector.isHoldEnd(this.#lastArrivedAt, opened))
      this.#listener.onResume(resumed, streamStartOf(resumed, opened));
    // All verify again: what didn't, in between, won't with keys that are still to come.
    if (this.#decryptor.authenticated && failed.size === 0 && fresh.length > 0) this.#storeHeld();
    if (this.#decryptor.authenticated) this.#accept(opened);
    else this.#classify(opened);
  }

  #isFresh(packet: Packet): boolean {
    const status = this.#sequenceTracker.check(packet.extended);
    if (status === 'duplicate') this.#listener.onDuplicate(packet);
    if (status === 'old') this.#listener.onTooLate(packet);
    return status === 'new';
  }

  #countAuthentication(packets: readonly Packet[], failed: ReadonlySet<Packet>): void {
    this.#authFailed += failed.size;
    const last = packets.at(-1);
    if (last && !failed.has(last)) this.#failures = 0;
    else this.#failures += failed.size;
  }

  #accept(packets: readonly Packet[]): void {
    this.#count(packets);
    this.#reportLevel(packets);
    this.#deliver(packets);
  }

  #classify(packets: readonly Packet[]): void {
    this.#count(packets);
    const verdict = this.#ciphertextDetector.judge(this.#histogram);
    if (verdict === 'hold') {
      for (const packet of packets) this.#hold(packet);
      return;
    }
    if (verdict === 'release') this.#releaseHeld();
    if (verdict === 'store-held') this.#storeHeld();
    const end =
      verdict === 'place' && this.#histogram.total >= MIN_JUDGED_BYTES
        ? this.#uniformTail(packets)
        : undefined;
    this.#uncertain = packets.filter((packet) => end?.has(packet)).map((packet) => packet.copy());
    this.#accept(packets.filter((packet) => !end?.has(packet)));
  }

  /**
   * Keys may change in the middle of what came: then its end, in the order in which it was sent, is even.
   * @returns undefined when that is long enough to tell that it is speech
   */
  #uniformTail(packets: readonly Packet[]): Set<Packet> | undefined {
    const uniform = new Set<Packet>();
    for (const packet of [...packets].sort((a, b) => b.extended - a.extended)) {
      this.#count([packet]);
      if (!this.#histogram.mayBeEncrypted()) break;
      uniform.add(packet);
    }
    this.#count([...uniform]);
    return this.#histogram.total >= MIN_JUDGED_BYTES && !this.#histogram.looksEncrypted()
      ? undefined
      : uniform;
  }

  #endsUncertain(run: PacketRun): boolean {
    this.#countRun(run, run.length - 1);
    return this.#histogram.mayBeEncrypted();
  }

  #reportLevel(packets: readonly Packet[]): void {
    const last = packets.at(-1);
    if (last && this.#histogram.total > 0) this.#listener.onAudio(this.#histogram, last.header.payloadType);
  }

  #count(packets: readonly Packet[]): void {
    this.#histogram.clear();
    for (const { header, plain, start, end } of packets) {
      if (lawOf(header.payloadType) !== undefined) this.#histogram.add(plain, start, end);
    }
  }

  #countRun(run: PacketRun, first = 0): void {
    this.#histogram.clear();
    for (let index = first; index < run.length; index += 1) {
      const start = run.payloadOffset(index);
      this.#histogram.add(run.plain, start, start + run.samples);
    }
  }

  #deliver(packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (!this.#isFresh(packet)) continue;
      const reordered = packet.extended < this.#sequenceTracker.highest;
      this.#sequenceTracker.commit(packet.extended);
      if (!reordered)
        this.#setLastPacket(packet.header.timestamp, packet.end - packet.start, packet.arrivedAt);
      this.#listener.onPacket(packet, reordered);
    }
  }

  /** The last packet so far. */
  #setLastPacket(timestamp: number, samples: number, at: number): void {
    this.#lastTimestamp = timestamp;
    this.#nextTimestamp = (timestamp + samples) >>> 0;
    this.#lastArrivedAt = at;
  }

  #hold(packet: Packet): void {
    this.#undeciphered += 1;
    this.#listener.onUndeciphered(packet);
    this.#held.push(packet.copy());
    for (const oldest of this.#held.splice(0, Math.max(0, this.#held.length - MAX_HELD_PACKETS)))
      this.#listener.onUndecipherable(oldest);
  }

  #storeHeld(): void {
    for (const packet of this.#held.splice(0)) this.#listener.onUndecipherable(packet);
  }

  /** It was speech after all, strangely even. */
  #releaseHeld(): void {
    const held = this.#held.splice(0);
    const failed = this.#decryptor.decrypt(held);
    for (const packet of failed) this.#listener.onUndecipherable(packet);
    this.#deliver(held.filter((packet) => !failed.has(packet)));
  }

  /** Of packets opened with new keys, those that are speech, by tenths; the others stay held for the next keys. */
  #selectSpeech(packets: readonly Packet[]): Packet[] {
    if (this.#decryptor.authenticated) return [...packets];
    const speech: Packet[] = [];
    for (let start = 0; start < packets.length; start += JUDGED_BATCH_PACKETS) {
      const batch = packets.slice(start, start + JUDGED_BATCH_PACKETS);
      this.#count(batch);
      if (!this.#histogram.looksEncrypted()) speech.push(...batch);
    }
    return speech;
  }
}

/** A packet that confirms a jump: another one, from nearby. */
function confirmsJump(suspect: Packet, { header }: Packet): boolean {
  const sequenceDistance = Math.abs(((header.sequenceNumber - suspect.header.sequenceNumber) << 16) >> 16);
  return sequenceDistance > 0 && sequenceDistance <= JUMP_CONFIRM_PACKETS;
}
