/**
 * Whether a folder of recordings is what was recorded: each file against its line in the manifest, and the lines against one another. It only
 * reads, needs no key of encrypted files, and may run while a recorder works in the folder.
 */
import type { KeyObject } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { RecorderError, CHANNELS } from '../common';
import { metadataOf, nameOfAudio, PART, rawBeside } from '../files';
import {
  MANIFEST,
  readLines,
  type DeletedEntry,
  type ManifestLine,
  type RecordingEntry,
} from './manifest-lines';
import { sha256, sha256OfFile } from '../disk';
import { ChainCheck, type ChainFinding } from './verify-chain';

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

export interface Verification {
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
const AT_A_TIME = 4;

/** What should be there, or should not be any more. */
interface Told {
  readonly recordings: Map<string, RecordingEntry>;
  readonly deleted: Map<string, DeletedEntry>;
  readonly held: Set<string>;
  lastAt: string;
}

/** A file whose content isn't that of its line. */
interface Differing {
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
): Promise<Verification> {
  const findings: Finding[] = [];
  const chain = new ChainCheck(publicKeys, (kind, words) => findings.push({ kind, words }));
  const told: Told = { recordings: new Map(), deleted: new Map(), held: new Set(), lastAt: '' };
  let isExpectedThere = expected === undefined;
  await readdir(folder); // says why when it can't be read
  for await (const line of readLines(folder)) {
    chain.add(line);
    if (line.said && line.whole) enter(told, line.said, findings);
    isExpectedThere ||= sha256(line.text) === expected;
  }
  chain.finish();
  if (!isExpectedThere)
    findings.push({
      kind: 'manifest-cut',
      words: `The manifest has no line ${expected ?? ''}: it was cut off, or written anew.`,
    });
  const present = await look(folder);
  if (chain.lines === 0 && present.recorded.length === 0)
    throw new RecorderError('NOT_FOUND', `${folder} has neither a ${MANIFEST} nor recordings`);
  if (chain.lines === 0)
    findings.push({
      kind: 'manifest-missing',
      words: `${MANIFEST} is missing or empty, though ${present.recorded.length} recorded files are there.`,
    });
  else
    findings.push(
      ...(await checkFiles(folder, told, present)),
      ...(await checkDeleted(folder, told)),
      ...(await checkUnlisted(folder, told, present)),
    );
  return {
    findings,
    recordings: told.recordings.size,
    deleted: told.deleted.size,
    held: told.held.size,
    unfinished: present.unfinished,
    lines: chain.lines,
    signedLines: chain.signed,
    tornLines: chain.torn,
    lastSha256: chain.lastSha256,
  };
}

function enter(told: Told, said: ManifestLine, findings: Finding[]): void {
  const { file } = said;
  if (nameOfAudio(file) === undefined) {
    findings.push({ kind: 'outside', file, words: `The manifest names ${file}, which no recorder writes.` });
    return;
  }
  told.lastAt = said.at;
  if (said.entry === 'recording') {
    told.recordings.set(file, said);
    told.deleted.delete(file);
  } else if (said.entry === 'deleted') {
    if (told.held.delete(file))
      findings.push({
        kind: 'deleted-under-hold',
        file,
        words: `${file} was deleted though it was under hold.`,
      });
    told.deleted.set(file, said);
    told.recordings.delete(file);
  } else if (said.entry === 'hold') {
    told.held.add(file);
  } else if (said.entry === 'released') {
    told.held.delete(file);
  }
}

interface Present {
  /** Audio and packets kept beside it. */
  readonly recorded: readonly string[];
  readonly unfinished: readonly string[];
}

/** No link is followed, hidden files are somebody else's. */
async function look(folder: string, under = ''): Promise<Present> {
  const [recorded, unfinished]: [string[], string[]] = [[], []];
  for (const entry of await readdir(path.join(folder, under), { withFileTypes: true })) {
    const file = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      const below = await look(folder, file);
      recorded.push(...below.recorded);
      unfinished.push(...below.unfinished);
    } else if (file.endsWith(metadataOf('') + PART)) {
      unfinished.push(file.slice(0, -(metadataOf('') + PART).length));
    } else if (/\.(?:wav|rtpdump)(?:\.enc)?$/.test(file)) {
      recorded.push(file);
    }
  }
  return { recorded, unfinished };
}

async function checkFiles(folder: string, told: Told, { unfinished }: Present): Promise<Finding[]> {
  const findings: Finding[] = [];
  const differing: Differing[] = [];
  const entries = told.recordings.values();
  const beingMade = new Set(unfinished);
  const check = async (): Promise<void> => {
    for (const entry of entries) {
      // Its line is written before it has its last name.
      if (beingMade.has(nameIn(entry.file))) continue;
      for (const [file, hash, bytes] of filesOf(entry)) {
        const found = await compare(folder, file, hash, bytes);
        if (found === 'missing') findings.push({ kind: 'missing', file, words: `${file} is missing.` });
        else if (found) differing.push(found);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, check));
  findings.push(...judge(differing, told.recordings));
  if (findings.length === 0) return [];
  const gone = new Set([...(await toldSince(folder)).deleted.keys()].map(nameIn));
  return findings
    .filter(({ file }) => !gone.has(nameIn(file ?? '')))
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
  const name = nameIn(file);
  const kept = CHANNELS.flatMap((channel): [string, string, undefined][] => {
    const one = raw.find((each) => each.file === rawBeside(file, channel));
    return one ? [[one.file, one.sha256, undefined]] : [];
  });
  return [[file, hash, bytes], [metadataOf(name), metadataSha256, undefined], ...kept];
}

async function compare(
  folder: string,
  file: string,
  expectedHash: string,
  expectedBytes: number | undefined,
): Promise<Differing | 'missing' | undefined> {
  const full = path.join(folder, ...file.split('/'));
  try {
    const known = await lstat(full);
    // A link or a folder in its place: whatever it leads to, it isn't the file.
    if (!known.isFile()) return { file, hash: '', bytes: 0, expectedBytes: undefined, expectedHash };
    const hash = await sha256OfFile(full);
    return hash === expectedHash ? undefined : { file, hash, bytes: known.size, expectedBytes, expectedHash };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return 'missing';
    throw error;
  }
}

/** Whose content it is that lies in the wrong place; else what happened to it. */
function judge(differing: readonly Differing[], recordings: ReadonlyMap<string, RecordingEntry>): Finding[] {
  if (differing.length === 0) return [];
  const owners = new Map(
    [...recordings.values()].flatMap((entry) => filesOf(entry).map(([file, hash]) => [hash, file] as const)),
  );
  const byFile = new Map(differing.map((one) => [one.file, one]));
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
      findings.push({ kind: 'altered', file, words: `${file} was altered: it has the content of ${owner}.` });
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

async function checkDeleted(folder: string, { deleted }: Told): Promise<Finding[]> {
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
  told: Told,
  { recorded, unfinished }: Present,
): Promise<Finding[]> {
  const listed = new Set(
    [...told.recordings.values()].flatMap((entry) => filesOf(entry).map(([file]) => file)),
  );
  const others = new Set([...unfinished, ...[...told.deleted.keys()].map(nameIn)]);
  const candidates = recorded.filter((file) => !listed.has(file) && !others.has(nameIn(file)));
  if (candidates.length === 0) return [];
  const { recordings, deleted } = await toldSince(folder);
  const since = new Set(
    [...recordings.keys(), ...deleted.keys()].filter((file) => !told.recordings.has(file)).map(nameIn),
  );
  const findings: Finding[] = [];
  for (const file of candidates) {
    if (since.has(nameIn(file))) continue;
    const newer = (await endOf(folder, file)) > told.lastAt;
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
async function toldSince(folder: string): Promise<Told> {
  const told: Told = { recordings: new Map(), deleted: new Map(), held: new Set(), lastAt: '' };
  for await (const { said, whole } of readLines(folder)) if (said && whole) enter(told, said, []);
  return told;
}

/** When a recording ended, as its metadata say; '' when they don't. */
async function endOf(folder: string, file: string): Promise<string> {
  try {
    const { endedAt } = JSON.parse(
      await readFile(path.join(folder, ...metadataOf(nameIn(file)).split('/')), 'utf8'),
    ) as { endedAt?: unknown };
    return typeof endedAt === 'string' ? endedAt : '';
  } catch {
    return ''; // then nothing is known of it
  }
}

/** What all files of a recording have in common. */
const nameIn = (file: string): string =>
  file.replace(/\.(?:json|(?:wav|(?:sent|received)\.rtpdump)(?:\.enc)?)$/, '');
