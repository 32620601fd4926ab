/**
 * Where on the timeline a packet's first sample belongs: arithmetic on timestamps and times of arrival, without clock or socket.
 * All positions and times are samples (8 a millisecond) from the first packet of either flow.
 */
import { samplesAfter } from '../rtp';
import { SAMPLE_RATE, SAMPLES_PER_MS } from '../common';

/** A timestamp further than this from its time of arrival begins anew there: a hold, another stream, a jump. */
const JUMP_SAMPLES = 2 * SAMPLE_RATE;
/** So much later than its timestamps say, what goes on after a pause wasn't delayed by the network: nothing was kept back. */
const TIMESTAMP_HOLD_SAMPLES = 60 * SAMPLES_PER_MS;
/** A new beginning so near to the end of the audio so far goes on there: it is jitter, not a pause. */
const SNAP_SAMPLES = 30 * SAMPLES_PER_MS;
/** How far sender's and recorder's clock may differ before the audio is moved: both channels may, and shall be less than 40 ms apart. */
const MAX_DRIFT_SAMPLES = 15 * SAMPLES_PER_MS;
/** Jitter only delays: the least delayed of 4 s of packets tells the drift. */
const DRIFT_WINDOW_SAMPLES = 4 * SAMPLE_RATE;
const MIN_OBSERVED_PACKETS = 50;

export class PacketClock {
  #anchorTimestamp = 0;
  #anchorPosition = 0;
  #end = 0;

  #observedSince = 0;
  #observedPackets = 0;
  #minLateness = Infinity;
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
  beginStream(timestamp: number, arrival: number): void {
    this.#anchorTimestamp = timestamp;
    this.#anchorPosition = Math.max(
      0,
      this.#end > 0 && Math.abs(arrival - this.#end) <= SNAP_SAMPLES ? this.#end : arrival,
    );
    this.#restartObservation(arrival);
  }

  /**
   * The position of a packet's first sample.
   * @param arrival when it came
   * @param slackSamples how long it may have waited unread, because this process was busy
   */
  locate(timestamp: number, arrival: number, slackSamples: number): number {
    const position = this.locateReordered(timestamp);
    if (Math.abs(arrival - position) > JUMP_SAMPLES + slackSamples) {
      this.beginStream(timestamp, arrival);
      return this.#anchorPosition;
    }
    if (slackSamples === 0) this.#observe(arrival - position, arrival);
    return position;
  }

  /** The stream goes on after a pause: when its timestamps stood still or jumped meanwhile, what comes now belongs where it came in. */
  resume(timestamp: number, arrival: number): void {
    const lateness = arrival - this.locateReordered(timestamp);
    if (lateness > TIMESTAMP_HOLD_SAMPLES || Math.abs(lateness) > JUMP_SAMPLES)
      this.beginStream(timestamp, arrival);
  }

  /** Whether a packet that came then belongs to the stream, and isn't the beginning of something else. */
  follows(timestamp: number, arrival: number): boolean {
    return Math.abs(arrival - this.locateReordered(timestamp)) <= JUMP_SAMPLES;
  }

  /** The same for a packet that others have overtaken: it says nothing about the clock, and begins nothing. */
  locateReordered(timestamp: number): number {
    return this.#anchorPosition + samplesAfter(this.#anchorTimestamp, timestamp);
  }

  /** Audio was placed up to here. The anchor follows, so that 32 bits of time suffice for a recording of days. */
  advance(timestamp: number, position: number, end: number): void {
    if (end > this.#end) this.#end = end;
    if (samplesAfter(this.#anchorTimestamp, timestamp) > 0) {
      this.#anchorTimestamp = timestamp;
      this.#anchorPosition = position;
    }
  }

  /** Moves all that comes by the drift. @returns by how much */
  correctDrift(arrival: number): number {
    const moved = this.#drift;
    this.#anchorPosition += moved;
    this.#restartObservation(arrival);
    return moved;
  }

  #observe(lateness: number, arrival: number): void {
    if (lateness < this.#minLateness) this.#minLateness = lateness;
    this.#observedPackets += 1;
    if (arrival - this.#observedSince < DRIFT_WINDOW_SAMPLES) return;
    const drift =
      this.#observedPackets >= MIN_OBSERVED_PACKETS && Math.abs(this.#minLateness) > MAX_DRIFT_SAMPLES
        ? this.#minLateness
        : 0;
    this.#restartObservation(arrival);
    this.#drift = drift;
  }

  #restartObservation(since: number): void {
    this.#observedSince = since;
    this.#observedPackets = 0;
    this.#minLateness = Infinity;
    this.#drift = 0;
  }
}
