/**
 * How a node reads its properties: an explicit value on the node wins, a blank one lets the message decide. Numbers and booleans may be
 * given as text.
 */
import type { Node, NodeAPI } from 'node-red';
import { invalid } from '../../../o2g';
import type { FlowMessage } from '../node';

/** A node's configuration as it comes from the flow file; a typed input has a companion `<name>Type`. */
export type Config = Readonly<Record<string, unknown>>;

/** Values that say nothing: the message decides then. */
export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/**
 * The values of typed inputs for this message; a blank one is left out.
 * @throws O2GError `INVALID_INPUT` when one can't be evaluated
 */
export async function readTypedInputs(
  RED: NodeAPI,
  node: Node,
  config: Config,
  names: readonly string[],
  message: FlowMessage,
): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>();
  for (const name of names) {
    const value = config[name];
    if (isBlank(value)) continue;
    const type = config[`${name}Type`];
    // Without a companion it is a plain value, of whatever type it was written.
    const isPlain =
      typeof type !== 'string' || type === '' || type === 'str' || type === 'num' || type === 'bool';
    const result = isPlain ? value : await evaluate(RED, node, name, value, type, message);
    if (!isBlank(result)) values.set(name, result);
  }
  return values;
}

function evaluate(
  RED: NodeAPI,
  node: Node,
  name: string,
  value: unknown,
  type: string,
  message: FlowMessage,
): Promise<unknown> {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return new Promise((resolve, reject) => {
    try {
      RED.util.evaluateNodeProperty(text, type, node, message, (error, result: unknown) => {
        if (error) reject(invalid(name, text, `an expression that can be evaluated (${error.message})`));
        else resolve(result);
      });
    } catch (error) {
      reject(
        invalid(
          name,
          text,
          `an expression that can be evaluated (${error instanceof Error ? error.message : String(error)})`,
        ),
      );
    }
  });
}

/** A number given as text becomes one; anything else stays, for the validation to refuse it in words. */
export function asNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
}

/** A boolean given as text becomes one. */
export function asBoolean(value: unknown): unknown {
  return value === 'true' ? true : value === 'false' ? false : value;
}

/** A text property of a configuration; blank is undefined. @throws O2GError `INVALID_INPUT` */
export function readText(config: Config, name: string): string | undefined {
  const value = config[name];
  if (isBlank(value)) return undefined;
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') throw invalid(name, value, 'a text');
  return value.trim();
}

/** A yes or no of a configuration; blank is no. @throws O2GError `INVALID_INPUT` */
export function readFlag(config: Config, name: string): boolean {
  const value = asBoolean(config[name]);
  if (isBlank(value)) return false;
  if (typeof value !== 'boolean') throw invalid(name, config[name], 'true or false');
  return value;
}

/** The name that the user gave a node, else the fallback. */
export function labelOf(config: Config, fallback: string): string {
  const { name } = config;
  return typeof name === 'string' && name !== '' ? name : fallback;
}

/** A number of a configuration within its range, both ends included. @throws O2GError `INVALID_INPUT` */
export function readNumber(config: Config, name: string, fallback: number, min: number, max: number): number {
  const value = asNumber(config[name]);
  if (isBlank(value)) return fallback;
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw invalid(name, config[name], `a number from ${min} to ${max}`);
  return value;
}

/** One of the words that a property can be. @throws O2GError `INVALID_INPUT` */
export function readChoice<Choice extends string>(
  config: Config,
  name: string,
  choices: readonly Choice[],
  fallback: Choice,
): Choice {
  const value = config[name];
  if (isBlank(value)) return fallback;
  const choice = choices.find((candidate) => candidate === String(value));
  if (choice === undefined)
    throw invalid(name, value, `one of ${choices.filter((candidate) => candidate !== '').join(', ')}`);
  return choice;
}

/** What a message carries under a name, its own properties only. @throws O2GError `INVALID_INPUT` for keys that attack prototypes */
export function readField(payload: unknown, name: string): unknown {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    if (Object.hasOwn(payload, key)) throw invalid('payload', key, `without a key named ${key}`);
  }
  return Object.hasOwn(payload, name) ? (payload as Record<string, unknown>)[name] : undefined;
}
