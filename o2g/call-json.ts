/** The record of a call for JSON, and back: nothing in a file is believed before it is read. */
import {
  dataAfter,
  textOf,
  textsOf,
  wireOf,
  wiresOf,
  type CallData,
  type LiveState,
  type Wire,
} from './call-facts';
import type { Participant } from './call-parties';
import { dataOf, fewOf, listOf, newCall, withData, type Ending, type LiveCall } from './call-state';
import { isObject } from './json';

export interface SavedCall extends Readonly<Omit<LiveCall, 'devices' | 'participants' | 'data'>> {
  readonly user: string;
  readonly devices: readonly string[];
  readonly participants: readonly Participant[];
  readonly data: CallData;
}

export const saveCall = (user: string, call: LiveCall): SavedCall => ({
  user,
  ...call,
  devices: listOf(call.devices),
  participants: listOf(call.participants),
  data: dataOf(call),
});

const STATES: readonly LiveState[] = ['ringing', 'dialing', 'talking', 'held'];

/** The record that was saved; undefined when it is none. */
export function restoreCall(saved: Wire): LiveCall | undefined {
  const id = textOf(saved.id);
  const state = STATES.find((known) => known === saved.state);
  const startedAt = numberOf(saved.startedAt);
  if (id === undefined || state === undefined || startedAt === undefined) return undefined;
  const participants = wiresOf(saved.participants).flatMap(
    (participant) => restoreParticipant(participant) ?? [],
  );
  const call = Object.assign(
    newCall(id, state, saved.direction === 'incoming' ? 'incoming' : 'outgoing', startedAt),
    {
      callRef: textOf(saved.callRef) ?? id,
      devices: fewOf(textsOf(saved.devices)),
      participants: fewOf(participants),
      initialCalled: textOf(saved.initialCalled),
      answeredMs: numberOf(saved.answeredMs),
      sinceMs: numberOf(saved.sinceMs) ?? 0,
      ringMs: numberOf(saved.ringMs),
      talkMs: numberOf(saved.talkMs),
      holdMs: numberOf(saved.holdMs),
      held: saved.held === true,
      ending: isObject(saved.ending) ? restoreEnding(saved.ending) : undefined,
    },
  );
  withData(call, restoreData(wireOf(saved.data)));
  return call;
}

function restoreParticipant({ id, number, login, name, type }: Wire): Participant | undefined {
  const known = textOf(id);
  if (known === undefined) return undefined;
  return {
    id: known,
    number: textOf(number) ?? '',
    login: textOf(login),
    name: textOf(name),
    type: textOf(type) ?? 'UNKNOWN',
  };
}

const restoreData = ({ acd, trunk, tags, data }: Wire): CallData =>
  dataAfter({}, { acdCallData: acd, trunkIdentification: trunk, tags, associateData: data });

const restoreEnding = ({ releasedMs, cause, replacedBy }: Wire): Ending => ({
  releasedMs: numberOf(releasedMs),
  cause: textOf(cause),
  replacedBy: textOf(replacedBy),
});

/** Two such times together are still a time that a Date can hold. */
const LATEST_MS = 4e15;
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Math.abs(value) <= LATEST_MS ? value : undefined;
