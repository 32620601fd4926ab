/**
 * Completes what a crash left unfinished. `NAME.json.part` says what was known; the WAV has a valid header for all but its last moment,
 * and its length says the rest.
 */
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { complete, type Description, type FinishedRecording } from './finish-recording';
import { reopenEncrypted, type Reopened, type FileKey } from '../encryption';
import { audioOf, metadataOf, PART, isAbandoned, type Owner, type Sidecar } from '../files';
import { systemFiles, sha256OfFile } from '../disk';
import type { Manifest } from '../evidence';
import { SampleFormat, frameLength, headerLength, readWavHeader, wavHeader } from '../audio';
import { CHANNELS, SAMPLES_PER_MS, type Gap, type RawFile, type Recorded } from '../common';

const SIDECAR = metadataOf('') + PART;

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

export interface RecoverParts {
  /** Of encrypted files. */
  readonly keys: readonly FileKey[];
  readonly describe: Describe;
  readonly manifest: Manifest;
}

/** Completes all that nobody works on any more. */
export async function recover(
  folder: string,
  { us, dead, alive }: Own,
  parts: RecoverParts,
): Promise<Recovery> {
  const finished: FinishedRecording[] = [];
  const failed: { file: string; error: unknown }[] = [];
  let postponed = 0;
  for (const name of await unfinished(folder)) {
    try {
      const sidecar = await readSidecar(path.join(folder, name + SIDECAR));
      const owner = sidecar?.owner ?? us;
      if (alive.has(owner.instance)) continue;
      if (
        !dead.has(owner.instance) &&
        !isAbandoned(owner, us, await untouchedMs(folder, name, sidecar?.recorded))
      )
        postponed += 1;
      else finished.push(...(await recoverOne(folder, name, sidecar?.recorded, parts)));
    } catch (error) {
      failed.push({ file: path.join(folder, name), error });
    }
  }
  return { finished, postponed, failed };
}

/** Names, relative and without extension, in the order of the alphabet, which is that of time. */
async function unfinished(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(SIDECAR))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).slice(0, -SIDECAR.length))
    .sort();
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

async function untouchedMs(folder: string, name: string, known: Recorded | undefined): Promise<number> {
  const files = [audioOf({ name, keyId: known?.keyId }), metadataOf(name)];
  const times = await Promise.all(
    files.map((file) =>
      stat(path.join(folder, file + PART)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Date.now() - Math.max(...times);
}

async function recoverOne(
  folder: string,
  name: string,
  known: Recorded | undefined,
  { keys, describe, manifest }: RecoverParts,
): Promise<FinishedRecording[]> {
  const sidecar = path.join(folder, metadataOf(name) + PART);
  if (!known || (await isWithoutMedia(folder, known))) {
    // Torn or empty: the crash came before the first packet was on the disk.
    await rm(sidecar, { force: true });
    return [];
  }
  const named = { ...known, name: name.split(path.sep).join('/') };
  const audio = path.join(folder, audioOf(named));
  await undoRename(audio);
  const { bytes, frames, lost } = await repairWav(audio + PART, named, keys);
  const durationMs = Math.round(frames / SAMPLES_PER_MS);
  const recorded: Recorded = {
    ...named,
    bytes,
    durationMs,
    endedAt: new Date(Date.parse(known.startedAt) + durationMs).toISOString(),
    gaps: [...known.gaps, ...lost],
    sha256: await sha256OfFile(audio + PART),
    raw: await repairRaw(folder, known, keys),
    endedBy: known.endedBy === '' ? 'crash' : known.endedBy,
    recovered: true,
  };
  return [await complete(folder, recorded, await describe(recorded), manifest)];
}

async function isWithoutMedia(folder: string, recorded: Recorded): Promise<boolean> {
  const audio = path.join(folder, audioOf(recorded));
  return (
    recorded.raw.length === 0 &&
    !(await systemFiles.exists(audio + PART)) &&
    !(await systemFiles.exists(audio))
  );
}

/** The crash came after the last renaming: it is done again. */
async function undoRename(file: string): Promise<void> {
  if ((await systemFiles.exists(file)) && !(await systemFiles.exists(file + PART)))
    await rename(file, file + PART);
}

/** Makes the header say what is there. */
async function repairWav(
  path: string,
  known: Recorded,
  keys: readonly FileKey[],
): Promise<{ bytes: number; frames: number; lost: Gap[] }> {
  const silence = SampleFormat.of(known.format, known.law).silence;
  const { file, bytes: size, finished, lost } = await reopen(path, known.keyId, keys, silence);
  try {
    const form = readWavHeader(await file.read(0, headerLength('g711'))) ?? {
      format: known.format,
      law: known.law,
    };
    const frames = Math.max(0, Math.floor((size - headerLength(form.format)) / frameLength(form.format)));
    const header = wavHeader(form, frames);
    const bytes = header.length + frames * frameLength(form.format);
    if (!finished) {
      await file.write(header, 0, header.length, 0);
      await file.finish(bytes);
      await file.sync();
    }
    return {
      bytes,
      frames,
      lost: lost.flatMap(({ from, to }) =>
        gapsOf(from - header.length, to - header.length, frameLength(form.format)),
      ),
    };
  } finally {
    await file.close();
  }
}

/** Both channels were in the bytes that are lost. */
function gapsOf(from: number, to: number, frame: number): Gap[] {
  const atMs = Math.floor(Math.max(0, from) / frame / SAMPLES_PER_MS);
  const durationMs = Math.ceil(Math.max(0, to) / frame / SAMPLES_PER_MS) - atMs;
  return durationMs <= 0 ? [] : CHANNELS.map((channel): Gap => ({ channel, atMs, durationMs, kind: 'disk' }));
}

async function repairRaw(
  folder: string,
  { raw, keyId }: Recorded,
  keys: readonly FileKey[],
): Promise<RawFile[]> {
  const list: RawFile[] = [];
  for (const known of raw) {
    const file = path.join(folder, known.path);
    await undoRename(file);
    if (!(await systemFiles.exists(file + PART))) continue;
    // A plain one is whole as it is: who reads it stops at a packet that was cut.
    if (keyId !== undefined) await endRaw(file + PART, keyId, keys);
    list.push({ ...known, sha256: await sha256OfFile(file + PART) });
  }
  return list;
}

async function endRaw(path: string, keyId: string, keys: readonly FileKey[]): Promise<void> {
  const { file, bytes, finished } = await reopen(path, keyId, keys, 0);
  try {
    if (!finished) await file.finish(bytes);
  } finally {
    await file.close();
  }
}

/** @param keyId undefined: it is plain. @param filler what takes the place of what can't be read */
async function reopen(
  path: string,
  keyId: string | undefined,
  keys: readonly FileKey[],
  filler: number,
): Promise<Reopened> {
  // There may be nothing but packets kept as they came.
  const { file, size } = (await systemFiles.exists(path))
    ? await systemFiles.reopen(path)
    : { file: await systemFiles.create(path), size: 0 };
  try {
    return keyId === undefined
      ? { file, bytes: size, finished: false, lost: [] }
      : await reopenEncrypted(file, size, keyId, keys, filler);
  } catch (error) {
    await file.close();
    throw error;
  }
}
