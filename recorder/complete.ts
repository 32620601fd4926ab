/**
 * From a finished file to a recording: metadata, manifest, and last the names without `.part`. In this order a crash at any point leaves a
 * `.part` behind, and the next start does what is missing.
 */
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { systemFiles } from './files';
import { sha256, type Manifest } from './manifest';
import type { Alarm, Channel, ChannelReport, Gap, Recorded } from './types';

/** A finished recording, as it is handed on. */
export interface FinishedRecording {
  /** Absolute path of the WAV. */
  readonly file: string;
  /** Absolute path of the JSON beside it, which holds the same and more. */
  readonly metadata: string;
  readonly deviceNumber: string;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly durationMs: number;
  /** Of the WAV. */
  readonly sha256: string;
  readonly channels: Readonly<Record<Channel, ChannelReport>>;
  readonly gaps: readonly Gap[];
  readonly alarms: readonly Omit<Alarm, 'deviceNumber'>[];
  /** Completed after a crash: it ends where the crash was. */
  readonly recovered?: true;
  /** Some packets are only in files beside it: encrypted, or of a codec that isn't decoded here. */
  readonly needsDecode?: true;
  /** What the caller knows of the calls. */
  readonly calls?: unknown;
}

/** What the caller adds to the metadata; what the recorder knows itself can't be overwritten. */
export type Description = Readonly<Record<string, unknown>>;

/** @param described undefined: there is nothing to add. Rejects with the system's error; then nothing has lost its `.part` */
export async function complete(folder: string, recorded: Recorded, described: Description | undefined, manifest: Manifest): Promise<FinishedRecording> {
  const finished = finishedOf(folder, recorded, described);
  const metadata = `${JSON.stringify({ ...described, ...recorded, ...finished }, undefined, 2)}\n`;
  await systemFiles.replace(finished.metadata, metadata);
  if (!(recorded.recovered && await manifest.has(`${recorded.name}.wav`, recorded.sha256))) {
    await manifest.append({
      entry: 'recording', at: new Date().toISOString(), file: `${recorded.name}.wav`, sha256: recorded.sha256,
      metadata: `${recorded.name}.json`, metadataSha256: sha256(metadata),
      ...(recorded.raw.length === 0 ? {} : { raw: recorded.raw.map(({ path: file, sha256: hash }) => ({ file, sha256: hash })) }),
    });
  }
  for (const raw of recorded.raw) await rename(path.join(folder, `${raw.path}.part`), path.join(folder, raw.path));
  await rename(`${finished.file}.part`, finished.file);
  await rm(`${finished.metadata}.part`, { force: true });
  return finished;
}

function finishedOf(folder: string, recorded: Recorded, described: Description | undefined): FinishedRecording {
  const { name, deviceNumber, startedAt, endedAt, durationMs, sha256: hash, channels, gaps, alarms, recovered, needsDecode } = recorded;
  const base = path.join(folder, ...name.split('/'));
  return {
    file: `${base}.wav`, metadata: `${base}.json`, deviceNumber, startedAt, endedAt, durationMs, sha256: hash, channels, gaps, alarms,
    ...(recovered ? { recovered } : {}), ...(needsDecode ? { needsDecode } : {}), ...(described?.calls === undefined ? {} : { calls: described.calls }),
  };
}
