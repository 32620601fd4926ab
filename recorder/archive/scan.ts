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
import { readEntry, recordingIdOf } from './entry';

/** Metadata files that are looked at before others have their turn: some 10 ms. */
const SCAN_BATCH_COUNT = 50;
/** A thousand gaps and calls are some 200 kB: what is larger than this is no metadata of ours. */
export const MAX_METADATA_BYTES = 16 * 1024 * 1024;
/** Not followed at its end, where the system can do that. */
export const NO_FOLLOW_FLAG = (constants as { O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0;
const METADATA_EXTENSION = '.json';

export interface ScanResult {
  /** Folders that couldn't be read, and why. What was known of them stays. */
  readonly unreadable: readonly { readonly folder: string; readonly error: Error }[];
}

/** @param onProgress is told how many metadata files were looked at so far */
export async function scan(
  catalogue: Catalogue,
  folders: readonly string[],
  onProgress: (files: number) => void,
): Promise<ScanResult> {
  const unreadable: { folder: string; error: Error }[] = [];
  let files = 0;
  catalogue.removeOtherFolders(folders);
  for (const folder of folders) {
    try {
      const gone = new Set(catalogue.idsIn(folder));
      for (const names of batches(metadataFiles(folder), SCAN_BATCH_COUNT)) {
        for (const name of names) gone.delete(recordingIdOf(folder, name));
        refreshEntries(catalogue, folder, names);
        files += names.length;
        onProgress(files);
        await setImmediate();
      }
      catalogue.inTransaction(() => {
        for (const id of gone) catalogue.remove(id);
      });
    } catch (error) {
      unreadable.push({ folder, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { unreadable };
}

/** Brings the index up to date with these metadata files; those that are gone are forgotten. */
export function refreshEntries(catalogue: Catalogue, folder: string, names: readonly string[]): void {
  const known = catalogue.stampsOf(names.map((name) => recordingIdOf(folder, name)));
  catalogue.inTransaction(() => {
    for (const name of names) refreshEntry(catalogue, folder, name, known);
  });
}

function refreshEntry(
  catalogue: Catalogue,
  folder: string,
  name: string,
  known: ReadonlyMap<string, string>,
): void {
  const file = path.join(folder, name + METADATA_EXTENSION);
  const id = recordingIdOf(folder, name);
  const stamp = stampOf(file);
  if (stamp !== undefined && known.get(id) === stamp) return;
  const entry =
    stamp === undefined || existsSync(`${file}.part`)
      ? undefined
      : readEntry(folder, name, readMetadata(file));
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
    descriptor = openSync(file, constants.O_RDONLY | NO_FOLLOW_FLAG);
    return fstatSync(descriptor).size > MAX_METADATA_BYTES
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
  const pendingFolders = [''];
  for (let subfolder = pendingFolders.pop(); subfolder !== undefined; subfolder = pendingFolders.pop()) {
    for (const entry of entriesOf(path.join(folder, subfolder), subfolder === '')) {
      const name = subfolder === '' ? entry.name : `${subfolder}/${entry.name}`;
      if (entry.isDirectory() && !entry.name.startsWith('.')) pendingFolders.push(name);
      else if (entry.isFile() && entry.name.endsWith(METADATA_EXTENSION))
        yield name.slice(0, -METADATA_EXTENSION.length);
    }
  }
}

function entriesOf(folder: string, required: boolean): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (required) throw error;
    return []; // removed meanwhile, or not for us to read
  }
}

function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
