import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';

import { AesCounterMode } from '../../recorder/srtp/aes-ctr';
import { RecorderError } from '../../recorder/common/errors';
import { HmacSha1 } from '../../recorder/srtp/hmac-sha1';
import { deriveSessionKeys } from '../../recorder/srtp/key-derivation';
import { parseKeys } from '../../recorder/srtp/key-text';
import { rolloverCounter, SequenceTracker } from '../../recorder/rtp/sequence-tracker';
import { SrtpKeys } from '../../recorder/srtp/srtp-keys';
import { packetsOf, SrtpSender, voice } from './support';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const asHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const digest = (mac: HmacSha1, data: Buffer): string =>
  asHex(
    Buffer.concat(
      [...mac.digest(viewOf(data), 0, data.length, undefined)].map((word) => {
        const bytes = Buffer.alloc(4);
        bytes.writeInt32BE(word);
        return bytes;
      }),
    ),
  );

describe('SRTP keys and ciphers', () => {
  it('derive the session keys of RFC 3711, B.3', () => {
    const keys = deriveSessionKeys({
      key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'),
      salt: hex('0EC675AD498AFEEBB6960B3AABE6'),
    });
    assert.equal(asHex(keys.encryption), 'c61e7a93744f39ee10734afe3ff7a087');
    assert.equal(asHex(keys.salt), '30cbbc08863d8c85d49db34a9ae1');
    assert.equal(asHex(keys.authentication), 'cebe321f6ff7716b6fd4ab49af256a156d38baa4');
  });

  it('derive the session keys of RFC 6188, 7.4', () => {
    const keys = deriveSessionKeys({
      key: hex('f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6'),
      salt: hex('3b04803de51ee7c96423ab5b78d2'),
    });
    assert.equal(asHex(keys.encryption), '5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4');
    assert.equal(asHex(keys.salt), 'fa31791685ca444a9e07c6c64e93');
    assert.equal(asHex(keys.authentication), 'fd9c32d39ed5fbb5a9dc96b30818454d1313dc05');
  });

  for (const [title, key, stream] of [
    [
      'RFC 3711, B.2',
      '2B7E151628AED2A6ABF7158809CF4F3C',
      'E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0',
    ],
    [
      'RFC 6188, 7.1',
      '57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98',
      '92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31',
    ],
  ] as const) {
    it(`make the key stream of ${title}`, () => {
      const cipher = new AesCounterMode(hex(key), hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'));
      const zeros = {
        view: viewOf(new Uint8Array(48)),
        start: 0,
        end: 48,
        ssrc: 0,
        sequenceNumber: 0,
        rolloverCounter: 0,
      };
      const { plain, offsets } = cipher.decrypt([zeros, { ...zeros, end: 20 }]);
      assert.deepEqual(offsets, [0, 48]);
      const bytes = new Uint8Array(plain.buffer, plain.byteOffset);
      assert.equal(asHex(bytes.subarray(0, 48)), asHex(hex(stream)));
      assert.equal(asHex(bytes.subarray(48, 68)), asHex(hex(stream).subarray(0, 20)));
    });
  }

  for (const [key, data, expected] of [
    [Buffer.alloc(20, 0x0b), Buffer.from('Hi There'), 'b617318655057264e28bc0b6fb378c8ef146be00'],
    [
      Buffer.from('Jefe'),
      Buffer.from('what do ya want for nothing?'),
      'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
    ],
    [Buffer.alloc(20, 0xaa), Buffer.alloc(50, 0xdd), '125d7342b9ac11cd91a39af48aa17b4f63f175d3'],
  ] as const) {
    it(`HMAC-SHA1 gives ${expected.slice(0, 8)}…, as RFC 2202 says`, () =>
      assert.equal(digest(new HmacSha1(key), data), expected));
  }

  it('HMAC-SHA1 agrees with node:crypto for every length up to three blocks', () => {
    const key = randomBytes(20);
    const mac = new HmacSha1(key);
    for (let length = 0; length <= 192; length += 1) {
      const data = randomBytes(length);
      assert.equal(digest(mac, data), createHmac('sha1', key).update(data).digest('hex'), `${length} bytes`);
    }
  });

  it('are wiped once they were used', () => {
    const master = { key: Uint8Array.from(randomBytes(32)), salt: Uint8Array.from(randomBytes(14)) };
    new SrtpKeys(master);
    assert.deepEqual(
      [...master.key, ...master.salt],
      Array.from({ length: 46 }, () => 0),
    );
  });
});

describe('a key as text', () => {
  const [key, longKey, salt] = [randomBytes(16), randomBytes(32), randomBytes(14)];
  for (const form of ['hex', 'base64'] as const) {
    it(`is read as ${form}, 128 and 256 bits`, () => {
      for (const bytes of [key, longKey]) {
        const master = parseKeys({ key: bytes.toString(form), salt: salt.toString(form) });
        assert.deepEqual([asHex(master.key), asHex(master.salt)], [asHex(bytes), asHex(salt)]);
      }
    });
  }

  for (const text of ['', 'zz', key.toString('hex').slice(2), `${key.toString('hex')}00`, '!'.repeat(24)]) {
    it(`of ${text.length} characters that fits no form is refused, and not shown`, () => {
      assert.throws(
        () => parseKeys({ key: text, salt: salt.toString('hex') }),
        (error) => {
          assert.ok(
            error instanceof RecorderError &&
              error.code === 'INVALID_INPUT' &&
              error.message.startsWith('key: '),
          );
          return text.length < 5 || !error.message.includes(text);
        },
      );
    });
  }
});

describe('the sequence of a stream', () => {
  it('counts on where 16 bits end, also for what was overtaken there', () => {
    const window = new SequenceTracker();
    const extended = [65_534, 65_535, 1, 0, 2, 65_533].map((sequenceNumber) => {
      const number = window.extend(sequenceNumber);
      window.commit(number);
      return number - 65_536;
    });
    assert.deepEqual(extended, [65_534, 65_535, 65_537, 65_536, 65_538, 65_533]);
  });

  it('has a number before the first, when the first was overtaken', () => {
    const window = new SequenceTracker();
    window.commit(window.extend(0));
    assert.equal(rolloverCounter(window.extend(65_535)), -1);
    assert.equal(window.check(window.extend(65_535)), 'new');
  });

  it('knows repetitions 1,023 packets back, and nothing older', () => {
    const window = new SequenceTracker();
    for (let number = 0; number < 2000; number += 2) window.commit(window.extend(number));
    const look = (number: number): string => window.check(window.extend(number));
    assert.deepEqual(
      [look(1998), look(1997), look(976), look(975), look(974)],
      ['duplicate', 'new', 'duplicate', 'new', 'old'],
    );
  });

  it('is not moved by a packet that was only looked at', () => {
    const window = new SequenceTracker();
    window.commit(window.extend(10));
    window.check(window.extend(30_000));
    assert.equal(window.check(window.extend(11)), 'new');
    assert.equal(window.highest - 65_536, 10);
  });

  it('carries the rollover counter into the keys: packets across the end of 16 bits verify', () => {
    const [key, salt] = [randomBytes(16), randomBytes(14)];
    const sender = new SrtpSender({ key, salt, tag: 10 });
    const keys = new SrtpKeys({ key: Uint8Array.from(key), salt: Uint8Array.from(salt) });
    const window = new SequenceTracker();
    for (const packet of packetsOf(voice(6), { sequenceNumber: 65_533 }).map((plain) =>
      sender.protect(plain),
    )) {
      const extended = window.extend(packet.readUInt16BE(2));
      assert.ok(
        keys.verifies(viewOf(packet), 0, packet.length, rolloverCounter(extended), 10),
        `${extended}`,
      );
      assert.ok(!keys.verifies(viewOf(packet), 0, packet.length, rolloverCounter(extended) + 1, 10));
      window.commit(extended);
    }
  });
});
