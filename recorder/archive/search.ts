/** What recordings can be searched by, and the SQL of it. */
import { invalid } from '../common';
import { asObject, type ListedRecording } from './entry';

/** All that are given must hold. Texts are found anywhere, whatever the case and the accents. */
export interface Search {
  readonly device?: string;
  /** A part of a number or a name. */
  readonly party?: string;
  readonly user?: string;
  readonly callRef?: string;
  /** Begun at this time or later, before this time: milliseconds of the epoch. */
  readonly from?: number;
  readonly to?: number;
  /** Milliseconds. */
  readonly shortest?: number;
  readonly longest?: number;
  /** A name, `any` or `none`. */
  readonly alarm?: string;
  /** Where an earlier answer ended: its `after`. */
  readonly after?: string;
}

export interface SearchPage {
  /** The newest first, at most `PAGE`. */
  readonly recordings: readonly ListedRecording[];
  /** All that match, on this page and on others. */
  readonly count: number;
  /** Finds the next page; undefined on the last one. */
  readonly after?: string;
}

/** Recordings of one answer. */
export const PAGE_RECORDINGS = 200;
const MAX_TEXT_CHARACTERS = 200;
const TEXT_FIELDS = ['device', 'party', 'user', 'callRef', 'alarm', 'after'] as const;
const NUMBER_FIELDS = ['from', 'to', 'shortest', 'longest'] as const;
const CURSOR_PATTERN = /^(-?\d{1,16})\.([0-9a-f]{32})$/;

/** @throws RecorderError `INVALID_INPUT` naming the field, the value and the rule */
export function readSearch(given: unknown): Search {
  const search: Record<string, string | number> = {};
  for (const [field, value] of Object.entries(asObject(given))) {
    if (value === undefined || value === '') continue;
    if (isOneOf(TEXT_FIELDS, field)) search[field] = readText(field, value);
    else if (isOneOf(NUMBER_FIELDS, field)) search[field] = readNumber(field, value);
    else
      throw invalid(field, value, `left out: a search has ${[...TEXT_FIELDS, ...NUMBER_FIELDS].join(', ')}`);
  }
  return search;
}

const isOneOf = (names: readonly string[], name: string): boolean => names.includes(name);

function readText(field: string, value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_TEXT_CHARACTERS)
    throw invalid(field, value, `a text of at most ${MAX_TEXT_CHARACTERS} characters`);
  if (field === 'after' && !CURSOR_PATTERN.test(value))
    throw invalid(field, value, 'what an earlier answer said');
  return value;
}

function readNumber(field: string, value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw invalid(field, value, 'a whole number of milliseconds');
  return number;
}

/** As texts are kept to be searched: without case and accents. */
export const foldText = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();

export interface Conditions {
  /** For WHERE; never empty. */
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** All but `after`, which pages but doesn't select. */
export function conditionsOf(search: Search, folders: readonly string[]): Conditions {
  const parts: [sql: string, value: string | number][] = [];
  for (const field of ['device', 'party', 'user', 'callRef'] as const) {
    const text = search[field];
    if (text !== undefined) parts.push([`instr(${field}, ?) > 0`, foldText(text.trim())]);
  }
  if (search.from !== undefined) parts.push(['started >= ?', search.from]);
  if (search.to !== undefined) parts.push(['started < ?', search.to]);
  if (search.shortest !== undefined) parts.push(['duration >= ?', search.shortest]);
  if (search.longest !== undefined) parts.push(['duration <= ?', search.longest]);
  if (search.alarm === 'any') parts.push(['alarm <> ?', '']);
  else if (search.alarm === 'none') parts.push(['alarm = ?', '']);
  else if (search.alarm !== undefined) parts.push(['instr(alarm, ?) > 0', ` ${search.alarm} `]);
  return {
    sql: [`folder IN (${folders.map(() => '?').join(', ')})`, ...parts.map(([sql]) => sql)].join(' AND '),
    values: [...folders, ...parts.map(([, value]) => value)],
  };
}

export interface Cursor {
  readonly startedMs: number;
  readonly id: string;
}

export function decodeCursor(after: string | undefined): Cursor | undefined {
  const [, startedMs, id] = CURSOR_PATTERN.exec(after ?? '') ?? [];
  return startedMs === undefined || id === undefined ? undefined : { startedMs: Number(startedMs), id };
}

export const encodeCursor = ({ startedAt, id }: ListedRecording): string => `${Date.parse(startedAt)}.${id}`;
