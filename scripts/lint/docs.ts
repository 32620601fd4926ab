/** The documents: what they name, link and show is there, and nothing in the repository leads out of it. */
import { posix } from 'node:path';

import { exists, manifestOf, matches, type Check, type Files, type Finding } from './repository';

const TEST_COMMAND = 'npm ci && npm test';
const CI_SCRIPT = '.ci/run';
const FORMS_PAGE = 'docs/forms.md';
const FORMS_PICTURES = 'docs/images/forms';

/** A directory of one machine; a slash after a word is an URL's or a package's. */
const MACHINE_PATH = /(?<![\w.$}/:-])(\/(?:work|root|home|Users|mnt|srv)\/[\w.-]+)/g;

/** A relative path as prose and links write it: `../docs/x.md`. */
const RELATIVE_PATH = /(?<![\w./])((?:\.\.\/)+[\w.-]+)/g;

export const DOCUMENT_CHECKS: readonly Check[] = [
  npmScripts,
  oneCommand,
  links,
  pictures,
  picturesOfForms,
  standsAlone,
];

function* npmScripts(files: Files): Iterable<Finding> {
  const { scripts } = manifestOf(files);
  for (const [file, text] of documents(files))
    for (const script of [
      ...matches(text, /\bnpm run ([\w:-]+)/g),
      ...matches(text, /\bnpm (test|start)\b/g),
    ])
      if (scripts[script] === undefined)
        yield { file, problem: `The script "${script}" isn't in package.json; name one that is.` };
}

/** One line passes every test, and the continuous integration does the same. */
function* oneCommand(files: Files): Iterable<Finding> {
  const lines = files.read('README.md').split('\n');
  if (!lines.some((line) => line.trim().startsWith(TEST_COMMAND)))
    yield { file: 'README.md', problem: `It must have a line "${TEST_COMMAND}".` };
  const steps = files
    .read(CI_SCRIPT)
    .split('\n')
    .filter((line) => line.startsWith('npm '));
  if (steps.join(' && ') !== TEST_COMMAND)
    yield { file: CI_SCRIPT, problem: `It must run "${TEST_COMMAND}", as README.md says.` };
}

function* links(files: Files): Iterable<Finding> {
  for (const [file, text] of documents(files))
    for (const target of matches(text, /\]\((?![a-z]+:|#)([^)#\s]+)/g))
      if (!exists(files, from(file, decodeURIComponent(target))))
        yield { file, problem: `The link to ${target} leads nowhere; mend it.` };
}

function* pictures(files: Files): Iterable<Finding> {
  for (const [file, text] of documents(files))
    for (const target of matches(text, /\b(?:src|srcset)="([^"]+)"/g))
      if (!exists(files, from(file, target)))
        yield { file, problem: `The picture ${target} isn't there; add it.` };
}

function* picturesOfForms(files: Files): Iterable<Finding> {
  const page = files.read(FORMS_PAGE);
  for (const file of files.list(FORMS_PICTURES))
    if (!page.includes(posix.relative(posix.dirname(FORMS_PAGE), file)))
      yield { file, problem: `${FORMS_PAGE} doesn't show it; show it, or delete it.` };
}

function* standsAlone(files: Files): Iterable<Finding> {
  for (const [file, text] of textsOf(files)) {
    for (const path of matches(text, MACHINE_PATH))
      yield { file, problem: `The path ${path} is one machine's; write one from the root.` };
    if (!file.endsWith('.md')) continue;
    for (const path of matches(text, RELATIVE_PATH).filter((each) => from(file, each).startsWith('..')))
      yield { file, problem: `The path ${path} leads out of the repository; it must stand alone.` };
  }
}

/** Where a relative path leads from a file. */
function from(file: string, path: string): string {
  return posix.join(posix.dirname(file), path);
}

function documents(files: Files): [file: string, text: string][] {
  return textsOf(files).filter(([file]) => file.endsWith('.md'));
}

function textsOf(files: Files): [file: string, text: string][] {
  return files
    .list()
    .map((file): [string, string] => [file, files.read(file)])
    .filter(([, text]) => !text.includes('\0'));
}
