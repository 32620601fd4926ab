/** One channel of a conversation: where its packets belong, and what is missing. */
import { Gaps } from './gaps';
import type { Packet } from '../rtp';
import { PacketClock } from './packet-clock';
import type { Channel, GapKind } from '../common';

const USUAL_PACKET_SAMPLES = 160;

export class ChannelState {
  readonly clock = new PacketClock();
  readonly gaps = new Gaps();
  /** 0 left, 1 right. */
  readonly index: 0 | 1;
  /** Comfort noise came last (RFC 3389): what follows is silent because the sender says so. */
  inComfortNoise = false;
  /** It has ever sent comfort noise: then silence is no fault. */
  usesComfortNoise = false;
  #lastExtended = -1;

  constructor(readonly channel: Channel) {
    this.index = channel === 'sent' ? 0 : 1;
  }

  beginStream(timestamp: number, arrival: number): void {
    this.clock.beginStream(timestamp, arrival);
    this.#lastExtended = -1;
    this.inComfortNoise = false;
  }

  /** Why there is nothing between the end so far and this packet, whose audio begins at `position`. */
  gapKindBefore(packet: Packet, position: number): GapKind {
    if (this.inComfortNoise) return 'noise';
    const missing = this.#lastExtended < 0 ? 0 : packet.extended - this.#lastExtended - 1;
    const explained = (missing + 1) * Math.max(USUAL_PACKET_SAMPLES, packet.end - packet.start);
    return missing > 0 && position - this.gaps.end <= explained ? 'loss' : 'no-media';
  }

  packetReceived(extended: number): void {
    this.#lastExtended = Math.max(this.#lastExtended, extended);
  }
}
