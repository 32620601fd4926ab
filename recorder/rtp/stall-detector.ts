/**
 * Tells a stall from a hold. Packets that a network kept back and lets go at once, and those after a hold in which the sender's timestamp
 * stood still, both come much later than their timestamps say. The first belong where the timestamps say, the others where they came in.
 * What follows shows which it is: after a stall more audio comes than time passes.
 */
import type { Packet } from './packet';
import { samplesAfter } from './rtp-time';
import { SAMPLES_PER_MS } from '../common';

/** Without a packet for so long, it may be either. */
const MIN_PAUSE_MS = 300;
/** What was kept back for less is jitter, and counted as such. */
const MIN_STALL_MS = 2000;
/** So much must have come in before it can be told. */
const OBSERVATION_MS = 200;
/** Audio that comes faster than this many times its length was kept back, and it is more than jitter. */
const MIN_BURST_SPEED = 1.5;
const MAX_JITTER_MS = 60;

/** Whether what comes after it may be either. Times of arrival in ms. */
export const isPause = (lastArrivedAt: number, firstArrivedAt: number): boolean =>
  firstArrivedAt - lastArrivedAt > MIN_PAUSE_MS;

export class StallDetector {
  #stallMs = 0;
  #stallUntil = 0;

  /** How long packets that come at this time may have been on their way, in ms; 0 when nothing was kept back. */
  stallMsAt(now: number): number {
    return now < this.#stallUntil ? this.#stallMs : 0;
  }

  /** Whether packets should be waited for, to tell. Times in ms on the recorder's clock: of the last packet before, of the first one since, and now. */
  isPending(lastArrivedAt: number, firstArrivedAt: number, now: number): boolean {
    return isPause(lastArrivedAt, firstArrivedAt) && now - firstArrivedAt < OBSERVATION_MS;
  }

  /** Looks at what came since. It may go on coming for as long as it was kept back. */
  observe(lastArrivedAt: number, packets: readonly Packet[]): void {
    const [first] = packets;
    if (!first || first.arrivedAt - lastArrivedAt <= MIN_STALL_MS || !wereDelayed(packets)) return;
    this.#stallMs = first.arrivedAt - lastArrivedAt;
    this.#stallUntil = first.arrivedAt + this.#stallMs;
  }

  /** Whether these packets go on after a pause in which nothing was kept back. */
  isHoldEnd(lastArrivedAt: number, packets: readonly Packet[]): boolean {
    const [first] = packets;
    return first !== undefined && isPause(lastArrivedAt, first.arrivedAt) && !wereDelayed(packets);
  }
}

/** More audio came than time passed. */
function wereDelayed(packets: readonly Packet[]): boolean {
  const [first, last] = [packets[0], packets.at(-1)];
  if (!first || !last) return false;
  // They may have overtaken each other.
  const samples = packets.map(({ header }) => samplesAfter(first.header.timestamp, header.timestamp));
  const audioMs = (Math.max(...samples) - Math.min(...samples)) / SAMPLES_PER_MS;
  return audioMs > MIN_BURST_SPEED * (last.arrivedAt - first.arrivedAt) + MAX_JITTER_MS;
}
