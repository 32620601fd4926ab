import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { systemFileSystem, type FileSystem } from '../../recorder/disk/file-system';
import { arrivals, desk, inOrderOfArrival, type Arrival } from './desk';
import { PACKET, packetsOf, parseWav, rtp, voice } from './support';

const silence = (samples: number): Buffer => Buffer.alloc(samples, 0xff);
const both = (packets: number, from = 1000): Arrival[] =>
  inOrderOfArrival([
    ...arrivals(packetsOf(voice(packets, 1)), { from }),
    ...arrivals(packetsOf(voice(packets, 2), { ssrc: 77 }), { from, channel: 'received' }),
  ]);

describe('a conversation', () => {
  it('ends after 30 s of silence when nobody tells its course, and the next packet begins another file', async () => {
    const on = await desk();
    await on.play(both(50), 31_900);
    assert.equal(on.recorded.length, 0);
    await on.play([], 32_200);
    await on.play(
      arrivals(packetsOf(voice(50, 3), { sequenceNumber: 9000, timestamp: 1 }), { from: 40_000 }),
      42_000,
    );
    await on.end();
    assert.deepEqual(
      on.recorded.map(({ durationMs, endedBy }) => [durationMs, endedBy]),
      [
        [1000, 'silence'],
        [1000, 'told'],
      ],
    );
  });

  it('is not cut by a hold of ten minutes when somebody tells its course', async () => {
    const on = await desk();
    on.device.expectMedia(true, 1000);
    await on.play(both(50));
    on.device.expectMedia(false, on.now());
    await on.play([], 602_000);
    on.device.expectMedia(true, on.now());
    await on.play(arrivals(packetsOf(voice(50, 3), { ssrc: 5 }), { from: 602_100 }), 604_000);
    const { recorded, wav } = await on.end();
    assert.equal(on.recorded.length, 1);
    assert.deepEqual(wav.left.subarray(wav.left.length - 50 * PACKET), voice(50, 3));
    assert.equal(recorded.durationMs, 602_100);
    assert.deepEqual(on.alarms, []);
  });

  it('ends after 30 s of silence when the course of its call is not known any more', async () => {
    const on = await desk();
    on.device.expectMedia(true, 1000);
    await on.play(both(50));
    on.device.expectMedia(undefined, on.now());
    await on.play([], 33_000);
    await on.device.endConversation('told', on.now());
    assert.deepEqual(
      on.recorded.map(({ durationMs, endedBy }) => [durationMs, endedBy]),
      [[1000, 'silence']],
    );
  });

  it('with split none stays one file across silence', async () => {
    const on = await desk({ split: 'none' });
    await on.play(
      [...both(50), ...arrivals(packetsOf(voice(50, 3), { ssrc: 5 }), { from: 100_000 })],
      102_000,
    );
    const { recorded } = await on.end();
    assert.equal(on.recorded.length, 1);
    assert.equal(recorded.durationMs, 100_000);
  });

  it('without media makes no file, but is an alarm while media is expected', async () => {
    const on = await desk();
    on.device.expectMedia(true, 1000);
    await on.play([], 5900);
    assert.equal(on.alarms.length, 0);
    await on.play([], 6200);
    assert.deepEqual(
      on.alarms.map(({ alarm, details }) => [alarm, details]),
      [['no-media', { silentMs: 5000 }]],
    );
    await on.device.endConversation('told', on.now());
    assert.deepEqual(
      on.alarms.map(({ alarm, until }) => [alarm, until !== undefined]),
      [
        ['no-media', false],
        ['no-media', true],
      ],
    );
    assert.deepEqual(await readdir(on.folder), []);
  });

  it('of which one direction is missing is an alarm, over as soon as it comes', async () => {
    const on = await desk();
    await on.play(arrivals(packetsOf(voice(300))), 6900);
    assert.deepEqual(
      on.alarms.map(({ alarm, details }) => [alarm, details]),
      [['one-way', { channel: 'received', reason: 'no packets' }]],
    );
    await on.play(
      inOrderOfArrival([
        ...arrivals(packetsOf(voice(50, 5), { sequenceNumber: 1300, timestamp: 5000 + 300 * PACKET }), {
          from: 7000,
        }),
        ...arrivals(packetsOf(voice(50, 2)), { from: 7000, channel: 'received' }),
      ]),
      8000,
    );
    assert.equal(on.alarms.length, 2);
    assert.deepEqual(
      (await on.end()).recorded.alarms.map(({ alarm, until }) => [alarm, until === undefined]),
      [['one-way', false]],
    );
  });

  it('of which one direction is digital silence from the beginning is the same alarm', async () => {
    const on = await desk();
    await on.play(
      inOrderOfArrival([
        ...arrivals(packetsOf(voice(600))),
        ...arrivals(packetsOf(silence(600 * PACKET)), { channel: 'received' }),
      ]),
      13_000,
    );
    assert.deepEqual(
      on.alarms.map(({ alarm, details }) => [alarm, details]),
      [['one-way', { channel: 'received', reason: 'digital silence' }]],
    );
  });

  it('is taken over by the last of two senders, when the first of them was too short to have it', async () => {
    const on = await desk();
    await on.play(both(60));
    await on.play(
      inOrderOfArrival([
        ...arrivals(packetsOf(voice(10, 3), { ssrc: 3, timestamp: 99 }), { from: 2210 }),
        ...arrivals(packetsOf(voice(100, 4), { ssrc: 4, timestamp: 123 }), { from: 2411 }),
      ]),
      4500,
    );
    const { recorded, wav } = await on.end();
    assert.deepEqual(
      recorded.takeOvers.map(({ ssrc }) => ssrc),
      [4],
    );
    // Before it was certain that the first had given up, 100 ms were lost.
    assert.ok(wav.left.includes(voice(100, 4).subarray(6 * PACKET)));
  });

  it('takes nothing of a stranger that sends at the same time, and tells of it', async () => {
    const on = await desk();
    const stranger = arrivals(packetsOf(voice(60, 9), { ssrc: 666, timestamp: 5000 }), {
      from: 1301,
      source: '203.0.113.9:4000',
    });
    await on.play(inOrderOfArrival([...both(100), ...stranger]), 5000);
    const { wav, recorded } = await on.end();
    assert.deepEqual(wav.left, voice(100, 1));
    assert.equal(recorded.channels.sent.strangers, 60);
    assert.deepEqual(recorded.channels.sent.ssrcs, [0x12345678]);
    assert.deepEqual(
      on.alarms.map(({ alarm, details }) => [alarm, details]),
      [['stranger', { channel: 'sent', from: '203.0.113.9:4000' }]],
    );
  });

  it('goes on with another sender after a transfer, nothing of it lost, and the change is listed', async () => {
    const on = await desk();
    const after = arrivals(packetsOf(voice(100, 3), { ssrc: 4, timestamp: 123 }), {
      from: 2200,
      source: '192.0.2.2:6000',
    });
    await on.play([...arrivals(packetsOf(voice(50))), ...after], 5000);
    const { wav, recorded } = await on.end();
    assert.deepEqual(wav.left, Buffer.concat([voice(50), silence(200 * 8), voice(100, 3)]));
    assert.deepEqual(recorded.takeOvers, [
      { channel: 'sent', atMs: 1200, from: '192.0.2.1:5000', to: '192.0.2.2:6000', ssrc: 4 },
    ]);
    assert.equal(recorded.channels.sent.strangers, 0);
  });

  it('is cut after maxMinutes without losing or repeating a sample', async () => {
    const on = await desk({ maxFrames: 10 * 8000 });
    const audio = [voice(1500, 1), voice(1500, 2)] as const;
    await on.play(
      inOrderOfArrival([
        ...arrivals(packetsOf(audio[0])),
        ...arrivals(packetsOf(audio[1]), { channel: 'received' }),
      ]),
      31_500,
    );
    await on.end();
    assert.equal(on.recorded.length, 3);
    const wavs = await Promise.all(
      on.recorded.map(async ({ name }) => parseWav(await readFile(path.join(on.folder, `${name}.wav.part`)))),
    );
    assert.deepEqual(Buffer.concat(wavs.map(({ left }) => left)), audio[0]);
    assert.deepEqual(Buffer.concat(wavs.map(({ right }) => right)), audio[1]);
    for (const [index, { startedAt, endedBy, continues, gaps, channels }] of on.recorded.entries()) {
      assert.equal(endedBy, index === 2 ? 'told' : 'rotation');
      assert.equal(continues, on.recorded[index - 1]?.id);
      assert.equal(startedAt, on.recorded[index - 1]?.endedAt ?? startedAt);
      assert.deepEqual(gaps, []);
      assert.equal(channels.sent.lost, 0);
    }
  });

  it('forgets the packets that trail its end, but not a conversation that begins there', async () => {
    const on = await desk();
    await on.play(arrivals(packetsOf(voice(50))));
    await on.end();
    await on.play(
      arrivals(packetsOf(voice(10, 4), { sequenceNumber: 1050, timestamp: 5000 + 50 * PACKET }), {
        from: 2000,
      }),
      6000,
    );
    await on.device.endConversation('told', on.now());
    assert.equal(on.recorded.length, 1);
    await on.play([], 7500);
    await on.play(
      arrivals(packetsOf(voice(80, 5), { sequenceNumber: 1060, timestamp: 5000 + 60 * PACKET }), {
        from: 7500,
      }),
      10_000,
    );
    assert.deepEqual((await on.end()).wav.left, voice(80, 5));
  });

  it("in a codec that isn't decoded here is kept as it came, flagged, and silent in the file", async () => {
    const on = await desk();
    const packets = Array.from({ length: 50 }, (_, index) =>
      rtp(voice(1, index + 1, 20), { payloadType: 18, sequenceNumber: index, timestamp: index * PACKET }),
    );
    await on.play(arrivals(packets), 3000);
    const { recorded, wav } = await on.end();
    assert.equal(recorded.needsDecode, true);
    assert.deepEqual(
      recorded.raw.map(({ channel, packets: count, payloadTypes, reasons }) => ({
        channel,
        count,
        payloadTypes,
        reasons,
      })),
      [{ channel: 'sent', count: 50, payloadTypes: [18], reasons: ['codec'] }],
    );
    assert.equal(recorded.channels.sent.codec, 'G729');
    assert.equal(recorded.durationMs, 1000);
    assert.equal(wav.frames, 8000);
    assert.deepEqual(
      recorded.gaps.filter(({ channel }) => channel === 'sent'),
      [{ channel: 'sent', atMs: 0, durationMs: 1000, kind: 'codec' }],
    );
  });
});

describe('a pause', () => {
  it('is silence of exactly its length, listed with who and why; nothing of it is in any file', async () => {
    const on = await desk();
    await on.play(both(50));
    on.device.pause('agent 12', 'card number', 1000, on.now() + 20);
    await on.play(
      both(150)
        .slice(100)
        .map((arrival) => arrival),
      5000,
    );
    const { recorded, wav } = await on.end();
    const [left, right] = [voice(150, 1), voice(150, 2)];
    for (const [side, audio] of [
      [wav.left, left],
      [wav.right, right],
    ] as const) {
      assert.deepEqual(side, Buffer.concat([audio.subarray(0, 8000), silence(8000), audio.subarray(16_000)]));
    }
    assert.deepEqual(
      recorded.gaps,
      (['sent', 'received'] as const).map((channel) => ({
        channel,
        atMs: 1000,
        durationMs: 1000,
        kind: 'pause',
        by: 'agent 12',
        reason: 'card number',
      })),
    );
    for (const file of await readdir(on.folder)) {
      const content = await readFile(path.join(on.folder, file));
      for (let index = 50; index < 100; index += 1) {
        assert.equal(content.indexOf(left.subarray(index * PACKET, (index + 1) * PACKET)), -1);
        assert.equal(
          content.indexOf(interleaved(left, right).subarray(index * 2 * PACKET, (index * 2 + 1) * PACKET)),
          -1,
          file,
        );
      }
    }
  });

  it('covers keys pressed, encrypted packets and other codecs as well', async () => {
    const on = await desk();
    await on.play(both(50));
    on.device.pause(undefined, undefined, Infinity, on.now() + 10);
    const pressed = rtp(Buffer.from([4, 0x8a, 1, 0]), {
      payloadType: 97,
      sequenceNumber: 1050,
      timestamp: 5000 + 50 * PACKET,
    });
    const other = rtp(voice(1, 3, 20), {
      payloadType: 18,
      sequenceNumber: 1051,
      timestamp: 5000 + 51 * PACKET,
    });
    await on.play(
      [
        { at: 2010, packet: pressed },
        { at: 2030, packet: other },
      ],
      3000,
    );
    const { recorded } = await on.end();
    assert.deepEqual([recorded.events, recorded.raw], [[], []]);
  });

  it('is over with the conversation when that is told, and goes on when it only fell silent', async () => {
    const on = await desk();
    await on.play(both(20));
    on.device.pause(undefined, undefined, Infinity, on.now() + 10);
    await on.play(both(50, 40_000), 42_000);
    assert.deepEqual(
      on.recorded.map(({ endedBy }) => endedBy),
      ['silence'],
    );
    const { wav } = await on.end();
    assert.deepEqual(wav.left, silence(8000));
    await on.play(arrivals(packetsOf(voice(50, 3), { ssrc: 8 }), { from: 44_000 }), 46_000);
    assert.deepEqual((await on.end()).wav.left, voice(50, 3));
  });
});

function interleaved(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(
    Array.from({ length: 2 * left.length }, (_, index) => (index % 2 === 0 ? left : right)[index >> 1] ?? 0),
  );
}

describe('a disk', () => {
  /** A disk that refuses while `refuses` is set, with the system's own error: /dev/full is always full. */
  function moody(): { files: FileSystem; refuse: (code: 'ENOSPC' | 'EROFS' | undefined) => void } {
    let refuses: string | undefined;
    const check = (): Promise<void> =>
      refuses === undefined
        ? Promise.resolve()
        : Promise.reject(Object.assign(new Error(`${refuses}: the disk refuses`), { code: refuses }));
    return {
      refuse: (code) => {
        refuses = code;
      },
      files: {
        ...systemFileSystem,
        create: async (file) => {
          await check();
          const open = await systemFileSystem.create(file);
          return {
            write: (bytes, start, end, position) =>
              check().then(() => open.write(bytes, start, end, position)),
            read: (position, length) => open.read(position, length),
            finish: (length) => open.finish(length),
            sync: () => open.sync(),
            close: () => open.close(),
          };
        },
        replace: (file, text) => check().then(() => systemFileSystem.replace(file, text)),
      },
    };
  }

  it('that is full for 20 s loses nothing, and is an alarm meanwhile', async () => {
    const disk = moody();
    const on = await desk({}, disk.files);
    const packets = both(1750);
    await on.play(packets.slice(0, 400));
    disk.refuse('ENOSPC');
    await on.play(packets.slice(400, 2400));
    assert.deepEqual(
      on.alarms.map(({ alarm, details }) => [alarm, details.code]),
      [['disk', 'ENOSPC']],
    );
    disk.refuse(undefined);
    await on.play(packets.slice(2400), 37_000);
    const { wav } = await on.end();
    assert.deepEqual(wav.left, voice(1750, 1));
    assert.deepEqual(wav.right, voice(1750, 2));
    assert.equal(on.alarms.filter(({ until }) => until !== undefined).length, 1);
  });

  it('that is full for two minutes costs what is older than 30 s, listed as a gap, and memory stays bounded', async () => {
    const disk = moody();
    const on = await desk({}, disk.files);
    const packets = both(7500);
    await on.play(packets.slice(0, 400));
    disk.refuse('ENOSPC');
    await on.play(packets.slice(400, 12_400));
    disk.refuse(undefined);
    await on.play(packets.slice(12_400), 152_000);
    const { wav, recorded } = await on.end();
    assert.equal(wav.left.length, 7500 * PACKET);
    const [gap, ...more] = recorded.gaps.filter(({ channel }) => channel === 'sent');
    assert.deepEqual([gap?.kind, more.length], ['disk', 0]);
    assert.ok(gap && gap.durationMs > 85_000 && gap.durationMs < 95_000, JSON.stringify(gap));
    const [from, to] = [gap.atMs * 8, (gap.atMs + gap.durationMs) * 8];
    assert.deepEqual(
      wav.left,
      Buffer.concat([voice(7500, 1).subarray(0, from), silence(to - from), voice(7500, 1).subarray(to)]),
    );
  });

  it("that is read-only from the beginning is an alarm, and the recording begins when it isn't any more", async () => {
    const disk = moody();
    disk.refuse('EROFS');
    const on = await desk({}, disk.files);
    await on.play(both(400).slice(0, 300));
    assert.deepEqual(
      on.alarms.map(({ alarm, details }) => [alarm, details.code]),
      [['disk', 'EROFS']],
    );
    disk.refuse(undefined);
    await on.play(both(400).slice(300), 10_000);
    assert.deepEqual((await on.end()).wav.left, voice(400, 1));
  });

  it('that is full to the end leaves a file that plays as far as it goes', async () => {
    const on = await desk(
      {},
      {
        ...systemFileSystem,
        create: async (file) => {
          const open = await systemFileSystem.create(file);
          return {
            ...bound(open),
            write: (bytes, start, end, position) =>
              position > 20_000
                ? Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }))
                : open.write(bytes, start, end, position),
          };
        },
      },
    );
    await on.play(both(150), 5000);
    const { wav, recorded } = await on.end();
    assert.ok(wav.exact && wav.frames >= 4000 && wav.frames < 16_000, `${wav.frames} frames`);
    assert.deepEqual(wav.left, voice(150, 1).subarray(0, wav.frames));
    assert.equal(recorded.gaps.at(-1)?.kind, 'disk');
    assert.equal(recorded.alarms[0]?.alarm, 'disk');
  });
});

const bound = (
  open: Awaited<ReturnType<FileSystem['create']>>,
): Awaited<ReturnType<FileSystem['create']>> => ({
  write: (bytes, start, end, position) => open.write(bytes, start, end, position),
  read: (position, length) => open.read(position, length),
  finish: (length) => open.finish(length),
  sync: () => open.sync(),
  close: () => open.close(),
});
