/** What each node's html registers and shows: the public contract, labelled fields, words, colours, files beside it. */
import { isDeepStrictEqual } from 'node:util';

import { CREDENTIALS, PORTS, PROPERTIES } from './contract';
import { definitionOf, formsOf, FORMS_SCRIPT, helpFormat, type Form } from './html';
import {
  beyond,
  exists,
  manifestOf,
  matches,
  typesOf,
  type Check,
  type Files,
  type Finding,
} from './repository';

const MODULE = '@o2g/node-red-recording/';
const CONTRACT = 'scripts/lint/contract.ts';

/** Colours that don't follow the theme of the editor. */
const OWN_COLOUR = /#[0-9a-f]{3,8}\b|rgba?\(|\b(?:white|black|red|gr[ae]y)\b/i;

/** Names of the theme's variables and comments may have any word. */
const NO_COLOUR = /\bred-ui-[\w-]+|\/\*[^]*?\*\//g;

export const FORM_CHECKS: readonly Check[] = [
  types,
  properties,
  ports,
  configurationTypes,
  credentials,
  fields,
  visibleText,
  helpFormat,
  colours,
  shownFiles,
  publishedFolders,
  namespaces,
];

/** package.json, the html and the contract name the same types, each type in its own html. */
function* types(files: Files): Iterable<Finding> {
  const known = typesOf(files);
  for (const type of beyond(known, Object.keys(PROPERTIES)))
    yield { file: CONTRACT, problem: `PROPERTIES misses ${type} of package.json; add it.` };
  for (const type of beyond(Object.keys(PROPERTIES), known))
    yield { file: 'package.json', problem: `"nodes" misses ${type}, which is in the contract.` };
  for (const { path: file, type, definitions } of formsOf(files))
    if (Object.keys(definitions).join() !== type)
      yield {
        file,
        problem: `It registers ${Object.keys(definitions).join(', ') || 'nothing'}; register ${type} alone.`,
      };
}

/** Each form has exactly the properties of the contract, with their defaults. */
function* properties(files: Files): Iterable<Finding> {
  for (const form of formsOf(files)) {
    const { path: file, type } = form;
    const { defaults } = definitionOf(form);
    const contract = PROPERTIES[type] ?? {};
    for (const name of beyond(Object.keys(contract), Object.keys(defaults)))
      yield { file, problem: `"defaults" misses ${name} of the contract; flows of users have it.` };
    for (const [name, { value }] of Object.entries(defaults))
      if (!(name in contract))
        yield { file, problem: `${name} isn't in the contract; add it to ${CONTRACT}.` };
      else if (!isDeepStrictEqual(plain(value), plain(contract[name])))
        yield { file, problem: `The default of ${name} isn't that of ${CONTRACT}.` };
  }
}

function* ports(files: Files): Iterable<Finding> {
  for (const form of formsOf(files)) {
    const { path: file, type } = form;
    const { category, inputs, outputs } = definitionOf(form);
    const own = category === 'config' ? undefined : { inputs, outputs };
    if (!isDeepStrictEqual(own, PORTS[type]))
      yield { file, problem: `"inputs" and "outputs" aren't those of ${CONTRACT}.` };
    if (category !== 'config' && category !== 'O2G')
      yield { file, problem: `The category is ${category}; it must be O2G, or config.` };
  }
}

function* configurationTypes(files: Files): Iterable<Finding> {
  const known = [...typesOf(files), 'tls-config'];
  for (const form of formsOf(files))
    for (const [name, { type }] of Object.entries(definitionOf(form).defaults))
      if (type !== undefined && !known.includes(type))
        yield {
          file: form.path,
          problem: `${name} refers to ${type}, which is neither ours nor in Node-RED.`,
        };
}

/** Secrets are credentials, unreadable but for the login. */
function* credentials(files: Files): Iterable<Finding> {
  for (const form of formsOf(files))
    if (!isDeepStrictEqual(plain(definitionOf(form).credentials), CREDENTIALS[form.type]))
      yield { file: form.path, problem: `"credentials" aren't those of ${CONTRACT}.` };
}

/** Each property that is shown has a field with a label, and nothing else has. */
function* fields(files: Files): Iterable<Finding> {
  for (const form of formsOf(files)) {
    const { path: file, template } = form;
    const { category, defaults, credentials: secrets } = definitionOf(form);
    const id = `${category === 'config' ? 'node-config-input-' : 'node-input-'}(\\w+)"`;
    const shown = matches(template, new RegExp(`<(?:input|select|textarea)[^>]* id="${id}`, 'g'));
    const hidden = matches(template, new RegExp(`<input type="hidden" id="${id}`, 'g'));
    const labels = matches(template, new RegExp(`<label [^>]*for="${id}`, 'g'));
    const visible = shown.filter((field) => !hidden.includes(field));
    for (const field of shown)
      if (!(field in defaults) && !(field in (secrets ?? {})))
        yield { file, problem: `The field ${field} is no property; remove it or add the property.` };
    for (const field of beyond(visible, labels))
      yield { file, problem: `The field ${field} has no label; add <label for="…">.` };
    for (const label of beyond(labels, visible))
      yield { file, problem: `The label for ${label} has no field of its own; remove it.` };
  }
}

function* visibleText(files: Files): Iterable<Finding> {
  for (const { path: file, template } of formsOf(files)) {
    const text = template.replace(/<[^>]*>/g, '').trim();
    if (text !== '') yield { file, problem: `"${text}" isn't in the catalog; use data-i18n.` };
  }
}

/** Colours come from the theme, and a template has neither colours nor handlers. */
function* colours(files: Files): Iterable<Finding> {
  for (const [file, style] of stylesOf(files)) {
    const colour = OWN_COLOUR.exec(style.replace(NO_COLOUR, ''))?.[0];
    if (colour !== undefined)
      yield { file, problem: `The colour ${colour} is none of the theme's; use var(--red-ui-…).` };
  }
  for (const { path: file, template } of formsOf(files))
    if (/\son\w+=|style="[^"]*colou?r/.test(template))
      yield {
        file,
        problem: 'The template has a handler or a colour; put it into the script or the styles.',
      };
}

function stylesOf(files: Files): [file: string, style: string][] {
  const css = 'resources/forms/forms.css';
  const own = formsOf(files).flatMap(({ path, text }) =>
    matches(text, /<style>([^]*?)<\/style>/g).map((style): [string, string] => [path, style]),
  );
  return [[css, files.read(css)], ...own];
}

/** What a form shows is in the repository: its icon, and what it loads. */
function* shownFiles(files: Files): Iterable<Finding> {
  for (const form of formsOf(files)) {
    const icon = `icons/${definitionOf(form).icon}`;
    if (!exists(files, icon)) yield { file: form.path, problem: `Its icon ${icon} is missing; draw it.` };
    else if (!files.read(icon).includes('viewBox="0 0 40 60"'))
      yield { file: icon, problem: 'The icon needs viewBox="0 0 40 60", as Node-RED shows it.' };
    for (const resource of resourcesOf(form))
      if (!exists(files, resource) || files.read(resource) === '')
        yield { file: form.path, problem: `It loads ${resource}, which is missing or empty.` };
  }
}

function resourcesOf({ text }: Form): string[] {
  return matches(text, new RegExp(`(?:src|href)="(resources/${MODULE}[^"]+)"`, 'g')).map((path) =>
    path.replace(MODULE, ''),
  );
}

/** Node-RED serves resources/ from the root of the package. */
function* publishedFolders(files: Files): Iterable<Finding> {
  for (const folder of ['dist', 'examples', 'resources'])
    if (!manifestOf(files).files.includes(folder))
      yield { file: 'package.json', problem: `"files" misses ${folder}; it must be published.` };
}

/** Full keys and resources carry the name of the package. */
function* namespaces(files: Files): Iterable<Finding> {
  const { name } = manifestOf(files);
  if (MODULE !== `${name}/`)
    yield {
      file: 'package.json',
      problem: `The package is named ${name}, but its files load from ${MODULE}.`,
    };
  if (!files.read(FORMS_SCRIPT).includes(`'${MODULE}'`))
    yield { file: FORMS_SCRIPT, problem: `Its keys must start with '${MODULE}'.` };
  for (const { path: file, text } of formsOf(files))
    if (!text.includes(`resources/${MODULE}forms/forms.js`))
      yield { file, problem: `It must load resources/${MODULE}forms/forms.js.` };
}

/** What a script's value holds, without the prototypes of the realm that it ran in. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
