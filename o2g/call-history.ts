/** Which calls touched a device during a time, for whoever has to say what a recording contains. */
import type { CallChange } from './call-state';

/** A change and when it was told, in ms since 1970. */
export interface TimedChange {
  readonly atMs: number;
  readonly change: CallChange;
}

/** What a call is, apart from its changes. */
const FACTS = [
  'id', 'callRef', 'user', 'direction', 'external', 'parties', 'initialCalled', 'startedAt', 'answeredAt', 'endedAt',
  'ringMs', 'talkMs', 'holdMs', 'acd', 'trunk', 'tags', 'data',
] as const;

/** A change on the time line of something that has a start. */
export interface PlacedChange extends Pick<CallChange, 'change' | 'state' | 'parties' | 'cause' | 'recovered'> {
  /** From the start; negative for what was before it. */
  readonly offsetMs: number;
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
export function callsBetween(history: Iterable<TimedChange>, deviceNumber: string, fromMs: number, toMs: number): PlacedCall[] {
  const lives = new Map<string, TimedChange[]>();
  for (const told of history) {
    if (timeOf(told) > toMs) continue;
    const key = JSON.stringify([told.change.user, told.change.id]);
    const life = lives.get(key);
    if (life) life.push(told);
    else lives.set(key, [told]);
  }
  return [...lives.values()].flatMap((life) => (touches(life, deviceNumber, fromMs) ? placed(life, fromMs) : []));
}

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
  const facts = Object.fromEntries(FACTS.filter((fact) => last[fact] !== undefined).map((fact) => [fact, last[fact]]));
  return [{ ...(facts as Pick<CallChange, (typeof FACTS)[number]>), changes: life.map((told) => placedChange(told, fromMs)) }];
}

function placedChange(told: TimedChange, fromMs: number): PlacedChange {
  const { change, state, parties, cause, recovered } = told.change;
  return { change, state, offsetMs: timeOf(told) - fromMs, parties, ...(cause !== undefined && { cause }), ...(recovered && { recovered }) };
}

/** A call ends when it is released, which may be before its end is told. */
const timeOf = ({ atMs, change }: TimedChange): number => (change.endedAt === undefined ? atMs : Date.parse(change.endedAt));
