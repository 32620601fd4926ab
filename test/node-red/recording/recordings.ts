import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { portRange, temporaryFolder, until } from '../../recorder/support';
import {
  catchAll,
  config,
  flow,
  node,
  o2gLink,
  o2gServer,
  probeIn,
  probeOut,
  statusOfTab,
  type Flow,
} from '../../support/flow';
import type { Simulator } from '../../../simulator/simulator-api';

const run = promisify(execFile);
const LAST_PACKETS = 5;

/** A finished recording as it comes out of `o2g-record`, as far as tests look. */
export interface Finished {
  file: string;
  metadata: string;
  deviceNumber: string;
  startedAt: string;
  endedAt: string;
  durationMs: number;
  sha256: string;
  channels: Record<'sent' | 'received', { packets: number; lost: number; codec: string | null }>;
  gaps: { channel: string; kind: string; atMs: number; durationMs: number }[];
  alarms: { alarm: string }[];
  recovered?: boolean;
  calls?: { callRef: string; user: string; state: string }[];
}

export interface RecorderProperties {
  server?: Record<string, unknown>;
  link?: Record<string, unknown>;
  recorder?: Record<string, unknown>;
  record?: Record<string, unknown>;
}

/**
 * A flow with a built-in recorder. Messages go in at `in-record`, answers come out at `out`, what nobody asked for at `unsolicited`, the
 * second output of an events node at `news`, errors at `caught`, statuses at `shown`.
 */
export async function recorderFlow(
  oxe: Simulator,
  properties: RecorderProperties = {},
): Promise<{ flows: Flow; folder: string; portMin: number; portMax: number }> {
  const folder = await temporaryFolder();
  const ports = portRange(60);
  const flows = flow([
    o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password, ...properties.server }),
    config('recorder', 'o2g-recorder', {
      name: '',
      address: '127.0.0.1',
      bind: '127.0.0.1',
      ...ports,
      folder,
      filename: '',
      format: 'g711',
      split: 'conversation',
      maxMinutes: 240,
      ...properties.recorder,
    }),
    o2gLink({ oxeNode: '7', media: '', ...properties.link }),
    node(
      'node-events',
      'o2g-events',
      { server: 'server', selectors: [{ names: ['telephony'], ids: [] }], snapshot: false, dynamic: false },
      null,
      'news',
    ),
    node(
      'node-record',
      'o2g-record',
      { link: 'link', recorder: 'recorder', action: '', ...properties.record },
      'out',
      'unsolicited',
    ),
    probeIn('in-record', 'node-record'),
    ...['out', 'news', 'unsolicited', 'caught', 'shown'].map((name) => probeOut(name)),
    catchAll('caught'),
    statusOfTab('shown', ['node-record']),
  ]);
  return { flows, folder, ...ports };
}

/** What a player that nobody here wrote says of a file. */
export async function probed(
  file: string,
): Promise<{ codec_name: string; channels: number; sample_rate: string; duration: string }> {
  const { stdout } = await run('ffprobe', [
    '-v',
    'error',
    '-f',
    'wav',
    '-show_entries',
    'stream=codec_name,channels,sample_rate,duration',
    '-of',
    'json',
    file,
  ]);
  const [stream] = (
    JSON.parse(stdout) as {
      streams: { codec_name: string; channels: number; sample_rate: string; duration: string }[];
    }
  ).streams;
  if (!stream) throw new Error(`${file} has no stream`);
  return stream;
}

/** Both channels as that player decodes them, samples at 8,000 Hz. */
export async function decoded(file: string): Promise<Record<'sent' | 'received', Int16Array>> {
  const { stdout } = await run(
    'ffmpeg',
    ['-v', 'error', '-i', file, '-f', 's16le', '-ac', '2', '-ar', '8000', '-'],
    { encoding: 'buffer', maxBuffer: 100_000_000 },
  );
  const samples = new Int16Array(
    stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength - (stdout.byteLength % 4)),
  );
  return {
    sent: samples.filter((_, index) => index % 2 === 0),
    received: samples.filter((_, index) => index % 2 === 1),
  };
}

/** Which of the pitches (Hz) is the loudest in a stretch; 0 in silence. */
export function pitchOf(samples: Int16Array, pitches: readonly number[]): number {
  const powers = pitches.map((pitch) => ({ pitch, power: powerAt(samples, pitch) }));
  const loudest = powers.reduce((most, each) => (each.power > most.power ? each : most), {
    pitch: 0,
    power: 1000,
  });
  return loudest.pitch;
}

/** Goertzel's algorithm, per sample. */
function powerAt(samples: Int16Array, pitch: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * pitch) / 8000);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + coefficient * one - two, one];
  return (one * one + two * two - coefficient * one * two) / Math.max(1, samples.length);
}

/** Resolves when a device's recording has been sent so many more packets in each direction. */
export async function moreSent(
  oxe: Simulator,
  deviceNumber: string,
  packets: number,
  timeoutMs = 30_000,
): Promise<void> {
  const goal = oxe.rtp(deviceNumber).sent + packets;
  await until(
    `${packets} more packets of ${deviceNumber}`,
    () => Promise.resolve(oxe.rtp(deviceNumber).sent >= goal),
    timeoutMs,
  );
}

/** All packets are in the recording; the last ones of a call may be read after its end was told, and belong to no file then. */
export function assertComplete(
  { channels }: Finished,
  { sent, received }: { sent: number; received: number },
): void {
  for (const [side, all] of [
    ['sent', sent],
    ['received', received],
  ] as const) {
    const { packets, lost } = channels[side];
    assert.ok(packets <= all && packets >= all - LAST_PACKETS, `${side}: ${packets} of ${all} packets`);
    assert.equal(lost, 0, side);
  }
}

/** What is silent without a break: on a busy machine packets come late, and a pause is listed in pieces. */
export function joined(
  gaps: readonly { readonly atMs: number; readonly durationMs: number }[],
): { atMs: number; durationMs: number }[] {
  const whole: { atMs: number; durationMs: number }[] = [];
  for (const { atMs, durationMs } of gaps) {
    const last = whole.at(-1);
    if (last && atMs - (last.atMs + last.durationMs) < 60)
      last.durationMs = Math.max(last.durationMs, atMs + durationMs - last.atMs);
    else whole.push({ atMs, durationMs });
  }
  return whole;
}
