/** The files of a recording whose place is known, and nothing else of the disk. */
import { lstat, open, realpath } from 'node:fs/promises';
import { constants } from 'node:fs';
import path from 'node:path';

import type { FileKey } from '../encryption';
import { openRecording, type OpenRecording } from '../files';
import type { RecordingLocation } from './catalogue';
import { asObject, type JsonObject } from './entry';
import { MAX_METADATA_BYTES, NO_FOLLOW_FLAG } from './scan';

/** As they are called behind the name: plain, or encrypted. */
const AUDIO_EXTENSIONS = ['.wav', '.wav.enc'] as const;

export interface AudioFile {
  /** Absolute path. */
  readonly file: string;
  /** Tells this content from an earlier one. */
  readonly stamp: string;
}

/** @returns undefined when the metadata is gone, or no metadata any more */
export async function readMetadata(
  location: RecordingLocation,
): Promise<{ readonly text: string; readonly fields: JsonObject } | undefined> {
  const file = await resolveInside(location, '.json');
  if (!file) return undefined;
  const handle = await open(file, constants.O_RDONLY | NO_FOLLOW_FLAG);
  try {
    if ((await handle.stat()).size > MAX_METADATA_BYTES) return undefined;
    const text = await handle.readFile('utf8');
    return { text, fields: asObject(JSON.parse(text)) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await handle.close();
  }
}

/** @returns undefined when there is none any more */
export async function findAudio(location: RecordingLocation): Promise<AudioFile | undefined> {
  for (const extension of AUDIO_EXTENSIONS) {
    const file = await resolveInside(location, extension);
    if (!file) continue;
    const { mtimeMs, size } = await lstat(file);
    return { file, stamp: `${mtimeMs}-${size}` };
  }
  return undefined;
}

/**
 * @returns undefined when there is no audio any more
 * @throws RecorderError `KEY_UNKNOWN`, `ALTERED`; the system's error
 */
export async function openAudio(
  location: RecordingLocation,
  keys: readonly FileKey[],
): Promise<(AudioFile & { readonly recording: OpenRecording }) | undefined> {
  const audio = await findAudio(location);
  return audio && { ...audio, recording: await openRecording(audio.file, keys) };
}

/**
 * The absolute path of a file of a recording: a real file, and really within the folder, whatever links were put in its way.
 * @returns undefined otherwise
 */
export async function resolveInside(
  { folder, name }: RecordingLocation,
  extension: string,
): Promise<string | undefined> {
  const file = path.join(folder, ...name.split('/')) + extension;
  try {
    const [root, parent, stats] = await Promise.all([
      realpath(folder),
      realpath(path.dirname(file)),
      lstat(file),
    ]);
    const within = parent === root || parent.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
    return within && stats.isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}
