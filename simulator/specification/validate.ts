import { ENUMERATIONS } from './enumerations';
import { REPRESENTATIONS, type RepresentationName } from './representations';

const INT_MIN = -2147483648;
const INT_MAX = 2147483647;

interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly list: boolean;
}

type Check = (value: unknown, path: string) => string[];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;

/** The value as it should stand in a message. */
const displayed = (value: unknown): string =>
  typeof value === 'object' ? kindOf(value) : JSON.stringify(value);

const isInt = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= INT_MIN && value <= INT_MAX;

const SIMPLE_TYPE_CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  [
    'string',
    (value, path) => (typeof value === 'string' ? [] : [`${path}: string expected, ${kindOf(value)} given`]),
  ],
  [
    'dateTime',
    (value, path) =>
      typeof value === 'string' ? [] : [`${path}: dateTime expected, ${kindOf(value)} given`],
  ],
  [
    'boolean',
    (value, path) =>
      typeof value === 'boolean' ? [] : [`${path}: boolean expected, ${kindOf(value)} given`],
  ],
  ['int', (value, path) => (isInt(value) ? [] : [`${path}: 32-bit int expected, ${displayed(value)} given`])],
  ...Object.entries(ENUMERATIONS).map(([name, values]): [string, Check] => [
    name,
    enumerationCheck(name, values),
  ]),
]);

function enumerationCheck(name: string, values: readonly string[]): Check {
  return (value, path) =>
    typeof value === 'string' && values.includes(value) ? [] : [`${path}: ${displayed(value)} is no ${name}`];
}

function parseField(name: string, notation: string): Field {
  const required = notation.endsWith('!');
  const rest = required ? notation.slice(0, -1) : notation;
  const list = rest.endsWith('[]');
  return { name, type: list ? rest.slice(0, -2) : rest, required, list };
}

const REPRESENTATION_FIELDS: ReadonlyMap<string, ReadonlyMap<string, Field>> = new Map(
  Object.entries(REPRESENTATIONS).map(([representation, fields]) => [
    representation,
    new Map(Object.entries(fields).map(([name, notation]) => [name, parseField(name, notation)])),
  ]),
);

/**
 * What is wrong with a value that should be the named representation: missing, unknown and badly typed fields.
 * @param path how to name the value in the messages; '' for a whole body
 * @param unknownFields whether a field that the specification does not have is a problem
 * @returns one sentence a problem, none when the value is right
 */
export function problemsOf(
  value: unknown,
  name: RepresentationName,
  unknownFields: 'refuse' | 'ignore',
  path = '',
): string[] {
  return problemsOfObject(value, name, unknownFields, path);
}

function problemsOfObject(
  value: unknown,
  name: string,
  unknownFields: 'refuse' | 'ignore',
  path: string,
): string[] {
  if (!isObject(value)) return [`${path === '' ? 'body' : path}: ${name} expected, ${kindOf(value)} given`];
  const fields = REPRESENTATION_FIELDS.get(name) ?? new Map<string, Field>();
  const problems: string[] = [];
  for (const field of fields.values()) problems.push(...problemsOfField(value, field, unknownFields, path));
  if (unknownFields === 'refuse') {
    for (const key of Object.keys(value))
      if (!fields.has(key)) problems.push(`${join(path, key)}: ${name} has no such field`);
  }
  return problems;
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

function problemsOfField(
  object: Record<string, unknown>,
  field: Field,
  unknownFields: 'refuse' | 'ignore',
  path: string,
): string[] {
  const fieldPath = join(path, field.name);
  const value = object[field.name];
  if (value === undefined) return field.required ? [`${fieldPath} is mandatory`] : [];
  if (!field.list) return problemsOfValue(value, field.type, unknownFields, fieldPath);
  if (!Array.isArray(value)) return [`${fieldPath}: list of ${field.type} expected, ${kindOf(value)} given`];
  if (field.required && value.length === 0) return [`${fieldPath} can't be empty`];
  return value.flatMap((item: unknown, index) =>
    problemsOfValue(item, field.type, unknownFields, `${fieldPath}[${index}]`),
  );
}

function problemsOfValue(
  value: unknown,
  type: string,
  unknownFields: 'refuse' | 'ignore',
  path: string,
): string[] {
  const check = SIMPLE_TYPE_CHECKS.get(type);
  return check ? check(value, path) : problemsOfObject(value, type, unknownFields, path);
}
