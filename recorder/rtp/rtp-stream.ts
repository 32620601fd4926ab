/**
 * One of a device's two flows, from the bytes of a port to plain packets in order of arrival: whose they are, which were there before,
 * what they say. Packets are collected and worked off a fifth of a second at a time: when all are as expected as one run, otherwise one by one.
 */
import { Decipherment } from './decryptor';
import { lawOf } from '../audio';
import { Inbox } from './packet-buffer';
import type { MasterKey } from '../srtp';
import { Packet } from './packet';
import { Run } from './packet-run';
import { SequenceWindow } from './sequence-tracker';
import { SourceLock } from './source-lock';
import { isPause, Stall } from './stall-detector';
import { ByteCounts, LEAST_TO_JUDGE } from './byte-histogram';
import { Suspicion } from './ciphertext-detector';
import { samplesAfter, startOf, type Start } from './rtp-time';
import { SAMPLE_RATE } from '../common';

/** Where a flow's packets go. */
export interface FlowListener {
  /** A stream begins: the first of the flow, of another sender (`previous`), or a sender that began anew. */
  begins(packet: Packet, start: Start, previous: string | undefined): void;
  /** It goes on after a pause in which the network kept nothing back. */
  resumes(packet: Packet, start: Start): void;
  /** A plain packet that wasn't there before. @param reordered a later one came first */
  packet(packet: Packet, reordered: boolean): void;
  /** Plain packets of audio that are all as expected. @returns false when they must be told one by one: then nothing was done */
  run(run: Run): boolean;
  duplicate(packet: Packet): void;
  /** Came so late that nobody knows whether it was there before. */
  tooLate(packet: Packet): void;
  /** Audio bytes of plain packets, for the level. `payloadType` of the last one. */
  heard(counts: ByteCounts, payloadType: number): void;
  /** Nobody can decipher it, now. */
  undeciphered(packet: Packet): void;
  /** … and nobody could since: it is to be kept as it came. */
  keep(packet: Packet): void;
}

export interface FlowCounters {
  malformed: number;
  authFailed: number;
  undeciphered: number;
}

/** Before a stream begins, what comes in so many ms is collected: its first packet may be delayed, and the least delayed one tells by how much. */
const BEGIN_MS = 500;
/** So many packets are enough sooner, as when they lay unread. */
const ENOUGH = 50;
/** Waiting for so long, a few packets are judged as they are. */
const LONGEST_WAIT_MS = 500;
/** What can't be deciphered waits for keys so long, as packets of 20 ms: 12 s. */
const MOST_HELD = 600;
/** A jump of the sequence number that is no loss; another packet from there must confirm it (RFC 3550, A.1). */
const JUMP = 3000;
/** Packets that jumped and wait for that … */
const MOST_SUSPECTS = 16;
/** … by one at most so many numbers away: it may have been overtaken, or others lost. */
const NEAR = 50;
/** After so much silence nothing is only late. */
const SILENCE_MS = 2000;
/** A fifth of a second, as packets of 20 ms. */
const JUDGED_TOGETHER = 10;
/** So many wrong tags one after the other are no accident. */
const FAILING = 10;

export class Flow {
  /** Where its packets come in. */
  readonly inbox = new Inbox();
  readonly #run = new Run(this.inbox);
  readonly #lock = new SourceLock();
  readonly #window = new SequenceWindow();
  readonly #decipherment = new Decipherment();
  readonly #suspicion = new Suspicion();
  readonly #stall = new Stall();
  readonly #counts = new ByteCounts();
  #held: Packet[] = [];
  #suspects: Packet[] = [];
  /** The end of what came last, when it may be ciphertext and is too short to tell: it waits for what follows. */
  #doubtful: Packet[] = [];
  #malformed = 0;
  #authFailed = 0;
  #undeciphered = 0;
  #lastTimestamp = 0;
  /** Of the packet that follows the last one, if nothing happens. */
  #nextTimestamp = 0;
  #lastArrivedAt = 0;
  #failures = 0;
  #begun = false;

  constructor(private readonly listener: FlowListener) {}

  get counters(): FlowCounters {
    return {
      malformed: this.inbox.malformed + this.#malformed,
      authFailed: this.#authFailed,
      undeciphered: this.#undeciphered,
    };
  }

  get strangers(): number {
    return this.#lock.strangers;
  }

  get lastStranger(): string {
    return this.#lock.lastStranger;
  }

  /** What came and wasn't worked off yet, by the arrival of its first packet; undefined when there is nothing. */
  get waitingSince(): number | undefined {
    return this.inbox.firstArrival;
  }

  /** When the stream began of which the first packets wait; undefined when none do. */
  get waitingStart(): number | undefined {
    const packets = this.#packets();
    const [first] = packets;
    return first && startOf(first, packets).at;
  }

  /** Packets wait until it can be told when their stream began. */
  isBeginning(now: number): boolean {
    return !this.#begun && this.inbox.length < ENOUGH && now - (this.waitingSince ?? now) < BEGIN_MS;
  }

  /** When the last packet came that isn't worked off yet. */
  get lastWaiting(): number | undefined {
    return this.inbox.lastArrival;
  }

  get looksEncrypted(): boolean {
    return this.#suspicion.certain;
  }

  get hasKeys(): boolean {
    return this.#decipherment.hasKeys;
  }

  /** How long a packet may have been kept back by the network, in ms. */
  stalledMs(arrivedAt: number): number {
    return this.#stall.at(arrivedAt);
  }

  get failsAuthentication(): boolean {
    return this.#failures >= FAILING;
  }

  /** @param master wiped; what couldn't be deciphered so far is tried again */
  setKeys(master: MasterKey | undefined, now: number): void {
    this.#decipherment.setKeys(master, now);
    this.#suspicion.reset();
    this.#failures = 0;
    const held = this.#held.splice(0);
    const failed = this.#decipherment.open(held);
    const speech = this.#speechOf(held.filter((packet) => !failed.has(packet)));
    this.#deliver(speech);
    const delivered = new Set(speech);
    this.#held = held.filter((packet) => !delivered.has(packet));
  }

  /** Works off what has come. @param atOnce without waiting for more: pause, end */
  process(now: number, atOnce: boolean): void {
    this.#decipherment.expire(now);
    if (!atOnce && this.#shouldWait(now)) return;
    if (!this.#takeRun()) this.#takeEach();
    this.inbox.clear();
    if (atOnce || this.#isOver(now)) this.#settle();
    this.#changeSender(atOnce);
  }

  /** The recording ends: what is still held is either speech or kept. */
  flush(now: number): void {
    this.process(now, true);
    for (const packet of this.#held.splice(0)) this.listener.keep(packet);
    this.#suspicion.reset();
  }

  /** What comes belongs to another conversation: it is told where its stream begins. Keys, sender and sequence stay. */
  beginAnew(): void {
    this.#begun = false;
  }

  /** Forgets what came and wasn't worked off, and what is held: nothing of it may be kept. */
  discard(): void {
    this.inbox.clear();
    this.#held = [];
    this.#suspects = [];
    this.#doubtful = [];
  }

  close(): void {
    this.discard();
    this.#decipherment.wipe();
  }

  #shouldWait(now: number): boolean {
    const since = this.waitingSince;
    if (since === undefined) return false;
    if (this.isBeginning(now) || (this.#begun && this.#stall.isOpen(this.#lastArrivedAt, since, now)))
      return true;
    return (
      this.#suspicion.undecided && this.inbox.length < LEAST_TO_JUDGE / 160 && now - since < LONGEST_WAIT_MS
    );
  }

  /** Works off what came, when all of it is as expected. @returns false when something isn't: then nothing was done */
  #takeRun(): boolean {
    const { owner } = this.#lock;
    const { tag, authenticated } = this.#decipherment;
    if (
      !this.#begun ||
      !owner ||
      tag === undefined ||
      this.#held.length > 0 ||
      !(authenticated || this.#suspicion.clear)
    )
      return false;
    const run = this.#run;
    if (!run.read(owner, this.#window.highest + 1, this.#nextTimestamp, tag)) return false;
    const lastArrivedAt = run.arrivedAt(run.length - 1);
    if (
      isPause(this.#lastArrivedAt, run.arrivedAt(0)) ||
      this.#stall.at(run.arrivedAt(0)) > 0 ||
      !this.#decipherment.openRun(run)
    )
      return false;
    if (!authenticated && this.#endsInDoubt(run)) return false;
    this.#countRun(run);
    if (!authenticated && this.#counts.total >= LEAST_TO_JUDGE && this.#counts.looksEncrypted()) return false;
    if (!this.listener.run(run)) return false;
    this.listener.heard(this.#counts, run.payloadType);
    for (let extended = run.extended; extended <= run.last; extended += 1) this.#window.commit(extended);
    this.#lock.heard(lastArrivedAt);
    this.#failures = 0;
    this.#arrived(run.timestampOf(run.length - 1), run.samples, lastArrivedAt);
    return true;
  }

  #takeEach(): void {
    const own: Packet[] = [];
    const packets = this.#packets();
    this.#malformed += this.inbox.length - packets.length;
    for (const packet of packets) this.#sort(packet, own);
    if (this.#begun) this.#stall.judge(this.#lastArrivedAt, own);
    this.#follow(own);
  }

  /** What waits, without what is no packet. */
  #packets(): Packet[] {
    const packets: Packet[] = [];
    this.inbox.forEach((view, start, end, source, arrivedAt) => {
      const packet = Packet.read(view, start, end, source, arrivedAt);
      if (packet) packets.push(packet);
    });
    return packets;
  }

  #sort(packet: Packet, own: Packet[]): void {
    const whose = this.#lock.admit(packet);
    if (whose !== 'other') own.push(packet);
  }

  #changeSender(atOnce: boolean): void {
    const previous = this.#lock.owner?.source;
    const packets = this.#lock.takeOver(atOnce);
    if (packets.length === 0) return;
    this.#keepHeld();
    this.#restart();
    this.#decipherment.beginStream();
    this.#suspicion.reset();
    this.#follow(packets, previous);
  }

  #follow(packets: readonly Packet[], previous?: string): void {
    const known: Packet[] = [];
    for (const [index, packet] of packets.entries()) {
      if (!this.#jumps(packet)) {
        packet.extended = this.#window.extend(packet.header.sequenceNumber);
        known.push(packet);
        continue;
      }
      const confirmed = this.#suspects.filter((suspect) => isNear(suspect, packet));
      if (confirmed.length > 0) {
        this.#suspects = [];
        this.#open(known, previous);
        this.#restart();
        return this.#follow([...confirmed, ...packets.slice(index)]);
      }
      this.#suspects = [...this.#suspects.slice(1 - MOST_SUSPECTS), packet.copy()];
    }
    this.#open(known, previous);
  }

  #restart(): void {
    this.#settle();
    this.#window.restart();
    this.#begun = false;
  }

  /**
   * A sequence number far from the last one, and a timestamp that doesn't explain it by loss, or numbers that were there before after a
   * pause: the sender began anew without a new SSRC, as simple ones do with each call, or the packet is forged. With tags nobody can forge, and nobody begins anew.
   */
  #jumps({ header, arrivedAt }: Packet): boolean {
    if (this.#window.highest < 0 || this.#decipherment.authenticated) return false;
    const ahead = this.#window.extend(header.sequenceNumber) - this.#window.highest;
    if (ahead <= 0 && arrivedAt - this.#lastArrivedAt > SILENCE_MS) return true;
    if (ahead > -JUMP && ahead < JUMP) return false;
    const seconds = samplesAfter(this.#lastTimestamp, header.timestamp) / SAMPLE_RATE;
    return ahead < 0 || Math.abs(seconds - ahead * 0.02) > ahead * 0.015;
  }

  /** Nothing followed what is in doubt: what comes later may go on after a hold, with other keys. */
  #isOver(at: number): boolean {
    const last = this.#doubtful.at(-1);
    return last !== undefined && isPause(last.arrivedAt, at);
  }

  /** What is in doubt goes where it belongs by what is known. */
  #settle(): void {
    // With other keys than before, a part of it may be in doubt again: each time it is less.
    while (this.#doubtful.length > 0) this.#open(this.#doubtful.splice(0), undefined);
  }

  #open(arrived: readonly Packet[], previous: string | undefined): void {
    const [next] = arrived;
    if (!next) return;
    if (this.#isOver(next.arrivedAt)) this.#settle();
    const packets = [...this.#doubtful.splice(0), ...arrived];
    const [first = next] = packets;
    const goesOn = this.#begun;
    if (!goesOn) {
      this.#begun = true;
      this.listener.begins(first, startOf(first, packets), previous);
    }
    const fresh = packets.filter((packet) => this.#isFresh(packet));
    const failed = this.#decipherment.open(fresh);
    this.#tellAuthentication(fresh, failed);
    for (const packet of failed) this.#hold(packet);
    const opened = failed.size === 0 ? fresh : fresh.filter((packet) => !failed.has(packet));
    const [resumed] = opened;
    if (goesOn && resumed && this.#stall.isHold(this.#lastArrivedAt, opened))
      this.listener.resumes(resumed, startOf(resumed, opened));
    // All verify again: what didn't, in between, won't with keys that are still to come.
    if (this.#decipherment.authenticated && failed.size === 0 && fresh.length > 0) this.#keepHeld();
    if (this.#decipherment.authenticated) this.#place(opened);
    else this.#judge(opened);
  }

  #isFresh(packet: Packet): boolean {
    const seen = this.#window.look(packet.extended);
    if (seen === 'duplicate') this.listener.duplicate(packet);
    if (seen === 'old') this.listener.tooLate(packet);
    return seen === 'new';
  }

  #tellAuthentication(packets: readonly Packet[], failed: ReadonlySet<Packet>): void {
    this.#authFailed += failed.size;
    const last = packets.at(-1);
    if (last && !failed.has(last)) this.#failures = 0;
    else this.#failures += failed.size;
  }

  #place(packets: readonly Packet[]): void {
    this.#count(packets);
    this.#tellLevel(packets);
    this.#deliver(packets);
  }

  #judge(packets: readonly Packet[]): void {
    this.#count(packets);
    const verdict = this.#suspicion.judge(this.#counts);
    if (verdict === 'hold') {
      for (const packet of packets) this.#hold(packet);
      return;
    }
    if (verdict === 'release') this.#release();
    if (verdict === 'keep') this.#keepHeld();
    const end =
      verdict === 'place' && this.#counts.total >= LEAST_TO_JUDGE ? this.#evenEnd(packets) : undefined;
    this.#doubtful = packets.filter((packet) => end?.has(packet)).map((packet) => packet.copy());
    this.#place(packets.filter((packet) => !end?.has(packet)));
  }

  /**
   * Keys may change in the middle of what came: then its end, in the order in which it was sent, is even.
   * @returns undefined when that is long enough to tell that it is speech
   */
  #evenEnd(packets: readonly Packet[]): Set<Packet> | undefined {
    const even = new Set<Packet>();
    for (const packet of [...packets].sort((a, b) => b.extended - a.extended)) {
      this.#count([packet]);
      if (!this.#counts.mayBeEncrypted()) break;
      even.add(packet);
    }
    this.#count([...even]);
    return this.#counts.total >= LEAST_TO_JUDGE && !this.#counts.looksEncrypted() ? undefined : even;
  }

  #endsInDoubt(run: Run): boolean {
    this.#countRun(run, run.length - 1);
    return this.#counts.mayBeEncrypted();
  }

  #tellLevel(packets: readonly Packet[]): void {
    const last = packets.at(-1);
    if (last && this.#counts.total > 0) this.listener.heard(this.#counts, last.header.payloadType);
  }

  #count(packets: readonly Packet[]): void {
    this.#counts.clear();
    for (const { header, plain, start, end } of packets) {
      if (lawOf(header.payloadType) !== undefined) this.#counts.add(plain, start, end);
    }
  }

  #countRun(run: Run, first = 0): void {
    this.#counts.clear();
    for (let index = first; index < run.length; index += 1) {
      const start = run.payloadAt(index);
      this.#counts.add(run.plain, start, start + run.samples);
    }
  }

  #deliver(packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (!this.#isFresh(packet)) continue;
      const reordered = packet.extended < this.#window.highest;
      this.#window.commit(packet.extended);
      if (!reordered) this.#arrived(packet.header.timestamp, packet.end - packet.start, packet.arrivedAt);
      this.listener.packet(packet, reordered);
    }
  }

  /** The last packet so far. */
  #arrived(timestamp: number, samples: number, at: number): void {
    this.#lastTimestamp = timestamp;
    this.#nextTimestamp = (timestamp + samples) >>> 0;
    this.#lastArrivedAt = at;
  }

  #hold(packet: Packet): void {
    this.#undeciphered += 1;
    this.listener.undeciphered(packet);
    this.#held.push(packet.copy());
    for (const longest of this.#held.splice(0, Math.max(0, this.#held.length - MOST_HELD)))
      this.listener.keep(longest);
  }

  #keepHeld(): void {
    for (const packet of this.#held.splice(0)) this.listener.keep(packet);
  }

  /** It was speech after all, strangely even. */
  #release(): void {
    const held = this.#held.splice(0);
    const failed = this.#decipherment.open(held);
    for (const packet of failed) this.listener.keep(packet);
    this.#deliver(held.filter((packet) => !failed.has(packet)));
  }

  /** Of packets opened with new keys, those that are speech, by tenths; the others stay held for the next keys. */
  #speechOf(packets: readonly Packet[]): Packet[] {
    if (this.#decipherment.authenticated) return [...packets];
    const speech: Packet[] = [];
    for (let start = 0; start < packets.length; start += JUDGED_TOGETHER) {
      const together = packets.slice(start, start + JUDGED_TOGETHER);
      this.#count(together);
      if (!this.#counts.looksEncrypted()) speech.push(...together);
    }
    return speech;
  }
}

/** A packet that confirms a jump: another one, from nearby. */
function isNear(suspect: Packet, { header }: Packet): boolean {
  const numbers = Math.abs(((header.sequenceNumber - suspect.header.sequenceNumber) << 16) >> 16);
  return numbers > 0 && numbers <= NEAR;
}
