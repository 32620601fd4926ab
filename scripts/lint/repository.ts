/** What the lint of the files reads and what it finds. A test puts other texts in the place of single files. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Finding {
  /** Path from the root; a folder ends with a slash. */
  readonly file: string;
  readonly problem: string;
}

export interface Files {
  /** Returns the text of a file, by its path from the root; throws `Unreadable` when it isn't there. */
  read(path: string): string;
  /** Returns the paths of all files below a folder, or of the whole repository. */
  list(folder?: string): readonly string[];
}

export type Check = (files: Files) => Iterable<Finding>;

/** A file that a check can't go on with; it becomes the finding. */
export class Unreadable extends Error {
  constructor(
    readonly file: string,
    problem: string,
  ) {
    super(problem);
  }
}

/** The files that are in git or will be, read once. */
export function repositoryFiles(root: string): Files {
  const paths = pathsIn(root);
  const texts = new Map<string, string>();
  return {
    list: (folder) => below(paths, folder),
    read: (path) => {
      if (!paths.includes(path)) throw new Unreadable(path, 'The file is missing; add it.');
      const text = texts.get(path) ?? readFileSync(join(root, path), 'utf8');
      texts.set(path, text);
      return text;
    },
  };
}

export function below(paths: readonly string[], folder: string | undefined): readonly string[] {
  return folder === undefined ? paths : paths.filter((path) => path.startsWith(`${folder}/`));
}

/** Whether there is such a file, or a folder with files. */
export function exists(files: Files, path: string): boolean {
  const bare = path.replace(/\/$/, '');
  return bare === '.' || files.list().includes(bare) || files.list(bare).length > 0;
}

export function readJson(files: Files, path: string): unknown {
  const text = files.read(path);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Unreadable(path, `It isn't JSON: ${(error as Error).message}`);
  }
}

/** package.json, as far as the checks read it. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly 'node-red': { readonly nodes: Readonly<Record<string, string>> };
}

export function manifestOf(files: Files): Manifest {
  return readJson(files, 'package.json') as Manifest;
}

/** The types of the palette's nodes, in the order of package.json. */
export function typesOf(files: Files): string[] {
  return Object.keys(manifestOf(files)['node-red'].nodes);
}

/** Returns what the first group of a pattern matches, each time. */
export function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group]) => group ?? '');
}

/** Returns what a list has more than another; what is there twice has to be there twice. */
export function beyond(list: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return list.filter((each) => {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Returns what a check finds; what it can't read is a finding. */
export function findingsOf(check: Check, files: Files): Finding[] {
  const found: Finding[] = [];
  try {
    for (const finding of check(files)) found.push(finding);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    found.push({ file: error.file, problem: error.message });
  }
  return found;
}

function pathsIn(root: string): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  // A file that was deleted is listed until it is committed; a link isn't a file of its own.
  return listed
    .split('\0')
    .filter((path) => path !== '' && lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile())
    .sort();
}
