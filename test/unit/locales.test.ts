import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { ROOT } from '../support/toolchain';

const LOCALES = join(ROOT, 'nodes', 'locales');
const LANGUAGES = readdirSync(LOCALES).filter((language) => language !== 'en-US');

interface Catalog {
  readonly [key: string]: string | Catalog;
}

function read(...path: string[]): string {
  return readFileSync(join(...path), 'utf8');
}

function filesOf(language: string, extension: string): string[] {
  return readdirSync(join(LOCALES, language))
    .filter((file) => file.endsWith(extension))
    .sort();
}

/** Every sentence of a catalog by its key. */
function sentences(catalog: Catalog, path: readonly string[] = []): [key: string, sentence: string][] {
  return Object.entries(catalog).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[[...path, key].join('.'), value]] : sentences(value, [...path, key]),
  );
}

function catalogOf(language: string, file: string): Map<string, string> {
  return new Map(sentences(JSON.parse(read(LOCALES, language, file)) as Catalog));
}

/** The values that a sentence takes. */
function placeholders(sentence: string): string[] {
  return (sentence.match(/__\w+__/g) ?? []).sort();
}

/** What is code in a help text, and so the same in every language; its fields by their number and kind of paragraph. */
function codeOf(help: string): { code: string[]; fields: number; headings: number } {
  return {
    code: [...new Set([...help.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? ''))].sort(),
    fields: (help.match(/^: /gm) ?? []).length,
    headings: (help.match(/^### /gm) ?? []).length,
  };
}

function helpIn(html: string, type: string): string {
  const found = new RegExp(`<script type="text/markdown" data-help-name="${type}">\n([^]*?)</script>`).exec(
    html,
  );
  assert.ok(found?.[1] !== undefined, `no help for ${type}`);
  return found[1];
}

describe('the languages', () => {
  it('are those of the telephony: English, French and German', () => {
    assert.deepEqual(LANGUAGES.sort(), ['de', 'fr']);
  });

  for (const language of LANGUAGES) {
    describe(language, () => {
      it('has every catalog', () => {
        assert.deepEqual(filesOf(language, '.json'), filesOf('en-US', '.json'));
      });

      for (const file of filesOf('en-US', '.json')) {
        it(`says everything of ${file}, with the same values in each sentence`, () => {
          const english = catalogOf('en-US', file);
          const own = catalogOf(language, file);
          assert.deepEqual([...own.keys()].sort(), [...english.keys()].sort());
          for (const [key, sentence] of own) {
            assert.ok(sentence.trim() !== '', key);
            assert.deepEqual(placeholders(sentence), placeholders(english.get(key) ?? ''), key);
          }
        });
      }

      for (const file of readdirSync(join(ROOT, 'nodes')).filter(
        (name) => /^o2g-.*\.html$/.test(name) && read(ROOT, 'nodes', name).includes('data-help-name'),
      )) {
        it(`has the help of ${file}, with the same fields and the same code`, () => {
          const type = basename(file, '.html');
          const help = helpIn(read(LOCALES, language, file), type);
          // Node-RED's own syntax for properties ends at the next colon.
          for (const line of help.split('\n').filter((each) => each.startsWith(':')))
            assert.match(line, /^: [^:()]+ \([^:()]+\) : [^:]+$/);
          assert.deepEqual(codeOf(help), codeOf(helpIn(read(ROOT, 'nodes', file), type)));
        });
      }
    });
  }
});

describe('the help of a configuration node', () => {
  for (const language of ['en-US', ...LANGUAGES]) {
    for (const type of ['o2g-server', 'o2g-link', 'o2g-recorder']) {
      it(`calls the fields of ${type} as its form does in ${language}`, () => {
        const html =
          language === 'en-US'
            ? read(ROOT, 'nodes', `${type}.html`)
            : read(LOCALES, language, `${type}.html`);
        const labels = [...catalogOf(language, `${type}.json`)]
          .filter(([key]) => key.startsWith('label.'))
          .map(([, label]) => label);
        const fields = [...helpIn(html, type).matchAll(/^: \*?([^*(]+?)\*? \(/gm)].map(
          ([, field]) => field ?? '',
        );
        assert.ok(fields.length > 0);
        assert.deepEqual(
          fields.filter((field) => !labels.includes(field)),
          [],
        );
      });
    }
  }
});

describe('the catalog of the sidebar', () => {
  it('has the keys that the sidebar uses, and no other', () => {
    const script =
      read(ROOT, 'resources', 'sidebar', 'sidebar.js') +
      read(ROOT, 'resources', 'sidebar', 'support.js') +
      read(ROOT, 'nodes', 'o2g-sidebar.html');
    const known = [...catalogOf('en-US', 'o2g-sidebar.json').keys()];
    const used = [...script.matchAll(/(?:words\(|section\(|sentence = .*?|\? |: )'([\w.]+)'/g)]
      .map(([, key]) => key ?? '')
      .filter((key) => known.includes(key));
    // Keys that are put together: `filter.${name}` and the like.
    const families = [...script.matchAll(/`(\w+)\.\$\{/g)].map(([, family]) => `${family ?? ''}.`);
    assert.deepEqual(
      known.filter((key) => !used.includes(key) && !families.some((family) => key.startsWith(family))),
      [],
    );
    const literal = [...script.matchAll(/\bwords\('([\w.]+)'/g)].map(([, key]) => key ?? '');
    assert.deepEqual(
      literal.filter((key) => !known.includes(key)),
      [],
    );
  });
});

describe('the catalog of the recordings page', () => {
  it('has the keys that the page uses, and no other', () => {
    const script =
      read(ROOT, 'resources', 'recordings', 'recordings.js') +
      read(ROOT, 'resources', 'recordings', 'recording-details.js') +
      read(ROOT, 'resources', 'recordings', 'waveform.js') +
      read(ROOT, 'nodes', 'o2g-recordings.html');
    const known = [...catalogOf('en-US', 'o2g-recordings.json').keys()];
    const literal = [...script.matchAll(/(?:words|section)\(\s*'([\w.]+)'/g)].map(([, key]) => key ?? '');
    const chosen = [...script.matchAll(/[?:] '([\w.]+)'/g)]
      .map(([, key]) => key ?? '')
      .filter((key) => known.includes(key));
    // Keys that are put together: `filter.${name}` and the like.
    const families = [...script.matchAll(/`(\w+)\.\$\{/g)].map(([, family]) => `${family ?? ''}.`);
    assert.deepEqual(
      literal.filter((key) => !known.includes(key)),
      [],
    );
    assert.deepEqual(
      known.filter(
        (key) => ![...literal, ...chosen].includes(key) && !families.some((family) => key.startsWith(family)),
      ),
      [],
    );
  });
});
