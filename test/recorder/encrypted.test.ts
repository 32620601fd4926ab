import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { arrivals, desk, type Desk } from './desk';
import { at, PACKET, packetsOf, randomBytes, SrtpSender, voice, type RtpFields } from './support';

const SILENT = 0xff;

const keys = (seed: number, bits: 128 | 256 = 128): { key: Buffer; salt: Buffer } => ({
  key: randomBytes(bits / 8, seed),
  salt: randomBytes(14, seed + 1),
});
const master = ({ key, salt }: { key: Buffer; salt: Buffer }): { key: Uint8Array; salt: Uint8Array } => ({
  key: Uint8Array.from(key),
  salt: Uint8Array.from(salt),
});
const protect = (packets: Buffer[], sending: { key: Buffer; salt: Buffer }, tag: 10 | 4 | 0): Buffer[] => {
  const sender = new SrtpSender({ ...sending, tag });
  return packets.map((packet) => sender.protect(packet));
};
const alarmsOf = ({ alarms }: Desk): string[] =>
  alarms
    .map(({ alarm, until }) => (until === undefined ? alarm : `${alarm} over`))
    .filter((alarm) => !alarm.startsWith('one-way'));

const TAGS = [10, 4, 0] as const;
const audio = voice(150);
const first = keys(11);
const second = keys(22);

describe('an encrypted flow', () => {
  for (const bits of [128, 256] as const) {
    for (const tag of TAGS) {
      it(`AES-${bits} with ${tag === 0 ? 'no tag' : `a tag of ${8 * tag} bits`}, found out by itself, is recorded sample by sample`, async () => {
        const on = await desk();
        const used = keys(5, bits);
        on.device.setKeys(master(used), 1000);
        const fields: Partial<RtpFields> = { sequenceNumber: 65_500, timestamp: 2 ** 32 - 8000 };
        await on.play(arrivals(protect(packetsOf(audio, fields), used, tag)), 5000);
        const { wav, recorded } = await on.end();
        assert.deepEqual(wav.left, audio);
        assert.deepEqual(alarmsOf(on), []);
        assert.equal(recorded.needsDecode, false);
      });
    }
  }

  for (const tag of TAGS) {
    const name = tag === 0 ? 'without a tag' : `with a tag of ${8 * tag} bits`;
    const [before, after] = [audio.subarray(0, 75 * PACKET), audio.subarray(75 * PACKET)];
    const changing = [
      ...protect(packetsOf(before), first, tag),
      ...protect(packetsOf(after, { sequenceNumber: 1075, timestamp: 5000 + 75 * PACKET }), second, tag),
    ];

    it(`${name}: new keys told before the sender uses them lose nothing`, async () => {
      const on = await desk();
      on.device.setKeys(master(first), 1000);
      await on.play(arrivals(changing.slice(0, 70)));
      on.device.setKeys(master(second), on.now());
      await on.play(arrivals(changing.slice(70), { from: 2400 }), 5000);
      assert.deepEqual((await on.end()).wav.left, audio);
      assert.deepEqual(alarmsOf(on), []);
    });

    it(`${name}: new keys told two seconds late open what waited for them`, async () => {
      const on = await desk();
      on.device.setKeys(master(first), 1000);
      await on.play(arrivals(changing), 1000 + 75 * 20 + 1500);
      assert.deepEqual(alarmsOf(on), [tag === 0 ? 'encrypted' : 'auth-failed']);
      on.device.setKeys(master(second), on.now());
      await on.play([], 5000);
      const { wav, recorded } = await on.end();
      assert.deepEqual(
        alarmsOf(on),
        tag === 0 ? ['encrypted', 'encrypted over'] : ['auth-failed', 'auth-failed over'],
      );
      assert.equal(differing(wav.left, audio), 0);
      assert.equal(
        recorded.gaps.filter(({ channel }) => channel === 'sent').length,
        0,
        JSON.stringify(recorded.gaps),
      );
    });

    it(`${name}: packets that came before any keys are opened when these come`, async () => {
      const on = await desk();
      await on.play(arrivals(protect(packetsOf(audio), first, tag)), 3000);
      on.device.setKeys(master(first), on.now());
      await on.play([], 6000);
      const { wav, recorded } = await on.end();
      assert.deepEqual(wav.left, audio);
      assert.equal(recorded.raw.length, 0);
    });

    it(`${name}: what no key opens is silence in the file, kept beside it as it came, and an alarm`, async () => {
      const on = await desk();
      on.device.setKeys(master(second), 1000);
      const packets = protect(packetsOf(audio), first, tag);
      await on.play(arrivals(packets), 5000);
      const { wav, recorded } = await on.end();
      assert.deepEqual(wav.left, Buffer.alloc(audio.length, 0xd5));
      assert.deepEqual(alarmsOf(on), [tag === 0 ? 'encrypted' : 'auth-failed']);
      assert.deepEqual(
        recorded.gaps.filter(({ channel }) => channel === 'sent'),
        [{ channel: 'sent', atMs: 0, durationMs: 3000, kind: 'encrypted' }],
      );
      assert.equal(recorded.needsDecode, true);
      const dump = await readFile(path.join(on.folder, `${recorded.raw[0]?.path ?? ''}.part`));
      assert.deepEqual(packetsOfDump(dump), packets);
    });
  }

  it('without a tag: at whichever packet the keys change, and however late the new ones are told, nothing is noise and nothing missing', async () => {
    const long = voice(300);
    for (let change = 150; change < 160; change += 1) {
      const on = await desk();
      const packets = [
        ...protect(packetsOf(long.subarray(0, change * PACKET)), first, 0),
        ...protect(
          packetsOf(long.subarray(change * PACKET), {
            sequenceNumber: 1000 + change,
            timestamp: 5000 + change * PACKET,
          }),
          second,
          0,
        ),
      ];
      on.device.setKeys(master(first), 1000);
      await on.play(arrivals(packets.slice(0, change + 40)), 1000 + 20 * (change + 40));
      on.device.setKeys(master(second), on.now());
      await on.play(arrivals(packets.slice(change + 40), { from: 1000 + 20 * (change + 40) }), 8000);
      const {
        wav,
        recorded: {
          gaps,
          channels: { sent },
        },
      } = await on.end();
      assert.equal(differing(wav.left, long), 0, `packets differ when the keys change at packet ${change}`);
      assert.deepEqual(
        [
          gaps.filter(({ channel }) => channel === 'sent'),
          sent.packets,
          sent.lost,
          sent.reordered,
          sent.duplicated,
        ],
        [[], 300, 0, 0, 0],
      );
    }
  });

  it('whose last packets are loud and few loses none of them', async () => {
    const on = await desk();
    on.device.setKeys(master(first), 1000);
    // Four packets that look like ciphertext and aren't: nobody can tell, and nothing follows that would.
    const loud = Buffer.concat([audio.subarray(0, 66 * PACKET), randomBytes(4 * PACKET, 7)]);
    await on.play(arrivals(protect(packetsOf(loud), first, 0)), 1000 + 70 * 20 + 400);
    const { wav, recorded } = await on.end();
    assert.deepEqual([differing(wav.left, loud), recorded.durationMs], [0, 1400]);
  });

  it('whose last packets are in doubt with the old keys, and again with the new ones, loses none of them', async () => {
    const on = await desk();
    on.device.setKeys(master(first), 1000);
    const said = Buffer.concat([
      Buffer.alloc(152 * PACKET, SILENT),
      audio.subarray(0, 4 * PACKET),
      randomBytes(4 * PACKET, 7),
    ]);
    const packets = packetsOf(said);
    await on.play(
      arrivals([...protect(packets.slice(0, 152), first, 0), ...protect(packets.slice(152), second, 0)]),
      1000 + 160 * 20 + 40,
    );
    on.device.setKeys(master(second), on.now());
    assert.equal(differing((await on.end()).wav.left, said), 0);
  });

  it('goes on where it came in after a short hold, though its last packets before that were loud', async () => {
    const on = await desk();
    on.device.setKeys(master(first), 1000);
    const loud = Buffer.concat([
      audio.subarray(0, 66 * PACKET),
      randomBytes(4 * PACKET, 7),
      audio.subarray(70 * PACKET),
    ]);
    const packets = protect(packetsOf(loud), first, 0);
    // Its timestamps stood still meanwhile.
    await on.play(
      [...arrivals(packets.slice(0, 70)), ...arrivals(packets.slice(70), { from: 1000 + 70 * 20 + 350 })],
      6000,
    );
    const { wav } = await on.end();
    const resumed = wav.left.indexOf(loud.subarray(70 * PACKET, 71 * PACKET)) / 8;
    assert.ok(Math.abs(resumed - 1750) < 20, `after ${resumed} ms`);
  });

  it('without keys is an alarm that says so', async () => {
    const on = await desk();
    await on.play(arrivals(protect(packetsOf(audio), first, 0)), 4100);
    assert.deepEqual(
      on.alarms.filter(({ alarm }) => alarm === 'encrypted').map(({ details }) => details),
      [{ channel: 'sent', keys: false }],
    );
  });

  it('that is clear although keys were told is recorded', async () => {
    const on = await desk();
    on.device.setKeys(master(first), 1000);
    await on.play(arrivals(packetsOf(audio)), 5000);
    assert.deepEqual((await on.end()).wav.left, audio);
  });

  it('takes neither a repeated nor a forged packet, and neither moves what follows', async () => {
    const on = await desk();
    on.device.setKeys(master(first), 1000);
    const packets = protect(packetsOf(audio), first, 10);
    const forged = Buffer.from(at(packets, 60));
    forged.writeUInt16BE(30_000, 2);
    forged.writeUInt8(forged.readUInt8(20) ^ 1, 20);
    await on.play(
      arrivals(packets).flatMap((arrival, index) =>
        index === 50
          ? [arrival, arrival]
          : index === 60
            ? [{ ...arrival, packet: forged }, arrival]
            : [arrival],
      ),
      5000,
    );
    const {
      wav,
      recorded: {
        channels: { sent },
      },
    } = await on.end();
    assert.deepEqual(wav.left, audio);
    assert.deepEqual(
      { duplicated: sent.duplicated, authFailed: sent.authFailed },
      { duplicated: 1, authFailed: 1 },
    );
  });

  it('of a sender that counts its rollovers anew with new keys is opened', async () => {
    const on = await desk();
    on.device.setKeys(master(first), 1000);
    await on.play(
      arrivals(protect(packetsOf(audio.subarray(0, 75 * PACKET), { sequenceNumber: 65_500 }), first, 10)),
    );
    on.device.setKeys(master(second), on.now());
    await on.play(
      arrivals(
        protect(
          packetsOf(audio.subarray(75 * PACKET), { sequenceNumber: 39, timestamp: 5000 + 75 * PACKET }),
          second,
          10,
        ),
        { from: 2500 },
      ),
      5000,
    );
    assert.deepEqual((await on.end()).wav.left, audio);
  });

  it('no speech, tone, noise or silence passes for ciphertext', async () => {
    const tones: Record<string, Buffer> = {
      'digital silence': Buffer.alloc(audio.length, SILENT),
      'a quiet line': Buffer.from(audio.map((_, index) => ((index * 7919) % 5 === 0 ? 0xfe : 0x7e))),
      'a loud tone': Buffer.from(
        Array.from({ length: audio.length }, (_, index) => 0x80 | Math.round(60 + 50 * Math.sin(index / 3))),
      ),
    };
    for (const [name, tone] of Object.entries(tones)) {
      const on = await desk();
      await on.play(arrivals(packetsOf(tone)), 5000);
      assert.deepEqual((await on.end()).wav.left, tone, name);
      assert.deepEqual(alarmsOf(on), [], name);
    }
  });
});

function differing(one: Buffer, other: Buffer): number {
  let count = Math.abs(one.length - other.length) / PACKET;
  for (let from = 0; from < other.length; from += PACKET)
    if (!one.subarray(from, from + PACKET).equals(other.subarray(from, from + PACKET))) count += 1;
  return count;
}

/** The packets of an rtpdump file. */
function packetsOfDump(dump: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let from = dump.indexOf(0x0a) + 1 + 16; from < dump.length; from += dump.readUInt16BE(from))
    packets.push(dump.subarray(from + 8, from + 8 + dump.readUInt16BE(from + 2)));
  return packets;
}
