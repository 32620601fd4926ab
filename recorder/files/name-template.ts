/** The name of a recording from the user's template. What a value says never makes a folder, and no name leaves the recorder's. */
import mustache from 'mustache';

import { invalid, type DeviceContext } from '../common';

export const DEFAULT_FILENAME = '{{deviceNumber}}/{{startedAt}}-{{id}}';

export interface NameVariables extends DeviceContext {
  readonly deviceNumber: string;
  /** Milliseconds of the epoch. */
  readonly startedAt: number;
  readonly id: string;
}

/** File systems allow 255 bytes; number, extension and `.part` need some. */
const MAX_PART_BYTES = 120;
const MAX_PART_COUNT = 8;
/** Windows takes none of these, with or without an extension. */
const RESERVED_NAMES = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;
const FORBIDDEN_CHARACTERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>:"/\\|?*]/gu;
const VARIABLES = new Set(['deviceNumber', 'user', 'startedAt', 'id', 'callRef', 'direction', 'party']);

/** @throws RecorderError `INVALID_INPUT` when it is no template, or knows a variable that there isn't */
export function checkTemplate(template: string): void {
  const field = 'filename';
  if (template.trim() === '')
    throw invalid(field, template, 'a template such as {{deviceNumber}}/{{startedAt}}-{{id}}');
  let variables: string[];
  try {
    variables = mustache
      .parse(template)
      .filter(([type]) => type !== 'text' && type !== '!')
      .map(([, name]) => name);
  } catch {
    throw invalid(field, template, 'a mustache template');
  }
  const unknown = variables.find((name) => !VARIABLES.has(name));
  if (unknown !== undefined) throw invalid(field, template, `made of ${[...VARIABLES].join(', ')}`);
}

/** @returns a relative path without extension, its parts separated by `/` */
export function renderName(template: string, { startedAt, ...values }: NameVariables): string {
  const view = { ...values, startedAt: compactDate(startedAt) };
  const sanitized = Object.fromEntries(
    Object.entries(view).map(([name, value]) => [name, sanitizeValue(value)]),
  );
  const parts = mustache
    .render(template, sanitized, undefined, { escape: String })
    .split('/')
    .map(sanitizePart)
    .filter((part) => part !== '');
  return parts.length === 0 ? values.id : parts.slice(-MAX_PART_COUNT).join('/');
}

/** 20261123T165500Z */
export function compactDate(at: number): string {
  return new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');
}

const sanitizeValue = (value: string | undefined): string => (value ?? '').replace(FORBIDDEN_CHARACTERS, '_');

/** One folder or file: no reserved character or name, no dot or space where Windows drops it or Unix hides it. */
function sanitizePart(text: string): string {
  const cleaned = text.replace(FORBIDDEN_CHARACTERS, '_').replace(/^[.\s]+|[.\s]+$/g, '');
  const named = RESERVED_NAMES.test(cleaned) ? `_${cleaned}` : cleaned;
  return truncatePart(named);
}

function truncatePart(text: string): string {
  // Cut inside a character, the replacement character stands for its rest.
  const short =
    Buffer.byteLength(text) <= MAX_PART_BYTES
      ? text
      : Buffer.from(text)
          .toString('utf8', 0, MAX_PART_BYTES)
          .replace(/\uFFFD+$/, '');
  return short.replace(/[.\s]+$/, '');
}
