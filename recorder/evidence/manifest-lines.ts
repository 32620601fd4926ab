/**
 * The lines of `manifest.jsonl`: what each says, and how they hang together. Whoever reads the manifest begins here; `manifest.ts` writes it.
 */
import { createReadStream } from 'node:fs';
import path from 'node:path';

export const MANIFEST_FILE = 'manifest.jsonl';
/** What the first line has for the line before. */
export const NO_PREVIOUS_SHA256 = '0'.repeat(64);

interface BaseEntry {
  /** ISO 8601 UTC, when the line was written. */
  readonly at: string;
  /** The recording's audio, relative to the folder, separated by `/`. */
  readonly file: string;
}

export interface RecordingEntry extends BaseEntry {
  readonly entry: 'recording';
  readonly id: string;
  /** Length and hash of the file as it lies on the disk. */
  readonly bytes: number;
  readonly sha256: string;
  readonly endedAt: string;
  readonly metadata: string;
  readonly metadataSha256: string;
  readonly raw?: readonly { readonly file: string; readonly sha256: string }[];
}

interface RequestReason {
  /** What who asked for it said, and who that was. */
  readonly reason?: string;
  readonly by?: string;
}

/** What is left of a recording: when it is written, the files are still there. */
export interface DeletedEntry extends BaseEntry, RequestReason {
  readonly entry: 'deleted';
  readonly id: string;
  readonly sha256: string;
  readonly metadataSha256: string;
  readonly why: 'retention' | 'request';
}

export interface HoldEntry extends BaseEntry, RequestReason {
  readonly entry: 'hold' | 'released';
  readonly id: string;
}

export interface RetainEntry extends BaseEntry, RequestReason {
  readonly entry: 'retain';
  readonly id: string;
  /** To be kept so long after its end; 0: for ever. */
  readonly days: number;
}

export type ManifestEntry = RecordingEntry | DeletedEntry | HoldEntry | RetainEntry;

export type ManifestLine = ManifestEntry & {
  /** 1, 2, 3. */
  readonly line: number;
  /** SHA-256 of the line before, without its newline. */
  readonly previous: string;
  /** Ed25519, base64, of the line's text without this field. */
  readonly signature?: string;
};

export interface ManifestText {
  readonly text: string;
  /** Undefined when it is no line that a recorder wrote whole. */
  readonly parsed: ManifestLine | undefined;
  /** False for the last one without a newline. */
  readonly complete: boolean;
}

const ENTRY_KINDS: ReadonlySet<unknown> = new Set<ManifestEntry['entry']>([
  'recording',
  'deleted',
  'hold',
  'released',
  'retain',
]);
const NEWLINE = 0x0a;
/** Nobody's line is longer: what is is cut, and told as damaged. */
const MAX_LINE_BYTES = 1024 * 1024;

/** @param from where a line begins, in bytes. Rejects with the system's error; a manifest that isn't there has no lines */
export async function* readLines(folder: string, from = 0): AsyncGenerator<ManifestText> {
  let rest = Buffer.alloc(0);
  for await (const chunk of readChunks(path.join(folder, MANIFEST_FILE), from)) {
    const bytes = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield decodeLine(bytes.subarray(start, end), true);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > MAX_LINE_BYTES) break;
  }
  if (rest.length > 0) yield decodeLine(rest, false);
}

async function* readChunks(file: string, start: number): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(file, { start })) yield chunk as Buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function decodeLine(bytes: Buffer, isComplete: boolean): ManifestText {
  const text = bytes.toString('utf8');
  return { text, complete: isComplete, parsed: parseLine(text) };
}

/** @returns undefined when it isn't a line of a manifest */
function parseLine(text: string): ManifestLine | undefined {
  try {
    const parsed = JSON.parse(text) as Partial<ManifestLine> | null;
    const isLine =
      parsed &&
      ENTRY_KINDS.has(parsed.entry) &&
      typeof parsed.line === 'number' &&
      [parsed.at, parsed.file, parsed.previous].every((text) => typeof text === 'string');
    return isLine && isFileList((parsed as { raw?: unknown }).raw ?? [])
      ? (parsed as ManifestLine)
      : undefined;
  } catch {
    return undefined; // torn by a crash, or altered: whoever reads says which
  }
}

function isFileList(raw: unknown): boolean {
  return (
    Array.isArray(raw) &&
    raw.every(
      (entry: unknown) => typeof entry === 'object' && entry !== null && 'file' in entry && 'sha256' in entry,
    )
  );
}
