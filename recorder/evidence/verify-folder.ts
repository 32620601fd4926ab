/**
 * Whether a folder of recordings is what was recorded: each file against its line in the manifest, and the lines against one another. It only
 * reads, needs no key of encrypted files, and may run while a recorder works in the folder.
 */
import type { KeyObject } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { RecorderError, CHANNELS } from '../common';
import { metadataPath, nameFromAudioPath, PART_EXTENSION, rawPathBeside } from '../files';
import {
  MANIFEST_FILE,
  readLines,
  type DeletedEntry,
  type ManifestLine,
  type RecordingEntry,
} from './manifest-lines';
import { sha256, sha256OfFile } from '../disk';
import { ChainVerifier, type ChainFinding } from './verify-chain';

export type FindingKind =
  | ChainFinding
  | 'missing'
  | 'altered'
  | 'truncated'
  | 'swapped'
  | 'unlisted'
  | 'manifest-cut'
  | 'manifest-missing'
  | 'not-deleted'
  | 'deleted-under-hold'
  | 'outside';

export interface Finding {
  readonly kind: FindingKind;
  /** A sentence for a person. */
  readonly words: string;
  /** Relative to the folder. */
  readonly file?: string;
}

export interface FolderVerification {
  readonly findings: readonly Finding[];
  /** Recordings that the manifest says are there. */
  readonly recordings: number;
  readonly deleted: number;
  readonly held: number;
  /** Under way, or left by a crash and completed at the next start. */
  readonly unfinished: readonly string[];
  readonly lines: number;
  readonly signedLines: number;
  /** Lines that a crash tore while they were written; what they would have said is said by later ones. */
  readonly tornLines: readonly number[];
  /** SHA-256 of the last line: who keeps it elsewhere can ask for it later. */
  readonly lastSha256: string;
}

export interface VerifyOptions {
  /** Of who may have signed; none: signatures aren't checked. */
  readonly publicKeys?: readonly KeyObject[];
  /** SHA-256 of a line that must be there. */
  readonly expected?: string | undefined;
}

/** Files read at the same time. */
const MAX_PARALLEL_READS = 4;

/** What should be there, or should not be any more. */
interface ManifestContent {
  readonly recordings: Map<string, RecordingEntry>;
  readonly deleted: Map<string, DeletedEntry>;
  readonly held: Set<string>;
  lastAt: string;
}

/** A file whose content isn't that of its line. */
interface DifferingFile {
  readonly file: string;
  readonly hash: string;
  readonly bytes: number;
  readonly expectedBytes: number | undefined;
  readonly expectedHash: string;
}

/** @throws RecorderError `NOT_FOUND` when there is nothing to check; the system's error when the folder can't be read */
export async function verifyFolder(
  folder: string,
  { publicKeys = [], expected }: VerifyOptions = {},
): Promise<FolderVerification> {
  const findings: Finding[] = [];
  const chain = new ChainVerifier(publicKeys, (kind, message) => findings.push({ kind, words: message }));
  const manifest: ManifestContent = {
    recordings: new Map(),
    deleted: new Map(),
    held: new Set(),
    lastAt: '',
  };
  let hasExpectedLine = expected === undefined;
  await readdir(folder); // says why when it can't be read
  for await (const line of readLines(folder)) {
    chain.add(line);
    if (line.parsed && line.complete) applyLine(manifest, line.parsed, findings);
    hasExpectedLine ||= sha256(line.text) === expected;
  }
  chain.finish();
  if (!hasExpectedLine)
    findings.push({
      kind: 'manifest-cut',
      words: `The manifest has no line ${expected ?? ''}: it was cut off, or written anew.`,
    });
  const content = await listFiles(folder);
  if (chain.lines === 0 && content.recorded.length === 0)
    throw new RecorderError('NOT_FOUND', `${folder} has neither a ${MANIFEST_FILE} nor recordings`);
  if (chain.lines === 0)
    findings.push({
      kind: 'manifest-missing',
      words: `${MANIFEST_FILE} is missing or empty, though ${content.recorded.length} recorded files are there.`,
    });
  else
    findings.push(
      ...(await checkFiles(folder, manifest, content)),
      ...(await checkDeleted(folder, manifest)),
      ...(await checkUnlisted(folder, manifest, content)),
    );
  return {
    findings,
    recordings: manifest.recordings.size,
    deleted: manifest.deleted.size,
    held: manifest.held.size,
    unfinished: content.unfinished,
    lines: chain.lines,
    signedLines: chain.signed,
    tornLines: chain.torn,
    lastSha256: chain.lastSha256,
  };
}

function applyLine(manifest: ManifestContent, parsed: ManifestLine, findings: Finding[]): void {
  const { file } = parsed;
  if (nameFromAudioPath(file) === undefined) {
    findings.push({
      kind: 'outside',
      file,
      words: `The manifest names ${file}, which no recorder writes.`,
    });
    return;
  }
  manifest.lastAt = parsed.at;
  if (parsed.entry === 'recording') {
    manifest.recordings.set(file, parsed);
    manifest.deleted.delete(file);
  } else if (parsed.entry === 'deleted') {
    if (manifest.held.delete(file))
      findings.push({
        kind: 'deleted-under-hold',
        file,
        words: `${file} was deleted though it was under hold.`,
      });
    manifest.deleted.set(file, parsed);
    manifest.recordings.delete(file);
  } else if (parsed.entry === 'hold') {
    manifest.held.add(file);
  } else if (parsed.entry === 'released') {
    manifest.held.delete(file);
  }
}

interface FolderContent {
  /** Audio and packets kept beside it. */
  readonly recorded: readonly string[];
  readonly unfinished: readonly string[];
}

/** No link is followed, hidden files are somebody else's. */
async function listFiles(folder: string, under = ''): Promise<FolderContent> {
  const [recorded, unfinished]: [string[], string[]] = [[], []];
  for (const entry of await readdir(path.join(folder, under), { withFileTypes: true })) {
    const file = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      const below = await listFiles(folder, file);
      recorded.push(...below.recorded);
      unfinished.push(...below.unfinished);
    } else if (file.endsWith(metadataPath('') + PART_EXTENSION)) {
      unfinished.push(file.slice(0, -(metadataPath('') + PART_EXTENSION).length));
    } else if (/\.(?:wav|rtpdump)(?:\.enc)?$/.test(file)) {
      recorded.push(file);
    }
  }
  return { recorded, unfinished };
}

async function checkFiles(
  folder: string,
  manifest: ManifestContent,
  { unfinished }: FolderContent,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const differing: DifferingFile[] = [];
  const entries = manifest.recordings.values();
  const unfinishedNames = new Set(unfinished);
  const check = async (): Promise<void> => {
    for (const entry of entries) {
      // Its line is written before it has its last name.
      if (unfinishedNames.has(recordingNameOf(entry.file))) continue;
      for (const [file, hash, bytes] of filesOf(entry)) {
        const found = await compare(folder, file, hash, bytes);
        if (found === 'missing') findings.push({ kind: 'missing', file, words: `${file} is missing.` });
        else if (found) differing.push(found);
      }
    }
  };
  await Promise.all(Array.from({ length: MAX_PARALLEL_READS }, check));
  findings.push(...explainDifferences(differing, manifest.recordings));
  if (findings.length === 0) return [];
  const deletedNames = new Set([...(await readManifest(folder)).deleted.keys()].map(recordingNameOf));
  return findings
    .filter(({ file }) => !deletedNames.has(recordingNameOf(file ?? '')))
    .sort((a, b) => (a.file ?? '').localeCompare(b.file ?? ''));
}

/** The files of a recording, each with its hash and, if known, its length. Their names are made from the first one's. */
function filesOf({
  file,
  sha256: hash,
  bytes,
  metadataSha256,
  raw = [],
}: RecordingEntry): [file: string, hash: string, bytes: number | undefined][] {
  const name = recordingNameOf(file);
  const rawFiles = CHANNELS.flatMap((channel): [string, string, undefined][] => {
    const entry = raw.find((each) => each.file === rawPathBeside(file, channel));
    return entry ? [[entry.file, entry.sha256, undefined]] : [];
  });
  return [[file, hash, bytes], [metadataPath(name), metadataSha256, undefined], ...rawFiles];
}

async function compare(
  folder: string,
  file: string,
  expectedHash: string,
  expectedBytes: number | undefined,
): Promise<DifferingFile | 'missing' | undefined> {
  const full = path.join(folder, ...file.split('/'));
  try {
    const stats = await lstat(full);
    // A link or a folder in its place: whatever it leads to, it isn't the file.
    if (!stats.isFile()) return { file, hash: '', bytes: 0, expectedBytes: undefined, expectedHash };
    const hash = await sha256OfFile(full);
    return hash === expectedHash ? undefined : { file, hash, bytes: stats.size, expectedBytes, expectedHash };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return 'missing';
    throw error;
  }
}

/** Whose content it is that lies in the wrong place; else what happened to it. */
function explainDifferences(
  differing: readonly DifferingFile[],
  recordings: ReadonlyMap<string, RecordingEntry>,
): Finding[] {
  if (differing.length === 0) return [];
  const owners = new Map(
    [...recordings.values()].flatMap((entry) => filesOf(entry).map(([file, hash]) => [hash, file] as const)),
  );
  const byFile = new Map(differing.map((entry) => [entry.file, entry]));
  const findings: Finding[] = [];
  for (const { file, hash, bytes, expectedBytes, expectedHash } of differing) {
    const owner = owners.get(hash);
    const other = owner === undefined ? undefined : byFile.get(owner);
    if (other?.hash === expectedHash) {
      // A pair is told once.
      if (file < other.file)
        findings.push({
          kind: 'swapped',
          file,
          words: `${file} and ${other.file} were swapped: each has the content of the other.`,
        });
    } else if (owner !== undefined) {
      findings.push({
        kind: 'altered',
        file,
        words: `${file} was altered: it has the content of ${owner}.`,
      });
    } else if (expectedBytes !== undefined && bytes < expectedBytes) {
      findings.push({
        kind: 'truncated',
        file,
        words: `${file} was cut off: ${bytes} of ${expectedBytes} bytes are there.`,
      });
    } else {
      findings.push({
        kind: 'altered',
        file,
        words: `${file} was altered: its content isn't what was written.`,
      });
    }
  }
  return findings;
}

async function checkDeleted(folder: string, { deleted }: ManifestContent): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { file, at } of deleted.values()) {
    if (
      await lstat(path.join(folder, ...file.split('/'))).then(
        () => true,
        () => false,
      )
    ) {
      findings.push({
        kind: 'not-deleted',
        file,
        words: `${file} was deleted on ${at}, and is there nevertheless.`,
      });
    }
  }
  return findings;
}

/** What lies there without a line, and has none by now either. */
async function checkUnlisted(
  folder: string,
  manifest: ManifestContent,
  { recorded, unfinished }: FolderContent,
): Promise<Finding[]> {
  const listed = new Set(
    [...manifest.recordings.values()].flatMap((entry) => filesOf(entry).map(([file]) => file)),
  );
  const others = new Set([...unfinished, ...[...manifest.deleted.keys()].map(recordingNameOf)]);
  const candidates = recorded.filter((file) => !listed.has(file) && !others.has(recordingNameOf(file)));
  if (candidates.length === 0) return [];
  const { recordings, deleted } = await readManifest(folder);
  const since = new Set(
    [...recordings.keys(), ...deleted.keys()]
      .filter((file) => !manifest.recordings.has(file))
      .map(recordingNameOf),
  );
  const findings: Finding[] = [];
  for (const file of candidates) {
    if (since.has(recordingNameOf(file))) continue;
    const newer = (await endedAtOf(folder, file)) > manifest.lastAt;
    if (newer)
      findings.push({
        kind: 'manifest-cut',
        file,
        words: `${file} isn't in the manifest, though newer than its last line: the manifest's end was cut off.`,
      });
    else
      findings.push({
        kind: 'unlisted',
        file,
        words: `${file} isn't in the manifest: it was put there, or its line was taken out.`,
      });
  }
  return findings;
}

/** What the manifest says now: a recorder may have gone on while files were read. */
async function readManifest(folder: string): Promise<ManifestContent> {
  const manifest: ManifestContent = {
    recordings: new Map(),
    deleted: new Map(),
    held: new Set(),
    lastAt: '',
  };
  for await (const { parsed, complete: isComplete } of readLines(folder))
    if (parsed && isComplete) applyLine(manifest, parsed, []);
  return manifest;
}

/** When a recording ended, as its metadata say; '' when they don't. */
async function endedAtOf(folder: string, file: string): Promise<string> {
  try {
    const { endedAt } = JSON.parse(
      await readFile(path.join(folder, ...metadataPath(recordingNameOf(file)).split('/')), 'utf8'),
    ) as { endedAt?: unknown };
    return typeof endedAt === 'string' ? endedAt : '';
  } catch {
    return ''; // then nothing is known of it
  }
}

/** What all files of a recording have in common. */
const recordingNameOf = (file: string): string =>
  file.replace(/\.(?:json|(?:wav|(?:sent|received)\.rtpdump)(?:\.enc)?)$/, '');
