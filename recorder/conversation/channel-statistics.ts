/** What is counted of one channel of one file. Pure: times come in as arguments. */
import { G711_TO_LINEAR, type Law } from '../audio';
import { meanOpinionScore } from './mos';
import { codecName, samplesAfter, type PacketRun, type ByteHistogram } from '../rtp';
import { SAMPLES_PER_MS, type ChannelReport } from '../common';

/** Full scale of 16 bits. */
const FULL_SCALE = 32768;
/** SSRCs and codecs that are listed; more are only counted. */
const MAX_LISTED_SOURCES = 64;

/** What the flow has counted since it is open; a file's share is the difference. */
export interface RtpStreamTotals {
  readonly malformed: number;
  readonly strangers: number;
  readonly authFailed: number;
  readonly undeciphered: number;
}

export class ChannelStatistics {
  readonly #totals: RtpStreamTotals;
  packets = 0;
  duplicated = 0;
  reordered = 0;
  late = 0;
  readonly ssrcs: number[] = [];
  readonly #codecs = new Map<number, number>();
  /** Milliseconds on the recorder's clock. */
  firstAt: number | undefined;
  lastAt: number | undefined;

  /** Lost in streams that are over. */
  #lostInEarlierStreams = 0;
  #first = -1;
  #highest = -1;
  #received = 0;

  #transit: number | undefined;
  #jitter = 0;
  #maxJitter = 0;

  #squares = 0;
  #samples = 0;
  #peak = 0;

  /** @param totals the flow's counters when the file began */
  constructor(totals: RtpStreamTotals) {
    this.#totals = totals;
  }

  beginStream(ssrc: number): void {
    this.#lostInEarlierStreams += this.#lostInStream();
    this.#first = -1;
    this.#highest = -1;
    this.#received = 0;
    this.#transit = undefined;
    if (!this.ssrcs.includes(ssrc) && this.ssrcs.length < MAX_LISTED_SOURCES) this.ssrcs.push(ssrc);
  }

  /** A packet that wasn't there before. */
  receive(extended: number, payloadType: number, arrivedAt: number): void {
    this.#receive(1, extended, extended, payloadType);
    this.#noteArrival(arrivedAt);
  }

  /** Packets that weren't there before. */
  receiveRun(run: PacketRun): void {
    this.#receive(run.length, run.extended, run.lastExtended, run.payloadType);
    this.#noteArrival(run.arrivedAt(0));
    this.#noteArrival(run.arrivedAt(run.length - 1));
    for (let index = 0; index < run.length; index += 1)
      this.updateJitter(run.timestampAt(index), run.arrivedAt(index));
  }

  /** RFC 3550, A.8: the difference of transit times, smoothed over 16 packets. */
  updateJitter(timestamp: number, arrivedAt: number): void {
    const transit = samplesAfter(timestamp, Math.round(arrivedAt * SAMPLES_PER_MS) >>> 0);
    if (this.#transit !== undefined) {
      const difference = Math.abs((transit - this.#transit) | 0);
      this.#jitter += (difference - this.#jitter) / 16;
      this.#maxJitter = Math.max(this.#maxJitter, this.#jitter);
    }
    this.#transit = transit;
  }

  /** The next packet's time can't be compared: the stream jumped, or waited unread. */
  breakJitter(): void {
    this.#transit = undefined;
  }

  addLoudness({ squares, samples, peak }: Loudness): void {
    this.#squares += squares;
    this.#samples += samples;
    this.#peak = Math.max(this.#peak, peak);
  }

  get lost(): number {
    return this.#lostInEarlierStreams + this.#lostInStream();
  }

  /**
   * @param totals the flow's counters now
   * @param wallClock makes a date of milliseconds on the recorder's clock
   */
  report(totals: RtpStreamTotals, longestGapMs: number, wallClock: (at: number) => string): ChannelReport {
    const expected = this.packets + this.lost;
    const jitterMs = round(this.#jitter / SAMPLES_PER_MS);
    return {
      packets: this.packets,
      lost: this.lost,
      duplicated: this.duplicated,
      reordered: this.reordered,
      late: this.late,
      jitterMs,
      maxJitterMs: round(this.#maxJitter / SAMPLES_PER_MS),
      longestGapMs,
      codec: this.#codec(),
      ssrcs: [...this.ssrcs],
      malformed: totals.malformed - this.#totals.malformed,
      strangers: totals.strangers - this.#totals.strangers,
      authFailed: totals.authFailed - this.#totals.authFailed,
      undeciphered: totals.undeciphered - this.#totals.undeciphered,
      levelDb: this.#samples === 0 ? null : decibels(Math.sqrt(this.#squares / this.#samples)),
      peakDb: this.#samples === 0 ? null : decibels(this.#peak),
      mos: expected === 0 ? null : meanOpinionScore((100 * (this.lost + this.late)) / expected, jitterMs),
      firstPacketAt: this.firstAt === undefined ? null : wallClock(this.firstAt),
      lastPacketAt: this.lastAt === undefined ? null : wallClock(this.lastAt),
    };
  }

  #receive(packets: number, first: number, last: number, payloadType: number): void {
    this.packets += packets;
    this.#received += packets;
    if (this.#first < 0 || first < this.#first) this.#first = first;
    if (last > this.#highest) this.#highest = last;
    if (this.#codecs.size < MAX_LISTED_SOURCES || this.#codecs.has(payloadType))
      this.#codecs.set(payloadType, (this.#codecs.get(payloadType) ?? 0) + packets);
  }

  #noteArrival(at: number): void {
    this.firstAt = Math.min(this.firstAt ?? at, at);
    this.lastAt = Math.max(this.lastAt ?? at, at);
  }

  #lostInStream(): number {
    return this.#first < 0 ? 0 : Math.max(0, this.#highest - this.#first + 1 - this.#received);
  }

  /** The one that most packets had. */
  #codec(): string | null {
    let mostUsed: [number, number] | undefined;
    for (const entry of this.#codecs) if (!mostUsed || entry[1] > mostUsed[1]) mostUsed = entry;
    return mostUsed ? codecName(mostUsed[0]) : null;
  }
}

/** Sum of the squares and the highest magnitude, linear, of so many samples. */
export interface Loudness {
  readonly squares: number;
  readonly samples: number;
  readonly peak: number;
}

export function loudnessOf({ counts, total }: ByteHistogram, law: Law): Loudness {
  let squares = 0;
  let peak = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    const count = counts[byte] ?? 0;
    if (count === 0) continue;
    const value = G711_TO_LINEAR[law][byte] ?? 0;
    squares += count * value * value;
    peak = Math.max(peak, Math.abs(value));
  }
  return { squares, samples: total, peak };
}

/** Linear to dB below full scale; null for nothing at all. */
export function decibels(linear: number): number | null {
  return linear <= 0 ? null : round(20 * Math.log10(linear / FULL_SCALE));
}

const round = (value: number): number => Math.round(value * 10) / 10;
