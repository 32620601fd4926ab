/** Ways to break a node's form or the keys of its words. */
import { broken, remove, replace, type Broken } from './broken';

const BEEP = 'nodes/o2g-beep.html';
const LINK = 'nodes/o2g-link.html';
const CONTRACT = 'scripts/lint/contract.ts';

/** By the check that has to find each. */
export const BROKEN_FORMS: Readonly<Record<string, readonly Broken[]>> = {
  types: [
    broken(
      replace(BEEP, 'RED.nodes.registerType(', 'register('),
      `${BEEP}: Its script fails: ReferenceError: register is not defined`,
    ),
    broken(
      replace('package.json', /"o2g-beep": .*\n/, ''),
      'package.json: "nodes" misses o2g-beep, which is in the contract.',
      "resources/forms/forms.js: The key o2g-beep:label.tone isn't in the catalog; add it in every language.",
      'examples/05 Beep.json: The type o2g-beep comes neither with Node-RED nor with this palette.',
      'examples/23 Policy beep by law.json: The type o2g-beep comes neither with Node-RED nor with this palette.',
      'examples/05 Beep.json: No help names it; name it in that of the node it shows.',
    ),
    broken(
      replace('package.json', /"o2g-beep": .*\n/, '"o2g-beep": "", "o2g-more": "",\n'),
      `${CONTRACT}: PROPERTIES misses o2g-more of package.json; add it.`,
      'nodes/o2g-more.html: The file is missing; add it.',
      'nodes/locales/en-US/o2g-more.json: The file is missing; add it.',
      'examples/: No example uses o2g-more; add it to one.',
      'test/upgrades/0.1.0.json: It has no o2g-more; add one.',
    ),
    broken(
      replace(BEEP, /<\/script>\s*<!--/, "RED.nodes.registerType('o2g-other', {});\n</script>\n<!--"),
      `${BEEP}: It registers o2g-beep, o2g-other; register o2g-beep alone.`,
    ),
  ],
  properties: [
    broken(
      replace(LINK, "onStop: { value: 'close' },", ''),
      `${LINK}: "defaults" misses onStop of the contract; flows of users have it.`,
      `${LINK}: The field onStop is no property; remove it or add the property.`,
    ),
    broken(
      replace(LINK, "onStop: { value: 'close' }", "onStop: { value: 'keep' }"),
      `${LINK}: The default of onStop isn't that of ${CONTRACT}.`,
    ),
    broken(
      replace(BEEP, "toneType: { value: 'num' },", "toneType: { value: 'num' }, more: { value: '' },"),
      `${BEEP}: more isn't in the contract; add it to ${CONTRACT}.`,
    ),
  ],
  ports: [
    broken(
      replace(BEEP, 'outputs: 1', 'outputs: 2'),
      `${BEEP}: "inputs" and "outputs" aren't those of ${CONTRACT}.`,
    ),
    broken(
      replace(BEEP, "category: 'O2G'", "category: 'network'"),
      `${BEEP}: The category is network; it must be O2G, or config.`,
    ),
  ],
  configurationTypes: [
    broken(
      replace(BEEP, "type: 'o2g-link'", "type: 'mqtt-broker'"),
      `${BEEP}: link refers to mqtt-broker, which is neither ours nor in Node-RED.`,
    ),
  ],
  credentials: [
    broken(
      replace('nodes/o2g-server.html', "password: { type: 'password' }", "password: { type: 'text' }"),
      `nodes/o2g-server.html: "credentials" aren't those of ${CONTRACT}.`,
    ),
    broken(
      replace(BEEP, 'defaults: {', "credentials: { pin: { type: 'password' } }, defaults: {"),
      `${BEEP}: "credentials" aren't those of ${CONTRACT}.`,
    ),
  ],
  fields: [
    broken(
      replace(BEEP, '<label for="node-input-tone"', '<label'),
      `${BEEP}: The field tone has no label; add <label for="…">.`,
    ),
    broken(
      replace(BEEP, '<input type="text" id="node-input-tone" placeholder="25" />', ''),
      `${BEEP}: The label for tone has no field of its own; remove it.`,
    ),
    broken(
      replace(BEEP, '</fieldset>', '<input type="hidden" id="node-input-more" /></fieldset>'),
      `${BEEP}: The field more is no property; remove it or add the property.`,
    ),
  ],
  visibleText: [
    broken(
      replace(BEEP, '</fieldset>', 'Hello</fieldset>'),
      `${BEEP}: "Hello" isn't in the catalog; use data-i18n.`,
    ),
  ],
  helpFormat: [
    broken(
      replace(BEEP, '### Details\n', '### Detail\n'),
      `${BEEP}: The help needs the headings Inputs, Outputs, Details, References, in this order.`,
    ),
    broken(
      replace(BEEP, /(?<=data-help-name="o2g-beep">\n)[^]*?(?=### Inputs)/, ''),
      `${BEEP}: The help needs a sentence for the palette before its first heading.`,
    ),
    broken(
      replace(BEEP, 'All other properties', '**All** other properties'),
      `${BEEP}: The help has bold text or html; write plain Markdown.`,
    ),
    broken(
      replace(BEEP, '<script type="text/markdown" data', '<script type="text/html" data'),
      `${BEEP}: The help needs <script type="text/markdown" data-help-name="…">.`,
      `${BEEP}: It has no <script type="text/markdown" data-help-name="o2g-beep">; add it.`,
    ),
    broken(
      replace(BEEP, /^: \*action\* \(string\) :/m, ': *action* (string):'),
      `${BEEP}: ": *action* (string): \`start\` or \`stop\`, when the node leaves it to the message." isn't ": name (type) : sentence", without any other colon.`,
    ),
  ],
  colours: [
    broken(
      replace('resources/forms/forms.css', 'display: flex;', 'color: #123456;'),
      "resources/forms/forms.css: The colour #123456 is none of the theme's; use var(--red-ui-…).",
    ),
    broken(
      replace('nodes/o2g-events.html', '<style>', '<style>\n p { color: white; }'),
      "nodes/o2g-events.html: The colour white is none of the theme's; use var(--red-ui-…).",
    ),
    broken(
      replace(BEEP, '<fieldset class', '<fieldset onclick="run()" class'),
      `${BEEP}: The template has a handler or a colour; put it into the script or the styles.`,
    ),
  ],
  shownFiles: [
    broken(remove('icons/o2g-beep.svg'), `${BEEP}: Its icon icons/o2g-beep.svg is missing; draw it.`),
    broken(
      replace('icons/o2g-beep.svg', '0 0 40 60', '0 0 60 60'),
      'icons/o2g-beep.svg: The icon needs viewBox="0 0 40 60", as Node-RED shows it.',
    ),
    broken(
      replace(BEEP, 'forms/forms.css', 'forms/beep.css'),
      `${BEEP}: It loads resources/forms/beep.css, which is missing or empty.`,
    ),
  ],
  publishedFolders: [
    broken(
      replace('package.json', '"resources",', ''),
      'package.json: "files" misses resources; it must be published.',
    ),
  ],
  namespaces: [
    broken(
      replace('package.json', '"name": "@o2g/', '"name": "@other/'),
      'package.json: The package is named @other/node-red-recording, but its files load from @o2g/node-red-recording/.',
    ),
    broken(
      replace('resources/forms/forms.js', "'@o2g/node-red-recording/'", "'@o2g/' + 'node-red-recording/'"),
      "resources/forms/forms.js: Its keys must start with '@o2g/node-red-recording/'.",
    ),
    broken(
      replace(BEEP, /<script src="[^"]*forms.js"><\/script>/, ''),
      `${BEEP}: It must load resources/@o2g/node-red-recording/forms/forms.js.`,
    ),
  ],
};

export const BROKEN_CATALOGS: Readonly<Record<string, readonly Broken[]>> = {
  formKeys: [
    broken(
      replace(BEEP, '</fieldset>', '<p data-i18n="hint.more"></p></fieldset>'),
      `${BEEP}: The key o2g-beep:hint.more isn't in the catalog; add it in every language.`,
    ),
    broken(
      replace(BEEP, '<p class="o2g-hint" data-i18n="hint.tone"></p>', ''),
      'nodes/locales/en-US/o2g-beep.json: Nothing uses hint.tone; remove it in every language.',
    ),
    broken(
      replace('nodes/lib/node/node-status.ts', "text: key('closed')", "text: key('over')"),
      "nodes/lib/node/node-status.ts: The key o2g-server:status.over isn't in the catalog; add it in every language.",
    ),
    broken(
      replace('resources/forms/connection-test.js', 'ICONS = {', "ICONS = { maybe: 'fa-question',"),
      "resources/forms/connection-test.js: The key o2g-server:trial.outcome.maybe isn't in the catalog; add it in every language.",
    ),
    broken(
      replace('o2g/connection-test/hints.ts', "| 'webhook'", "| 'webhook'\n  | 'tired'"),
      "o2g/connection-test/hints.ts: The key o2g-server:trial.note.tired isn't in the catalog; add it in every language.",
    ),
  ],
  pageKeys: [
    broken(
      replace('resources/sidebar/sidebar.js', "words('noError')", "words('noServer')"),
      'nodes/locales/en-US/o2g-sidebar.json: Nothing uses noError; remove it in every language.',
    ),
    broken(
      replace('resources/sidebar/sidebar.js', "'use strict';", "'use strict'; words('more');"),
      "resources/sidebar/sidebar.js: The key o2g-sidebar:more isn't in the catalog; add it in every language.",
    ),
    broken(
      replace('resources/recordings/recordings.js', "words('refresh')", "words('name')"),
      'nodes/locales/en-US/o2g-recordings.json: Nothing uses refresh; remove it in every language.',
    ),
  ],
};
