/** The languages: each says everything that English says, with the same values, and has the same help. */
import { posix } from 'node:path';

import { catalogOf } from './catalogs';
import { fieldLines } from './html';
import { beyond, exists, matches, Unreadable, type Check, type Files, type Finding } from './repository';

const LOCALES = 'nodes/locales';
const ENGLISH = 'en-US';

/** The languages of the telephony besides English. */
const LANGUAGES = ['de', 'fr'];

/** Types whose help calls the fields as the form does. */
const CONFIGURATION_TYPES = ['o2g-server', 'o2g-link', 'o2g-recorder'];

export const LOCALE_CHECKS: readonly Check[] = [languages, catalogs, sentences, translatedHelp, fieldNames];

function* languages(files: Files): Iterable<Finding> {
  const found = [...new Set(files.list(LOCALES).map((path) => path.split('/')[2] ?? ''))];
  const expected = [ENGLISH, ...LANGUAGES];
  for (const language of beyond(expected, found))
    yield { file: `${LOCALES}/${language}/`, problem: 'The language is missing.' };
  for (const language of beyond(found, expected))
    yield {
      file: `${LOCALES}/${language}/`,
      problem: 'The language is unknown; remove it, or add it to scripts/lint/locales.ts.',
    };
}

/** Each language has the catalogs of English. */
function* catalogs(files: Files): Iterable<Finding> {
  for (const language of LANGUAGES) {
    for (const file of beyond(catalogsIn(files, ENGLISH), catalogsIn(files, language)))
      yield { file: `${LOCALES}/${language}/${file}`, problem: 'The catalog is missing; translate it.' };
    for (const file of beyond(catalogsIn(files, language), catalogsIn(files, ENGLISH)))
      yield { file: `${LOCALES}/${language}/${file}`, problem: 'There is no such catalog in English.' };
  }
}

/** Each catalog has the keys of English, and each sentence its values. */
function* sentences(files: Files): Iterable<Finding> {
  for (const language of LANGUAGES)
    for (const file of catalogsIn(files, ENGLISH).filter((each) =>
      catalogsIn(files, language).includes(each),
    )) {
      const path = `${LOCALES}/${language}/${file}`;
      yield* sameSentences(path, catalogOf(files, language, file), catalogOf(files, ENGLISH, file));
    }
}

function* sameSentences(
  file: string,
  own: ReadonlyMap<string, string>,
  english: ReadonlyMap<string, string>,
): Iterable<Finding> {
  for (const key of english.keys())
    if (!own.has(key)) yield { file, problem: `The key ${key} is missing; translate it.` };
  for (const [key, sentence] of own) {
    const original = english.get(key);
    if (original === undefined) yield { file, problem: `The key ${key} isn't in English; remove it.` };
    else if (sentence.trim() === '') yield { file, problem: `The sentence of ${key} is blank.` };
    else if (placeholders(sentence) !== placeholders(original))
      yield { file, problem: `The sentence of ${key} must have the values ${placeholders(original)}.` };
  }
}

/** Each language has the help of each node, with the same fields, headings and code. */
function* translatedHelp(files: Files): Iterable<Finding> {
  for (const path of files.list('nodes').filter((each) => /^nodes\/o2g-[^/]*\.html$/.test(each))) {
    if (!files.read(path).includes('data-help-name')) continue;
    for (const language of LANGUAGES) {
      const file = `${LOCALES}/${language}/${posix.basename(path)}`;
      if (exists(files, file)) yield* sameHelp(file, helpIn(files, file), helpIn(files, path));
      else yield { file, problem: 'The help is missing; translate it.' };
    }
  }
}

function* sameHelp(file: string, own: string, english: string): Iterable<Finding> {
  yield* fieldLines(file, own);
  for (const [what, pattern] of [
    ['fields', /^: /gm],
    ['headings', /^### /gm],
  ] as const)
    if (own.match(pattern)?.length !== english.match(pattern)?.length)
      yield { file, problem: `The help must have as many ${what} as in English.` };
  for (const code of beyond(codeIn(english), codeIn(own)))
    yield { file, problem: `The help misses the code \`${code}\` of the English one.` };
  for (const code of beyond(codeIn(own), codeIn(english)))
    yield { file, problem: `The help has the code \`${code}\`, which the English one hasn't.` };
}

/** The help of a configuration node calls the fields as its form does. */
function* fieldNames(files: Files): Iterable<Finding> {
  for (const language of [ENGLISH, ...LANGUAGES])
    for (const type of CONFIGURATION_TYPES) {
      const file = language === ENGLISH ? `nodes/${type}.html` : `${LOCALES}/${language}/${type}.html`;
      const catalog = catalogOf(files, language, `${type}.json`);
      const labels = [...catalog].filter(([key]) => key.startsWith('label.')).map(([, label]) => label);
      const fields = matches(helpIn(files, file), /^: \*?([^*(]+?)\*? \(/gm);
      if (fields.length === 0) yield { file, problem: 'The help explains no field.' };
      for (const field of fields.filter((each) => !labels.includes(each)))
        yield { file, problem: `The help explains "${field}"; the form has no such label.` };
    }
}

function catalogsIn(files: Files, language: string): string[] {
  const folder = `${LOCALES}/${language}`;
  const names = files.list(folder).map((path) => path.slice(folder.length + 1));
  return names.filter((name) => name.endsWith('.json'));
}

/** The values that a sentence takes. */
function placeholders(sentence: string): string {
  return (sentence.match(/__\w+__/g) ?? []).sort().join(', ');
}

/** What is code in a help text is the same in every language. */
function codeIn(help: string): string[] {
  return [...new Set(matches(help, /`([^`\n]+)`/g))];
}

function helpIn(files: Files, path: string): string {
  const type = posix.basename(path, '.html');
  const tag = `<script type="text/markdown" data-help-name="${type}">`;
  const help = new RegExp(`${tag}\n([^]*?)</script>`).exec(files.read(path))?.[1];
  if (help === undefined) throw new Unreadable(path, `It has no ${tag}; add it.`);
  return help;
}
