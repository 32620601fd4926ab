/** The keys of the English catalogs: each is used, and each that is used is there. The other languages follow (locales.ts). */
import { STEPS } from '../../o2g/connection-test/steps';
import { formsOf, FORMS_SCRIPT, type Form } from './html';
import { matches, readJson, typesOf, type Check, type Files, type Finding } from './repository';

interface Catalog {
  readonly [key: string]: string | Catalog;
}

/** A key, with the file that uses it. */
interface Use {
  readonly file: string;
  /** With its catalog, such as `o2g-beep:label.tone`. */
  readonly key: string;
}

/** A page of the editor that isn't a node's form. */
interface Page {
  readonly catalog: string;
  readonly scripts: readonly string[];
  /** A key that is given to a function of words. */
  readonly literal: RegExp;
  /** A text that may be a key, such as one of two that are chosen between. */
  readonly possible: RegExp;
}

const PAGES: readonly Page[] = [
  {
    catalog: 'o2g-sidebar.json',
    scripts: ['resources/sidebar/sidebar.js', 'resources/sidebar/support.js', 'nodes/o2g-sidebar.html'],
    literal: /\bwords\('([\w.]+)'/g,
    possible: /(?:words\(|section\(|sentence = .*?|\? |: )'([\w.]+)'/g,
  },
  {
    catalog: 'o2g-recordings.json',
    scripts: [
      'resources/recordings/recordings.js',
      'resources/recordings/recording-details.js',
      'resources/recordings/waveform.js',
      'nodes/o2g-recordings.html',
    ],
    literal: /(?:words|section)\(\s*'([\w.]+)'/g,
    possible: /[?:] '([\w.]+)'/g,
  },
];

const LOCALES = 'nodes/locales';
const STATUS_SCRIPT = 'nodes/lib/node/node-status.ts';
const TRIAL_SCRIPT = 'resources/forms/connection-test.js';
const STEPS_SCRIPT = 'o2g/connection-test/steps.ts';
const NOTES_SCRIPT = 'o2g/connection-test/hints.ts';

export const CATALOG_CHECKS: readonly Check[] = [formKeys, pageKeys];

/** Returns every sentence of a catalog by its key. */
export function catalogOf(files: Files, language: string, file: string): Map<string, string> {
  return new Map(sentences(readJson(files, `${LOCALES}/${language}/${file}`) as Catalog));
}

function sentences(catalog: Catalog, path: readonly string[] = []): [key: string, sentence: string][] {
  return Object.entries(catalog).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[[...path, key].join('.'), value]] : sentences(value, [...path, key]),
  );
}

/** The keys of the forms, of the statuses and of the connection test. */
function* formKeys(files: Files): Iterable<Finding> {
  const known = new Set(
    typesOf(files).flatMap((type) =>
      [...catalogOf(files, 'en-US', `${type}.json`).keys()].map((key) => `${type}:${key}`),
    ),
  );
  const uses = usesIn(files);
  const used = new Set(uses.map(({ key }) => key));
  for (const { file, key } of uses) if (!known.has(key)) yield unknownKey(file, key);
  for (const key of known) {
    const [type = '', own = ''] = key.split(':');
    if (!used.has(key)) yield unusedKey(`${type}.json`, own);
  }
}

function usesIn(files: Files): Use[] {
  const forms = formsOf(files);
  return [
    ...forms.flatMap((form) => ownKeys(form).map((key) => ({ file: form.path, key: `${form.type}:${key}` }))),
    ...forms.flatMap(({ path, script }) => fullKeys(path, script)),
    ...fullKeys(FORMS_SCRIPT, files.read(FORMS_SCRIPT)),
    ...statusKeys(files),
    ...trialKeys(files),
  ];
}

/** The keys that a node's html uses of its own catalog. */
function ownKeys({ template, script }: Form): string[] {
  const attributes = matches(template, /data-i18n="(?:\[\w+\])?([^"]+)"/g);
  return [...attributes, ...matches(script, /\b(?:this|node)\._\('([^']+)'/g)];
}

/** The keys of any of the palette's catalogs that a text names in full. */
function fullKeys(file: string, text: string): Use[] {
  const found = matches(text, /['"`](?:@o2g\/node-red-recording\/)?(o2g-\w+:[\w.-]+)['"`]/g);
  return found.map((key) => ({ file, key }));
}

/** Statuses are set by the runtime; the browser translates them. */
function statusKeys(files: Files): Use[] {
  return matches(files.read(STATUS_SCRIPT), /\bkey\('(\w+)'\)/g).map((name) => ({
    file: STATUS_SCRIPT,
    key: `o2g-server:status.${name}`,
  }));
}

/** The sentences of the connection test: a key for a step, an outcome and a note. */
function trialKeys(files: Files): Use[] {
  const script = files.read(TRIAL_SCRIPT);
  const icons = /ICONS = \{([^}]*)\}/.exec(script)?.[1] ?? '';
  const types = files.read(NOTES_SCRIPT).split('const BY_CODE')[0] ?? '';
  const keysOf = (file: string, names: readonly string[], family = ''): Use[] =>
    names.map((name) => ({ file, key: `o2g-server:trial.${family}${name}` }));
  return [
    ...keysOf(TRIAL_SCRIPT, matches(script, /\bwords\('(\w+)'\)/g)),
    ...keysOf(TRIAL_SCRIPT, matches(icons, /(\w+):/g), 'outcome.'),
    ...keysOf(STEPS_SCRIPT, STEPS, 'step.'),
    ...keysOf(NOTES_SCRIPT, matches(types, /'(\w+)'(?= \||,|\]|;|\n)/g), 'note.'),
  ];
}

/** The keys of the sidebar and of the recordings page. */
function* pageKeys(files: Files): Iterable<Finding> {
  for (const { catalog, scripts, literal, possible } of PAGES) {
    const known = [...catalogOf(files, 'en-US', catalog).keys()];
    const text = scripts.map((script) => files.read(script)).join('');
    for (const script of scripts)
      for (const key of matches(files.read(script), literal))
        if (!known.includes(key)) yield unknownKey(script, `${catalog.slice(0, -'.json'.length)}:${key}`);
    const used = [...matches(text, literal), ...matches(text, possible)];
    // Keys that are put together: `filter.${name}` and the like.
    const families = matches(text, /`(\w+)\.\$\{/g);
    for (const key of known)
      if (!used.includes(key) && !families.some((family) => key.startsWith(`${family}.`)))
        yield unusedKey(catalog, key);
  }
}

function unknownKey(file: string, key: string): Finding {
  return { file, problem: `The key ${key} isn't in the catalog; add it in every language.` };
}

function unusedKey(catalog: string, key: string): Finding {
  return {
    file: `${LOCALES}/en-US/${catalog}`,
    problem: `Nothing uses ${key}; remove it in every language.`,
  };
}
