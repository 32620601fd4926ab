import assert from 'node:assert/strict';
import { createDecipheriv, createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { voiceOf, type SimulatorOptions } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { deriveSessionKeys } from '../../simulator/recording/srtp';
import { encodeALaw, encodeMuLaw } from '../../simulator/recording/voice';
import { openSession, start, stopAll } from './support';
import type { Client } from './support';

/** A recorder's port: the packets that came. */
class Port {
  readonly #socket: Socket;
  readonly packets: Buffer[] = [];
  #check: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet) => {
      this.packets.push(packet);
      this.#check?.();
    });
  }

  static async open(): Promise<Port> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => {
      socket.bind(0, '127.0.0.1', resolve);
    });
    return new Port(socket);
  }

  get number(): number {
    return this.#socket.address().port;
  }

  count(packets: number): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (this.packets.length >= packets) resolve();
      };
      this.#check();
    });
  }

  close(): void {
    this.#socket.close();
  }
}

const header = (
  packet: Buffer,
): { version: number; type: number; marker: boolean; sequence: number; timestamp: number; ssrc: number } => ({
  version: packet.readUInt8(0) >> 6,
  type: packet.readUInt8(1) & 0x7f,
  marker: packet.readUInt8(1) >= 0x80,
  sequence: packet.readUInt16BE(2),
  timestamp: packet.readUInt32BE(4),
  ssrc: packet.readUInt32BE(8),
});

/** G.711 as linear samples, by searching the encoder: slow, and independent of any decoder. */
function decoder(encode: (sample: number) => number): (code: number) => number {
  const table = new Int32Array(256);
  for (let sample = -32768; sample <= 32767; sample += 8) table[encode(sample)] = sample;
  return (code) => table[code] ?? 0;
}
const linear = { 8: decoder(encodeALaw), 0: decoder(encodeMuLaw) } as const;

/** Strength of a pitch in samples at 8 kHz. */
function strength(samples: readonly number[], pitch: number): number {
  let [re, im] = [0, 0];
  samples.forEach((sample, index) => {
    re += sample * Math.cos((2 * Math.PI * pitch * index) / 8000);
    im += sample * Math.sin((2 * Math.PI * pitch * index) / 8000);
  });
  return Math.hypot(re, im) / samples.length;
}

describe('RTP of a recorded device', () => {
  let oxe: Simulator;
  let client: Client;
  let sent: Port;
  let received: Port;
  let clock: Port;
  let link: string;
  const OUTSIDE = '0390670000';

  const begin = async (options: SimulatorOptions = {}): Promise<Record<string, unknown>> => {
    oxe = await start(options);
    client = await openSession(oxe);
    link = await client.monitor('70120');
    return recordTo('127.0.0.1');
  };
  const recordTo = (ipRecorderAddr: string): Promise<Record<string, unknown>> =>
    client.ok('POST', `${link}/record`, {
      deviceNumber: '70120',
      ipRecorderAddr,
      sentFlowPort: sent.number,
      receivedFlowPort: received.number,
    });

  beforeEach(async () => {
    [sent, received, clock] = [await Port.open(), await Port.open(), await Port.open()];
  });
  afterEach(async () => {
    await stopAll();
    for (const port of [sent, received, clock]) port.close();
  });

  for (const { law, type } of [
    { law: 'A', type: 8 },
    { law: 'mu', type: 0 },
  ] as const) {
    it(`is G.711 ${law}-law in packets of 20 ms on both ports, a stream of its own each`, async () => {
      await begin({ law });
      await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
      await Promise.all([sent.count(10), received.count(10)]);
      for (const { packets } of [sent, received]) {
        const headers = packets.map(header);
        const [first] = headers;
        assert.ok(first);
        headers.forEach((one, index) => {
          assert.deepEqual(one, {
            version: 2,
            type,
            marker: index === 0,
            ssrc: first.ssrc,
            sequence: (first.sequence + index) & 0xffff,
            timestamp: (first.timestamp + index * 160) >>> 0,
          });
        });
        assert.ok(packets.every(({ length }) => length === 172));
      }
      assert.notEqual(sent.packets[0]?.readUInt32BE(8), received.packets[0]?.readUInt32BE(8));
    });
  }

  it('carries the voice of the device on one port, that of the other party on the other', async () => {
    await begin();
    await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    await Promise.all([sent.count(20), received.count(20)]);
    const samples = ({ packets }: Port): number[] =>
      Buffer.concat(packets.slice(0, 20).map((packet) => packet.subarray(12))).reduce<number[]>(
        (all, code) => [...all, linear[8](code)],
        [],
      );
    const [own, other] = [voiceOf('70120'), voiceOf(OUTSIDE)];
    assert.notEqual(own, other);
    assert.ok(strength(samples(sent), own) > 20 * strength(samples(sent), other));
    assert.ok(strength(samples(received), other) > 20 * strength(samples(received), own));
  });

  it('comes only while the device talks: not before the answer, not on hold, not after the end', async () => {
    await begin();
    const call = oxe.call({ from: OUTSIDE, to: '70120' });
    await call.ringing();
    await call.answered();
    await sent.count(3);
    await call.hold();
    const before = oxe.rtp('70120').sent;
    await sent.count(before);
    // Another recorded device is the clock: both would have been sent at the same ticks.
    await client.ok('POST', `${link}/monitor`, { deviceNumber: '70121' });
    await client.ok('POST', `${link}/record`, {
      deviceNumber: '70121',
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: clock.number,
      receivedFlowPort: clock.number,
    });
    await oxe.call({ from: OUTSIDE, to: '70121' }).answered();
    await clock.count(10);
    assert.equal(sent.packets.length, before);
    await call.retrieve();
    await sent.count(before + 2);
    const [last, first] = [
      header(sent.packets[before - 1] ?? Buffer.alloc(12)),
      header(sent.packets[before] ?? Buffer.alloc(12)),
    ];
    assert.deepEqual(
      [first.ssrc, first.sequence, first.marker],
      [last.ssrc, (last.sequence + 1) & 0xffff, true],
    );
    assert.ok((first.timestamp - last.timestamp) >>> 0 > 160 * 3, 'the timestamp went on during the hold');
    await call.hangUp();
    assert.equal(oxe.rtp('70120').sent, oxe.rtp('70120').received);
  });

  it('goes on during hold when asked to, as silence', async () => {
    await begin({ rtpOnHold: true });
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    await call.hold();
    const from = oxe.rtp('70120').sent;
    await sent.count(from + 3);
    assert.deepEqual(new Set(sent.packets.at(-1)?.subarray(12)), new Set([0xd5]));
  });

  it('begins with the recording when the device talks already, and is another stream in another call', async () => {
    await begin();
    await client.ok('DELETE', `${link}/record/70120`);
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    await recordTo('127.0.0.1');
    await sent.count(2);
    const first = header(sent.packets[0] ?? Buffer.alloc(12)).ssrc;
    await call.hangUp();
    const before = oxe.rtp('70120').sent;
    await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    await sent.count(before + 1);
    assert.notEqual(header(sent.packets.at(-1) ?? Buffer.alloc(12)).ssrc, first);
  });

  it('follows the device that answered, not its twin', async () => {
    oxe = await start();
    client = await openSession(oxe);
    link = await client.monitor('70123', '70124');
    for (const deviceNumber of ['70123', '70124']) {
      const port = deviceNumber === '70124' ? sent.number : received.number;
      await client.ok('POST', `${link}/record`, {
        deviceNumber,
        ipRecorderAddr: '127.0.0.1',
        sentFlowPort: port,
        receivedFlowPort: port,
      });
    }
    await oxe.call({ from: OUTSIDE, to: '70123' }).answered('70124');
    await sent.count(4);
    assert.deepEqual([oxe.rtp('70123').sent, received.packets.length], [0, 0]);
  });

  it('does not leave the machine unless it is allowed to, and that is said once', async () => {
    const lines: string[] = [];
    await begin({ log: (line) => lines.push(line) });
    await recordTo('192.0.2.1');
    await recordTo('192.0.2.2');
    await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    assert.deepEqual(oxe.rtp('70120'), { sent: 0, received: 0 });
    assert.equal(lines.filter((line) => line.includes('loopback addresses only')).length, 1);
  });

  for (const bits of [128, 256] as const) {
    for (const tag of [true, false]) {
      it(`is SRTP on a secure link: AES-CM ${bits}, ${tag ? 'with' : 'without'} the HMAC-SHA1-80 tag, under the keys of the answer`, async () => {
        const keys = await begin({ secure: true, srtp: { bits, encoding: 'hex', tag } });
        await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
        await Promise.all([sent.count(3), received.count(3)]);
        const master = {
          key: Buffer.from(String(keys.key), 'hex'),
          salt: Buffer.from(String(keys.salt), 'hex'),
        };
        for (const packet of [...sent.packets.slice(0, 3), ...received.packets.slice(0, 3)]) {
          assert.equal(packet.length, tag ? 182 : 172);
          assert.ok(isVoice(decrypt(packet, master, tag)), 'decrypts to the voice');
          assert.ok(!isVoice(packet.subarray(12, 172)), 'is not in clear');
        }
      });
    }
  }

  it('is encrypted with other keys after a silent change of keys', async () => {
    const keys = await begin({ secure: true });
    await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    oxe.rekey('70120');
    const before = oxe.rtp('70120').sent;
    await sent.count(before + 1);
    const master = { key: Buffer.from(String(keys.key), 'hex'), salt: Buffer.from(String(keys.salt), 'hex') };
    assert.throws(() => decrypt(sent.packets.at(-1) ?? Buffer.alloc(182), master, true), /tag/);
  });
});

/** A tone's samples change slowly against their size; noise doesn't. */
function isVoice(payload: Buffer): boolean {
  const samples = [...payload].map(linear[8]);
  const loudest = Math.max(...samples.map(Math.abs));
  return loudest < 12_000 && loudest > 500;
}

/** RFC 3711 by the book, for packets before the first rollover. @throws when the tag is wrong */
function decrypt(packet: Buffer, master: { key: Buffer; salt: Buffer }, tag: boolean): Buffer {
  const { cipherKey, authenticationKey, salt } = deriveSessionKeys(master);
  const body = tag ? packet.subarray(0, -10) : packet;
  if (tag) {
    const expected = createHmac('sha1', authenticationKey)
      .update(body)
      .update(Buffer.alloc(4))
      .digest()
      .subarray(0, 10);
    if (!expected.equals(packet.subarray(-10))) throw new Error('wrong tag');
  }
  const iv = Buffer.concat([salt, Buffer.alloc(2)]);
  for (const [at, bytes] of [
    [4, packet.subarray(8, 12)],
    [12, packet.subarray(2, 4)],
  ] as const)
    bytes.forEach((byte, index) => {
      iv.writeUInt8(iv.readUInt8(at + index) ^ byte, at + index);
    });
  return createDecipheriv(`aes-${master.key.length * 8}-ctr`, cipherKey, iv).update(body.subarray(12));
}
