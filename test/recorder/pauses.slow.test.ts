import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { openRecording, readFileKeys, type FileKey } from '../../recorder';
import type { Channel, RecordingMetadata } from '../../recorder/common/types';
import { arrivals, desk, inOrderOfArrival, type Arrival, type Desk } from './desk';
import {
  at,
  PACKET,
  packetsOf,
  parseWav,
  random,
  randomBytes,
  rtp,
  SrtpSender,
  voice,
  type Wav,
} from './support';

/*
 * What was said during a pause is in no file of the folder, in no form: not as it was, not between the other channel's bytes, not linear, not in
 * a packet kept beside the audio, not behind a key.
 */

const SILENT = 0xff;
const CHANNELS: readonly Channel[] = ['sent', 'received'];
/** A second before, a minute of pause, two seconds behind: as packets of 20 ms. */
const [BEFORE, PAUSED, AFTER] = [50, 3000, 100];
const [START, PAUSE, RESUME] = [1000, 2000, 62_000];
const ALL = BEFORE + PAUSED + AFTER;

let key: FileKey;

interface Result {
  readonly recorded: RecordingMetadata;
  readonly wav: Wav;
  /** Every file of the folder as it lies there, and the encrypted ones once more, decrypted. */
  readonly files: ReadonlyMap<string, Buffer>;
}

async function finish(on: Desk): Promise<Result> {
  await on.device.endConversation('told', on.now());
  const recorded = at(on.recorded, on.recorded.length - 1);
  const files = new Map<string, Buffer>();
  for (const name of await readdir(on.folder)) {
    files.set(name, await readFile(path.join(on.folder, name)));
    if (/\.(wav|rtpdump)(\.enc)?\.part$/.test(name))
      files.set(`${name}, decrypted`, await content(path.join(on.folder, name)));
  }
  const wav = [...files].find(([name]) => /\.wav.*decrypted/.test(name));
  return { recorded, wav: parseWav(wav?.[1] ?? Buffer.alloc(0)), files };
}

async function content(file: string): Promise<Buffer> {
  const recording = await openRecording(file, [key]);
  const pieces: Uint8Array[] = [];
  for await (const piece of recording.read()) pieces.push(piece);
  await recording.close();
  return Buffer.concat(pieces);
}

/** Where 20 bytes of something lie in a file: alone, on one side of a stereo file, or as every fourth sample's high byte. */
function leaks({ files }: Result, secret: Buffer): string[] {
  const runs = new Map<number, number[]>();
  for (let from = 0; from + RUN <= secret.length; from += RUN)
    runs.set(secret.readUInt32LE(from), [...(runs.get(secret.readUInt32LE(from)) ?? []), from]);
  const marks = new Uint8Array(2 ** 22);
  for (const first of runs.keys()) marks[markOf(first)] = 1;
  const found: string[] = [];
  for (const [name, bytes] of files) {
    for (const view of [
      bytes,
      ...[2, 4].flatMap((step) => Array.from({ length: step }, (_, offset) => every(bytes, step, offset))),
    ]) {
      for (let position = 0; position + RUN <= view.length; position += 1) {
        const first = view.readUInt32LE(position);
        if (marks[markOf(first)] === 0) continue;
        const hit = runs
          .get(first)
          ?.find((from) => view.compare(secret, from, from + RUN, position, position + RUN) === 0);
        if (hit !== undefined) found.push(`${name} at ${position}`);
      }
    }
  }
  return found;
}

const RUN = 20;
const markOf = (first: number): number => Math.imul(first, 0x9e3779b1) >>> 10;
const every = (bytes: Buffer, step: number, offset: number): Buffer =>
  Buffer.from(bytes.filter((_, index) => index % step === offset));

/** What is said by both sides, and of it what is said in the pause. */
const said: Readonly<Record<Channel, Buffer>> = { sent: voice(ALL, 1), received: voice(ALL, 2) };
const secretOf = (audio: Buffer): Buffer =>
  audio.subarray((BEFORE + 1) * PACKET, (BEFORE + PAUSED - 1) * PACKET);

const play = async (on: Desk, list: readonly Arrival[]): Promise<void> => {
  const ordered = inOrderOfArrival(list);
  await on.play(
    ordered.filter(({ at: when }) => when < PAUSE),
    PAUSE,
  );
  on.device.pause('agent 12', 'card number', RESUME - PAUSE, PAUSE);
  await on.play(
    ordered.filter(({ at: when }) => when >= PAUSE),
    START + 20 * ALL + 5000,
  );
};

const both = (make: (channel: Channel) => readonly Buffer[]): Arrival[] =>
  CHANNELS.flatMap((channel) =>
    arrivals(make(channel), { channel, source: `192.0.2.${channel.length}:5000` }),
  );

describe('a paused minute', function () {
  this.timeout(120_000);

  before(async () => {
    key = at(await readFileKeys([randomBytes(32, 1).toString('hex')]), 0);
  });

  for (const encrypted of [false, true]) {
    for (const format of ['g711', 'pcm16'] as const) {
      it(`is silence of exactly that length, and no byte of it is in any file: ${format}${encrypted ? ', encrypted' : ''}`, async () => {
        const on = await desk({ format, key: encrypted ? key : undefined });
        await play(
          on,
          both((channel) => packetsOf(said[channel], { ssrc: channel.length })),
        );
        const result = await finish(on);
        const { wav, recorded } = result;
        for (const channel of CHANNELS) assert.deepEqual(leaks(result, secretOf(said[channel])), [], channel);
        const pauses = recorded.gaps.filter(({ kind }) => kind === 'pause');
        assert.deepEqual(
          pauses,
          CHANNELS.map((channel) => ({
            channel,
            atMs: PAUSE - START,
            durationMs: RESUME - PAUSE,
            kind: 'pause',
            by: 'agent 12',
            reason: 'card number',
          })),
        );
        const sample = format === 'g711' ? 1 : 2;
        const [from, to] = [(PAUSE - START) * 8 * sample, (RESUME - START) * 8 * sample];
        for (const side of [wav.left, wav.right]) {
          assert.ok(
            side.subarray(from, to).every((byte) => byte === (format === 'g711' ? SILENT : 0)),
            'silence',
          );
          assert.ok(
            side.subarray(from - 160 * sample, from).some((byte) => byte !== side[from]) &&
              side.subarray(to + 160 * sample, to + 320 * sample).some((byte) => byte !== side[from]),
            'and not more of it',
          );
        }
        assert.equal(wav.frames, ALL * PACKET, 'time goes on');
        if (format === 'g711')
          assert.ok(
            wav.left.subarray(to + 400).equals(said.sent.subarray(to + 400)),
            'what is said behind it is in its place',
          );
      });
    }
  }

  it('would be found by this look, in each form, if it were there', async () => {
    for (const format of ['g711', 'pcm16'] as const) {
      const on = await desk({ format });
      await on.play(
        inOrderOfArrival(
          both((channel) => packetsOf(said[channel].subarray(0, 100 * PACKET), { ssrc: channel.length })),
        ),
        6000,
      );
      const result = await finish(on);
      // Linear samples are another code: of each the same two bytes.
      const secret =
        format === 'g711'
          ? said.received.subarray(0, 40 * PACKET)
          : result.wav.right.subarray(0, 80 * PACKET);
      assert.ok(
        leaks(
          { ...result, files: new Map([...result.files].filter(([name]) => !name.includes('decrypted'))) },
          format === 'g711' ? secret : every(secret, 2, 1),
        ).length > 10,
        format,
      );
    }
  });

  it('of packets that come late, early, in disorder or long after it is silence all the same', async () => {
    for (const [name, delay] of Object.entries({
      jitter: (
        (next) => (): number =>
          Math.floor(60 * next())
      )(random(4)),
      reordering: (index: number): number => (index % 7 === 0 ? 130 : 0),
      'a second late': (index: number): number =>
        index >= BEFORE + PAUSED - 40 && index < BEFORE + PAUSED - 1 ? 1000 : 0,
      // All that was sent from three seconds before the pause's end on comes at once, four seconds behind it.
      'a network that stood still': (index: number): number =>
        index >= BEFORE + PAUSED - 150 ? Math.max(0, RESUME + 4000 + index / 10 - START - 20 * index) : 0,
    })) {
      const on = await desk();
      const list = both((channel) => packetsOf(said[channel], { ssrc: channel.length }));
      await play(
        on,
        list.map((arrival, index) => ({ ...arrival, at: arrival.at + delay(index % ALL) })),
      );
      const result = await finish(on);
      for (const channel of CHANNELS)
        assert.deepEqual(leaks(result, secretOf(said[channel])), [], `${name}, ${channel}`);
      assert.deepEqual(
        leaks(result, said.sent.subarray(0, 40 * PACKET)).length > 10,
        true,
        `${name}: what was said before is there`,
      );
    }
  });

  for (const tag of [10, 0] as const) {
    it(`of a flow that nobody can decipher ${tag === 0 ? 'without' : 'with'} a tag is in no file of packets`, async () => {
      const on = await desk({ key });
      const sender = new SrtpSender({ key: randomBytes(16, 7), salt: randomBytes(14, 8), tag });
      on.device.setKeys(
        { key: Uint8Array.from(randomBytes(16, 9)), salt: Uint8Array.from(randomBytes(14, 10)) },
        START,
      );
      const packets = packetsOf(said.sent).map((packet) => sender.protect(packet));
      // The last ones of the pause come when it is over.
      await play(
        on,
        arrivals(packets).map((arrival, index) => ({
          ...arrival,
          at: arrival.at + (index >= BEFORE + PAUSED - 30 && index < BEFORE + PAUSED - 1 ? 700 : 0),
        })),
      );
      const result = await finish(on);
      assert.ok(
        result.recorded.raw.length > 0 && leaks(result, at(packets, 10).subarray(12, 172)).length > 0,
        'the others are kept',
      );
      assert.deepEqual(
        leaks(
          result,
          Buffer.concat(
            packets.slice(BEFORE + 1, BEFORE + PAUSED - 1).map((packet) => packet.subarray(12, 172)),
          ),
        ),
        [],
      );
    });

    it(`whose keys are told when it is over stays silent, ${tag === 0 ? 'without' : 'with'} a tag`, async () => {
      const on = await desk();
      const own = { key: randomBytes(16, 7), salt: randomBytes(14, 8) };
      const sender = new SrtpSender({ ...own, tag });
      const packets = packetsOf(said.sent).map((packet) => sender.protect(packet));
      // The pause is short enough for all to be held back in memory, waiting for keys.
      const list = arrivals(packets.slice(0, 250));
      await on.play(list.slice(0, 100), 3000);
      on.device.pause(undefined, undefined, 2000, 3000);
      await on.play(list.slice(100), 6000);
      on.device.setKeys({ key: Uint8Array.from(own.key), salt: Uint8Array.from(own.salt) }, on.now());
      await on.play([], 8000);
      const result = await finish(on);
      const { left } = result.wav;
      assert.ok(
        left.subarray(16_000, 32_000).every((sample) => sample === SILENT),
        'silence',
      );
      assert.deepEqual(leaks(result, said.sent.subarray(101 * PACKET, 199 * PACKET)), []);
      assert.ok(
        left.subarray(0, 15_000).equals(said.sent.subarray(0, 15_000)),
        'what was said before is there',
      );
    });
  }

  it('of another codec is in no file of packets, though its last ones come late', async () => {
    const on = await desk();
    const packets = packetsOf(said.sent, { payloadType: 18 });
    await play(
      on,
      arrivals(packets).map((arrival, index) => ({
        ...arrival,
        at: arrival.at + (index >= BEFORE + PAUSED - 30 && index < BEFORE + PAUSED - 1 ? 700 : 0),
      })),
    );
    const result = await finish(on);
    assert.ok(leaks(result, said.sent.subarray(0, 20 * PACKET)).length > 10, 'the others are kept');
    assert.deepEqual(leaks(result, secretOf(said.sent)), []);
  });

  it('has none of the keys that were pressed in it, not even when their last packets come behind its end', async () => {
    const on = await desk();
    const list = [...arrivals(packetsOf(said.sent))];
    let sequenceNumber = 1000 + ALL;
    /** One key: three packets while it is down, three that say that it is up; all have the timestamp of its beginning. */
    const press = (key_: number, from: number): Arrival[] =>
      [160, 320, 480, 640, 640, 640].map((duration, index) => {
        sequenceNumber += 1;
        const payload = Buffer.from([key_, index >= 3 ? 0x8a : 0x0a, duration >> 8, duration & 0xff]);
        return {
          at: from + 20 * index + 20,
          packet: rtp(payload, { payloadType: 101, sequenceNumber, timestamp: 5000 + (from - START) * 8 }),
        };
      });
    const pressed = [
      press(1, START + 300),
      press(4, PAUSE + 1000),
      press(5, PAUSE + 20_000),
      press(6, RESUME - 60),
      press(9, RESUME + 500),
    ].flat();
    await play(on, [...list, ...pressed]);
    const { recorded, files } = await finish(on);
    assert.deepEqual(
      recorded.events.map(({ event }) => event),
      ['1', '9'],
    );
    const metadata = [...files]
      .filter(([name]) => name.endsWith('.json.part'))
      .map(([, bytes]) => bytes.toString())
      .join('');
    assert.doesNotMatch(metadata, /"event":"[456]"/);
  });
});

describe('a pause of a fifth of a second', () => {
  it('right at the beginning, over before it can be told when the streams began, is silence and in no file', async () => {
    const on = await desk();
    const audio = voice(100);
    const packets = arrivals(packetsOf(audio));
    const before = (until: number): Arrival[] => packets.filter(({ at: arrivedAt }) => arrivedAt < until);
    await on.play(before(1100), 1100);
    const began = Date.now() - 100;
    on.device.pause('agent', 'card', Infinity, 1100);
    await on.play(before(1300).slice(before(1100).length), 1300);
    on.device.resume(1300);
    await on.play(packets.slice(before(1300).length), 4000);
    const result = await finish(on);
    assert.deepEqual(leaks(result, audio.subarray(6 * PACKET, 14 * PACKET)), []);
    assert.ok(
      Math.abs(Date.parse(result.recorded.startedAt) - began) < 50,
      `began ${Date.parse(result.recorded.startedAt) - began} ms too late`,
    );
    assert.ok(
      result.wav.left.subarray(0, 4 * PACKET).equals(audio.subarray(0, 4 * PACKET)),
      'what was said before is there',
    );
    assert.ok(
      result.wav.left.subarray(16 * PACKET, audio.length).equals(audio.subarray(16 * PACKET)),
      'and what was said behind it',
    );
  });
});
