/**
 * Completes what a crash left unfinished. `NAME.json.part` says what was known; the WAV has a valid header for all but its last moment,
 * and its length says the rest.
 */
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { complete, type Description, type FinishedRecording } from './complete';
import type { Manifest } from './manifest';
import { isAbandoned, type Owner } from './owner';
import { sha256OfFile, type Sidecar } from './recording';
import { SAMPLES_PER_MS, type RawFile, type Recorded } from './types';
import { frameLength, headerLength, readWavHeader, wavHeader } from './wav';

const SIDECAR = '.json.part';

export interface Recovery {
  readonly finished: readonly FinishedRecording[];
  /** Files that somebody may still write: to be looked at again in a minute. */
  readonly postponed: number;
  /** Files that couldn't be completed, and why. They stay as they are. */
  readonly failed: readonly { readonly file: string; readonly error: unknown }[];
}

/** Which of this process's own files are still being written. */
export interface Own {
  readonly us: Owner;
  /** `instance` of a thread that failed: what it left is completed at once. */
  readonly dead: ReadonlySet<string>;
  readonly alive: ReadonlySet<string>;
}

/** What the caller still knows of a recording: nothing after a crash of the whole process. Never rejects. */
type Describe = (recorded: Recorded) => Promise<Description | undefined>;

/** Completes all that nobody works on any more. */
export async function recover(folder: string, { us, dead, alive }: Own, describe: Describe, manifest: Manifest): Promise<Recovery> {
  const finished: FinishedRecording[] = [];
  const failed: { file: string; error: unknown }[] = [];
  let postponed = 0;
  for (const name of await unfinished(folder)) {
    try {
      const sidecar = await readSidecar(path.join(folder, name + SIDECAR));
      const owner = sidecar?.owner ?? us;
      if (alive.has(owner.instance)) continue;
      if (!dead.has(owner.instance) && !isAbandoned(owner, us, await untouchedMs(folder, name))) postponed += 1;
      else finished.push(...await recoverOne(folder, name, sidecar?.recorded, describe, manifest));
    } catch (error) {
      failed.push({ file: path.join(folder, name), error });
    }
  }
  return { finished, postponed, failed };
}

/** Names, relative and without extension, in the order of the alphabet, which is that of time. */
async function unfinished(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith(SIDECAR))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).slice(0, -SIDECAR.length)).sort();
}

/** @returns undefined when a crash tore it */
async function readSidecar(file: string): Promise<Sidecar | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Sidecar;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function untouchedMs(folder: string, name: string): Promise<number> {
  const times = await Promise.all(['.wav.part', SIDECAR].map((extension) => stat(path.join(folder, name + extension)).then(({ mtimeMs }) => mtimeMs, () => 0)));
  return Date.now() - Math.max(...times);
}

async function recoverOne(folder: string, name: string, known: Recorded | undefined, describe: Describe, manifest: Manifest): Promise<FinishedRecording[]> {
  const base = path.join(folder, name);
  if (!known || await isWithoutMedia(base, known)) {
    // Torn or empty: the crash came before the first packet was on the disk.
    await rm(base + SIDECAR, { force: true });
    return [];
  }
  await undoRename(`${base}.wav`);
  const { bytes, frames } = await repairWav(`${base}.wav.part`, known);
  const durationMs = Math.round(frames / SAMPLES_PER_MS);
  const recorded: Recorded = {
    ...known, name: name.split(path.sep).join('/'), bytes, durationMs, endedAt: new Date(Date.parse(known.startedAt) + durationMs).toISOString(),
    sha256: await sha256OfFile(`${base}.wav.part`), raw: await repairRaw(folder, known.raw), endedBy: known.endedBy === '' ? 'crash' : known.endedBy, recovered: true,
  };
  return [await complete(folder, recorded, await describe(recorded), manifest)];
}

async function isWithoutMedia(base: string, { raw }: Recorded): Promise<boolean> {
  return raw.length === 0 && !await exists(`${base}.wav.part`) && !await exists(`${base}.wav`);
}

/** The crash came after the last renaming: it is done again. */
async function undoRename(file: string): Promise<void> {
  if (await exists(file) && !await exists(`${file}.part`)) await rename(file, `${file}.part`);
}

/** Makes the header say what is there. */
async function repairWav(file: string, { format, law }: Recorded): Promise<{ bytes: number; frames: number }> {
  const handle = await open(file, await exists(file) ? 'r+' : 'wx+', 0o640);
  try {
    const { size } = await handle.stat();
    const first = Buffer.alloc(Math.min(size, headerLength('g711')));
    await handle.read(first, 0, first.length, 0);
    const form = readWavHeader(first) ?? { format, law };
    const frames = Math.max(0, Math.floor((size - headerLength(form.format)) / frameLength(form.format)));
    const header = wavHeader(form, frames);
    await handle.write(header, 0, header.length, 0);
    const bytes = header.length + frames * frameLength(form.format);
    await handle.truncate(bytes);
    await handle.datasync();
    return { bytes, frames };
  } finally {
    await handle.close();
  }
}

async function repairRaw(folder: string, raw: readonly RawFile[]): Promise<RawFile[]> {
  const list: RawFile[] = [];
  for (const known of raw) {
    const file = path.join(folder, known.path);
    await undoRename(file);
    if (await exists(`${file}.part`)) list.push({ ...known, sha256: await sha256OfFile(`${file}.part`) });
  }
  return list;
}

const exists = (file: string): Promise<boolean> => stat(file).then(() => true, () => false);
