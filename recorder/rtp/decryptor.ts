/**
 * Which keys open a flow's packets: nobody tells whether they carry a tag, nor when the sender goes over to new keys. So an unknown
 * packet is tried: a tag proves the keys; without one, that which looks like speech is right.
 */
import { SrtpKeys, TAG_LENGTHS, type EncryptedPayload, type MasterKey, type TagLength } from '../srtp';
import { lawOf } from '../audio';
import type { Packet } from './packet';
import { FIXED_HEADER_BYTES } from './rtp-header';
import type { PacketRun } from './packet-run';
import { rolloverCounter } from './sequence-tracker';
import { ByteHistogram } from './byte-histogram';

/** How a packet is opened. */
interface DecryptionParameters {
  /** Undefined: it isn't encrypted. */
  readonly keys: SrtpKeys | undefined;
  readonly tag: TagLength;
  /** Cycles of the sequence number that the sender doesn't count, because it began anew with these keys. */
  readonly cycles: number;
}

const UNENCRYPTED: DecryptionParameters = { keys: undefined, tag: 0, cycles: 0 };
/** The sender may use the old keys so long after the new ones are told. */
const KEY_OVERLAP_MS = 5000;
/** Above what ciphertext gives (255 ± 23) by five deviations: speech, in a single packet. */
const MIN_SPEECH_CHI_SQUARE = 370;
/** So much more uneven with the new keys than with the old ones, all packets together: the sender uses the new ones. */
const MIN_CHI_SQUARE_GAIN = 100;
/** G.711 comes in multiples of 10 ms, 80 bytes: what is longer by a tag has one. */
const G711_BLOCK_BYTES = 80;

export class Decryptor {
  #keys: SrtpKeys | undefined;
  #previousKeys: SrtpKeys | undefined;
  #previousKeysUntil = 0;
  #parameters: DecryptionParameters | undefined;
  readonly #histogram = new ByteHistogram();

  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  /** Every packet is proved by its tag. */
  get authenticated(): boolean {
    return this.#parameters !== undefined && this.#parameters.tag > 0;
  }

  /** Bytes of the tag that packets have; undefined while nobody knows how they are opened. */
  get tag(): TagLength | undefined {
    return this.#currentParameters?.tag;
  }

  /** The way that all packets are opened as long as nothing changes. */
  get #currentParameters(): DecryptionParameters | undefined {
    return !this.#keys && !this.#previousKeys ? UNENCRYPTED : this.#parameters;
  }

  /** @param master wiped; undefined: what comes isn't encrypted */
  setKeys(master: MasterKey | undefined, now: number): void {
    this.#previousKeys?.wipe();
    this.#previousKeys = this.#keys;
    this.#previousKeysUntil = now + KEY_OVERLAP_MS;
    this.#keys = master && new SrtpKeys(master);
    this.#parameters = undefined;
  }

  /** Another sender may do it another way. */
  beginStream(): void {
    this.#parameters = undefined;
  }

  expire(now: number): void {
    if (!this.#previousKeys || now < this.#previousKeysUntil) return;
    this.#previousKeys.wipe();
    this.#previousKeys = undefined;
  }

  wipe(): void {
    this.#keys?.wipe();
    this.#previousKeys?.wipe();
    this.#keys = undefined;
    this.#previousKeys = undefined;
    this.#parameters = undefined;
  }

  /**
   * Opens packets, which must have their extended number.
   * @returns those whose tag is wrong
   */
  decrypt(packets: readonly Packet[]): Set<Packet> {
    const failed = new Set<Packet>();
    const candidates = new Map<DecryptionParameters, Packet[]>();
    const keyChange = this.#findKeyChange(packets);
    for (const packet of packets) {
      const parameters = keyChange?.get(packet) ?? this.#parametersFor(packet);
      const group = parameters && candidates.get(parameters);
      if (!parameters) failed.add(packet);
      else if (group) group.push(packet);
      else candidates.set(parameters, [packet]);
    }
    for (const [parameters, opened] of candidates) this.#decryptAll(parameters, opened, failed);
    return failed;
  }

  /** Opens all of a run. @returns false when one has a wrong tag */
  decryptRun(run: PacketRun): boolean {
    const parameters = this.#currentParameters;
    if (!parameters?.keys) return parameters !== undefined;
    const packets: EncryptedPayload[] = [];
    for (let index = 0; index < run.length; index += 1) {
      const start = run.packetOffset(index);
      const end = start + run.bytes;
      const counter = rolloverCounter(run.extended + index) - parameters.cycles;
      if (parameters.tag > 0 && !parameters.keys.verifies(run.view, start, end, counter, parameters.tag))
        return false;
      packets.push({
        view: run.view,
        start: start + FIXED_HEADER_BYTES,
        end: end - parameters.tag,
        ssrc: run.ssrc,
        sequenceNumber: (run.extended + index) & 0xffff,
        rolloverCounter: counter,
      });
    }
    const { plain, offsets } = parameters.keys.decrypt(packets);
    run.setPayloads(plain, 0, offsets[1] ?? 0);
    return true;
  }

  #decryptAll(parameters: DecryptionParameters, packets: readonly Packet[], failed: Set<Packet>): void {
    if (!parameters.keys) {
      for (const packet of packets)
        if (!packet.setPayload(packet.view, packet.header.payloadStart, packet.to)) failed.add(packet);
      return;
    }
    const { plain, offsets } = parameters.keys.decrypt(
      packets.map((packet) => encryptedPayloadOf(packet, parameters)),
    );
    packets.forEach((packet, index) => {
      const start = offsets[index] ?? 0;
      if (!packet.setPayload(plain, start, start + packet.to - parameters.tag - packet.header.payloadStart))
        failed.add(packet);
    });
  }

  #parametersFor(packet: Packet): DecryptionParameters | undefined {
    if (!this.#keys && !this.#previousKeys) return UNENCRYPTED;
    if (this.#parameters && (this.#parameters.tag === 0 || verifies(packet, this.#parameters)))
      return this.#parameters;
    return this.#authenticate(packet) ?? this.#guess(packet);
  }

  /** The way whose tag is right. Once with the new keys, always with them. */
  #authenticate(packet: Packet): DecryptionParameters | undefined {
    for (const keys of [this.#keys, this.#previousKeys]) {
      if (!keys) continue;
      for (const cycles of this.#possibleCycles(packet)) {
        for (const tag of TAG_LENGTHS) {
          const parameters = { keys, tag, cycles };
          if (verifies(packet, parameters))
            return keys === this.#keys ? (this.#parameters = parameters) : parameters;
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
  #findKeyChange(packets: readonly Packet[]): Map<Packet, DecryptionParameters> | undefined {
    const [keys, previous] = [this.#keys, this.#previousKeys];
    if (this.#parameters || !keys || !previous) return undefined;
    const audio = packets.filter((packet) => this.#isUntagged(packet));
    const before = audio.map((packet) => this.#bestGuess(packet, previous));
    const after = audio.map((packet) => this.#bestGuess(packet, keys));
    let gain = 0;
    let maxGain = 0;
    let change = audio.length;
    for (let index = audio.length - 1; index >= 0; index -= 1) {
      gain += (after[index]?.score ?? 0) - (before[index]?.score ?? 0);
      if (gain > maxGain) [maxGain, change] = [gain, index];
    }
    const firstAfterChange = after[change];
    if (firstAfterChange && maxGain > MIN_CHI_SQUARE_GAIN) this.#parameters = firstAfterChange.parameters;
    return new Map(
      audio.map((packet, index) => [
        packet,
        ((index < change ? before : after)[index] ?? { parameters: UNENCRYPTED }).parameters,
      ]),
    );
  }

  #isUntagged(packet: Packet): boolean {
    const excess = (packet.to - packet.header.payloadStart) % G711_BLOCK_BYTES;
    return lawOf(packet.header.payloadType) !== undefined && excess === 0 && !this.#authenticate(packet);
  }

  #bestGuess(packet: Packet, keys: SrtpKeys): { parameters: DecryptionParameters; score: number } {
    const candidates = this.#possibleCycles(packet).map((cycles): DecryptionParameters => ({
      keys,
      tag: 0,
      cycles,
    }));
    return [...candidates, UNENCRYPTED]
      .map((parameters) => ({ parameters, score: this.#chiSquare(packet, parameters) }))
      .reduce((best, other) => (other.score > best.score ? other : best));
  }

  /** Without a tag: the way that gives the least even bytes. */
  #guess(packet: Packet): DecryptionParameters | undefined {
    if (this.#parameters) return undefined;
    const audio = lawOf(packet.header.payloadType) !== undefined;
    const excess = (packet.to - packet.header.payloadStart) % G711_BLOCK_BYTES;
    if (audio && !packet.header.padded && (TAG_LENGTHS as readonly number[]).includes(excess))
      return undefined;
    const candidates = this.#untaggedCandidates(packet);
    if (!audio) return candidates[0];
    const scores = candidates.map((parameters) => this.#chiSquare(packet, parameters));
    const best = scores.indexOf(Math.max(...scores));
    const parameters = candidates[best];
    if ((scores[best] ?? 0) > MIN_SPEECH_CHI_SQUARE && parameters?.keys === this.#keys)
      this.#parameters = parameters;
    return parameters;
  }

  #untaggedCandidates(packet: Packet): DecryptionParameters[] {
    const candidates: DecryptionParameters[] = [];
    for (const keys of [this.#keys, this.#previousKeys]) {
      if (keys) for (const cycles of this.#possibleCycles(packet)) candidates.push({ keys, tag: 0, cycles });
    }
    return [...candidates, UNENCRYPTED];
  }

  #possibleCycles(packet: Packet): number[] {
    const counted = rolloverCounter(packet.extended);
    return counted > 0 ? [0, counted] : [0];
  }

  #chiSquare(packet: Packet, parameters: DecryptionParameters): number {
    this.#histogram.clear();
    if (parameters.keys) {
      const { plain } = parameters.keys.decrypt([encryptedPayloadOf(packet, parameters)]);
      this.#histogram.add(plain, 0, packet.to - packet.header.payloadStart);
    } else {
      this.#histogram.add(packet.view, packet.header.payloadStart, packet.to);
    }
    return this.#histogram.chiSquare();
  }
}

const rolloverCounterOf = (packet: Packet, parameters: DecryptionParameters): number =>
  rolloverCounter(packet.extended) - parameters.cycles;

function verifies(packet: Packet, parameters: DecryptionParameters): boolean {
  return (
    parameters.keys !== undefined &&
    packet.header.payloadStart + parameters.tag <= packet.to &&
    parameters.keys.verifies(
      packet.view,
      packet.from,
      packet.to,
      rolloverCounterOf(packet, parameters),
      parameters.tag,
    )
  );
}

function encryptedPayloadOf(packet: Packet, parameters: DecryptionParameters): EncryptedPayload {
  const { ssrc, sequenceNumber, payloadStart } = packet.header;
  return {
    view: packet.view,
    start: payloadStart,
    end: packet.to - parameters.tag,
    ssrc,
    sequenceNumber,
    rolloverCounter: rolloverCounterOf(packet, parameters),
  };
}
