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
export interface IndexEntry extends ListedRecording {
  /** Relative to the folder, separated by `/`, without extension. */
  readonly name: string;
  readonly callRefs: readonly string[];
}

const MAX_PARTIES = 20;
const MAX_CALL_REFS = 100;
/** The last time that a Date can hold. */
const MAX_DATE_MS = 8.64e15;

/** So that nobody can guess it who doesn't know the folder, and a page that is open means the same recording after the index was lost. */
export const recordingIdOf = (folder: string, name: string): string =>
  createHash('sha256').update(`${folder}\0${name}`).digest('hex').slice(0, 32);

/** @returns undefined when it is no metadata of a recording */
export function readEntry(folder: string, name: string, metadata: unknown): IndexEntry | undefined {
  const file = asObject(metadata);
  const deviceNumber = asText(file.deviceNumber);
  const startedMs = Date.parse(asText(file.startedAt));
  if (deviceNumber === '' || !(Math.abs(startedMs) <= MAX_DATE_MS) || typeof file.durationMs !== 'number')
    return undefined;
  const context = asObject(file.context);
  const calls = asList(file.calls).map(asObject);
  return {
    id: recordingIdOf(folder, name),
    name,
    deviceNumber,
    user: asText(context.user) || asText(calls[0]?.user),
    direction: asText(context.direction) || asText(calls[0]?.direction),
    parties: partiesOf(context, calls),
    startedAt: new Date(startedMs).toISOString(),
    durationMs: file.durationMs,
    alarms: distinct(asList(file.alarms).map((alarm) => asText(asObject(alarm).alarm))),
    recovered: file.recovered === true,
    callRefs: distinct(
      [context.callRef, ...calls.flatMap((call) => [call.callRef, call.id, call.previousCallRef])].map(
        asText,
      ),
    ).slice(0, MAX_CALL_REFS),
  };
}

/** The one with which it began, and all whom its calls name. */
function partiesOf(context: JsonObject, calls: readonly JsonObject[]): IndexEntry['parties'] {
  const byNumber = new Map<string, string>();
  const add = (number: string, name: string): void => {
    const known = byNumber.get(number) ?? '';
    if (number !== '' || name !== '') byNumber.set(number, known === '' ? name : known);
  };
  add(asText(context.party), '');
  for (const party of calls.flatMap((call) => asList(call.parties).map(asObject)))
    add(asText(party.number), asText(party.name) || asText(party.login));
  return [...byNumber].slice(0, MAX_PARTIES).map(([number, name]) => ({ number, name }));
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** The fields of an object of somebody's JSON; none of anything else. */
export const asObject = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
/** A text of a bearable length. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 500) : '');

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)].filter((text) => text !== '');
