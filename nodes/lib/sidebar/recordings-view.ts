/** The recordings under way in the built-in recorders, as the sidebar shows them. */
import type { RecorderAdapter } from '../recorder';

/** One direction of a recording. */
export interface DirectionView {
  /** Mean of the last second in dB below full scale; null: nothing came. */
  readonly levelDb: number | null;
  /** Of the packets of this file that should have come. */
  readonly lostPercent: number;
}

export interface RecordingView {
  readonly deviceNumber: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  readonly paused: boolean;
  /** Names of the alarms that are on. */
  readonly alarms: readonly string[];
  readonly sent: DirectionView;
  readonly received: DirectionView;
}

export interface RecordingsView {
  readonly all: number;
  /** Those with an alarm first, then those that were begun last. */
  readonly shown: readonly RecordingView[];
}

/** More than anybody reads, and an answer once a second can carry. */
const MAX_SHOWN_RECORDINGS = 50;

type DeviceSnapshot = NonNullable<RecorderAdapter['metrics']>['devices'][number];

/** What is known is at most a second old. */
export function recordingsOf(recorders: readonly RecorderAdapter[]): RecordingsView {
  const all = recorders
    .flatMap(({ metrics }) => metrics?.devices ?? [])
    .flatMap((device) => recordingViewOf(device) ?? []);
  all.sort(
    (a, b) => Number(b.alarms.length > 0) - Number(a.alarms.length > 0) || (a.since > b.since ? -1 : 1),
  );
  return { all: all.length, shown: all.slice(0, MAX_SHOWN_RECORDINGS) };
}

/** Undefined while nothing is recorded. */
function recordingViewOf(device: DeviceSnapshot): RecordingView | undefined {
  const { deviceNumber, recordingSince, paused, alarms } = device;
  if (recordingSince === null) return undefined;
  return {
    deviceNumber,
    since: recordingSince,
    paused,
    alarms: alarms.map(({ alarm }) => alarm),
    sent: directionViewOf(device, 'sent'),
    received: directionViewOf(device, 'received'),
  };
}

function directionViewOf(
  { levels, packets, lost }: DeviceSnapshot,
  direction: 'sent' | 'received',
): DirectionView {
  const expected = packets[direction] + lost[direction];
  const lostPercent = expected === 0 ? 0 : Math.round((1000 * lost[direction]) / expected) / 10;
  return { levelDb: levels[direction].rmsDb, lostPercent };
}
