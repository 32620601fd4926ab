import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { encryptingFileSystem } from '../../recorder/encryption/encrypted-file';
import { readFileKeys } from '../../recorder/encryption/file-keys';
import { systemFileSystem } from '../../recorder/disk/file-system';
import { Manifest } from '../../recorder/evidence/manifest';
import { only, random } from './support';

/*
 * Folders of finished recordings, made in seconds: each has a metadata file of its own and shares its audio with others. Plain files are written by
 * these tests' own hand, as `recorder/` documents them.
 */

export interface Archived {
  readonly name: string;
  readonly metadata: Record<string, unknown>;
}

/** The newest recording's start; each older one began a minute before. */
export const NEWEST = Date.parse('2026-11-20T12:00:00.000Z');
const MINUTE_MS = 60_000;
const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const RATE = 8000;
export const SECONDS = 12;

/** What a test wants to be otherwise in the metadata of the recording with this number, 0 for the newest. */
export type Change = (number: number) => Record<string, unknown> | undefined;

/** Makes so many recordings. @returns them, the newest first */
export async function makeRecordings(
  folder: string,
  count: number,
  change: Change = () => undefined,
): Promise<Archived[]> {
  const audio = ulawWav(SECONDS);
  const hash = sha256(audio);
  await mkdir(folder, { recursive: true });
  const source = path.join(folder, '.audio-of-all');
  await writeFile(source, audio);
  const all = Array.from({ length: count }, (_, number) =>
    archived(number, hash, audio.length, change(number)),
  );
  for (const folderName of new Set(all.map(({ name }) => path.dirname(name))))
    await mkdir(path.join(folder, folderName), { recursive: true });
  const waiting = [...all.entries()];
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        const base = path.join(folder, next[1].name);
        await writeFile(
          `${base}.json`,
          JSON.stringify(
            { ...next[1].metadata, file: `${base}.wav`, metadata: `${base}.json` },
            undefined,
            2,
          ),
        );
        await link(source, `${base}.wav`);
      }
    }),
  );
  return all;
}

/** Makes a recording what a recorder with this key writes. */
export async function encrypt(folder: string, name: string, key: string): Promise<void> {
  const audio = await readFile(path.join(folder, `${name}.wav`));
  const file = await encryptingFileSystem(systemFileSystem, only(await readFileKeys([key]))).create(
    path.join(folder, `${name}.wav.enc`),
  );
  await file.write(audio, 0, audio.length, 0);
  await file.finish(audio.length);
  await file.close();
  await rm(path.join(folder, `${name}.wav`));
}

/** A manifest that tells of these as they lie there now, plain or encrypted, as a recorder writes it. */
export async function listed(
  folder: string,
  all: readonly Archived[],
  raw: readonly { file: string; sha256: string }[] = [],
): Promise<Manifest> {
  const manifest = new Manifest(folder);
  for (const { name, metadata } of all) {
    const file = existsSync(path.join(folder, `${name}.wav`)) ? `${name}.wav` : `${name}.wav.enc`;
    const audio = await readFile(path.join(folder, file));
    await manifest.append({
      entry: 'recording',
      at: new Date().toISOString(),
      id: String(metadata.id),
      file,
      bytes: audio.length,
      endedAt: String(metadata.endedAt),
      sha256: sha256(audio),
      metadata: `${name}.json`,
      metadataSha256: sha256(await readFile(path.join(folder, `${name}.json`))),
      raw,
    });
  }
  return manifest;
}

const NAMES = [
  'Élodie Martin',
  'Jean Dupont',
  'Anna Schmidt',
  'Peter Müller',
  'Mary Jones',
  'Luigi Rossi',
  '',
] as const;
const ALARMS = ['no-media', 'one-way', 'encrypted'] as const;

function archived(
  number: number,
  hash: string,
  bytes: number,
  change: Record<string, unknown> | undefined,
): Archived {
  const next = random(number + 1);
  for (let skip = 0; skip < 3; skip += 1) next();
  const deviceNumber = String(70_000 + Math.floor(next() * 100));
  const startedMs = NEWEST - number * MINUTE_MS;
  const startedAt = new Date(startedMs).toISOString();
  const id = (number + 0xabc000).toString(16).padStart(12, '0');
  const name = `${deviceNumber}/${startedAt.replace(/[-:]|\.\d+/g, '')}-${id}`;
  const party = {
    number: `03906${10_000 + Math.floor(next() * 90_000)}`,
    name: NAMES[Math.floor(next() * NAMES.length)] ?? '',
    type: 'EXTERNAL',
  };
  const at = (ms: number): string => new Date(startedMs + ms).toISOString();
  const callRef = `${id.slice(-6)}-1`;
  const channel = {
    packets: 600,
    lost: 3,
    duplicated: 0,
    reordered: 1,
    late: 0,
    jitterMs: 2.1,
    maxJitterMs: 9.4,
    longestGapMs: 400,
    codec: 'PCMU',
    ssrcs: [1],
    malformed: 0,
    strangers: 0,
    authFailed: 0,
    undeciphered: 0,
    levelDb: -14.2,
    peakDb: -6,
    mos: 4.3,
    firstPacketAt: startedAt,
    lastPacketAt: at(12_000),
  };
  return {
    name,
    metadata: {
      calls: [
        {
          state: 'ended',
          id: callRef,
          callRef,
          user: `oxe${deviceNumber}`,
          devices: [deviceNumber],
          direction: number % 2 === 0 ? 'incoming' : 'outgoing',
          external: true,
          parties: [party],
          startedAt: at(-4000),
          answeredAt: at(0),
          endedAt: at(12_000),
          ringMs: 4000,
          talkMs: 11_000,
          holdMs: 1000,
          changes: [
            { change: 'started', state: 'ringing', devices: [deviceNumber], parties: [party], atMs: -4000 },
            { change: 'answered', state: 'talking', devices: [deviceNumber], parties: [party], atMs: 0 },
            { change: 'held', state: 'held', devices: [deviceNumber], parties: [party], atMs: 7000 },
            { change: 'retrieved', state: 'talking', devices: [deviceNumber], parties: [party], atMs: 8000 },
            { change: 'ended', state: 'ended', devices: [], parties: [party], cause: 'NORMAL', atMs: 12_000 },
          ],
        },
      ],
      id,
      deviceNumber,
      name,
      startedAt,
      endedAt: at(12_000),
      durationMs: 1000 * SECONDS + (number < 20 ? 0 : (number % 600) * 1000),
      sha256: hash,
      bytes,
      format: 'g711',
      law: 'ulaw',
      context: {
        user: `oxe${deviceNumber}`,
        callRef,
        direction: number % 2 === 0 ? 'incoming' : 'outgoing',
        party: party.number,
      },
      channels: { sent: channel, received: channel },
      gaps: [
        { channel: 'received', atMs: 2000, durationMs: 400, kind: 'loss' },
        { channel: 'sent', atMs: 4000, durationMs: 1500, kind: 'pause', by: 'shop', reason: 'card data' },
        { channel: 'received', atMs: 4000, durationMs: 1500, kind: 'pause', by: 'shop', reason: 'card data' },
      ],
      gapsOmitted: 0,
      alarms:
        number % 50 === 7
          ? [{ alarm: ALARMS[number % 3], since: at(1000), until: at(3000), details: {} }]
          : [],
      events: [],
      corrections: [],
      takeOvers: [],
      raw: [],
      needsDecode: false,
      endedBy: 'told',
      ...change,
    },
  };
}

/** Left a low tone, right a high one, each louder and softer by turns; silent where the metadata has a pause. */
function ulawWav(seconds: number): Buffer {
  const frames = seconds * RATE;
  const data = Buffer.alloc(2 * frames);
  for (let frame = 0; frame < frames; frame += 1) {
    const paused = frame >= 4 * RATE && frame < 5.5 * RATE;
    const left = paused
      ? 0
      : 0.5 *
        Math.abs(Math.sin((Math.PI * frame) / RATE / 1.7)) *
        Math.sin((2 * Math.PI * 300 * frame) / RATE);
    const lost = frame >= 2 * RATE && frame < 2.4 * RATE;
    const right =
      paused || lost
        ? 0
        : 0.7 *
          Math.abs(Math.cos((Math.PI * frame) / RATE / 2.3)) ** 3 *
          Math.sin((2 * Math.PI * 800 * frame) / RATE);
    data[2 * frame] = ulaw(left);
    data[2 * frame + 1] = ulaw(right);
  }
  const header = Buffer.alloc(58);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(50 + data.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(18, 16);
  header.writeUInt16LE(7, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(2 * RATE, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(8, 34);
  header.write('fact', 38, 'latin1');
  header.writeUInt32LE(4, 42);
  header.writeUInt32LE(frames, 46);
  header.write('data', 50, 'latin1');
  header.writeUInt32LE(data.length, 54);
  return Buffer.concat([header, data]);
}

/** G.711, 2.3.1: sign, segment and step of a value from -1 to 1. */
function ulaw(value: number): number {
  const magnitude = Math.min(32_635, Math.abs(Math.round(value * 32_767))) + 132;
  const segment = Math.floor(Math.log2(magnitude)) - 7;
  const byte = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f);
  return ~(byte | (value < 0 ? 0x80 : 0)) & 0xff;
}
