import { createCipheriv, createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Recorder, type RecorderEvents, type RecorderOptions, type RecorderParts } from '../../recorder';
import { whenTestEnds } from '../support/cleanup';

/*
 * Senders and readers of these tests' own: nothing of the recorder makes what it is tested with, nor reads what it wrote.
 */

export const PACKET = 160;

/** Numbers that look random and are the same in every run. @returns 0..1 */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What a voice looks like in mu-law or A-law: many quiet samples, few loud ones, all different from packet to packet. */
export function voice(packets: number, seed = 1, size = PACKET): Buffer {
  const next = random(seed);
  return Buffer.from(
    Array.from({ length: packets * size }, () => {
      const loudness = Math.floor(112 * (1 - Math.abs(next() + next() - 1) ** 0.3));
      return (next() < 0.5 ? 0x80 : 0) | (0x7f - Math.min(0x7f, loudness));
    }),
  );
}

/** Bytes that look random and are the same in every run: whether ciphertext looks even must not depend on luck. */
export function randomBytes(length: number, seed: number): Buffer {
  const next = random(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(256 * next())));
}

export interface RtpFields {
  readonly payloadType?: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc?: number;
  readonly marker?: boolean;
  readonly padding?: number;
  readonly csrcs?: number;
  readonly extensionWords?: number;
}

export const SSRC = 0x12345678;

export function rtp(
  payload: Uint8Array,
  {
    payloadType = 0,
    sequenceNumber,
    timestamp,
    ssrc = SSRC,
    marker = false,
    padding = 0,
    csrcs = 0,
    extensionWords,
  }: RtpFields,
): Buffer {
  const header = Buffer.alloc(12 + 4 * csrcs + (extensionWords === undefined ? 0 : 4 + 4 * extensionWords));
  header[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extensionWords === undefined ? 0 : 0x10) | csrcs;
  header[1] = (marker ? 0x80 : 0) | payloadType;
  header.writeUInt16BE(sequenceNumber & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  if (extensionWords !== undefined) header.writeUInt16BE(extensionWords, 12 + 4 * csrcs + 2);
  const tail = Buffer.alloc(padding);
  if (padding > 0) tail[padding - 1] = padding;
  return Buffer.concat([header, payload, tail]);
}

/** A stream of audio, cut into packets. */
export function packetsOf(audio: Buffer, fields: Partial<RtpFields> = {}, size = PACKET): Buffer[] {
  const { sequenceNumber = 1000, timestamp = 5000 } = fields;
  return Array.from({ length: Math.ceil(audio.length / size) }, (_, index) =>
    rtp(audio.subarray(index * size, (index + 1) * size), {
      ...fields,
      sequenceNumber: sequenceNumber + index,
      timestamp: timestamp + index * size,
    }),
  );
}

export interface SrtpSending {
  readonly key: Buffer;
  readonly salt: Buffer;
  readonly tag: 10 | 4 | 0;
}

/** SRTP by RFC 3711 with node:crypto alone, a packet at a time. */
export class SrtpSender {
  readonly #encryption: Buffer;
  readonly #authentication: Buffer;
  readonly #salt: Buffer;
  readonly #tag: number;
  #rolloverCounter = 0;
  #last: number | undefined;

  constructor({ key, salt, tag }: SrtpSending) {
    const derive = (label: number, length: number): Buffer => {
      const iv = Buffer.concat([salt, Buffer.alloc(2)]);
      iv.writeUInt8(iv.readUInt8(7) ^ label, 7);
      return createCipheriv(`aes-${8 * key.length}-ctr`, key, iv).update(Buffer.alloc(length));
    };
    this.#encryption = derive(0, key.length);
    this.#authentication = derive(1, 20);
    this.#salt = derive(2, 14);
    this.#tag = tag;
  }

  /** Packets in the order of their sequence numbers, without CSRC and extension. */
  protect(packet: Buffer): Buffer {
    const sequenceNumber = packet.readUInt16BE(2);
    if (this.#last !== undefined && sequenceNumber < this.#last && this.#last - sequenceNumber > 30_000)
      this.#rolloverCounter += 1;
    this.#last = sequenceNumber;
    const iv = Buffer.concat([this.#salt, Buffer.alloc(2)]);
    for (let index = 0; index < 4; index += 1)
      iv.writeUInt8(iv.readUInt8(4 + index) ^ packet.readUInt8(8 + index), 4 + index);
    iv.writeUInt32BE((iv.readUInt32BE(8) ^ this.#rolloverCounter) >>> 0, 8);
    iv.writeUInt16BE(iv.readUInt16BE(12) ^ sequenceNumber, 12);
    const cipher = createCipheriv(`aes-${8 * this.#encryption.length}-ctr`, this.#encryption, iv);
    const encrypted = Buffer.concat([packet.subarray(0, 12), cipher.update(packet.subarray(12))]);
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#rolloverCounter);
    const mac = createHmac('sha1', this.#authentication).update(encrypted).update(counter).digest();
    return Buffer.concat([encrypted, mac.subarray(0, this.#tag)]);
  }
}

export interface Wav {
  readonly tag: number;
  readonly frames: number;
  readonly left: Buffer;
  readonly right: Buffer;
  /** The header says exactly what is there. */
  readonly exact: boolean;
}

/** Reads a stereo WAV chunk by chunk, as players do. */
export function parseWav(bytes: Buffer): Wav {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE')
    throw new Error('no WAV');
  let tag = 0;
  let frame = 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    if (name === 'fmt ') {
      tag = bytes.readUInt16LE(at + 8);
      frame = bytes.readUInt16LE(at + 20);
      if (bytes.readUInt16LE(at + 10) !== 2 || bytes.readUInt32LE(at + 12) !== 8000)
        throw new Error('not stereo at 8000 Hz');
    }
    if (name === 'data')
      return {
        tag,
        frames: length / frame,
        ...sides(bytes.subarray(at + 8, at + 8 + length), frame),
        exact: at + 8 + length === bytes.length && bytes.readUInt32LE(4) === bytes.length - 8,
      };
    at += 8 + length;
  }
  throw new Error('no data');
}

function sides(data: Buffer, frame: number): { left: Buffer; right: Buffer } {
  const half = frame / 2;
  const pick = (offset: number): Buffer => {
    const side = Buffer.alloc(data.length / 2);
    for (let index = 0; index * frame < data.length; index += 1)
      data.copy(side, index * half, index * frame + offset, index * frame + offset + half);
    return side;
  };
  return { left: pick(0), right: pick(half) };
}

export async function readWav(file: string): Promise<Wav> {
  return parseWav(await readFile(file));
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'recorder-'));
  whenTestEnds(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Each test its own ports: one that has ended leaves its own in quarantine, and workers of mocha may run beside. */
let nextPort = 21_000 + 2 * Math.floor(Math.random() * 2500);
export function portRange(size = 40): { portMin: number; portMax: number } {
  const portMin = nextPort;
  nextPort += size;
  return { portMin, portMax: portMin + size - 1 };
}

/** A started recorder in a folder of its own, closed when the test ends. */
export async function startRecorder(
  options: Partial<RecorderOptions> = {},
  parts: RecorderParts = {},
): Promise<{ recorder: Recorder; folder: string }> {
  const folder = options.folder ?? (await temporaryFolder());
  const recorder = new Recorder(
    { address: '127.0.0.1', bind: '127.0.0.1', ...portRange(), ...options, folder },
    parts,
  );
  whenTestEnds(() => recorder.close());
  await recorder.start();
  await recorder.recover();
  return { recorder, folder };
}

/** The next event that fits, or an error that says what came instead. */
export function told<Name extends keyof RecorderEvents>(
  recorder: Recorder,
  name: Name,
  fits: (payload: RecorderEvents[Name][0]) => boolean = () => true,
  withinMs = 10_000,
): Promise<RecorderEvents[Name][0]> {
  const seen: unknown[] = [];
  const created = new Error(`${name} that fits wasn't told within ${withinMs} ms`);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      created.message += `; instead: ${JSON.stringify(seen)}`;
      reject(created);
    }, withinMs);
    const listener = (payload: RecorderEvents[Name][0]): void => {
      if (!fits(payload)) {
        seen.push(payload);
        return;
      }
      clearTimeout(timer);
      recorder.off(name, listener as never);
      resolve(payload);
    };
    recorder.on(name, listener as never);
  });
}

/** A phone's side of a flow: one socket, one destination. */
export class Phone {
  readonly #socket = createSocket('udp4');

  constructor(readonly port: number) {
    whenTestEnds(
      () =>
        new Promise<void>((resolve) => {
          this.#socket.close(() => {
            resolve();
          });
        }),
    );
  }

  send(packet: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(packet, this.port, '127.0.0.1', (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

/** By how much a flow of `pace` begins after the one before it. */
const STAGGER_MS = 2;

/**
 * Sends to several ports at the pace of a telephone: packet n of each at n times `everyMs`. The first flow comes first, so that its first packet
 * is where the recording begins: of two that come together, either may be, and the other one is then a sample or two later.
 * @returns the start of what follows without a break, though it be called late
 */
export async function pace(
  flows: readonly { readonly phone: Phone; readonly packets: readonly (Buffer | undefined)[] }[],
  everyMs = 20,
  start = performance.now(),
): Promise<number> {
  await Promise.all(
    flows.map(async ({ phone, packets }, which) => {
      for (const [index, packet] of packets.entries()) {
        const wait = start + which * STAGGER_MS + index * everyMs - performance.now();
        if (wait > 0)
          await new Promise((resolve) => {
            setTimeout(resolve, wait);
          });
        if (packet) await phone.send(packet);
      }
    }),
  );
  return start + everyMs * Math.max(...flows.map(({ packets }) => packets.length));
}

/** Resolves when the condition holds: for what no event tells, such as files. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${timeoutMs} ms`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

/** Where `part` lies in `whole`; -1 when it doesn't. */
export const placeOf = (part: Buffer, whole: Buffer): number => whole.indexOf(part);

export const only = <Item>(items: readonly Item[]): Item => {
  const [item] = items;
  if (items.length !== 1 || item === undefined)
    throw new Error(`one was expected, there are ${items.length}: ${JSON.stringify(items)}`);
  return item;
};

/** An item that must be there. */
export function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`there are ${items.length}, none at ${index}`);
  return item;
}
