/**
 * Validation of what is sent, before it is sent: types and cardinalities from the table of representations, ranges from RULES.
 */
import { isIPv4 } from 'node:net';
import { O2GError } from './errors';
import {
  ENUMERATIONS,
  fieldsOf,
  isRepresentation,
  REPRESENTATIONS,
  type EnumerationName,
  type Field,
  type Representation,
  type RepresentationName,
} from './representations';

interface Rule {
  /** Completes "must be …". */
  readonly description: string;
  accepts(value: string | number | boolean): boolean;
}

const range = (from: number, to: number, unit = ''): Rule => ({
  description: `a whole number from ${from} to ${to}${unit}`,
  accepts: (value) => typeof value === 'number' && value >= from && value <= to,
});

/** What a directory number of an OXE can be made of. It becomes part of a path, so nothing else is let through. */
export const DEVICE_NUMBER: Rule = {
  description: 'a directory number: 1 to 32 digits, letters, * or #',
  accepts: (value) => typeof value === 'string' && /^[0-9A-Za-z*#]{1,32}$/.test(value),
};
const UDP_PORT = range(1, 65535, ' (UDP port of the recorder)');
const BEEP_DURATION = range(0, 255);

/** Rules that the tables of the specification state in prose, by `Representation.field`. */
const FIELD_RULES: Readonly<Record<string, Rule>> = {
  'MonitorRequest.deviceNumber': DEVICE_NUMBER,
  'StartRecordRequest.deviceNumber': DEVICE_NUMBER,
  'StartRecordRequest.ipRecorderAddr': {
    description: 'an IPv4 address such as 192.0.2.10 (the OXE takes neither host names nor IPv6)',
    accepts: (value) => typeof value === 'string' && isIPv4(value),
  },
  'StartRecordRequest.sentFlowPort': UDP_PORT,
  'StartRecordRequest.receivedFlowPort': UDP_PORT,
  'StartTDMRecordRequest.deviceNumber': DEVICE_NUMBER,
  'StartTDMRecordRequest.crystal': range(0, 255),
  'StartTDMRecordRequest.board': range(0, 255),
  'StartTDMRecordRequest.timeslot': range(1, 30),
  'StartBeepRequest.deviceNumber': DEVICE_NUMBER,
  'StartBeepRequest.tone': range(21, 30, ' (tones table of the OXE)'),
  'StartBeepRequest.presenceDuration': {
    ...BEEP_DURATION,
    description: `${BEEP_DURATION.description} (steps of 10 ms)`,
  },
  'StartBeepRequest.silenceDuration': {
    ...BEEP_DURATION,
    description: `${BEEP_DURATION.description} (seconds)`,
  },
  'SubscriptionRequest.timeout': {
    description: '0 (as long as the session) or 2 to 60 minutes',
    accepts: (value) => value === 0 || (typeof value === 'number' && value >= 2 && value <= 60),
  },
  'SessionRequest.applicationName': { description: 'not empty', accepts: (value) => value !== '' },
  'SupervisedAccount.id': { description: 'not empty', accepts: (value) => value !== '' },
  'Selector.names': {
    description: 'the name of an event or of an event package',
    accepts: (value) => value !== '',
  },
};

/**
 * Checks a request body against the specification: every field known, required ones there, types, enumerations and ranges.
 * @param name the representation it must be
 * @throws O2GError `INVALID_INPUT` naming the field, the value and the rule
 */
export function validate(name: RepresentationName, value: unknown): void {
  checkRepresentation(name, value, name);
}

/** The same for a value put together from what a user gave: hands it back as what it was proved to be. */
export function validated<Name extends RepresentationName>(
  name: Name,
  value: Readonly<Record<string, unknown>>,
): Representation<Name> {
  const given = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
  validate(name, given);
  return given as Representation<Name>;
}

function checkRepresentation(name: RepresentationName, value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(path, value, 'an object');
  const given = value as Readonly<Record<string, unknown>>;
  for (const field of Object.keys(given)) {
    if (!Object.hasOwn(REPRESENTATIONS[name], field))
      throw invalid(field, given[field], `left out: ${name} has no such field`);
  }
  for (const field of fieldsOf(name)) checkField(name, field, given[field.field]);
}

function checkField(owner: RepresentationName, { field, type, many, required }: Field, value: unknown): void {
  if (value === undefined) {
    if (required) throw invalid(field, value, `given: ${owner} needs it`);
    return;
  }
  const rule = FIELD_RULES[`${owner}.${field}`];
  if (!many) return checkValue(type, field, value, rule);
  if (!Array.isArray(value)) throw invalid(field, value, 'a list');
  if (required && value.length === 0) throw invalid(field, value, 'a list of at least one');
  for (const item of value) checkValue(type, field, item, rule);
}

function checkValue(type: string, field: string, value: unknown, rule: Rule | undefined): void {
  if (isRepresentation(type)) return checkRepresentation(type, value, field);
  if (!hasType(type, value)) throw invalid(field, value, rule?.description ?? describeType(type));
  if (rule && !rule.accepts(value)) throw invalid(field, value, rule.description);
}

function hasType(type: string, value: unknown): value is string | number | boolean {
  if (type === 'boolean') return typeof value === 'boolean';
  if (type === 'int') return typeof value === 'number' && Number.isInteger(value) && value === (value | 0);
  if (Object.hasOwn(ENUMERATIONS, type))
    return (ENUMERATIONS[type as EnumerationName] as readonly unknown[]).includes(value);
  return typeof value === 'string';
}

function describeType(type: string): string {
  if (Object.hasOwn(ENUMERATIONS, type)) return `one of ${ENUMERATIONS[type as EnumerationName].join(', ')}`;
  return type === 'boolean' ? 'true or false' : type === 'int' ? 'a whole number' : 'a text';
}

/** The one shape of a refused input: field, value, rule. */
export function invalid(field: string, value: unknown, requirement: string): O2GError {
  return new O2GError(
    'INVALID_INPUT',
    `${field}: ${formatValue(value)} is refused, it must be ${requirement}`,
  );
}

function formatValue(value: unknown): string {
  if (value === undefined || value === '') return 'nothing';
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : ((JSON.stringify(value) as string | undefined) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
