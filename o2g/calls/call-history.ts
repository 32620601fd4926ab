/** Which calls touched a device during a time, for whoever has to say what a recording contains. No clock and no I/O. */
import type { CallChange } from './call';

/** A change and when it was told, in ms since 1970. */
export interface TimedChange {
  readonly atMs: number;
  readonly change: CallChange;
}

/** What a call did so far, in the order in which it was told. */
export type CallTimeline = readonly TimedChange[];

/** What a call is, apart from its changes. */
const CALL_FIELDS = [
  'state',
  'id',
  'callRef',
  'user',
  'devices',
  'direction',
  'external',
  'parties',
  'initialCalled',
  'cause',
  'startedAt',
  'answeredAt',
  'endedAt',
  'ringMs',
  'talkMs',
  'holdMs',
  'acd',
  'trunk',
  'tags',
  'data',
] as const;

/** A change on the time line of something that has a start. */
export interface PlacedChange extends Pick<
  CallChange,
  'change' | 'state' | 'devices' | 'parties' | 'cause' | 'recovered'
> {
  /** Milliseconds from the start; negative for what was before it. */
  readonly atMs: number;
}

/** A call as it was last told within the time, and its changes up to then. */
export interface PlacedCall extends Pick<CallChange, (typeof CALL_FIELDS)[number]> {
  readonly changes: readonly PlacedChange[];
}

/**
 * The calls that had a device in them between two times, in the order in which they started.
 * @param history in the order in which it was told, from before the calls to find
 * @param toMs what came later is left out; a call that goes on has no `endedAt`
 */
export function callsBetween(
  history: Iterable<TimedChange>,
  deviceNumber: string,
  fromMs: number,
  toMs: number,
): PlacedCall[] {
  const timelines = new Map<string, TimedChange[]>();
  for (const entry of history) {
    if (timeOf(entry) > toMs) continue;
    const key = callKey(entry.change);
    const timeline = timelines.get(key);
    if (timeline) timeline.push(entry);
    else timelines.set(key, [entry]);
  }
  return [...timelines.values()].flatMap((timeline) =>
    involves(timeline, deviceNumber, fromMs) ? placedCalls(timeline, fromMs) : [],
  );
}

/** Two users in one call have a call each, with the same id; a call that was parked and is back has it again. */
export const callKey = ({ user, id, startedAt }: CallChange): string => `${user} ${id} ${startedAt}`;

/** True when the device was in the call at `fromMs` or came into it later. */
function involves(timeline: readonly TimedChange[], deviceNumber: string, fromMs: number): boolean {
  return timeline.some(({ change }, index) => {
    if (change.change === 'ended' || !change.devices.includes(deviceNumber)) return false;
    const next = timeline[index + 1];
    return next === undefined || timeOf(next) >= fromMs;
  });
}

function placedCalls(timeline: readonly TimedChange[], fromMs: number): PlacedCall[] {
  const last = timeline.at(-1)?.change;
  if (!last) return [];
  const fields = Object.fromEntries(
    CALL_FIELDS.filter((field) => last[field] !== undefined).map((field) => [field, last[field]]),
  );
  return [
    {
      ...(fields as Pick<CallChange, (typeof CALL_FIELDS)[number]>),
      changes: timeline.map((entry) => placedChange(entry, fromMs)),
    },
  ];
}

function placedChange(entry: TimedChange, fromMs: number): PlacedChange {
  const { change, state, devices, parties, cause, recovered } = entry.change;
  return {
    change,
    state,
    atMs: timeOf(entry) - fromMs,
    devices,
    parties,
    ...(cause !== undefined && { cause }),
    ...(recovered && { recovered }),
  };
}

/** A call ends when it is released, which may be before its end is told. */
const timeOf = ({ atMs, change }: TimedChange): number =>
  change.endedAt === undefined ? atMs : Date.parse(change.endedAt);

/** A file is told of when it is on the disk; with a disk that refuses that takes half a minute. */
const FILE_REPORT_DELAY_MS = 60_000;
/** A file of so many calls is one that nobody ended: the oldest are left out. */
const MAX_CALLS_PER_DEVICE = 1000;

/** What the calls of one device did, as long as a file that is being made may contain it. Times are in ms since 1970. */
export class CallHistory {
  readonly #deviceNumber: string;
  readonly #timelines = new Map<string, CallTimeline>();
  /** When each file that isn't complete began. */
  readonly #openFiles = new Map<string, number>();

  constructor(deviceNumber: string) {
    this.#deviceNumber = deviceNumber;
  }

  /** How many calls are remembered. */
  get size(): number {
    return this.#timelines.size;
  }

  /** Calls have changed. @param timelines those calls, each with all that it did */
  add(timelines: Iterable<CallTimeline>, nowMs: number): void {
    for (const timeline of timelines)
      if (timeline[0]) this.#timelines.set(callKey(timeline[0].change), timeline);
    this.#dropBefore(nowMs - FILE_REPORT_DELAY_MS);
    for (const oldest of [...this.#timelines.keys()].slice(
      0,
      Math.max(0, this.#timelines.size - MAX_CALLS_PER_DEVICE),
    ))
      this.#timelines.delete(oldest);
  }

  /** A file has begun. */
  open(file: string, fromMs: number): void {
    this.#openFiles.set(file, fromMs);
  }

  /** A file is complete. @returns the calls in it */
  close(file: string, fromMs: number, toMs: number): PlacedCall[] {
    this.#openFiles.delete(file);
    return callsBetween([...this.#timelines.values()].flat(), this.#deviceNumber, fromMs, toMs);
  }

  /** Files that began before a time are complete, or never will be; calls that were over by then are needed no more. */
  forget(beforeMs: number): void {
    for (const [file, fromMs] of this.#openFiles) if (fromMs < beforeMs) this.#openFiles.delete(file);
    this.#dropBefore(beforeMs);
  }

  #dropBefore(beforeMs: number): void {
    const neededFrom = Math.min(beforeMs, ...this.#openFiles.values());
    for (const [key, timeline] of this.#timelines) {
      const last = timeline.at(-1);
      if (last && isOver(last.change, this.#deviceNumber) && timeOf(last) < neededFrom)
        this.#timelines.delete(key);
    }
  }
}

/** It has ended, or goes on without the device. */
const isOver = (change: CallChange, deviceNumber: string): boolean =>
  change.change === 'ended' || !change.devices.includes(deviceNumber);
