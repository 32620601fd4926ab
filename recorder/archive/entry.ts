/**
 * What the index keeps of a recording: read from its metadata file, which somebody may have edited, copied or torn. Nothing in it says
 * where a file lies: that is known from where the metadata file itself was found.
 */
import { createHash } from 'node:crypto';

/** A line of the list. */
export interface ListedRecording {
  /** Of the place, not of the content: the same after the index is made anew. */
  readonly id: string;
  readonly deviceNumber: string;
  readonly user: string;
  /** `incoming`, `outgoing`, or empty. */
  readonly direction: string;
  /** The others of its calls, at most `MOST_PARTIES`. */
  readonly parties: readonly { readonly number: string; readonly name: string }[];
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** Names, each once. */
  readonly alarms: readonly string[];
  readonly recovered: boolean;
}

/** A line of the index: what is listed, and what is only searched. */
export interface Entry extends ListedRecording {
  /** Relative to the folder, separated by `/`, without extension. */
  readonly name: string;
  readonly callRefs: readonly string[];
}

const MOST_PARTIES = 20;
const MOST_CALL_REFS = 100;
/** The last time that a Date can hold. */
const LAST_MS = 8.64e15;

/** So that nobody can guess it who doesn't know the folder, and a page that is open means the same recording after the index was lost. */
export const idOf = (folder: string, name: string): string =>
  createHash('sha256').update(`${folder}\0${name}`).digest('hex').slice(0, 32);

/** @returns undefined when it is no metadata of a recording */
export function entryOf(folder: string, name: string, metadata: unknown): Entry | undefined {
  const file = fieldsOf(metadata);
  const deviceNumber = textOf(file.deviceNumber);
  const startedMs = Date.parse(textOf(file.startedAt));
  if (deviceNumber === '' || !(Math.abs(startedMs) <= LAST_MS) || typeof file.durationMs !== 'number')
    return undefined;
  const context = fieldsOf(file.context);
  const calls = listOf(file.calls).map(fieldsOf);
  return {
    id: idOf(folder, name),
    name,
    deviceNumber,
    user: textOf(context.user) || textOf(calls[0]?.user),
    direction: textOf(context.direction) || textOf(calls[0]?.direction),
    parties: partiesOf(context, calls),
    startedAt: new Date(startedMs).toISOString(),
    durationMs: file.durationMs,
    alarms: distinct(listOf(file.alarms).map((alarm) => textOf(fieldsOf(alarm).alarm))),
    recovered: file.recovered === true,
    callRefs: distinct(
      [context.callRef, ...calls.flatMap((call) => [call.callRef, call.id, call.previousCallRef])].map(
        textOf,
      ),
    ).slice(0, MOST_CALL_REFS),
  };
}

/** The one with which it began, and all whom its calls name. */
function partiesOf(context: Fields, calls: readonly Fields[]): Entry['parties'] {
  const byNumber = new Map<string, string>();
  const add = (number: string, name: string): void => {
    const known = byNumber.get(number) ?? '';
    if (number !== '' || name !== '') byNumber.set(number, known === '' ? name : known);
  };
  add(textOf(context.party), '');
  for (const party of calls.flatMap((call) => listOf(call.parties).map(fieldsOf)))
    add(textOf(party.number), textOf(party.name) || textOf(party.login));
  return [...byNumber].slice(0, MOST_PARTIES).map(([number, name]) => ({ number, name }));
}

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object of somebody's JSON; none of anything else. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
/** A text of a bearable length. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 500) : '');

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)].filter((text) => text !== '');
