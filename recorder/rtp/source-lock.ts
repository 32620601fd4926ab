/**
 * Whose packets a flow is made of. A port is open to anybody: the first sender has it. Another one gets it only when the first has
 * been silent, as after hold, conference or transfer; what it sent meanwhile is kept for that case, so that nothing is lost by waiting.
 */
import type { Packet } from './packet';

/** Senders pause for a few packets at most; a phone that takes a call over needs longer than this. */
const OWNER_SILENCE_MS = 500;
/** Packets of old and new sender may overtake each other by so much. */
const SENDER_OVERLAP_MS = 100;
/** One that wants the flow and is quiet for so long has given it up: a call that is transferred twice in a moment. */
const CANDIDATE_SILENCE_MS = 100;
const MAX_CANDIDATE_PACKETS = 64;

export class SourceLock {
  #owner: { readonly ssrc: number; readonly source: string; heardAt: number } | undefined;
  #candidate: Packet[] = [];
  /** Packets of others, which are in no recording. */
  strangers = 0;
  lastStranger = '';

  get owner(): { readonly ssrc: number; readonly source: string } | undefined {
    return this.#owner;
  }

  /** The owner sent again. */
  refreshOwner(at: number): void {
    if (this.#owner) this.#owner.heardAt = at;
  }

  /** @returns `first` when the flow begins with it, `own` when it goes on */
  admit(packet: Packet): 'first' | 'owner' | 'other' {
    const {
      header: { ssrc },
      source,
      arrivedAt,
    } = packet;
    if (!this.#owner) {
      this.#owner = { ssrc, source, heardAt: arrivedAt };
      return 'first';
    }
    if (ssrc === this.#owner.ssrc && source === this.#owner.source) {
      this.#owner.heardAt = arrivedAt;
      return 'owner';
    }
    this.#addCandidate(packet);
    return 'other';
  }

  /**
   * The packets of a sender that has the flow from now on, the first sender being silent; none when there is none.
   * @param immediately the recording ends: whoever came last has it
   */
  takeOver(immediately: boolean): Packet[] {
    const first = this.#candidate[0];
    const last = this.#candidate.at(-1);
    if (!first || !last || !this.#owner) return [];
    this.#reject(({ arrivedAt }) => arrivedAt < (this.#owner?.heardAt ?? 0) - SENDER_OVERLAP_MS);
    if (
      this.#candidate.length === 0 ||
      (!immediately && last.arrivedAt - this.#owner.heardAt < OWNER_SILENCE_MS)
    )
      return [];
    if (immediately && last.arrivedAt < this.#owner.heardAt) return [];
    this.#owner = { ssrc: first.header.ssrc, source: first.source, heardAt: last.arrivedAt };
    return this.#candidate.splice(0);
  }

  /** One candidate at a time: of several, none is trusted but the first, as long as it sends. */
  #addCandidate(packet: Packet): void {
    const last = this.#candidate.at(-1);
    if (last && (last.header.ssrc !== packet.header.ssrc || last.source !== packet.source)) {
      if (packet.arrivedAt - last.arrivedAt < CANDIDATE_SILENCE_MS) return this.#countStranger(packet);
      this.#reject(() => true);
    }
    this.#candidate.push(packet.copy());
    if (this.#candidate.length > MAX_CANDIDATE_PACKETS) this.#reject((_, index) => index === 0);
  }

  #reject(isRejected: (packet: Packet, index: number) => boolean): void {
    this.#candidate = this.#candidate.filter((packet, index) => {
      if (isRejected(packet, index)) this.#countStranger(packet);
      else return true;
      return false;
    });
  }

  #countStranger(packet: Packet): void {
    this.strangers += 1;
    this.lastStranger = packet.source;
  }
}
