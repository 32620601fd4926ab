/**
 * Which keys open a flow's packets: nobody tells whether they carry a tag, nor when the sender goes over to new keys. So an unknown
 * packet is tried: a tag proves the keys; without one, that which looks like speech is right.
 */
import { SrtpKeys, TAG_LENGTHS, type Ciphered, type MasterKey, type TagLength } from '../srtp';
import { lawOf } from '../audio';
import type { Packet } from './packet';
import { FIXED_HEADER } from './rtp-header';
import type { Run } from './packet-run';
import { rolloverCounter } from './sequence-tracker';
import { ByteCounts } from './byte-histogram';

/** How a packet is opened. */
interface Way {
  /** Undefined: it isn't encrypted. */
  readonly keys: SrtpKeys | undefined;
  readonly tag: TagLength;
  /** Cycles of the sequence number that the sender doesn't count, because it began anew with these keys. */
  readonly cycles: number;
}

const CLEAR: Way = { keys: undefined, tag: 0, cycles: 0 };
/** The sender may use the old keys so long after the new ones are told. */
const OVERLAP_MS = 5000;
/** Above what ciphertext gives (255 ± 23) by five deviations: speech, in a single packet. */
const SPEECH = 370;
/** So much more uneven with the new keys than with the old ones, all packets together: the sender uses the new ones. */
const SURE = 100;
/** G.711 comes in multiples of 10 ms, 80 bytes: what is longer by a tag has one. */
const BLOCK = 80;

export class Decipherment {
  #keys: SrtpKeys | undefined;
  #previous: SrtpKeys | undefined;
  #previousUntil = 0;
  #way: Way | undefined;
  readonly #counts = new ByteCounts();

  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  /** Every packet is proved by its tag. */
  get authenticated(): boolean {
    return this.#way !== undefined && this.#way.tag > 0;
  }

  /** Bytes of the tag that packets have; undefined while nobody knows how they are opened. */
  get tag(): TagLength | undefined {
    return this.#usual?.tag;
  }

  /** The way that all packets are opened as long as nothing changes. */
  get #usual(): Way | undefined {
    return !this.#keys && !this.#previous ? CLEAR : this.#way;
  }

  /** @param master wiped; undefined: what comes isn't encrypted */
  setKeys(master: MasterKey | undefined, now: number): void {
    this.#previous?.wipe();
    this.#previous = this.#keys;
    this.#previousUntil = now + OVERLAP_MS;
    this.#keys = master && new SrtpKeys(master);
    this.#way = undefined;
  }

  /** Another sender may do it another way. */
  beginStream(): void {
    this.#way = undefined;
  }

  expire(now: number): void {
    if (!this.#previous || now < this.#previousUntil) return;
    this.#previous.wipe();
    this.#previous = undefined;
  }

  wipe(): void {
    this.#keys?.wipe();
    this.#previous?.wipe();
    this.#keys = undefined;
    this.#previous = undefined;
    this.#way = undefined;
  }

  /**
   * Opens packets, which must have their extended number.
   * @returns those whose tag is wrong
   */
  open(packets: readonly Packet[]): Set<Packet> {
    const failed = new Set<Packet>();
    const ways = new Map<Way, Packet[]>();
    const changing = this.#changeOver(packets);
    for (const packet of packets) {
      const way = changing?.get(packet) ?? this.#wayOf(packet);
      const together = way && ways.get(way);
      if (!way) failed.add(packet);
      else if (together) together.push(packet);
      else ways.set(way, [packet]);
    }
    for (const [way, opened] of ways) this.#openAll(way, opened, failed);
    return failed;
  }

  /** Opens all of a run. @returns false when one has a wrong tag */
  openRun(run: Run): boolean {
    const way = this.#usual;
    if (!way?.keys) return way !== undefined;
    const packets: Ciphered[] = [];
    for (let index = 0; index < run.length; index += 1) {
      const start = run.packetAt(index);
      const end = start + run.bytes;
      const counter = rolloverCounter(run.extended + index) - way.cycles;
      if (way.tag > 0 && !way.keys.verifies(run.view, start, end, counter, way.tag)) return false;
      packets.push({
        view: run.view,
        start: start + FIXED_HEADER,
        end: end - way.tag,
        ssrc: run.ssrc,
        sequenceNumber: (run.extended + index) & 0xffff,
        rolloverCounter: counter,
      });
    }
    const { plain, offsets } = way.keys.decipher(packets);
    run.expose(plain, 0, offsets[1] ?? 0);
    return true;
  }

  #openAll(way: Way, packets: readonly Packet[], failed: Set<Packet>): void {
    if (!way.keys) {
      for (const packet of packets)
        if (!packet.expose(packet.view, packet.header.payloadStart, packet.to)) failed.add(packet);
      return;
    }
    const { plain, offsets } = way.keys.decipher(packets.map((packet) => ciphered(packet, way)));
    packets.forEach((packet, index) => {
      const start = offsets[index] ?? 0;
      if (!packet.expose(plain, start, start + packet.to - way.tag - packet.header.payloadStart))
        failed.add(packet);
    });
  }

  #wayOf(packet: Packet): Way | undefined {
    if (!this.#keys && !this.#previous) return CLEAR;
    if (this.#way && (this.#way.tag === 0 || verifies(packet, this.#way))) return this.#way;
    return this.#proved(packet) ?? this.#guessed(packet);
  }

  /** The way whose tag is right. Once with the new keys, always with them. */
  #proved(packet: Packet): Way | undefined {
    for (const keys of [this.#keys, this.#previous]) {
      if (!keys) continue;
      for (const cycles of this.#cycles(packet)) {
        for (const tag of TAG_LENGTHS) {
          const way = { keys, tag, cycles };
          if (verifies(packet, way)) return keys === this.#keys ? (this.#way = way) : way;
        }
      }
    }
    return undefined;
  }

  /**
   * Without a tag, when new keys were told: the sender goes over to them once and for all, at the packet for which speech is likeliest
   * before with the old ones and behind with the new ones. One packet alone is easily mistaken, ten are not.
   * @returns undefined when there is nothing to choose; packets that have or may have a tag are left out
   */
  #changeOver(packets: readonly Packet[]): Map<Packet, Way> | undefined {
    const [keys, previous] = [this.#keys, this.#previous];
    if (this.#way || !keys || !previous) return undefined;
    const audio = packets.filter((packet) => this.#isUntagged(packet));
    const before = audio.map((packet) => this.#best(packet, previous));
    const after = audio.map((packet) => this.#best(packet, keys));
    let gain = 0;
    let most = 0;
    let change = audio.length;
    for (let index = audio.length - 1; index >= 0; index -= 1) {
      gain += (after[index]?.mark ?? 0) - (before[index]?.mark ?? 0);
      if (gain > most) [most, change] = [gain, index];
    }
    const settled = after[change];
    if (settled && most > SURE) this.#way = settled.way;
    return new Map(
      audio.map((packet, index) => [
        packet,
        ((index < change ? before : after)[index] ?? { way: CLEAR }).way,
      ]),
    );
  }

  #isUntagged(packet: Packet): boolean {
    const excess = (packet.to - packet.header.payloadStart) % BLOCK;
    return lawOf(packet.header.payloadType) !== undefined && excess === 0 && !this.#proved(packet);
  }

  #best(packet: Packet, keys: SrtpKeys): { way: Way; mark: number } {
    const ways = this.#cycles(packet).map((cycles): Way => ({ keys, tag: 0, cycles }));
    return [...ways, CLEAR]
      .map((way) => ({ way, mark: this.#unevenness(packet, way) }))
      .reduce((best, other) => (other.mark > best.mark ? other : best));
  }

  /** Without a tag: the way that gives the least even bytes. */
  #guessed(packet: Packet): Way | undefined {
    if (this.#way) return undefined;
    const audio = lawOf(packet.header.payloadType) !== undefined;
    const excess = (packet.to - packet.header.payloadStart) % BLOCK;
    if (audio && !packet.header.padded && (TAG_LENGTHS as readonly number[]).includes(excess))
      return undefined;
    const ways = this.#untagged(packet);
    if (!audio) return ways[0];
    const marks = ways.map((way) => this.#unevenness(packet, way));
    const best = marks.indexOf(Math.max(...marks));
    const way = ways[best];
    if ((marks[best] ?? 0) > SPEECH && way?.keys === this.#keys) this.#way = way;
    return way;
  }

  #untagged(packet: Packet): Way[] {
    const ways: Way[] = [];
    for (const keys of [this.#keys, this.#previous]) {
      if (keys) for (const cycles of this.#cycles(packet)) ways.push({ keys, tag: 0, cycles });
    }
    return [...ways, CLEAR];
  }

  #cycles(packet: Packet): number[] {
    const counted = rolloverCounter(packet.extended);
    return counted > 0 ? [0, counted] : [0];
  }

  #unevenness(packet: Packet, way: Way): number {
    this.#counts.clear();
    if (way.keys) {
      const { plain } = way.keys.decipher([ciphered(packet, way)]);
      this.#counts.add(plain, 0, packet.to - packet.header.payloadStart);
    } else {
      this.#counts.add(packet.view, packet.header.payloadStart, packet.to);
    }
    return this.#counts.chiSquare();
  }
}

const counterOf = (packet: Packet, way: Way): number => rolloverCounter(packet.extended) - way.cycles;

function verifies(packet: Packet, way: Way): boolean {
  return (
    way.keys !== undefined &&
    packet.header.payloadStart + way.tag <= packet.to &&
    way.keys.verifies(packet.view, packet.from, packet.to, counterOf(packet, way), way.tag)
  );
}

function ciphered(packet: Packet, way: Way): Ciphered {
  const { ssrc, sequenceNumber, payloadStart } = packet.header;
  return {
    view: packet.view,
    start: payloadStart,
    end: packet.to - way.tag,
    ssrc,
    sequenceNumber,
    rolloverCounter: counterOf(packet, way),
  };
}
