/** Broken copies of the repository's files, in memory. */
import assert from 'node:assert/strict';

import { below, Unreadable, type Files } from '../../scripts/lint/repository';

interface Change {
  readonly path: string;
  /** Returns the new text; undefined removes the file. */
  readonly edit: (text: string, files: Files) => string | undefined;
}

/** A way to break files, and what the lint says of it: this, and nothing else. */
export interface Broken {
  readonly changes: readonly Change[];
  readonly found: readonly string[];
}

/** The repository's files with some changed, for the length of a check. */
export function changed(files: Files, changes: readonly Change[]): Files {
  const texts = new Map<string, string | undefined>();
  for (const { path, edit } of changes) {
    const old = texts.get(path) ?? (files.list().includes(path) ? files.read(path) : '');
    const text = edit(old, files);
    assert.notEqual(text, old, `nothing is changed in ${path}`);
    texts.set(path, text);
  }
  const paths = [...new Set([...files.list(), ...texts.keys()])]
    .filter((path) => !texts.has(path) || texts.get(path) !== undefined)
    .sort();
  return {
    list: (folder) => below(paths, folder),
    read: (path) => {
      if (!paths.includes(path)) throw new Unreadable(path, 'The file is missing; add it.');
      return texts.get(path) ?? files.read(path);
    },
  };
}

export function replace(path: string, from: string | RegExp, to: string): Change {
  return { path, edit: (text) => text.replace(from, () => to) };
}

export function write(path: string, text: string): Change {
  return { path, edit: () => text };
}

export function remove(path: string): Change {
  return { path, edit: () => undefined };
}

/** Gives a file another name. */
export function move(from: string, to: string): readonly Change[] {
  return [{ path: to, edit: (_, files) => files.read(from) }, remove(from)];
}

export function broken(changes: Change | readonly Change[], ...found: string[]): Broken {
  return { changes: 'path' in changes ? [changes] : changes, found };
}
