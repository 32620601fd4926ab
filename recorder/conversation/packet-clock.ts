/**
 * Where on the timeline a packet's first sample belongs: arithmetic on timestamps and times of arrival, without clock or socket.
 * All positions and times are samples (8 a millisecond) from the first packet of either flow.
 */
import { samplesAfter } from '../rtp';
import { SAMPLE_RATE, SAMPLES_PER_MS } from '../common';

/** A timestamp further than this from its time of arrival begins anew there: a hold, another stream, a jump. */
const JUMP = 2 * SAMPLE_RATE;
/** So much later than its timestamps say, what goes on after a pause wasn't delayed by the network: nothing was kept back. */
const STOOD_STILL = 60 * SAMPLES_PER_MS;
/** A new beginning so near to the end of the audio so far goes on there: it is jitter, not a pause. */
const SNAP = 30 * SAMPLES_PER_MS;
/** How far sender's and recorder's clock may differ before the audio is moved: both channels may, and shall be less than 40 ms apart. */
const DRIFT = 15 * SAMPLES_PER_MS;
/** Jitter only delays: the least delayed of 4 s of packets tells the drift. */
const OBSERVED = 4 * SAMPLE_RATE;
const LEAST_OBSERVED = 50;

export class Track {
  #anchorTimestamp = 0;
  #anchorPosition = 0;
  #end = 0;

  #observedSince = 0;
  #observed = 0;
  #leastLateness = Infinity;
  #drift = 0;

  /** The end of the last audio that was placed. */
  get end(): number {
    return this.#end;
  }

  /** How far the audio should be moved, when it is silent: positive is later. 0 when it is right. */
  get drift(): number {
    return this.#drift;
  }

  /** A stream begins, or another one goes on: its first sample belongs where it arrived, or at the end of the audio so far when that is near. */
  begin(timestamp: number, arrival: number): void {
    this.#anchorTimestamp = timestamp;
    this.#anchorPosition = Math.max(
      0,
      this.#end > 0 && Math.abs(arrival - this.#end) <= SNAP ? this.#end : arrival,
    );
    this.#observeAnew(arrival);
  }

  /**
   * The position of a packet's first sample.
   * @param arrival when it came
   * @param slack how long it may have waited unread, because this process was busy
   */
  locate(timestamp: number, arrival: number, slack: number): number {
    const position = this.locateReordered(timestamp);
    if (Math.abs(arrival - position) > JUMP + slack) {
      this.begin(timestamp, arrival);
      return this.#anchorPosition;
    }
    if (slack === 0) this.#observe(arrival - position, arrival);
    return position;
  }

  /** The stream goes on after a pause: when its timestamps stood still or jumped meanwhile, what comes now belongs where it came in. */
  resume(timestamp: number, arrival: number): void {
    const lateness = arrival - this.locateReordered(timestamp);
    if (lateness > STOOD_STILL || Math.abs(lateness) > JUMP) this.begin(timestamp, arrival);
  }

  /** Whether a packet that came then belongs to the stream, and isn't the beginning of something else. */
  follows(timestamp: number, arrival: number): boolean {
    return Math.abs(arrival - this.locateReordered(timestamp)) <= JUMP;
  }

  /** The same for a packet that others have overtaken: it says nothing about the clock, and begins nothing. */
  locateReordered(timestamp: number): number {
    return this.#anchorPosition + samplesAfter(this.#anchorTimestamp, timestamp);
  }

  /** Audio was placed up to here. The anchor follows, so that 32 bits of time suffice for a recording of days. */
  placed(timestamp: number, position: number, end: number): void {
    if (end > this.#end) this.#end = end;
    if (samplesAfter(this.#anchorTimestamp, timestamp) > 0) {
      this.#anchorTimestamp = timestamp;
      this.#anchorPosition = position;
    }
  }

  /** Moves all that comes by the drift. @returns by how much */
  correct(arrival: number): number {
    const moved = this.#drift;
    this.#anchorPosition += moved;
    this.#observeAnew(arrival);
    return moved;
  }

  #observe(lateness: number, arrival: number): void {
    if (lateness < this.#leastLateness) this.#leastLateness = lateness;
    this.#observed += 1;
    if (arrival - this.#observedSince < OBSERVED) return;
    const drift =
      this.#observed >= LEAST_OBSERVED && Math.abs(this.#leastLateness) > DRIFT ? this.#leastLateness : 0;
    this.#observeAnew(arrival);
    this.#drift = drift;
  }

  #observeAnew(since: number): void {
    this.#observedSince = since;
    this.#observed = 0;
    this.#leastLateness = Infinity;
    this.#drift = 0;
  }
}
