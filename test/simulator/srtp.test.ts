import assert from 'node:assert/strict';
import { deriveSessionKeys, SrtpSender } from '../../simulator/recording/srtp';
import { RtpPacketizer } from '../../simulator/recording/rtp';
import { encodeALaw, encodeMuLaw, loopOf, voiceOf } from '../../simulator/recording/voice';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('SRTP keys', () => {
  it('are derived as in RFC 3711, B.3', () => {
    const keys = deriveSessionKeys({
      key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'),
      salt: hex('0EC675AD498AFEEBB6960B3AABE6'),
    });
    assert.deepEqual(keys, {
      cipherKey: hex('C61E7A93744F39EE10734AFE3FF7A087'),
      salt: hex('30CBBC08863D8C85D49DB34A9AE1'),
      authenticationKey: hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'),
    });
  });

  it('of 256 bits are derived as in RFC 6188, 7.4', () => {
    const keys = deriveSessionKeys({
      key: hex('f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6'),
      salt: hex('3b04803de51ee7c96423ab5b78d2'),
    });
    assert.deepEqual(keys, {
      cipherKey: hex('5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4'),
      salt: hex('fa31791685ca444a9e07c6c64e93'),
      authenticationKey: hex('fd9c32d39ed5fbb5a9dc96b30818454d1313dc05'),
    });
  });
});

describe('an SRTP sender', () => {
  it('counts rollovers of the sequence number: the same packet is another ciphertext in the next round', () => {
    const sender = new SrtpSender({ key: Buffer.alloc(16, 1), salt: Buffer.alloc(14, 2) }, true);
    const packet = (sequence: number): Buffer => {
      const bytes = Buffer.alloc(172);
      bytes.writeUInt16BE(sequence, 2);
      return bytes;
    };
    const [first, , again] = [
      sender.protect(packet(65535)),
      sender.protect(packet(0)),
      sender.protect(packet(65535)),
    ];
    assert.notDeepEqual(again, first);
    assert.deepEqual(again.subarray(0, 12), first.subarray(0, 12));
  });
});

describe('an RTP stream', () => {
  it('wraps sequence number and timestamp', () => {
    const stream = new RtpPacketizer(8, undefined);
    let before = stream.next(Buffer.alloc(160));
    for (let count = 0; count < 70_000; count += 1) {
      const packet = stream.next(Buffer.alloc(160));
      assert.equal(packet.readUInt16BE(2), (before.readUInt16BE(2) + 1) & 0xffff);
      assert.equal(packet.readUInt32BE(4), (before.readUInt32BE(4) + 160) >>> 0);
      before = packet;
    }
  });
});

describe('G.711', () => {
  it('has the codes of the standard at its corners', () => {
    assert.deepEqual(
      [0, -1, 32767, -32768, 1000, -1000].map(encodeALaw),
      [0xd5, 0x55, 0xaa, 0x2a, 0xfa, 0x7a],
    );
    assert.deepEqual(
      [0, -1, 32767, -32768, 1000, -1000].map(encodeMuLaw),
      [0xff, 0x7f, 0x80, 0x00, 0xce, 0x4e],
    );
  });

  it('codes rise with the samples, in 128 steps on each side', () => {
    for (const [encode, rank] of [
      [encodeALaw, (code: number) => code ^ 0xd5],
      [encodeMuLaw, (code: number) => code ^ 0xff],
    ] as const) {
      const ranks = Array.from({ length: 4096 }, (_, index) => rank(encode(index * 8)));
      assert.deepEqual(
        ranks,
        [...ranks].sort((a, b) => a - b),
      );
      assert.equal(new Set(ranks).size, 128);
    }
  });
});

describe('a voice', () => {
  it('is the same for the same number and another for the next', () => {
    assert.equal(voiceOf('70120'), voiceOf('70120'));
    for (let number = 70000; number < 70100; number += 1)
      assert.notEqual(voiceOf(String(number)), voiceOf(String(number + 1)));
  });

  it('repeats after a second without a jump', () => {
    const loop = loopOf([300], 'A');
    assert.deepEqual([loop.length, loop[0]?.length], [50, 160]);
    assert.equal(loopOf([300], 'A'), loop);
  });
});
