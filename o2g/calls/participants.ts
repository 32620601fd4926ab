/** The other parties of a call. */
import {
  limitList,
  mergedLists,
  nonEmptyText,
  nonEmptyTexts,
  rawObjectOf,
  type RawObject,
} from './parse-event';
import { ENUMERATIONS, type Representation } from '../spec';

/** Who takes part in a call beside the user. */
export interface Party {
  /** Empty when it is secret or unknown. */
  readonly number: string;
  readonly login?: string;
  /** First and last name, else the display name. */
  readonly name?: string;
  /** The main type; UNKNOWN when it is not told. */
  readonly type: Representation<'ParticipantType'>['main'];
}

/** A party with the participantId by which events name it. All have all keys, which makes them small. */
export interface Participant {
  readonly id: string;
  readonly number: string;
  readonly login: string | undefined;
  readonly name: string | undefined;
  readonly type: Party['type'];
}

export const partyOf = ({ number, login, name, type }: Participant): Party => ({
  number,
  ...(login !== undefined && { login }),
  ...(name !== undefined && { name }),
  type,
});

/**
 * The participants after what was told of a call, those who stay in their order; the same list when nothing changed.
 * @param complete the told participants are all there are (snapshot), not what changed
 */
export function participantsAfter(
  known: readonly Participant[],
  call: RawObject,
  complete: boolean,
): readonly Participant[] {
  const reported = mergedLists(call, ['participants', 'addedParticipants', 'modifiedParticipants']);
  const removed = nonEmptyTexts(call.removedParticipantIds);
  if (!complete && reported.length === 0 && removed.length === 0) return known;
  const after = new Map(known.map((participant) => [participant.id, participant]));
  const mentioned = new Set<string>();
  for (const raw of reported) {
    const id = idOf(raw);
    if (id === undefined) continue;
    mentioned.add(id);
    after.set(id, readParticipant(id, raw, after.get(id)));
  }
  for (const id of removed) after.delete(id);
  if (complete) for (const { id } of known) if (!mentioned.has(id)) after.delete(id);
  const list = limitList([...after.values()]);
  return sameParticipants(known, list) ? known : list;
}

/** True when both lists say the same: a known participant keeps its place, whatever the order of a snapshot. */
const sameParticipants = (some: readonly Participant[], others: readonly Participant[]): boolean =>
  some.length === others.length && some.every((one, index) => sameParticipant(one, others[index]));

const sameParticipant = (one: Participant, other: Participant | undefined): boolean =>
  one.id === other?.id &&
  one.number === other.number &&
  one.login === other.login &&
  one.name === other.name &&
  one.type === other.type;

const idOf = (raw: RawObject): string | undefined =>
  nonEmptyText(raw.participantId) ?? nonEmptyText(rawObjectOf(rawObjectOf(raw.identity).id).phoneNumber);

function readParticipant(id: string, raw: RawObject, known: Participant | undefined): Participant {
  const identity = rawObjectOf(raw.identity);
  const type = typeOf(rawObjectOf(identity.type).main) ?? known?.type ?? 'UNKNOWN';
  // Some servers mark a party as secret and name it all the same.
  if (raw.anonymous === true) return { id, number: '', login: undefined, name: undefined, type };
  const { phoneNumber, loginName } = rawObjectOf(identity.id);
  const number = nonEmptyText(phoneNumber) ?? known?.number ?? '';
  // Another number is somebody else; for the same one, what isn't told again stays.
  const before = number === known?.number ? known : undefined;
  return {
    id,
    number: number === id ? id : number,
    login: nonEmptyText(loginName) ?? before?.login,
    name: nameOf(identity) ?? before?.name,
    type,
  };
}

function nameOf({ firstName, lastName, displayName }: RawObject): string | undefined {
  const name = [firstName, lastName]
    .flatMap((part) => nonEmptyText(part)?.trim() ?? [])
    .join(' ')
    .trim();
  return name === '' ? nonEmptyText(displayName) : name;
}

/** One string a type is kept for all calls. A type newer than the specification stays as it was told. */
function typeOf(main: unknown): Party['type'] | undefined {
  return ENUMERATIONS.MainType.find((type) => type === main) ?? nonEmptyText(main);
}
