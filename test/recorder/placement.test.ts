import assert from 'node:assert/strict';

import { arrivals, desk, inOrderOfArrival, type Arrival, type Desk, type Ended } from './desk';
import { at, PACKET, packetsOf, random, rtp, voice } from './support';

const SILENT = 0xff;
const silence = (samples: number): Buffer => Buffer.alloc(samples, SILENT);

async function recorded(packets: readonly Arrival[], before?: (on: Desk) => void): Promise<Ended> {
  const on = await desk();
  before?.(on);
  const ordered = inOrderOfArrival(packets);
  await on.play(ordered, (ordered.at(-1)?.at ?? 0) + 1000);
  return on.end();
}

/** A hundred packets, of which some are replaced by silence in what is expected. */
function withSilenceAt(audio: Buffer, lost: (index: number) => boolean): Buffer {
  const expected = Buffer.from(audio);
  for (let index = 0; index * PACKET < audio.length; index += 1)
    if (lost(index)) expected.fill(SILENT, index * PACKET, (index + 1) * PACKET);
  return expected;
}

describe('audio is placed where it was spoken', () => {
  const audio = voice(100);
  const inOrder = arrivals(packetsOf(audio));
  const swapped = inOrder.map((arrival, index) => ({
    ...arrival,
    at: arrival.at + (index % 2 === 0 ? 30 : 0),
  }));
  const jitter = random(7);
  const jittered = inOrder.map((arrival) => ({ ...arrival, at: arrival.at + 60 * jitter() }));

  for (const [title, packets] of Object.entries<Arrival[]>({
    'in order': inOrder,
    'in pairs that overtake each other': swapped,
    'with 60 ms of jitter': jittered,
    'each of them twice': inOrder.flatMap((arrival) => [arrival, { ...arrival, at: arrival.at + 5 }]),
    'across the end of sequence numbers and timestamps': arrivals(
      packetsOf(audio, { sequenceNumber: 65_480, timestamp: 2 ** 32 - 50 * PACKET + 7 }),
    ),
    'in packets of 10 ms': arrivals(packetsOf(audio, {}, 80), { every: 10 }),
    'in packets of 30 ms': arrivals(packetsOf(audio, {}, 240), { every: 30 }),
    'with padding, CSRC and header extension': arrivals(
      Array.from({ length: 100 }, (_, index) =>
        rtp(audio.subarray(index * PACKET, (index + 1) * PACKET), {
          sequenceNumber: index,
          timestamp: index * PACKET,
          padding: index % 5,
          csrcs: index % 3,
          ...(index % 4 === 0 ? { extensionWords: index % 8 } : {}),
        }),
      ),
    ),
    'among garbage and truncated packets': inOrder.flatMap((arrival, index) => [
      {
        ...arrival,
        at: arrival.at - 1,
        packet: [
          Buffer.from('garbage'),
          Buffer.alloc(0),
          Buffer.alloc(200, 0xff),
          arrival.packet.subarray(0, 11),
          Buffer.from([0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
          Buffer.from([0x80, 200, ...Buffer.alloc(30)]),
        ][index % 6] as Buffer,
      },
      arrival,
    ]),
    'by a sender that begins anew with other numbers and goes on': [
      ...inOrder.slice(0, 50),
      ...arrivals(packetsOf(audio.subarray(50 * PACKET), { sequenceNumber: 40_000, timestamp: 77 }), {
        from: 2000,
      }),
    ],
    'by a sender that begins anew with other numbers, its packets overtaking each other from then on': [
      ...inOrder.slice(0, 50),
      ...arrivals(packetsOf(audio.subarray(50 * PACKET), { sequenceNumber: 40_000, timestamp: 77 }), {
        from: 2000,
      }).map((arrival, index) => ({ ...arrival, at: arrival.at + (index % 2 === 0 ? 30 : 0) })),
    ],
    'by another SSRC from the middle on': [
      ...inOrder.slice(0, 50),
      ...arrivals(
        packetsOf(audio.subarray(50 * PACKET), { ssrc: 42, sequenceNumber: 3, timestamp: 9_999_999 }),
        { from: 2000 },
      ),
    ],
    'by another SSRC whose packets take 30 ms longer': [
      ...inOrder.slice(0, 50),
      ...arrivals(
        packetsOf(audio.subarray(50 * PACKET), { ssrc: 42, sequenceNumber: 3, timestamp: 9_999_999 }),
        { from: 2030 },
      ),
    ],
    'by a timestamp that jumps in the middle': [
      ...inOrder.slice(0, 50),
      ...arrivals(
        packetsOf(audio.subarray(50 * PACKET), { sequenceNumber: 1050, timestamp: 3_000_000_000 }),
        { from: 2000 },
      ),
    ],
    'all at once, the process having been busy': inOrder.map((arrival, index) => ({
      ...arrival,
      at: 3000 + index / 1000,
    })),
  })) {
    it(title, async () => {
      const {
        recorded: { gaps, durationMs, channels },
        wav,
      } = await recorded(packets);
      assert.ok(wav.exact);
      assert.equal(wav.tag, 7);
      assert.deepEqual(wav.left, audio);
      assert.deepEqual(wav.right, silence(audio.length));
      assert.deepEqual(gaps, [{ channel: 'received', atMs: 0, durationMs: 2000, kind: 'no-media' }]);
      assert.equal(durationMs, 2000);
      assert.equal(channels.sent.lost, 0);
    });
  }

  it('with silence of the right length for 15 % of lost packets, each of them listed', async () => {
    const next = random(3);
    const lost = new Set(Array.from({ length: 98 }, (_, index) => index + 1).filter(() => next() < 0.15));
    const {
      recorded: { gaps, channels },
      wav,
    } = await recorded(inOrder.filter((_, index) => !lost.has(index)));
    assert.ok(lost.size > 8);
    assert.deepEqual(
      wav.left,
      withSilenceAt(audio, (index) => lost.has(index)),
    );
    assert.equal(channels.sent.lost, lost.size);
    const listed = gaps.filter(({ channel }) => channel === 'sent');
    assert.deepEqual([...new Set(listed.map(({ kind }) => kind))], ['loss']);
    assert.equal(
      listed.reduce((sum, { durationMs }) => sum + durationMs, 0),
      20 * lost.size,
    );
    assert.deepEqual(
      listed.map(({ atMs }) => atMs),
      [...lost].filter((index) => !lost.has(index - 1)).map((index) => 20 * index),
    );
  });

  it('counts what was done to the stream: lost, repeated, overtaken', async () => {
    const packets = inOrder
      .filter((_, index) => index !== 20 && index !== 21)
      .flatMap((arrival, index) =>
        index === 40
          ? [arrival, arrival, arrival]
          : [index === 60 ? { ...arrival, at: arrival.at + 45 } : arrival],
      );
    const {
      recorded: {
        channels: { sent },
      },
    } = await recorded(packets);
    assert.deepEqual(
      {
        packets: sent.packets,
        lost: sent.lost,
        duplicated: sent.duplicated,
        reordered: sent.reordered,
        late: sent.late,
      },
      { packets: 98, lost: 2, duplicated: 2, reordered: 1, late: 0 },
    );
    assert.equal(sent.longestGapMs, 40);
  });

  it('jitter is that of RFC 3550: about 20 ms for delays between 0 and 60', async () => {
    const {
      recorded: {
        channels: { sent, received },
      },
    } = await recorded([...jittered, ...arrivals(packetsOf(voice(100, 2)), { channel: 'received' })]);
    assert.ok(sent.jitterMs > 12 && sent.jitterMs < 28, `${sent.jitterMs} ms`);
    assert.equal(received.jitterMs, 0);
    assert.ok(sent.mos !== null && received.mos !== null && sent.mos < received.mos);
  });

  it('both channels on one line of time: the second begins where it came in', async () => {
    const {
      recorded: { gaps },
      wav,
    } = await recorded([
      ...inOrder,
      ...arrivals(packetsOf(voice(50, 2)), { channel: 'received', from: 1500 }),
    ]);
    assert.deepEqual(wav.left, audio);
    assert.deepEqual(wav.right, Buffer.concat([silence(4000), voice(50, 2), silence(4000)]));
    assert.deepEqual(gaps, [
      { channel: 'received', atMs: 0, durationMs: 500, kind: 'no-media' },
      { channel: 'received', atMs: 1500, durationMs: 500, kind: 'no-media' },
    ]);
  });

  it('the first packets of both flows are t = 0, whichever is worked off first', async () => {
    const { wav } = await recorded([
      ...arrivals(packetsOf(voice(50, 2)), { channel: 'received' }),
      ...arrivals(packetsOf(audio), { from: 1100 }),
    ]);
    assert.deepEqual(wav.right.subarray(0, 50 * PACKET), voice(50, 2));
    assert.deepEqual(wav.left, Buffer.concat([silence(800), audio]));
  });

  it('after a hold in which the timestamp stood still', async () => {
    const on = await desk();
    on.device.expectMedia(true, 1000);
    await on.play(
      [
        ...inOrder.slice(0, 50),
        ...arrivals(
          packetsOf(audio.subarray(50 * PACKET), { sequenceNumber: 1050, timestamp: 5000 + 50 * PACKET }),
          { from: 62_000 },
        ),
      ],
      64_000,
    );
    const {
      recorded: { gaps },
      wav,
    } = await on.end();
    assert.deepEqual(
      wav.left,
      Buffer.concat([audio.subarray(0, 50 * PACKET), silence(60_000 * 8), audio.subarray(50 * PACKET)]),
    );
    assert.deepEqual(
      gaps.filter(({ channel }) => channel === 'sent'),
      [{ channel: 'sent', atMs: 1000, durationMs: 60_000, kind: 'no-media' }],
    );
  });

  for (const [title, catchUpMs] of [
    ['at once', 0],
    ['in a tenth of a second', 100],
    ['twice as fast as they were spoken', 2500],
  ] as const) {
    it(`when the network kept five seconds back and lets them go ${title}`, async () => {
      const long = voice(500);
      // What was spoken from second 2 to second 7 comes after that; the rest in time again, or as soon as it can.
      const late = arrivals(packetsOf(long)).map(({ at: spoken, ...rest }) => {
        if (spoken < 3000) return { at: spoken, ...rest };
        const kept = 8000 + ((spoken - 3000) * catchUpMs) / 5000;
        return { at: Math.max(spoken, kept), ...rest };
      });
      const other = arrivals(packetsOf(voice(500, 2)), { channel: 'received' });
      const {
        recorded: { gaps, channels },
        wav,
      } = await recorded([...late, ...other]);
      assert.deepEqual([gaps, channels.sent.late, channels.sent.lost], [[], 0, 0]);
      assert.deepEqual(wav.left, long);
      assert.deepEqual(wav.right, voice(500, 2));
    });
  }

  it('with silence where the sender suppresses it, told by comfort noise or not', async () => {
    const noise = rtp(Buffer.from([60]), {
      payloadType: 13,
      sequenceNumber: 1040,
      timestamp: 5000 + 40 * PACKET,
    });
    const after = packetsOf(audio.subarray(40 * PACKET), {
      sequenceNumber: 1041,
      timestamp: 5000 + 140 * PACKET,
    });
    const {
      recorded: { gaps, channels },
      wav,
    } = await recorded([
      ...inOrder.slice(0, 40),
      { at: 1800, packet: noise },
      ...arrivals(after.slice(0, 30), { from: 3800 }),
      ...arrivals(
        packetsOf(audio.subarray(70 * PACKET), { sequenceNumber: 1071, timestamp: 5000 + 220 * PACKET }),
        { from: 5400 },
      ),
    ]);
    assert.deepEqual(
      wav.left,
      Buffer.concat([
        audio.subarray(0, 6400),
        silence(16_000),
        audio.subarray(6400, 11_200),
        silence(8000),
        audio.subarray(11_200),
      ]),
    );
    assert.deepEqual(
      gaps
        .filter(({ channel }) => channel === 'sent')
        .map(({ atMs, durationMs, kind }) => [atMs, durationMs, kind]),
      [
        [800, 2000, 'noise'],
        [3400, 1000, 'no-media'],
      ],
    );
    assert.equal(channels.sent.lost, 0);
  });

  it('a packet that comes after its stretch is closed is counted and its gap is called late', async () => {
    const both = voice(800);
    const all = packetsOf(both);
    const {
      recorded: { gaps, channels },
      wav,
    } = await recorded([
      ...arrivals(all).filter((_, index) => index !== 10),
      { at: 1000 + 14_000, packet: at(all, 10) },
      ...arrivals(packetsOf(voice(800, 2)), { channel: 'received' }),
    ]);
    assert.deepEqual(
      wav.left,
      withSilenceAt(both, (index) => index === 10),
    );
    assert.deepEqual(gaps, [{ channel: 'sent', atMs: 200, durationMs: 20, kind: 'late' }]);
    assert.equal(channels.sent.late, 1);
  });

  it('a packet 8 s late still finds its place when the other channel is behind as well', async () => {
    const all = packetsOf(voice(500));
    const {
      wav,
      recorded: { gaps },
    } = await recorded([
      ...arrivals(all).filter((_, index) => index !== 10),
      { at: 9200, packet: at(all, 10) },
    ]);
    assert.deepEqual(wav.left, voice(500));
    assert.deepEqual(
      gaps.filter(({ channel }) => channel === 'sent'),
      [],
    );
  });

  it('in the law of the file when the sender changes from mu-law to A-law', async () => {
    // Linear values at which both laws have a step of the same size, so that the change loses nothing.
    const [ulaw, alaw] = [Buffer.from([0xff, 0x80, 0x00]), Buffer.from([0xd5, 0xaa, 0x2a])];
    const parts = [Buffer.alloc(PACKET, 0x90), Buffer.concat([alaw, Buffer.alloc(PACKET - 3, alaw[0])])];
    const { wav } = await recorded(
      parts.map((payload, index) => ({
        at: 1000 + 20 * index,
        packet: rtp(payload, {
          payloadType: index === 0 ? 0 : 8,
          sequenceNumber: index,
          timestamp: index * PACKET,
        }),
      })),
    );
    assert.equal(wav.tag, 7);
    assert.deepEqual(wav.left.subarray(PACKET, PACKET + 3), ulaw);
    assert.deepEqual(wav.left.subarray(PACKET + 3), silence(PACKET - 3));
  });

  it('keys pressed are listed, and are no audio and no gap', async () => {
    const event = (duration: number, end: boolean): Buffer =>
      Buffer.from([5, (end ? 0x80 : 0) | 10, duration >> 8, duration & 0xff]);
    const presses = [160, 320, 480, 480, 480].map((duration, index) => ({
      at: 2000 + 20 * index,
      packet: rtp(event(duration, index > 1), {
        payloadType: 101,
        sequenceNumber: 1050 + index,
        timestamp: 5000 + 50 * PACKET,
      }),
    }));
    const {
      recorded: { events, gaps },
      wav,
    } = await recorded([
      ...inOrder.slice(0, 50),
      ...presses,
      ...arrivals(
        packetsOf(audio.subarray(53 * PACKET), { sequenceNumber: 1055, timestamp: 5000 + 53 * PACKET }),
        { from: 2100 },
      ),
    ]);
    assert.deepEqual(events, [{ channel: 'sent', event: '5', atMs: 1000, durationMs: 60 }]);
    assert.deepEqual(
      gaps.filter(({ channel }) => channel === 'sent'),
      [],
    );
    assert.deepEqual(
      wav.left,
      withSilenceAt(audio, (index) => index >= 50 && index < 53),
    );
  });

  it('as linear PCM when that is asked for, both laws decoded', async () => {
    const on = await desk({ format: 'pcm16' });
    await on.play(
      [
        { at: 1000, packet: rtp(Buffer.from([0x00, 0x80, 0xff, 0x7f]), { sequenceNumber: 0, timestamp: 0 }) },
        {
          at: 1020,
          packet: rtp(Buffer.from([0x2a, 0xaa, 0xd5]), { payloadType: 8, sequenceNumber: 1, timestamp: 4 }),
        },
      ],
      2000,
    );
    const { wav } = await on.end();
    assert.equal(wav.tag, 1);
    const samples = Array.from({ length: 7 }, (_, index) => wav.left.readInt16LE(2 * index));
    assert.deepEqual(samples, [-32_124, 32_124, 0, 0, -32_256, 32_256, 8]);
  });
});

describe('both channels stay together', () => {
  /** 9 s of speech and a second of silence in turn; the first packet of each ten seconds is like no other. */
  const talk = (tens: number, seed: number): Buffer =>
    Buffer.concat(
      Array.from({ length: tens }, (_, index) =>
        Buffer.concat([mark(seed, index), voice(449, seed), silence(50 * PACKET)]),
      ),
    );
  const mark = (seed: number, index: number): Buffer => voice(1, 1000 * seed + index);

  /** How much later the sent channel is than the received one, in ms, in each ten seconds. */
  function skews({ wav }: Ended, tens: number): number[] {
    return Array.from({ length: tens }, (_, index) => {
      const [sent, received] = [wav.left.indexOf(mark(1, index)), wav.right.indexOf(mark(2, index))];
      assert.ok(sent >= 0 && received >= 0, `both channels have their ${index + 1}th ten seconds`);
      return (sent - received) / 8;
    });
  }

  const both = (tens: number, place: (arrival: Arrival) => Arrival): Arrival[] =>
    inOrderOfArrival(
      [
        ...arrivals(packetsOf(talk(tens, 1))),
        ...arrivals(packetsOf(talk(tens, 2)), { channel: 'received' }),
      ].map(place),
    );

  it('through 60 ms of jitter, whatever the first packets had of it', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const next = random(seed);
      const ended = await recorded(both(2, (arrival) => ({ ...arrival, at: arrival.at + 60 * next() })));
      for (const skew of skews(ended, 2))
        assert.ok(Math.abs(skew) < 10, `${skew} ms apart with seed ${seed}`);
      assert.ok(
        Math.abs(ended.recorded.durationMs - 20_000) < 10,
        `${ended.recorded.durationMs} ms with seed ${seed}`,
      );
    }
  });

  for (const holdMs of [1500, 10_000]) {
    it(`after a hold of ${holdMs} ms in which one sender's timestamp stood still, through 60 ms of jitter`, async () => {
      for (let seed = 1; seed <= 5; seed += 1) {
        const next = random(seed);
        const before = talk(2, 1);
        const after = { sequenceNumber: 1000 + 1000, timestamp: 5000 + before.length };
        const quiet = holdMs / 20;
        const sent = Buffer.concat([mark(1, 2), voice(499, 1)]);
        const received = Buffer.concat([talk(2, 2), voice(quiet, 8), mark(2, 2), voice(499, 2)]);
        const ended = await recorded(
          [
            ...arrivals(packetsOf(before)),
            ...arrivals(packetsOf(sent, after), { from: 21_000 + holdMs }),
            ...arrivals(packetsOf(received), { channel: 'received' }),
          ].map((arrival) => ({ ...arrival, at: arrival.at + 60 * next() })),
        );
        for (const skew of skews(ended, 3))
          assert.ok(Math.abs(skew) < 20, `${skew} ms apart with seed ${seed}`);
      }
    });
  }

  it('when the network keeps half a second, a second, nearly two back and lets them go at once', async () => {
    const next = random(5);
    const stalls = [
      [3000, 500],
      [9000, 1000],
      [14_000, 1900],
    ] as const;
    const ended = await recorded(
      both(2, (arrival) => {
        const stall =
          arrival.channel === 'received'
            ? undefined
            : stalls.find(([from, ms]) => arrival.at >= from && arrival.at < from + ms);
        return { ...arrival, at: (stall ? stall[0] + stall[1] : arrival.at) + 5 * next() };
      }),
    );
    assert.equal(ended.wav.left.indexOf(talk(2, 1)) >= 0, true, 'nothing has moved');
    for (const skew of skews(ended, 2)) assert.ok(Math.abs(skew) < 5, `${skew} ms apart`);
  });

  for (const [title, anew] of Object.entries({
    'and another SSRC in the middle': { ssrc: 42, sequenceNumber: 3, timestamp: 9_999_999 },
    'and a sender that begins anew with other numbers': { sequenceNumber: 40_000, timestamp: 77 },
  })) {
    it(`through 15 % loss, repetitions, 60 ms of jitter ${title}`, async () => {
      for (let seed = 1; seed <= 5; seed += 1) {
        const next = random(seed);
        const [first, second] = [talk(4, 1).subarray(0, 1000 * PACKET), talk(4, 1).subarray(1000 * PACKET)];
        const all = [
          ...arrivals(packetsOf(first)),
          ...arrivals(packetsOf(second, anew), { from: 21_000 }),
          ...arrivals(packetsOf(talk(4, 2)), { channel: 'received' }),
        ];
        // Not the marks, nor the ends: what is missing there nobody can know.
        const lost = new Set(all.filter((_, index) => index % 500 > 0 && index % 500 < 490 && next() < 0.15));
        const jittered = all
          .filter((arrival) => !lost.has(arrival))
          .map((arrival) => ({ ...arrival, at: arrival.at + 60 * next() }));
        const repeated = jittered
          .filter(() => next() < 0.05)
          .map((arrival) => ({ ...arrival, at: arrival.at + 3 }));
        const ended = await recorded([...jittered, ...repeated]);
        for (const skew of skews(ended, 4))
          assert.ok(Math.abs(skew) < 40, `${skew} ms apart with seed ${seed}`);
        const { sent, received } = ended.recorded.channels;
        assert.equal(sent.lost + received.lost, lost.size, `lost with seed ${seed}`);
        assert.equal(sent.duplicated + received.duplicated, repeated.length, `repeated with seed ${seed}`);
        assert.ok(
          Math.abs(ended.recorded.durationMs - 40_000) < 20,
          `${ended.recorded.durationMs} ms with seed ${seed}`,
        );
      }
    });
  }

  it('when their clocks go apart in ten minutes as far as 100 ppm fast and 100 ppm slow do in an hour, through 60 ms of jitter', async () => {
    const next = random(9);
    const ended = await recorded(
      both(60, (arrival) => ({
        ...arrival,
        at: 1000 + (arrival.at - 1000) * (arrival.channel === 'received' ? 1.0006 : 0.9994) + 60 * next(),
      })),
    );
    // What was said at the same time by the clocks of the senders was not said at the same time: in the end they are 720 ms apart.
    const off = skews(ended, 60).map((skew, index) => Math.abs(skew + 0.0012 * 10_000 * index));
    assert.ok(Math.max(...off) < 40, `${Math.max(...off)} ms off`);
    assert.ok(ended.recorded.corrections.length > 10);
  });
});

describe('clocks that differ', () => {
  /** 90 s at a clock that is faster by a thousandth, speech of 9 s and silence of 1 s in turn. */
  function drifting(perMille: number): Arrival[] {
    const audio = Buffer.concat(
      Array.from({ length: 9 }, (_, index) => Buffer.concat([voice(450, index + 1), silence(50 * PACKET)])),
    );
    return arrivals(packetsOf(audio), { every: 20 * (1 + perMille / 1000) });
  }

  for (const perMille of [2, -2]) {
    it(`${perMille} ‰ apart are put right in silence, by 15 to 32 ms each, so that the channels stay together`, async () => {
      const on = await desk();
      const packets = inOrderOfArrival([
        ...drifting(perMille),
        ...arrivals(packetsOf(voice(4500, 50)), { channel: 'received' }),
      ]);
      await on.play(packets, (packets.at(-1)?.at ?? 0) + 1000);
      const {
        recorded: { corrections },
        wav,
      } = await on.end();
      assert.ok(corrections.length >= 7 && corrections.length <= 9, JSON.stringify(corrections));
      for (const { movedMs } of corrections)
        assert.ok(
          Math.sign(movedMs) === Math.sign(perMille) && Math.abs(movedMs) > 15 && Math.abs(movedMs) < 32,
          `${movedMs} ms`,
        );
      const spoken = voice(450, 9);
      const at = wav.left.indexOf(spoken) / 8;
      assert.ok(at > 0, 'the last speech is whole');
      const arrived = 80_000 * (1 + perMille / 1000);
      assert.ok(Math.abs(at - arrived) < 40, `placed at ${at} ms, spoken at ${arrived} ms`);
    });
  }
});
