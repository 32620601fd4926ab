/** A node's html: its parts, and what its script registers when it runs as in the editor. */
import { runInNewContext } from 'node:vm';

import { matches, typesOf, Unreadable, type Files, type Finding } from './repository';

/** What a node's html registers, as far as it is looked at. */
export interface Definition {
  readonly category: string;
  readonly icon: string;
  readonly inputs?: number;
  readonly outputs?: number;
  readonly defaults: Readonly<Record<string, Property>>;
  readonly credentials?: Readonly<Record<string, { readonly type: string }>>;
}

interface Property {
  readonly value?: unknown;
  readonly type?: string;
  readonly validate?: (value: unknown, opt: object) => unknown;
}

export interface Form {
  readonly type: string;
  readonly path: string;
  readonly text: string;
  readonly script: string;
  readonly template: string;
  readonly help: string;
  readonly definitions: Readonly<Record<string, Definition>>;
}

export const FORMS_SCRIPT = 'resources/forms/forms.js';

const HEADINGS = ['Inputs', 'Outputs', 'Details', 'References'];

/** Scripts run once for all checks that look at the same files. */
const read = new WeakMap<Files, readonly Form[]>();

/** Returns the forms of all types of package.json. */
export function formsOf(files: Files): readonly Form[] {
  const forms = read.get(files) ?? typesOf(files).map((type) => formOf(files, type));
  read.set(files, forms);
  return forms;
}

/** Returns what a form registers for its own type. */
export function definitionOf({ path, type, definitions }: Form): Definition {
  const definition = definitions[type];
  if (!definition) throw new Unreadable(path, `It doesn't register ${type}; register the type of its name.`);
  return definition;
}

/** Returns the text between the tags of the script with this attribute. */
export function scriptOf(path: string, html: string, attribute: string): string {
  const found = new RegExp(`<script [^>]*${attribute}[^>]*>\n([^]*?)</script>`).exec(html)?.[1];
  if (found === undefined) throw new Unreadable(path, `It has no script with ${attribute}; add it.`);
  return found;
}

/** Node-RED's own syntax for properties in a help text ends at the next colon. */
export function* fieldLines(file: string, help: string): Iterable<Finding> {
  for (const line of help.split('\n').filter((each) => each.startsWith(':')))
    if (!/^: [^:()]+ \([^:()]+\) : [^:]+$/.test(line))
      yield { file, problem: `"${line}" isn't ": name (type) : sentence", without any other colon.` };
}

/** The house format: a first sentence for the palette, then inputs, outputs, details, references. */
export function* helpFormat(files: Files): Iterable<Finding> {
  for (const { path: file, type, text, help } of formsOf(files)) {
    if (matches(help, /^### (.+)$/gm).join() !== HEADINGS.join())
      yield { file, problem: `The help needs the headings ${HEADINGS.join(', ')}, in this order.` };
    if (!/^[A-Z][^#]+\.\n\n### /.test(help))
      yield { file, problem: 'The help needs a sentence for the palette before its first heading.' };
    if (/\*\*|<\w/.test(help))
      yield { file, problem: 'The help has bold text or html; write plain Markdown.' };
    if (!text.includes(`<script type="text/markdown" data-help-name="${type}">`))
      yield { file, problem: 'The help needs <script type="text/markdown" data-help-name="…">.' };
    yield* fieldLines(file, help);
  }
}

function formOf(files: Files, type: string): Form {
  const path = `nodes/${type}.html`;
  const text = files.read(path);
  const script = scriptOf(path, text, 'type="text/javascript"');
  return {
    type,
    path,
    text,
    script,
    template: scriptOf(path, text, `data-template-name="${type}"`),
    help: scriptOf(path, text, `data-help-name="${type}"`),
    definitions: register(files.read(FORMS_SCRIPT), { path, script }),
  };
}

/** Runs a node's script with the palette's own helper and an editor of the few things it needs at once. */
function register(
  helper: string,
  { path, script }: Pick<Form, 'path' | 'script'>,
): Record<string, Definition> {
  const definitions: Record<string, Definition> = {};
  const registerType = (type: string, definition: Definition): void => void (definitions[type] = definition);
  const editor = { _: (key: string) => key, nodes: { registerType }, editor: { getEditStack: () => [] } };
  const window: { o2gForms?: unknown } = {};
  runInNewContext(helper, { window, RED: editor, URL }, FORMS_SCRIPT);
  try {
    runInNewContext(script, { RED: editor, o2gForms: window.o2gForms }, path);
  } catch (error) {
    throw new Unreadable(path, `Its script fails: ${String(error)}`);
  }
  return definitions;
}
