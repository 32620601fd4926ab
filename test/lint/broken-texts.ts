/** Ways to break a translation, an example, a document or the changelog. */
import { broken, move, remove, replace, write, type Broken } from './broken';

const BEEP = 'nodes/o2g-beep.html';
const EXAMPLE = 'examples/05 Beep.json';
const STATUS_EXAMPLES = ['examples/06 Ask for status.json', 'examples/13 Several OXE nodes.json'];
const KEPT = 'test/upgrades/0.1.0.json';
const FRENCH = 'nodes/locales/fr';
const FRENCH_LINK = `${FRENCH}/o2g-link.html`;

/** Put together, because this file is checked, too. */
const MACHINE_PATH = ['', 'home', 'somebody'].join('/');

/** By the check that has to find each. */
export const BROKEN_LOCALES: Readonly<Record<string, readonly Broken[]>> = {
  languages: [
    broken(
      write('nodes/locales/it/o2g-beep.json', '{}'),
      'nodes/locales/it/: The language is unknown; remove it, or add it to scripts/lint/locales.ts.',
    ),
  ],
  catalogs: [
    broken(
      remove(`${FRENCH}/o2g-sidebar.json`),
      `${FRENCH}/o2g-sidebar.json: The catalog is missing; translate it.`,
    ),
    broken(
      write(`${FRENCH}/o2g-more.json`, '{}'),
      `${FRENCH}/o2g-more.json: There is no such catalog in English.`,
    ),
  ],
  sentences: [
    broken(
      replace(`${FRENCH}/o2g-recordings.json`, '__count__', ''),
      `${FRENCH}/o2g-recordings.json: The sentence of count must have the values __count__.`,
    ),
    broken(
      replace(`${FRENCH}/o2g-beep.json`, /"tone": "21 à 30",\s*/, ''),
      `${FRENCH}/o2g-beep.json: The key unit.tone is missing; translate it.`,
    ),
    broken(
      replace(`${FRENCH}/o2g-beep.json`, '"tone": "21 à 30"', '"tone": "21 à 30", "more": "plus"'),
      `${FRENCH}/o2g-beep.json: The key unit.more isn't in English; remove it.`,
    ),
    broken(
      replace(`${FRENCH}/o2g-beep.json`, '21 à 30', ' '),
      `${FRENCH}/o2g-beep.json: The sentence of unit.tone is blank.`,
    ),
  ],
  translatedHelp: [
    broken(remove(`${FRENCH}/o2g-beep.html`), `${FRENCH}/o2g-beep.html: The help is missing; translate it.`),
    broken(
      replace(FRENCH_LINK, /^: Serveur .*\n/m, ''),
      `${FRENCH_LINK}: The help must have as many fields as in English.`,
    ),
    broken(
      replace(FRENCH_LINK, '### Sorties\n', ''),
      `${FRENCH_LINK}: The help must have as many headings as in English.`,
    ),
    broken(
      replace(FRENCH_LINK, '`restored`', '`restored` (`retour`)'),
      `${FRENCH_LINK}: The help has the code \`retour\`, which the English one hasn't.`,
    ),
    broken(
      replace(FRENCH_LINK, '`unrecorded`', 'unrecorded'),
      `${FRENCH_LINK}: The help misses the code \`unrecorded\` of the English one.`,
    ),
    broken(
      replace(FRENCH_LINK, /^: Serveur .*$/m, ': Serveur (o2g-server) : le serveur : O2G'),
      `${FRENCH_LINK}: ": Serveur (o2g-server) : le serveur : O2G" isn't ": name (type) : sentence", without any other colon.`,
    ),
  ],
  fieldNames: [
    broken(
      replace(FRENCH_LINK, /^: /gm, ''),
      `${FRENCH_LINK}: The help must have as many fields as in English.`,
      `${FRENCH_LINK}: The help explains no field.`,
    ),
    broken(
      replace(FRENCH_LINK, ': Serveur (', ': Le serveur ('),
      `${FRENCH_LINK}: The help explains "Le serveur"; the form has no such label.`,
    ),
  ],
};

export const BROKEN_EXAMPLES: Readonly<Record<string, readonly Broken[]>> = {
  numbering: [
    broken(
      move(EXAMPLE, 'examples/00 Beep.json'),
      'examples/: The first one must be "01 Record a call", the main job.',
    ),
    broken(
      move(EXAMPLE, 'examples/A5 Beep.json'),
      'examples/A5 Beep.json: Its name must start with two digits and a blank.',
    ),
    broken(
      move(EXAMPLE, 'examples/04 Beep.json'),
      'examples/04 Record in IP and TDM.json: The number 04 is taken; choose another.',
    ),
    broken(
      move(EXAMPLE, 'examples/27 Beep.json'),
      'examples/27 Beep.json: Policies, and only they, are numbered from 20 on.',
    ),
  ],
  standAlone: [
    broken(
      replace(EXAMPLE, '"type": "o2g-server"', '"type": "debug"'),
      `${EXAMPLE}: It needs an o2g-server.`,
    ),
    broken(
      replace(EXAMPLE, '"type": "inject"', '"type": "telegram sender"'),
      `${EXAMPLE}: The type telegram sender comes neither with Node-RED nor with this palette.`,
    ),
    broken(
      replace(EXAMPLE, '"type": "comment"', '"type": "debug"'),
      `${EXAMPLE}: It needs a comment node that explains it.`,
    ),
    broken(
      replace(EXAMPLE, '"type": "inject",', '"type": "inject", "credentials": {},'),
      `${EXAMPLE}: The node 03a980ed84b95ae1 has credentials; remove them.`,
    ),
  ],
  ownProperties: [
    broken(
      replace(EXAMPLE, /"toneType": "[^"]*",/, ''),
      `${EXAMPLE}: The o2g-beep af4ff90da2008d94 misses toneType; write every property.`,
    ),
    broken(
      replace(EXAMPLE, '"toneType"', '"more": "", "toneType"'),
      `${EXAMPLE}: The o2g-beep af4ff90da2008d94 has more, which is no property.`,
    ),
  ],
  wiring: [
    broken(
      replace(EXAMPLE, '"g": "d8c985ccebb912bc"', '"g": "elsewhere"'),
      `${EXAMPLE}: The node 03a980ed84b95ae1 refers to elsewhere, which isn't in the example.`,
    ),
  ],
  everyType: [
    broken(
      STATUS_EXAMPLES.map((path) => replace(path, /"type": "o2g-status"/g, '"type": "debug"')),
      'examples/: No example uses o2g-status; add it to one.',
    ),
  ],
  ids: [
    broken(
      replace(EXAMPLE, /efcfad188c0af295/g, 'a6a7a6df6aa280bc'),
      'examples/06 Ask for status.json: The id a6a7a6df6aa280bc is taken; choose another.',
    ),
  ],
  namedInHelp: [
    broken(
      replace(BEEP, 'Examples: "Beep"', 'Examples'),
      `${EXAMPLE}: No help names it; name it in that of the node it shows.`,
    ),
  ],
  keptFlow: [
    broken(replace(KEPT, /"type": "o2g-beep"/g, '"type": "debug"'), `${KEPT}: It has no o2g-beep; add one.`),
    broken(
      replace(KEPT, /"toneType": "[^"]*",/, ''),
      `${KEPT}: The o2g-beep 2e1b0313b11c40bf misses toneType; write every property.`,
    ),
    broken(write(KEPT, '{}'), `${KEPT}: It must be a flow: a list of nodes.`),
    broken(remove(KEPT), `${KEPT}: The file is missing; add it.`),
  ],
};

export const BROKEN_DOCUMENTS: Readonly<Record<string, readonly Broken[]>> = {
  npmScripts: [
    broken(
      replace('docs/sizing.md', /$/, 'Type `npm run size`.'),
      'docs/sizing.md: The script "size" isn\'t in package.json; name one that is.',
    ),
  ],
  oneCommand: [
    broken(
      replace('README.md', /npm ci && npm test/g, 'npm ci; npm test'),
      'README.md: It must have a line "npm ci && npm test".',
    ),
    broken(
      replace('.ci/run', 'npm test', 'npm test --quick'),
      '.ci/run: It must run "npm ci && npm test", as README.md says.',
    ),
  ],
  links: [
    broken(
      replace('docs/sizing.md', /$/, 'See [more](more.md).'),
      'docs/sizing.md: The link to more.md leads nowhere; mend it.',
    ),
  ],
  pictures: [
    broken(
      replace('docs/sizing.md', /$/, '<img src="images/more.png">'),
      "docs/sizing.md: The picture images/more.png isn't there; add it.",
    ),
  ],
  picturesOfForms: [
    broken(
      write('docs/images/forms/more.webp', 'RIFF'),
      "docs/images/forms/more.webp: docs/forms.md doesn't show it; show it, or delete it.",
    ),
  ],
  standsAlone: [
    broken(
      replace('o2g/index.ts', /$/, `// ${MACHINE_PATH}`),
      `o2g/index.ts: The path ${MACHINE_PATH} is one machine's; write one from the root.`,
    ),
    broken(
      replace('docs/sizing.md', /$/, 'See `../../more`.'),
      'docs/sizing.md: The path ../../more leads out of the repository; it must stand alone.',
    ),
  ],
};

export const BROKEN_CHANGELOG: Readonly<Record<string, readonly Broken[]>> = {
  title: [
    broken(
      replace('CHANGELOG.md', '# Changelog', '# Changes'),
      'CHANGELOG.md: It must start with "# Changelog".',
    ),
  ],
  headings: [
    broken(
      replace('CHANGELOG.md', /$/, '\n## 0.0.1\n'),
      'CHANGELOG.md: "## 0.0.1" is neither [Unreleased] nor [version] - date.',
    ),
    broken(
      replace('CHANGELOG.md', '### Added', '### News'),
      'CHANGELOG.md: "### News" is no kind of change; use one of Added, Changed, Deprecated, Removed, Fixed, Security.',
    ),
    broken(
      replace('CHANGELOG.md', '### Added\n', '### Fixed\n\n### Added\n'),
      'CHANGELOG.md: "### Fixed" of [Unreleased] says nothing; remove it.',
    ),
  ],
  versions: [
    broken(
      replace('CHANGELOG.md', /$/, '\n## [0.0.9] - 2026-01-01\n\n## [0.0.10] - 2026-01-02\n'),
      'CHANGELOG.md: The versions must be ordered newest first: 0.0.10, 0.0.9.',
    ),
    broken(
      replace('CHANGELOG.md', '## [Unreleased]', '## [0.0.9] - 2026-01-01'),
      'CHANGELOG.md: It needs an [Unreleased] part, or one for 0.1.0 of package.json.',
    ),
  ],
};
