/**
 * Completes what a crash left unfinished. `NAME.json.part` says what was known; the WAV has a valid header for all but its last moment,
 * and its length says the rest.
 */
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { finishRecording, type Description, type FinishedRecording } from './finish-recording';
import { reopenEncryptedFile, type ReopenedFile, type FileKey } from '../encryption';
import { audioPath, metadataPath, PART_EXTENSION, isAbandoned, type FileOwner, type Sidecar } from '../files';
import { systemFileSystem, sha256OfFile } from '../disk';
import type { Manifest } from '../evidence';
import { SampleFormat, bytesPerFrame, headerLength, readWavHeader, wavHeader } from '../audio';
import { CHANNELS, SAMPLES_PER_MS, type Gap, type RawFile, type RecordingMetadata } from '../common';

const SIDECAR_EXTENSION = metadataPath('') + PART_EXTENSION;

export interface RecoveryResult {
  readonly finished: readonly FinishedRecording[];
  /** Files that somebody may still write: to be looked at again in a minute. */
  readonly postponed: number;
  /** Files that couldn't be completed, and why. They stay as they are. */
  readonly failed: readonly { readonly file: string; readonly error: unknown }[];
}

/** Which of this process's own files are still being written. */
export interface WriterInstances {
  readonly current: FileOwner;
  /** `instance` of a thread that failed: what it left is completed at once. */
  readonly failed: ReadonlySet<string>;
  readonly active: ReadonlySet<string>;
}

/** What the caller still knows of a recording: nothing after a crash of the whole process. Never rejects. */
type Describe = (recording: RecordingMetadata) => Promise<Description | undefined>;

export interface RecoveryParts {
  /** Of encrypted files. */
  readonly keys: readonly FileKey[];
  readonly describe: Describe;
  readonly manifest: Manifest;
}

/** Completes all that nobody works on any more. */
export async function recoverUnfinished(
  folder: string,
  { current, failed: failedInstances, active: activeInstances }: WriterInstances,
  parts: RecoveryParts,
): Promise<RecoveryResult> {
  const finished: FinishedRecording[] = [];
  const failed: { file: string; error: unknown }[] = [];
  let postponed = 0;
  for (const name of await unfinishedNames(folder)) {
    try {
      const sidecar = await readSidecar(path.join(folder, name + SIDECAR_EXTENSION));
      const owner = sidecar?.owner ?? current;
      if (activeInstances.has(owner.instance)) continue;
      if (
        !failedInstances.has(owner.instance) &&
        !isAbandoned(owner, current, await unchangedMs(folder, name, sidecar?.recorded))
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
async function unfinishedNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(SIDECAR_EXTENSION))
    .map((entry) =>
      path.relative(folder, path.join(entry.parentPath, entry.name)).slice(0, -SIDECAR_EXTENSION.length),
    )
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

async function unchangedMs(
  folder: string,
  name: string,
  known: RecordingMetadata | undefined,
): Promise<number> {
  const files = [audioPath({ name, keyId: known?.keyId }), metadataPath(name)];
  const times = await Promise.all(
    files.map((file) =>
      stat(path.join(folder, file + PART_EXTENSION)).then(
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
  known: RecordingMetadata | undefined,
  { keys, describe, manifest }: RecoveryParts,
): Promise<FinishedRecording[]> {
  const sidecar = path.join(folder, metadataPath(name) + PART_EXTENSION);
  if (!known || (await isWithoutMedia(folder, known))) {
    // Torn or empty: the crash came before the first packet was on the disk.
    await rm(sidecar, { force: true });
    return [];
  }
  const named = { ...known, name: name.split(path.sep).join('/') };
  const audio = path.join(folder, audioPath(named));
  await undoRename(audio);
  const { bytes, frames, lost } = await repairWav(audio + PART_EXTENSION, named, keys);
  const durationMs = Math.round(frames / SAMPLES_PER_MS);
  const recording: RecordingMetadata = {
    ...named,
    bytes,
    durationMs,
    endedAt: new Date(Date.parse(known.startedAt) + durationMs).toISOString(),
    gaps: [...known.gaps, ...lost],
    sha256: await sha256OfFile(audio + PART_EXTENSION),
    raw: await repairRaw(folder, known, keys),
    endedBy: known.endedBy === '' ? 'crash' : known.endedBy,
    recovered: true,
  };
  return [await finishRecording(folder, recording, await describe(recording), manifest)];
}

async function isWithoutMedia(folder: string, recording: RecordingMetadata): Promise<boolean> {
  const audio = path.join(folder, audioPath(recording));
  return (
    recording.raw.length === 0 &&
    !(await systemFileSystem.exists(audio + PART_EXTENSION)) &&
    !(await systemFileSystem.exists(audio))
  );
}

/** The crash came after the last renaming: it is done again. */
async function undoRename(file: string): Promise<void> {
  if ((await systemFileSystem.exists(file)) && !(await systemFileSystem.exists(file + PART_EXTENSION)))
    await rename(file, file + PART_EXTENSION);
}

/** Makes the header say what is there. */
async function repairWav(
  path: string,
  known: RecordingMetadata,
  keys: readonly FileKey[],
): Promise<{ bytes: number; frames: number; lost: Gap[] }> {
  const silence = SampleFormat.of(known.format, known.law).silence;
  const { file, bytes: size, finished, lost } = await reopenFile(path, known.keyId, keys, silence);
  try {
    const wavFormat = readWavHeader(await file.read(0, headerLength('g711'))) ?? {
      format: known.format,
      law: known.law,
    };
    const frames = Math.max(
      0,
      Math.floor((size - headerLength(wavFormat.format)) / bytesPerFrame(wavFormat.format)),
    );
    const header = wavHeader(wavFormat, frames);
    const bytes = header.length + frames * bytesPerFrame(wavFormat.format);
    if (!finished) {
      await file.write(header, 0, header.length, 0);
      await file.finish(bytes);
      await file.sync();
    }
    return {
      bytes,
      frames,
      lost: lost.flatMap(({ from, to }) =>
        lostGaps(from - header.length, to - header.length, bytesPerFrame(wavFormat.format)),
      ),
    };
  } finally {
    await file.close();
  }
}

/** Both channels were in the bytes that are lost. */
function lostGaps(from: number, to: number, frameBytes: number): Gap[] {
  const atMs = Math.floor(Math.max(0, from) / frameBytes / SAMPLES_PER_MS);
  const durationMs = Math.ceil(Math.max(0, to) / frameBytes / SAMPLES_PER_MS) - atMs;
  return durationMs <= 0 ? [] : CHANNELS.map((channel): Gap => ({ channel, atMs, durationMs, kind: 'disk' }));
}

async function repairRaw(
  folder: string,
  { raw, keyId }: RecordingMetadata,
  keys: readonly FileKey[],
): Promise<RawFile[]> {
  const list: RawFile[] = [];
  for (const known of raw) {
    const file = path.join(folder, known.path);
    await undoRename(file);
    if (!(await systemFileSystem.exists(file + PART_EXTENSION))) continue;
    // A plain one is whole as it is: who reads it stops at a packet that was cut.
    if (keyId !== undefined) await finishRaw(file + PART_EXTENSION, keyId, keys);
    list.push({ ...known, sha256: await sha256OfFile(file + PART_EXTENSION) });
  }
  return list;
}

async function finishRaw(path: string, keyId: string, keys: readonly FileKey[]): Promise<void> {
  const { file, bytes, finished } = await reopenFile(path, keyId, keys, 0);
  try {
    if (!finished) await file.finish(bytes);
  } finally {
    await file.close();
  }
}

/** @param keyId undefined: it is plain. @param filler what takes the place of what can't be read */
async function reopenFile(
  path: string,
  keyId: string | undefined,
  keys: readonly FileKey[],
  filler: number,
): Promise<ReopenedFile> {
  // There may be nothing but packets kept as they came.
  const { file, size } = (await systemFileSystem.exists(path))
    ? await systemFileSystem.reopen(path)
    : { file: await systemFileSystem.create(path), size: 0 };
  try {
    return keyId === undefined
      ? { file, bytes: size, finished: false, lost: [] }
      : await reopenEncryptedFile(file, size, keyId, keys, filler);
  } catch (error) {
    await file.close();
    throw error;
  }
}
