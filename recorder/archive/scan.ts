/** Brings the index up to date with the metadata files of folders, in portions: between two of them somebody may search. Runs in the worker. */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  type Dirent,
} from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import type { Catalogue } from './catalogue';
import { entryOf, idOf } from './entry';

/** Metadata files that are looked at before others have their turn: some 10 ms. */
const PORTION = 50;
/** A thousand gaps and calls are some 200 kB: what is larger than this is no metadata of ours. */
export const LARGEST_METADATA = 16 * 1024 * 1024;
/** Not followed at its end, where the system can do that. */
export const NO_LINK = (constants as { O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0;
const EXTENSION = '.json';

export interface Scanned {
  /** Folders that couldn't be read, and why. What was known of them stays. */
  readonly unreadable: readonly { readonly folder: string; readonly error: Error }[];
}

/** @param onProgress is told how many metadata files were looked at so far */
export async function scan(
  catalogue: Catalogue,
  folders: readonly string[],
  onProgress: (files: number) => void,
): Promise<Scanned> {
  const unreadable: { folder: string; error: Error }[] = [];
  let files = 0;
  catalogue.keepOnly(folders);
  for (const folder of folders) {
    try {
      const gone = new Set(catalogue.idsIn(folder));
      for (const names of portions(metadataFiles(folder), PORTION)) {
        for (const name of names) gone.delete(idOf(folder, name));
        lookAt(catalogue, folder, names);
        files += names.length;
        onProgress(files);
        await setImmediate();
      }
      catalogue.together(() => {
        for (const id of gone) catalogue.remove(id);
      });
    } catch (error) {
      unreadable.push({ folder, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { unreadable };
}

/** Brings the index up to date with these metadata files; those that are gone are forgotten. */
export function lookAt(catalogue: Catalogue, folder: string, names: readonly string[]): void {
  const known = catalogue.stampsOf(names.map((name) => idOf(folder, name)));
  catalogue.together(() => {
    for (const name of names) lookAtOne(catalogue, folder, name, known);
  });
}

function lookAtOne(
  catalogue: Catalogue,
  folder: string,
  name: string,
  known: ReadonlyMap<string, string>,
): void {
  const file = path.join(folder, name + EXTENSION);
  const id = idOf(folder, name);
  const stamp = stampOf(file);
  if (stamp !== undefined && known.get(id) === stamp) return;
  const entry =
    stamp === undefined || existsSync(`${file}.part`) ? undefined : entryOf(folder, name, readMetadata(file));
  if (entry && stamp !== undefined) catalogue.put(folder, entry, stamp);
  else catalogue.remove(id);
}

/** Tells this content of a file from an earlier one; undefined for what isn't there. */
function stampOf(file: string): string | undefined {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  return stats?.isFile() ? `${stats.mtimeMs}.${stats.size}` : undefined;
}

/** @returns undefined for what can't be read, or is no JSON: it is no recording of ours, or not yet */
function readMetadata(file: string): unknown {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | NO_LINK);
    return fstatSync(descriptor).size > LARGEST_METADATA
      ? undefined
      : JSON.parse(readFileSync(descriptor, 'utf8'));
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Names, relative and without extension. Links and hidden folders are not followed. @throws the system's error for the folder itself */
function* metadataFiles(folder: string): Generator<string> {
  const waiting = [''];
  for (let inside = waiting.pop(); inside !== undefined; inside = waiting.pop()) {
    for (const entry of entriesOf(path.join(folder, inside), inside === '')) {
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory() && !entry.name.startsWith('.')) waiting.push(name);
      else if (entry.isFile() && entry.name.endsWith(EXTENSION)) yield name.slice(0, -EXTENSION.length);
    }
  }
}

function entriesOf(folder: string, must: boolean): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (must) throw error;
    return []; // removed meanwhile, or not for us to read
  }
}

function* portions<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let portion: T[] = [];
  for (const item of items) {
    portion.push(item);
    if (portion.length < size) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}
