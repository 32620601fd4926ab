/** The flows that are kept: the examples of the menu, and the flow of each release that later ones are tried with. */
import { PROPERTIES } from './contract';
import { formsOf } from './html';
import {
  beyond,
  manifestOf,
  readJson,
  typesOf,
  Unreadable,
  type Check,
  type Files,
  type Finding,
} from './repository';

interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly wires?: readonly (readonly string[])[];
  readonly [property: string]: unknown;
}

interface Example {
  readonly file: string;
  readonly nodes: readonly FlowNode[];
}

/** What Node-RED brings along; an example needs nothing else to be installed. */
const CORE_TYPES = [
  'tab',
  'group',
  'comment',
  'inject',
  'debug',
  'catch',
  'status',
  'complete',
  'switch',
  'change',
  'function',
  'http in',
  'http response',
  'http request',
  'udp out',
  'file in',
  'delay',
];

/** What any node has besides its own properties. */
const COMMON_PROPERTIES = ['id', 'type', 'z', 'g', 'x', 'y', 'wires'];

/** The main job comes first. */
const FIRST_EXAMPLE = '01 Record a call';

/** Policies are numbered from here on. */
const FIRST_POLICY = '20';

export const EXAMPLE_CHECKS: readonly Check[] = [
  numbering,
  standAlone,
  ownProperties,
  wiring,
  everyType,
  ids,
  namedInHelp,
  keptFlow,
];

/** Examples are numbered in the order of the menu. */
function* numbering(files: Files): Iterable<Finding> {
  const names = namesIn(files);
  if (names[0] !== FIRST_EXAMPLE)
    yield { file: 'examples/', problem: `The first one must be "${FIRST_EXAMPLE}", the main job.` };
  for (const [index, name] of names.entries()) {
    const file = pathOf(name);
    const number = /^(\d\d) /.exec(name)?.[1];
    if (number === undefined) {
      yield { file, problem: 'Its name must start with two digits and a blank.' };
      continue;
    }
    if (names.findIndex((other) => other.startsWith(`${number} `)) !== index)
      yield { file, problem: `The number ${number} is taken; choose another.` };
    if (name.slice('00 '.length).startsWith('Policy ') !== name >= FIRST_POLICY)
      yield { file, problem: `Policies, and only they, are numbered from ${FIRST_POLICY} on.` };
  }
}

/** An example needs nothing but Node-RED and this palette, explains itself and holds no secret. */
function* standAlone(files: Files): Iterable<Finding> {
  const known = [...CORE_TYPES, ...typesOf(files)];
  for (const { file, nodes } of examplesOf(files)) {
    for (const { type } of nodes.filter((node) => !known.includes(node.type)))
      yield { file, problem: `The type ${type} comes neither with Node-RED nor with this palette.` };
    if (!nodes.some(({ type, name }) => type === 'comment' && name !== ''))
      yield { file, problem: 'It needs a comment node that explains it.' };
    for (const { id } of nodes.filter((node) => 'credentials' in node))
      yield { file, problem: `The node ${id} has credentials; remove them.` };
    for (const needed of ['o2g-server', 'o2g-link'])
      if (!nodes.some(({ type }) => type === needed)) yield { file, problem: `It needs an ${needed}.` };
  }
}

/** An example writes every property of our nodes, and no other. */
function* ownProperties(files: Files): Iterable<Finding> {
  for (const { file, nodes } of examplesOf(files))
    for (const node of nodes.filter(({ type }) => typesOf(files).includes(type))) {
      const contract = Object.keys(PROPERTIES[node.type] ?? {});
      const own = Object.keys(node).filter((property) => !COMMON_PROPERTIES.includes(property));
      for (const property of beyond(contract, own))
        yield { file, problem: `The ${node.type} ${node.id} misses ${property}; write every property.` };
      for (const property of beyond(own, contract))
        yield { file, problem: `The ${node.type} ${node.id} has ${property}, which is no property.` };
    }
}

/** An example is wired to its own nodes only. */
function* wiring(files: Files): Iterable<Finding> {
  for (const { file, nodes } of examplesOf(files))
    for (const node of nodes)
      for (const id of referencesOf(node))
        if (!nodes.some((other) => other.id === id))
          yield { file, problem: `The node ${node.id} refers to ${id}, which isn't in the example.` };
}

/** Returns the ids that a node names, blank ones left out; what isn't text can't be one. */
function referencesOf({ wires = [], server, link, recorder, media, type, g, z }: FlowNode): string[] {
  // The recorder of a link is a word, that of a node another node.
  const named = [...wires.flat(), server, link, type === 'o2g-link' ? media : recorder, g, z];
  return named.flatMap((id) =>
    id === undefined || id === '' ? [] : [typeof id === 'string' ? id : JSON.stringify(id)],
  );
}

function* everyType(files: Files): Iterable<Finding> {
  const used = examplesOf(files).flatMap(({ nodes }) => nodes.map(({ type }) => type));
  for (const type of typesOf(files))
    if (!used.includes(type)) yield { file: 'examples/', problem: `No example uses ${type}; add it to one.` };
}

/** Several examples can be imported side by side. */
function* ids(files: Files): Iterable<Finding> {
  const seen = new Set<string>();
  for (const { file, nodes } of examplesOf(files))
    for (const { id } of nodes) {
      if (seen.has(id)) yield { file, problem: `The id ${id} is taken; choose another.` };
      seen.add(id);
    }
}

/** The help of the nodes tells which examples show them. */
function* namedInHelp(files: Files): Iterable<Finding> {
  const help = formsOf(files)
    .map((form) => form.help)
    .join('\n');
  for (const name of namesIn(files))
    if (!help.includes(`"${name.slice('00 '.length)}"`))
      yield { file: pathOf(name), problem: 'No help names it; name it in that of the node it shows.' };
}

/** The flow of this version has every type with every property, so that a later version is tried with all of them. */
function* keptFlow(files: Files): Iterable<Finding> {
  const file = `test/upgrades/${manifestOf(files).version}.json`;
  const kept = flowIn(files, file);
  for (const type of typesOf(files)) {
    const nodes = kept.filter((node) => node.type === type);
    if (nodes.length === 0) yield { file, problem: `It has no ${type}; add one.` };
    for (const node of nodes)
      for (const property of beyond(Object.keys(PROPERTIES[type] ?? {}), Object.keys(node)))
        yield { file, problem: `The ${type} ${node.id} misses ${property}; write every property.` };
  }
}

function namesIn(files: Files): string[] {
  return files
    .list('examples')
    .map((path) => path.slice('examples/'.length).replace(/\.json$/, ''))
    .sort();
}

function pathOf(name: string): string {
  return `examples/${name}.json`;
}

function examplesOf(files: Files): Example[] {
  return namesIn(files).map((name) => {
    const file = pathOf(name);
    return { file, nodes: flowIn(files, file) };
  });
}

function flowIn(files: Files, file: string): FlowNode[] {
  const flow = readJson(files, file);
  if (!Array.isArray(flow)) throw new Unreadable(file, 'It must be a flow: a list of nodes.');
  return flow as FlowNode[];
}
