/** Devices as people write them: `70000-70099, 70120`. A device is a directory number of the OXE. */
import { DEVICE_NUMBER, invalid } from './validation';

/** A DR link carries no more (licence threshold of the OXE). */
export const MAX_DEVICES = 15_000;

/**
 * The devices of a text or a list, in order, each once. Ranges keep their leading zeros.
 * @throws O2GError `INVALID_INPUT` for anything that is no directory number or range of them, and for more than 15,000
 */
export function readDevices(field: string, value: unknown): string[] {
  const devices = new Set<string>();
  for (const part of splitParts(field, value)) {
    for (const device of expandRange(field, part)) {
      devices.add(device);
      if (devices.size > MAX_DEVICES)
        throw invalid(field, value, `at most ${MAX_DEVICES} devices (a DR link carries no more)`);
    }
  }
  return [...devices];
}

function splitParts(field: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => splitParts(field, item));
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return [String(value)];
  if (typeof value !== 'string') throw invalid(field, value, DEVICE_LIST_RULE);
  return value
    .replace(/\s*-\s*/g, '-')
    .split(/[,;\s]+/)
    .filter((part) => part !== '');
}

const DEVICE_LIST_RULE = 'a directory number, a list of them or ranges such as 70000-70099, 70120';

function* expandRange(field: string, part: string): Generator<string, void> {
  const range = /^(\d{1,15})-(\d{1,15})$/.exec(part);
  if (!range) {
    if (!DEVICE_NUMBER.accepts(part)) throw invalid(field, part, DEVICE_LIST_RULE);
    yield part;
    return;
  }
  const [from = '', to = ''] = range.slice(1);
  if (from.length !== to.length || from > to)
    throw invalid(field, part, 'a range from the lower to the higher number, both of the same length');
  for (let number = Number(from); number <= Number(to); number += 1)
    yield String(number).padStart(from.length, '0');
}
