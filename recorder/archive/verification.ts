/**
 * Whether a recording is as it was recorded: its files against the line that the manifest has for it. Whether the manifest itself is whole
 * is said too, as far as its chain tells; the command `o2g-verify` looks at a whole folder.
 */
import { nameFromAudioPath } from '../files';
import { readLines, ChainVerifier, type RecordingEntry } from '../evidence';
import { sha256OfFile } from '../disk';
import type { RecordingLocation } from './catalogue';
import { resolveInside } from './recording-files';

export interface RecordingVerification {
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
export async function verify(location: RecordingLocation): Promise<RecordingVerification> {
  const { recording, held, chain } = await readManifestState(location);
  if (!recording) return { state: 'unlisted', files: [], chain, held };
  const expected = [
    { file: recording.file, sha256: recording.sha256 },
    { file: recording.metadata, sha256: recording.metadataSha256 },
    ...(recording.raw ?? []),
  ];
  const altered: string[] = [];
  const missing: string[] = [];
  for (const { file, sha256: hash } of expected) {
    const found = await resolveInside({ folder: location.folder, name: file }, '');
    if (!found) missing.push(file);
    else if ((await sha256OfFile(found)) !== hash) altered.push(file);
  }
  const state = altered.length > 0 ? 'altered' : missing.length > 0 ? 'missing' : 'verified';
  return { state, files: [...altered, ...missing], chain, held };
}

interface ManifestState {
  recording: RecordingEntry | undefined;
  held: boolean;
  chain: RecordingVerification['chain'];
}

/** What the newest lines say of a recording, whose audio may be encrypted. */
async function readManifestState({ folder, name }: RecordingLocation): Promise<ManifestState> {
  const manifestState: ManifestState = { recording: undefined, held: false, chain: 'whole' };
  const verifier = new ChainVerifier([], () => {
    manifestState.chain = 'broken';
  });
  for await (const line of readLines(folder)) {
    verifier.add(line);
    const { parsed } = line;
    if (parsed === undefined || nameFromAudioPath(parsed.file) !== name) continue;
    if (parsed.entry === 'recording') manifestState.recording = parsed;
    else if (parsed.entry === 'hold' || parsed.entry === 'released')
      manifestState.held = parsed.entry === 'hold';
  }
  verifier.finish();
  return manifestState;
}
