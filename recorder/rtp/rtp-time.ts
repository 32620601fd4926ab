/** Arithmetic on RTP timestamps (RFC 3550, 5.1), and where a stream begins. */
import type { Packet } from './packet';
import { SAMPLES_PER_MS } from '../common';

/** Samples from `origin` to `timestamp`, negative when earlier; RTP time is modulo 2^32 (RFC 3550, 5.1). */
export const samplesAfter = (origin: number, timestamp: number): number => (timestamp - origin) | 0;

/** A packet of more samples is none: the timestamp jumps. */
const MAX_PACKET_SAMPLES = 480;

/** Where a stream begins: the packet that was sent first, and when it would have come, had it been delayed no more than the least delayed one. */
export interface StreamStart {
  readonly timestamp: number;
  /** ms on the recorder's clock. */
  readonly at: number;
}

/** Jitter only delays, and the packet that was sent first may have been overtaken. @param packets what came first, in order of arrival */
export function streamStartOf({ header: first, arrivedAt }: Packet, packets: readonly Packet[]): StreamStart {
  let earliest = 0;
  let at = arrivedAt;
  for (const { header, arrivedAt: packetArrivedAt } of packets) {
    const samples = samplesAfter(first.timestamp, header.timestamp);
    const sequenceDistance = ((header.sequenceNumber - first.sequenceNumber) << 16) >> 16;
    if (
      header.ssrc !== first.ssrc ||
      samples * sequenceDistance < 0 ||
      Math.abs(samples) > Math.abs(sequenceDistance) * MAX_PACKET_SAMPLES
    )
      continue;
    earliest = Math.min(earliest, samples);
    at = Math.min(at, packetArrivedAt - samples / SAMPLES_PER_MS);
  }
  return { timestamp: (first.timestamp + earliest) >>> 0, at: at + earliest / SAMPLES_PER_MS };
}
