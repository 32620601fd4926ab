import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { DeviceRecorder, type DeviceRecorderOptions } from '../../recorder/conversation/device-recorder';
import { systemFileSystem, type FileSystem } from '../../recorder/disk/file-system';
import { currentOwner } from '../../recorder/files/owner';
import { SAMPLE_RATE, type Alarm, type Channel, type RecordingMetadata } from '../../recorder/common/types';
import { whenTestEnds } from '../support/cleanup';
import { parseWav, temporaryFolder, type Wav } from './support';

/** A packet and the millisecond of its arrival. */
export interface Arrival {
  readonly at: number;
  readonly packet: Uint8Array;
  readonly channel?: Channel;
  readonly source?: string;
}

export interface Desk {
  readonly device: DeviceRecorder;
  readonly folder: string;
  readonly alarms: Alarm[];
  readonly recorded: RecordingMetadata[];
  /** Lets the packets arrive and time pass, up to `until`. */
  play(arrivals: readonly Arrival[], until?: number): Promise<void>;
  /** Ends the conversation now. @returns the file and what is said of it */
  end(): Promise<Ended>;
  now(): number;
}

export interface Ended {
  readonly recorded: RecordingMetadata;
  readonly wav: Wav;
}

const TURN_MS = 200;

/** What devices of tests are given, where nothing else is said. */
export const optionsIn = (folder: string): DeviceRecorderOptions => ({
  folder,
  filename: '{{id}}',
  format: 'g711',
  dtmfPayloadTypes: [97, 101],
  maxFrames: 240 * 60 * SAMPLE_RATE,
  split: 'conversation',
  noMediaMs: 5000,
  flushMs: 500,
});

/** A device on a desk: no socket and no clock, time is what the test says. Its files are real. */
export async function desk(
  options: Partial<DeviceRecorderOptions> = {},
  files: FileSystem = systemFileSystem,
): Promise<Desk> {
  const folder = await temporaryFolder();
  const [alarms, recorded]: [Alarm[], RecordingMetadata[]] = [[], []];
  const disk = watched(files);
  const device = new DeviceRecorder('70120', {}, false, {
    options: { ...optionsIn(folder), ...options },
    fileSystem: disk.files,
    owner: currentOwner('test'),
    onRecorded: (one) => recorded.push(one),
    onAlarm: (alarm) => alarms.push(alarm),
    onStarted: () => undefined,
  });
  let now = 1000;
  whenTestEnds(() => device.close('test', now));
  let turn = now;
  const tick = async (to: number): Promise<void> => {
    for (; turn <= to; turn += TURN_MS) {
      device.tick(turn, 0);
      await disk.idle();
    }
    now = to;
  };
  return {
    device,
    folder,
    alarms,
    recorded,
    now: () => now,
    async play(arrivals, until) {
      for (const { at, packet, channel = 'sent', source = '192.0.2.1:5000' } of arrivals) {
        await tick(at);
        const [address = '', port] = source.split(':');
        if (device.packetBuffer(channel).push(packet, address, Number(port), at)) device.tick(at, 0);
      }
      if (until !== undefined) await tick(until);
    },
    async end() {
      const before = recorded.length;
      await device.endConversation('told', now);
      const last = recorded.at(-1);
      if (recorded.length === before || !last) throw new Error('nothing was recorded');
      return { recorded: last, wav: parseWav(await readFile(path.join(folder, `${last.name}.wav.part`))) };
    },
  };
}

/** Knows when nothing is being written: time on the desk passes faster than a disk writes. */
function watched(files: FileSystem): { files: FileSystem; idle: () => Promise<void> } {
  let busy = 0;
  const watch = async <T>(work: Promise<T>): Promise<T> => {
    busy += 1;
    try {
      return await work;
    } finally {
      busy -= 1;
    }
  };
  const idle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 2; quiet = busy === 0 ? quiet + 1 : 0)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  };
  return {
    idle,
    files: {
      create: (file) =>
        watch(
          files.create(file).then((open) => ({
            write: (bytes, start, end, position) => watch(open.write(bytes, start, end, position)),
            read: (position, length) => watch(open.read(position, length)),
            finish: (length) => watch(open.finish(length)),
            sync: () => watch(open.sync()),
            close: () => watch(open.close()),
          })),
        ),
      reopen: (file) => watch(files.reopen(file)),
      exists: (file) => watch(files.exists(file)),
      makeFolder: (folder) => watch(files.makeFolder(folder)),
      replace: (file, text) => watch(files.replace(file, text)),
      remove: (file) => watch(files.remove(file)),
    },
  };
}

/** One packet every 20 ms from `from` on. */
export function arrivals(
  packets: readonly Uint8Array[],
  {
    from = 1000,
    every = 20,
    ...rest
  }: { from?: number; every?: number; channel?: Channel; source?: string } = {},
): Arrival[] {
  return packets.map((packet, index) => ({ at: from + index * every, packet, ...rest }));
}

export const inOrderOfArrival = (list: readonly Arrival[]): Arrival[] =>
  [...list].sort((a, b) => a.at - b.at);
