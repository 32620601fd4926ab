/** Which calls touched a device during a time, for whoever has to say what a recording contains. No clock and no I/O. */
import type { CallChange } from './call';

/** A change and when it was told, in ms since 1970. */
export interface TimedChange {
  readonly atMs: number;
  readonly change: CallChange;
}

/** What a call did so far, in the order in which it was told. */
export type Life = readonly TimedChange[];

/** What a call is, apart from its changes. */
const FACTS = [
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
export interface PlacedCall extends Pick<CallChange, (typeof FACTS)[number]> {
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
  const lives = new Map<string, TimedChange[]>();
  for (const told of history) {
    if (timeOf(told) > toMs) continue;
    const key = lifeKey(told.change);
    const life = lives.get(key);
    if (life) life.push(told);
    else lives.set(key, [told]);
  }
  return [...lives.values()].flatMap((life) =>
    touches(life, deviceNumber, fromMs) ? placed(life, fromMs) : [],
  );
}

/** Two users in one call have a call each, with the same id; a call that was parked and is back has it again. */
export const lifeKey = ({ user, id, startedAt }: CallChange): string => `${user} ${id} ${startedAt}`;

/** True when the device was in the call at `fromMs` or came into it later. */
function touches(life: readonly TimedChange[], deviceNumber: string, fromMs: number): boolean {
  return life.some(({ change }, index) => {
    if (change.change === 'ended' || !change.devices.includes(deviceNumber)) return false;
    const next = life[index + 1];
    return next === undefined || timeOf(next) >= fromMs;
  });
}

function placed(life: readonly TimedChange[], fromMs: number): PlacedCall[] {
  const last = life.at(-1)?.change;
  if (!last) return [];
  const facts = Object.fromEntries(
    FACTS.filter((fact) => last[fact] !== undefined).map((fact) => [fact, last[fact]]),
  );
  return [
    {
      ...(facts as Pick<CallChange, (typeof FACTS)[number]>),
      changes: life.map((told) => placedChange(told, fromMs)),
    },
  ];
}

function placedChange(told: TimedChange, fromMs: number): PlacedChange {
  const { change, state, devices, parties, cause, recovered } = told.change;
  return {
    change,
    state,
    atMs: timeOf(told) - fromMs,
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
const UNTOLD_MS = 60_000;
/** A file of so many calls is one that nobody ended: the oldest are left out. */
const MOST_LIVES = 1000;

/** What the calls of one device did, as long as a file that is being made may contain it. Times are in ms since 1970. */
export class CallHistory {
  readonly #deviceNumber: string;
  readonly #lives = new Map<string, Life>();
  /** When each file that isn't complete began. */
  readonly #open = new Map<string, number>();

  constructor(deviceNumber: string) {
    this.#deviceNumber = deviceNumber;
  }

  /** How many calls are remembered. */
  get size(): number {
    return this.#lives.size;
  }

  /** Calls have changed. @param lives those calls, each with all that it did */
  add(lives: Iterable<Life>, nowMs: number): void {
    for (const life of lives) if (life[0]) this.#lives.set(lifeKey(life[0].change), life);
    this.#drop(nowMs - UNTOLD_MS);
    for (const oldest of [...this.#lives.keys()].slice(0, Math.max(0, this.#lives.size - MOST_LIVES)))
      this.#lives.delete(oldest);
  }

  /** A file has begun. */
  open(file: string, fromMs: number): void {
    this.#open.set(file, fromMs);
  }

  /** A file is complete. @returns the calls in it */
  close(file: string, fromMs: number, toMs: number): PlacedCall[] {
    this.#open.delete(file);
    return callsBetween([...this.#lives.values()].flat(), this.#deviceNumber, fromMs, toMs);
  }

  /** Files that began before a time are complete, or never will be; calls that were over by then are needed no more. */
  forget(beforeMs: number): void {
    for (const [file, fromMs] of this.#open) if (fromMs < beforeMs) this.#open.delete(file);
    this.#drop(beforeMs);
  }

  #drop(beforeMs: number): void {
    const neededFrom = Math.min(beforeMs, ...this.#open.values());
    for (const [key, life] of this.#lives) {
      const last = life.at(-1);
      if (last && isOver(last.change, this.#deviceNumber) && timeOf(last) < neededFrom)
        this.#lives.delete(key);
    }
  }
}

/** It has ended, or goes on without the device. */
const isOver = (change: CallChange, deviceNumber: string): boolean =>
  change.change === 'ended' || !change.devices.includes(deviceNumber);
