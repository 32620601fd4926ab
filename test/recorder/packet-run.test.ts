import assert from 'node:assert/strict';

import { CHANNELS, type Channel, type RecordingMetadata } from '../../recorder/common/types';
import { desk, inOrderOfArrival, type Arrival } from './desk';
import { PACKET, random, randomBytes, rtp, SrtpSender, voice, type RtpFields, type Wav } from './support';

/*
 * Packets of which each is the one expected are worked off together, others one by one. A header extension says nothing of the audio, but
 * no packet that has one is as expected: with and without it the same must come out.
 */

const PACKETS = 400;
type PacketOf = (channel: Channel, payload: Uint8Array, fields: RtpFields) => Buffer;

const MASTER = { key: randomBytes(16, 3), salt: randomBytes(14, 4) };

/** Two streams of eight seconds: calm, but for a disturbance now and then. */
function conversation(seed: number, packetOf: PacketOf): Arrival[] {
  const next = random(seed);
  const list: Arrival[] = [];
  for (const channel of CHANNELS) {
    const audio = voice(PACKETS, seed + channel.length);
    let [sequenceNumber, timestamp, ssrc] = [65_300, 2 ** 32 - 10_000, seed];
    for (let index = 0; index < PACKETS; index += 1, sequenceNumber += 1, timestamp += PACKET) {
      const what = Math.floor(120 * next());
      const at = 1000 + 20 * index + 3 * next() + (what === 1 ? 50 : 0);
      if (what === 2) sequenceNumber += 20_000;
      if (what === 3) timestamp += 8 * PACKET;
      if (what === 4) ssrc += 1;
      const payloadType = what === 5 ? 8 : what === 6 ? 13 : what === 7 ? 101 : what === 8 ? 18 : 0;
      const size = what === 6 ? 1 : what === 7 ? 4 : what === 9 ? PACKET / 2 : PACKET;
      const packet = packetOf(channel, audio.subarray(index * PACKET, index * PACKET + size), {
        payloadType,
        sequenceNumber,
        timestamp,
        ssrc,
        marker: what === 10,
      });
      if (what === 11) continue;
      list.push({ at, packet, channel, ...(what === 15 ? { source: '192.0.2.77:77' } : {}) });
      if (what === 12) list.push({ at: at + 1, packet, channel });
      if (what === 13) list.push({ at: at + 1, packet, channel, source: '192.0.2.66:66' });
      if (what === 14) list.push({ at: at + 1, packet: Buffer.from('garbage'), channel });
    }
  }
  return inOrderOfArrival(list);
}

/** What can be compared: all but names and the time of day. */
async function recorded(
  packets: readonly Arrival[],
  keys?: typeof MASTER,
): Promise<{ wav: Wav; told: Partial<RecordingMetadata> }> {
  const on = await desk();
  if (keys) on.device.setKeys({ key: Uint8Array.from(keys.key), salt: Uint8Array.from(keys.salt) }, on.now());
  await on.play(
    packets.filter(({ at }) => at < 3000),
    3000,
  );
  on.device.pause('test', undefined, 700, on.now());
  await on.play(
    packets.filter(({ at }) => at >= 3000),
    10_000,
  );
  const {
    wav,
    recorded: { channels, gaps, gapsOmitted, durationMs, events, corrections, takeOvers, raw },
  } = await on.end();
  const flows = Object.fromEntries(
    Object.entries(channels).map(([channel, { firstPacketAt, lastPacketAt, ...report }]) => [
      channel,
      { ...report, heardMs: Date.parse(lastPacketAt ?? '') - Date.parse(firstPacketAt ?? '') },
    ]),
  ) as unknown as RecordingMetadata['channels'];
  return {
    wav,
    told: {
      channels: flows,
      gaps,
      gapsOmitted,
      durationMs,
      events,
      corrections,
      takeOvers,
      raw: raw.map((file) => ({ ...file, path: '', sha256: '' })),
    },
  };
}

const plain: PacketOf = (_, payload, fields) => rtp(payload, fields);
const extended: PacketOf = (_, payload, fields) => rtp(payload, { ...fields, extensionWords: 0 });

describe('packets that are all as expected', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    it(`are recorded as if each was looked at by itself: conversation ${seed}`, async () => {
      const together = await recorded(conversation(seed, plain));
      const oneByOne = await recorded(conversation(seed, extended));
      assert.deepEqual(together.told, oneByOne.told);
      assert.ok(
        together.wav.left.equals(oneByOne.wav.left) && together.wav.right.equals(oneByOne.wav.right),
        'the audio differs',
      );
      assert.ok((together.told.channels?.sent.packets ?? 0) > 0.9 * PACKETS);
    });
  }

  for (const tag of [10, 4, 0] as const) {
    it(`are deciphered as if each was looked at by itself, with a tag of ${tag} bytes`, async () => {
      const senders = {
        sent: new SrtpSender({ ...MASTER, tag }),
        received: new SrtpSender({ ...MASTER, tag }),
      };
      const audio = voice(PACKETS);
      const stream = (packetOf: PacketOf): Arrival[] =>
        inOrderOfArrival(
          CHANNELS.flatMap((channel) =>
            Array.from({ length: PACKETS }, (_, index): Arrival => ({
              at: 1000 + 20 * index,
              channel,
              packet: packetOf(channel, audio.subarray(index * PACKET, (index + 1) * PACKET), {
                sequenceNumber: 65_300 + index,
                timestamp: index * PACKET,
                ssrc: channel.length,
              }),
            })),
          ),
        );
      const encrypted = await recorded(
        stream((channel, payload, fields) => senders[channel].protect(rtp(payload, fields))),
        MASTER,
      );
      const clear = await recorded(stream(extended));
      assert.deepEqual(encrypted.told, clear.told);
      assert.ok(
        encrypted.wav.left.equals(clear.wav.left) && encrypted.wav.right.equals(clear.wav.right),
        'the audio differs',
      );
    });
  }
});
