/**
 * Whether a recording is as it was recorded: its files against the line that the manifest has for it. Whether the manifest itself is whole
 * is said too, as far as its chain tells; the command `o2g-verify` looks at a whole folder.
 */
import { createReadStream } from 'node:fs';
import path from 'node:path';

import { MANIFEST, NO_LINE, sha256, type ManifestEntry } from '../manifest';
import { sha256OfFile } from '../recording';
import type { Place } from './catalogue';
import { fieldsOf, listOf, textOf, type Fields } from './entry';
import { inside } from './place';

export interface Verification {
  /** `unlisted`: the manifest doesn't know it; `altered`: at least one of `files` isn't what was recorded; `missing`: at least one isn't there. */
  readonly state: 'verified' | 'altered' | 'missing' | 'unlisted';
  /** Those that are altered or missing, relative to the folder. */
  readonly files: readonly string[];
  /** No line of the manifest was changed, taken out or moved. */
  readonly chain: 'whole' | 'broken';
  /** ISO 8601 UTC, when the manifest's line was written; undefined without one. */
  readonly listedAt?: string;
}

/** @throws the system's error */
export async function verify(place: Place): Promise<Verification> {
  const { line, chain } = await lineOf(place);
  if (!line) return { state: 'unlisted', files: [], chain };
  const expected = [
    { file: textOf(line.file), hash: line.sha256 }, { file: textOf(line.metadata), hash: line.metadataSha256 },
    ...listOf(line.raw).map(fieldsOf).map(({ file, sha256: hash }) => ({ file: textOf(file), hash })),
  ];
  const altered: string[] = [];
  const missing: string[] = [];
  for (const { file, hash } of expected) {
    const found = await inside({ folder: place.folder, name: file }, '');
    if (!found) missing.push(file);
    else if (await sha256OfFile(found) !== hash) altered.push(file);
  }
  const state = altered.length > 0 ? 'altered' : missing.length > 0 ? 'missing' : 'verified';
  return { state, files: [...altered, ...missing], chain, listedAt: textOf(line.at) };
}

/** The last line that tells of the recording's audio, which may be encrypted. */
async function lineOf({ folder, name }: Place): Promise<{ line: Fields | undefined; chain: Verification['chain'] }> {
  const mine = new Set([`${name}.wav`, `${name}.wav.enc`]);
  let line: Fields | undefined;
  let chain: Verification['chain'] = 'whole';
  let previous = NO_LINE;
  for await (const text of linesOf(path.join(folder, MANIFEST))) {
    const entry = parsed(text);
    if (entry.previous !== previous) chain = 'broken';
    previous = sha256(text);
    if (entry.entry === ('recording' satisfies ManifestEntry['entry']) && mine.has(textOf(entry.file))) line = entry;
  }
  return { line, chain };
}

/** No lines when there is no manifest. Only a newline ends one: the chain counts every other byte. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const piece of createReadStream(file, 'utf8')) {
      const lines = (rest + String(piece)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (rest !== '') yield rest;
}

/** A line that a crash tore has no fields. */
function parsed(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {};
  }
}
