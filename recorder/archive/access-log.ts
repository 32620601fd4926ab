/**
 * `access.jsonl` in the folder of the recordings: a line for each time that somebody listened to one or took one away. Lines are only ever
 * added, each with the hash of the line before, as in the manifest.
 */
import path from 'node:path';

import { appendLines, NO_PREVIOUS_SHA256 } from '../evidence';
import { sha256 } from '../disk';

const ACCESS_LOG = 'access.jsonl';

export interface Access {
  /** The user's name; `anonymous` where nobody has to log in. */
  readonly who: string;
  readonly how: 'played' | 'downloaded' | 'metadata downloaded';
  /** Relative to the folder, separated by `/`, without extension. */
  readonly recording: string;
}

/** Adds a line, now, and waits until it is on the disk. Rejects with the system's error: then nothing may be served. */
export function writeAccess(folder: string, { who, how, recording }: Access): Promise<void> {
  return appendLines(path.join(folder, ACCESS_LOG), (last) => [
    JSON.stringify({
      at: new Date().toISOString(),
      who,
      how,
      recording,
      previous: last === undefined ? NO_PREVIOUS_SHA256 : sha256(last),
    }),
  ]);
}
