/**
 * From a finished file to a recording: metadata, manifest, and last the names without `.part`. In this order a crash at any point leaves a
 * `.part` behind, and the next start does what is missing.
 */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { audioOf, metadataOf, PART } from '../files';
import { systemFiles, sha256 } from '../disk';
import type { Manifest } from '../evidence';
import type { Alarm, Channel, ChannelReport, Gap, Recorded } from '../common';

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

/** @param described undefined: there is nothing to add. Rejects with the system's error; then nothing has lost its `.part` */
export async function complete(
  folder: string,
  recorded: Recorded,
  described: Description | undefined,
  manifest: Manifest,
): Promise<FinishedRecording> {
  const finished = finishedOf(folder, recorded, described);
  // The crash may have come after the manifest's line, and that holds the hash of the metadata as they were then.
  const known = recorded.recovered ? await knownLine(manifest, recorded, finished.metadata) : undefined;
  const manifestSha256 = known ?? (await writeDown(finished, recorded, described, manifest));
  for (const raw of recorded.raw)
    await rename(path.join(folder, raw.path + PART), path.join(folder, raw.path));
  await rename(finished.file + PART, finished.file);
  await rm(finished.metadata + PART, { force: true });
  return { ...finished, manifestSha256 };
}

async function writeDown(
  finished: Omit<FinishedRecording, 'manifestSha256'>,
  recorded: Recorded,
  described: Description | undefined,
  manifest: Manifest,
): Promise<string> {
  const metadata = `${JSON.stringify({ ...described, ...recorded, ...finished }, undefined, 2)}\n`;
  await systemFiles.replace(finished.metadata, metadata);
  const { id, name, sha256: hash, endedAt, raw } = recorded;
  const { size } = await stat(finished.file + PART);
  return manifest.append({
    entry: 'recording',
    at: new Date().toISOString(),
    id,
    file: audioOf(recorded),
    bytes: size,
    sha256: hash,
    endedAt,
    metadata: metadataOf(name),
    metadataSha256: sha256(metadata),
    ...(raw.length === 0 ? {} : { raw: raw.map((one) => ({ file: one.path, sha256: one.sha256 })) }),
  });
}

async function knownLine(
  manifest: Manifest,
  recorded: Recorded,
  metadata: string,
): Promise<string | undefined> {
  const known = await manifest.find(audioOf(recorded), recorded.sha256);
  const present = known && (await readFile(metadata).catch(() => undefined));
  return present && sha256(present) === known.metadataSha256 ? known.lineSha256 : undefined;
}

function finishedOf(
  folder: string,
  recorded: Recorded,
  described: Description | undefined,
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
  } = recorded;
  return {
    id,
    file: path.join(folder, ...audioOf(recorded).split('/')),
    metadata: path.join(folder, ...metadataOf(name).split('/')),
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
    ...(described?.calls === undefined ? {} : { calls: described.calls }),
  };
}
