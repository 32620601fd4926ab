/**
 * ESLint rule: an import of another folder goes to that folder's door (`index.ts`) and is allowed by `folders.mjs`; files of one folder
 * don't import each other in a circle. Imports of types count, because they are what a reader has to follow, too.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

import { FOLDERS } from './folders.mjs';

/** In any form: `from`, `import './x'`, `import('./x')`, `require('./x')`. */
const RELATIVE_IMPORT = /\b(?:from|import|require)\b\s*\(?\s*['"`](\.[^'"`]*)['"`]/g;

/** What a specifier names, relative to the root and without its ending; a door is named by its folder. */
function targetOf(path, specifier) {
  return join(dirname(path), specifier)
    .split(sep)
    .join('/')
    .replace(/\.[jt]s$/, '')
    .replace(/\/(index)?$/, '');
}

/** The text of a specifier, also between backticks; undefined when it is put together. */
function textOf(source) {
  return source?.type === 'TemplateLiteral' && source.quasis.length === 1
    ? source.quasis[0].value.cooked
    : source?.value;
}

/** The listed folder, or listed file, that a path belongs to; undefined when it is free. */
function folderOf(path) {
  const file = path.replace(/\.ts$/, '');
  if (FOLDERS[file]) return file;
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    if (FOLDERS[folder]) return folder;
  return undefined;
}

/** What is wrong with importing `target`, both relative to the root; undefined when nothing is. */
function problemOf(path, target) {
  const from = folderOf(path);
  if (from === undefined) return undefined;
  const to = FOLDERS[target] ? target : folderOf(`${target}.ts`);
  if (to === from) return target === to ? `its own door; import the file in ${to}/ that has it` : undefined;
  const top = to ?? target.split('/')[0];
  if (!FOLDERS[from].includes(to)) return `${top}, which ${from} may not import (scripts/lint/folders.mjs)`;
  return target === to ? undefined : `a file inside of ${to}/; import its door, '${to}'`;
}

/** Whether following the imports inside one folder leads from one file to another. */
function leadsTo(file, goal, seen = new Set()) {
  if (file === goal) return true;
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  return [...readFileSync(file, 'utf8').matchAll(RELATIVE_IMPORT)].some(([, specifier]) => {
    const next = `${targetOf(file, specifier)}.ts`;
    return dirname(next) === dirname(goal) && leadsTo(next, goal, seen);
  });
}

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      folder: "'{{specifier}}' is {{problem}}.",
      circle: "'{{specifier}}' imports this file in turn.",
    },
  },
  create(context) {
    const path = relative(context.cwd, context.filename).split(sep).join('/');
    const check = (source) => {
      const specifier = textOf(source);
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const target = targetOf(path, specifier);
      const problem = problemOf(path, target);
      if (problem !== undefined)
        context.report({ node: source, messageId: 'folder', data: { specifier, problem } });
      else if (
        dirname(target) === dirname(path) &&
        leadsTo(join(context.cwd, `${target}.ts`), context.filename)
      )
        context.report({ node: source, messageId: 'circle', data: { specifier } });
    };
    return {
      ImportDeclaration: ({ source }) => check(source),
      ExportAllDeclaration: ({ source }) => check(source),
      ExportNamedDeclaration: ({ source }) => check(source),
      ImportExpression: ({ source }) => check(source),
      TSImportType: ({ source }) => check(source),
      TSExternalModuleReference: ({ expression }) => check(expression),
      'CallExpression[callee.name="require"]': ({ arguments: [source] }) => check(source),
    };
  },
};
