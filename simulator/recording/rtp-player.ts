import { conversationOf, type Call, type Conversation, type OxeDevice } from '../oxe';
import type { Settings } from '../settings';
import { PACKET_MS, RtpClock, RtpPacketizer, type PacketSource } from './rtp';
import { SrtpSender, type MasterKeys } from './srtp';
import { loopOf, voiceOf } from './voice';

/** An IP recording in force: where a device's two flows are copied to. */
export interface IpRecording {
  readonly ip: true;
  readonly device: OxeDevice;
  readonly ipRecorderAddr: string;
  readonly sentFlowPort: number;
  readonly receivedFlowPort: number;
  /** Keys of a secured recording; they may change without anybody being told (a fault). */
  keys: MasterKeys | undefined;
}

/** Packets sent for a device, in all its recordings so far. */
export interface FlowCount {
  readonly sent: number;
  readonly received: number;
}

const PAYLOAD_TYPE = { A: 8, mu: 0 } as const;

const isLoopback = (address: string): boolean => address.startsWith('127.');

/** Copies the voice of recorded devices to their recorders, as long as they talk. */
export class RtpPlayer {
  readonly #settings: Pick<Settings, 'law' | 'rtpOnHold' | 'rtpAnywhere' | 'srtp'>;
  readonly #log: (line: string) => void;
  readonly #recordings = new Map<IpRecording, RecordingPlayer>();
  readonly #byDevice = new Map<string, Set<RecordingPlayer>>();
  readonly #clock: RtpClock;
  readonly #totals = new Map<string, { sent: number; received: number }>();
  #remoteAddressWarned = false;

  constructor(
    settings: Pick<Settings, 'law' | 'rtpOnHold' | 'rtpAnywhere' | 'srtp'>,
    log: (line: string) => void,
  ) {
    this.#settings = settings;
    this.#log = log;
    this.#clock = new RtpClock((error) => {
      log(`RTP not sent: ${error.message}`);
    });
  }

  start(recording: IpRecording): void {
    if (!this.#settings.rtpAnywhere && !isLoopback(recording.ipRecorderAddr)) {
      this.#warnAboutRemoteAddress(recording.ipRecorderAddr);
      return;
    }
    const player = new RecordingPlayer(
      recording,
      this.#settings,
      this.#clock,
      this.#total(recording.device.id),
    );
    this.#recordings.set(recording, player);
    const players = this.#byDevice.get(recording.device.id) ?? new Set();
    this.#byDevice.set(recording.device.id, players.add(player));
    player.follow(conversationOf(recording.device));
  }

  stop(recording: IpRecording): void {
    const player = this.#recordings.get(recording);
    if (!player) return;
    player.follow(undefined);
    this.#recordings.delete(recording);
    const players = this.#byDevice.get(recording.device.id);
    players?.delete(player);
    if (players?.size === 0) this.#byDevice.delete(recording.device.id);
  }

  /** The device entered, left or changed a conversation. */
  deviceChanged(device: OxeDevice): void {
    for (const player of this.#byDevice.get(device.id) ?? []) player.follow(conversationOf(device));
  }

  /** The keys of a recording changed: what is sent from now on is encrypted with the new ones. */
  rekeyed(recording: IpRecording): void {
    const player = this.#recordings.get(recording);
    player?.follow(undefined);
    player?.follow(conversationOf(recording.device));
  }

  count(deviceId: string): FlowCount {
    return { ...this.#total(deviceId) };
  }

  close(): void {
    this.#clock.close();
    this.#recordings.clear();
    this.#byDevice.clear();
  }

  #total(deviceId: string): { sent: number; received: number } {
    const total = this.#totals.get(deviceId) ?? { sent: 0, received: 0 };
    this.#totals.set(deviceId, total);
    return total;
  }

  #warnAboutRemoteAddress(address: string): void {
    if (this.#remoteAddressWarned) return;
    this.#remoteAddressWarned = true;
    this.#log(
      `RTP goes to loopback addresses only: recordings to ${address} are accepted, nothing is sent (--rtp-anywhere allows it)`,
    );
  }
}

/** The two streams of one recording. A new call has new streams; hold interrupts them, retrieve continues them. */
class RecordingPlayer implements PacketSource {
  readonly #recording: IpRecording;
  readonly #settings: Pick<Settings, 'law' | 'rtpOnHold' | 'srtp'>;
  readonly #clock: RtpClock;
  readonly #total: { sent: number; received: number };
  #call: Call | undefined;
  #sent: RtpPacketizer | undefined;
  #received: RtpPacketizer | undefined;
  #sentLoop: readonly Buffer[] = [];
  #receivedLoop: readonly Buffer[] = [];
  #position = 0;
  #playing = false;
  #pausedAt = 0;

  constructor(
    recording: IpRecording,
    settings: Pick<Settings, 'law' | 'rtpOnHold' | 'srtp'>,
    clock: RtpClock,
    total: { sent: number; received: number },
  ) {
    this.#recording = recording;
    this.#settings = settings;
    this.#clock = clock;
    this.#total = total;
  }

  /** Plays, pauses or ends according to what the device does now. */
  follow(conversation: Conversation | undefined): void {
    if (conversation?.call !== this.#call) this.#switchCall(conversation?.call);
    if (!conversation || (conversation.held && !this.#settings.rtpOnHold)) {
      this.#pause();
      return;
    }
    this.#choosePitches(conversation);
    this.#resume();
  }

  play(send: (packet: Buffer, port: number, address: string) => void): void {
    const { ipRecorderAddr, sentFlowPort, receivedFlowPort } = this.#recording;
    const said = this.#sentLoop[this.#position % this.#sentLoop.length];
    const heard = this.#receivedLoop[this.#position % this.#receivedLoop.length];
    this.#position += 1;
    if (!said || !heard || !this.#sent || !this.#received) return;
    send(this.#sent.next(said), sentFlowPort, ipRecorderAddr);
    send(this.#received.next(heard), receivedFlowPort, ipRecorderAddr);
    this.#total.sent += 1;
    this.#total.received += 1;
  }

  skip(intervals: number): void {
    this.#position += intervals;
    this.#sent?.pause(intervals);
    this.#received?.pause(intervals);
  }

  #switchCall(call: Call | undefined): void {
    this.#pause();
    this.#call = call;
    if (!call) return;
    this.#sent = this.#newPacketizer();
    this.#received = this.#newPacketizer();
    this.#pausedAt = 0;
  }

  #newPacketizer(): RtpPacketizer {
    const { keys } = this.#recording;
    return new RtpPacketizer(
      PAYLOAD_TYPE[this.#settings.law],
      keys && new SrtpSender(keys, this.#settings.srtp.tag),
    );
  }

  #choosePitches({ party, call, held }: Conversation): void {
    const ownPitch = voiceOf(party.number);
    const others = call
      .others(party)
      .filter(({ state }) => state === 'ACTIVE')
      .map(({ number }) => voiceOf(number));
    // Two numbers may share a pitch; the two directions must not.
    const heard = others.map((pitch) => (pitch === ownPitch ? pitch + 125 : pitch));
    this.#sentLoop = loopOf(held ? [] : [ownPitch], this.#settings.law);
    this.#receivedLoop = loopOf(held ? [] : heard, this.#settings.law);
  }

  #resume(): void {
    if (this.#playing) return;
    this.#playing = true;
    if (this.#pausedAt > 0) this.skip(Math.round((performance.now() - this.#pausedAt) / PACKET_MS));
    this.#clock.add(this);
  }

  #pause(): void {
    if (!this.#playing) return;
    this.#playing = false;
    this.#pausedAt = performance.now();
    this.#clock.remove(this);
  }
}
