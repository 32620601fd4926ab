import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { PACKET_SAMPLES } from './voice';
import type { SrtpSender } from './srtp';

/** Milliseconds of audio in a packet. */
export const PACKET_MS = 20;

/** One RTP stream (RFC 3550): its SSRC, and where it is in sequence and time. */
export class RtpPacketizer {
  readonly #payloadType: number;
  readonly #srtp: SrtpSender | undefined;
  readonly ssrc = randomBytes(4).readUInt32BE();
  #sequence = randomBytes(2).readUInt16BE();
  #timestamp = randomBytes(4).readUInt32BE();
  #marker = true;

  constructor(payloadType: number, srtp: SrtpSender | undefined) {
    this.#payloadType = payloadType;
    this.#srtp = srtp;
  }

  /** The next packet; the first one, and the first after a pause, carries the marker. */
  next(payload: Buffer): Buffer {
    const packet = Buffer.allocUnsafe(12 + payload.length);
    packet[0] = 0x80; // version 2
    packet[1] = this.#payloadType | (this.#marker ? 0x80 : 0);
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(this.#timestamp, 4);
    packet.writeUInt32BE(this.ssrc, 8);
    payload.copy(packet, 12);
    this.#marker = false;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + PACKET_SAMPLES) >>> 0;
    return this.#srtp ? this.#srtp.protect(packet) : packet;
  }

  /** Time that passed in silence, in packets: no sequence number is used up, the timestamp goes on. */
  pause(packets: number): void {
    this.#timestamp = (this.#timestamp + packets * PACKET_SAMPLES) >>> 0;
    this.#marker = true;
  }
}

/** A source that delivers packets in the clock of the sender. */
export interface PacketSource {
  /** Sends its packets for one interval of 20 ms. */
  play(send: (packet: Buffer, port: number, address: string) => void): void;
  /** The clock stood still for so many intervals; they are lost. */
  skip(intervals: number): void;
}

/** After a longer stall than this the clock jumps: half a second of packets at once is the most a receiver is sent. */
const MAX_CATCH_UP_PACKETS = 25;

/** One UDP socket and the 20 ms clock that all players share. It runs only while something plays. */
export class RtpClock {
  readonly #onError: (error: Error) => void;
  readonly #sources = new Set<PacketSource>();
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #intervals = 0;

  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  add(source: PacketSource): void {
    this.#sources.add(source);
    if (this.#timer) return;
    this.#startedAt = performance.now();
    this.#intervals = 0;
    this.#timer = setInterval(() => {
      this.#tick();
    }, PACKET_MS);
  }

  remove(source: PacketSource): void {
    this.#sources.delete(source);
    if (this.#sources.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#sources.clear();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #tick(): void {
    const due = Math.floor((performance.now() - this.#startedAt) / PACKET_MS) + 1 - this.#intervals;
    this.#intervals += due;
    const stalled = due - MAX_CATCH_UP_PACKETS;
    if (stalled > 0) for (const source of this.#sources) source.skip(stalled);
    for (let interval = Math.max(0, stalled); interval < due; interval += 1) {
      for (const source of this.#sources) source.play(this.#send);
    }
  }

  readonly #send = (packet: Buffer, port: number, address: string): void => {
    this.#socket ??= this.#open();
    // With a callback, an address that can't be reached is reported there instead of breaking the socket.
    this.#socket.send(packet, port, address, (error) => {
      if (error) this.#onError(error);
    });
  };

  #open(): Socket {
    const socket = createSocket('udp4');
    socket.on('error', this.#onError);
    socket.unref();
    return socket;
  }
}
