/**
 * From a finished file to a recording: metadata, manifest, and last the names without `.part`. In this order a crash at any point leaves a
 * `.part` behind, and the next start does what is missing.
 */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { audioPath, metadataPath, PART_EXTENSION } from '../files';
import { systemFileSystem, sha256 } from '../disk';
import type { Manifest } from '../evidence';
import type { Alarm, Channel, ChannelReport, Gap, RecordingMetadata } from '../common';

/** A finished recording, as it is handed on. */
export interface FinishedRecording {
  /** Its name for hold, release, retain and delete. */
  readonly id: string;
  /** Absolute path of the WAV. */
  readonly file: string;
  /** Absolute path of the JSON beside it, which holds the same and more. */
  readonly metadata: string;
  readonly deviceNumber: string;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly durationMs: number;
  /** Of the WAV, as it lies on the disk. */
  readonly sha256: string;
  readonly channels: Readonly<Record<Channel, ChannelReport>>;
  readonly gaps: readonly Gap[];
  readonly alarms: readonly Omit<Alarm, 'deviceNumber'>[];
  /** The file is encrypted with the key of this id: `openRecording` and `o2g-decrypt` read it. */
  readonly keyId?: string;
  /** Completed after a crash: it ends where the crash was. */
  readonly recovered?: true;
  /** Some packets are only in files beside it: encrypted, or of a codec that isn't decoded here. */
  readonly needsDecode?: true;
  /** What the caller knows of the calls. */
  readonly calls?: unknown;
  /** SHA-256 of the recording's line in the manifest, which stands for all lines before it. Not in the metadata: the line holds their hash. */
  readonly manifestSha256: string;
}

/** What the caller adds to the metadata; what the recorder knows itself can't be overwritten. */
export type Description = Readonly<Record<string, unknown>>;

/** @param description undefined: there is nothing to add. Rejects with the system's error; then nothing has lost its `.part` */
export async function finishRecording(
  folder: string,
  recording: RecordingMetadata,
  description: Description | undefined,
  manifest: Manifest,
): Promise<FinishedRecording> {
  const finished = finishedRecordingOf(folder, recording, description);
  // The crash may have come after the manifest's line, and that holds the hash of the metadata as they were then.
  const known = recording.recovered ? await existingLine(manifest, recording, finished.metadata) : undefined;
  const manifestSha256 = known ?? (await writeMetadata(finished, recording, description, manifest));
  for (const raw of recording.raw)
    await rename(path.join(folder, raw.path + PART_EXTENSION), path.join(folder, raw.path));
  await rename(finished.file + PART_EXTENSION, finished.file);
  await rm(finished.metadata + PART_EXTENSION, { force: true });
  return { ...finished, manifestSha256 };
}

async function writeMetadata(
  finished: Omit<FinishedRecording, 'manifestSha256'>,
  recording: RecordingMetadata,
  description: Description | undefined,
  manifest: Manifest,
): Promise<string> {
  const metadata = `${JSON.stringify({ ...description, ...recording, ...finished }, undefined, 2)}\n`;
  await systemFileSystem.replace(finished.metadata, metadata);
  const { id, name, sha256: hash, endedAt, raw } = recording;
  const { size } = await stat(finished.file + PART_EXTENSION);
  return manifest.append({
    entry: 'recording',
    at: new Date().toISOString(),
    id,
    file: audioPath(recording),
    bytes: size,
    sha256: hash,
    endedAt,
    metadata: metadataPath(name),
    metadataSha256: sha256(metadata),
    ...(raw.length === 0 ? {} : { raw: raw.map((file) => ({ file: file.path, sha256: file.sha256 })) }),
  });
}

async function existingLine(
  manifest: Manifest,
  recording: RecordingMetadata,
  metadata: string,
): Promise<string | undefined> {
  const known = await manifest.find(audioPath(recording), recording.sha256);
  const present = known && (await readFile(metadata).catch(() => undefined));
  return present && sha256(present) === known.metadataSha256 ? known.lineSha256 : undefined;
}

function finishedRecordingOf(
  folder: string,
  recording: RecordingMetadata,
  description: Description | undefined,
): Omit<FinishedRecording, 'manifestSha256'> {
  const {
    id,
    name,
    deviceNumber,
    startedAt,
    endedAt,
    durationMs,
    sha256: hash,
    channels,
    gaps,
    alarms,
    keyId,
    recovered,
    needsDecode,
  } = recording;
  return {
    id,
    file: path.join(folder, ...audioPath(recording).split('/')),
    metadata: path.join(folder, ...metadataPath(name).split('/')),
    deviceNumber,
    startedAt,
    endedAt,
    durationMs,
    sha256: hash,
    channels,
    gaps,
    alarms,
    ...(keyId === undefined ? {} : { keyId }),
    ...(recovered ? { recovered } : {}),
    ...(needsDecode ? { needsDecode } : {}),
    ...(description?.calls === undefined ? {} : { calls: description.calls }),
  };
}
