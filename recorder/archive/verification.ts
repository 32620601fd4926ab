/**
 * Whether a recording is as it was recorded: its files against the line that the manifest has for it. Whether the manifest itself is whole
 * is said too, as far as its chain tells; the command `o2g-verify` looks at a whole folder.
 */
import { nameOfAudio } from '../files';
import { readLines, ChainCheck, type RecordingEntry } from '../evidence';
import { sha256OfFile } from '../disk';
import type { Place } from './catalogue';
import { inside } from './recording-files';

export interface Verification {
  /** `unlisted`: the manifest doesn't know it; `altered`: at least one of `files` isn't what was recorded; `missing`: at least one isn't there. */
  readonly state: 'verified' | 'altered' | 'missing' | 'unlisted';
  /** Those that are altered or missing, relative to the folder. */
  readonly files: readonly string[];
  /** No line of the manifest was changed, taken out or moved. */
  readonly chain: 'whole' | 'broken';
  /** Under hold: it isn't deleted, whatever else is said of it. */
  readonly held: boolean;
}

/** Rejects with the system's error. */
export async function verify(place: Place): Promise<Verification> {
  const { recording, held, chain } = await linesOf(place);
  if (!recording) return { state: 'unlisted', files: [], chain, held };
  const expected = [
    { file: recording.file, sha256: recording.sha256 },
    { file: recording.metadata, sha256: recording.metadataSha256 },
    ...(recording.raw ?? []),
  ];
  const altered: string[] = [];
  const missing: string[] = [];
  for (const { file, sha256: hash } of expected) {
    const found = await inside({ folder: place.folder, name: file }, '');
    if (!found) missing.push(file);
    else if ((await sha256OfFile(found)) !== hash) altered.push(file);
  }
  const state = altered.length > 0 ? 'altered' : missing.length > 0 ? 'missing' : 'verified';
  return { state, files: [...altered, ...missing], chain, held };
}

interface Listed {
  recording: RecordingEntry | undefined;
  held: boolean;
  chain: Verification['chain'];
}

/** What the newest lines say of a recording, whose audio may be encrypted. */
async function linesOf({ folder, name }: Place): Promise<Listed> {
  const listed: Listed = { recording: undefined, held: false, chain: 'whole' };
  const check = new ChainCheck([], () => {
    listed.chain = 'broken';
  });
  for await (const line of readLines(folder)) {
    check.add(line);
    const { said } = line;
    if (said === undefined || nameOfAudio(said.file) !== name) continue;
    if (said.entry === 'recording') listed.recording = said;
    else if (said.entry === 'hold' || said.entry === 'released') listed.held = said.entry === 'hold';
  }
  check.finish();
  return listed;
}
