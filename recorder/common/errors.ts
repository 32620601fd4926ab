export type RecorderErrorCode =
  /** A field, a value, the rule it breaks. */
  | 'INVALID_INPUT'
  /** No free pair of ports in the range: widen it, or disarm devices. */
  | 'PORTS_EXHAUSTED'
  /** The folder can't be made or written. */
  | 'FOLDER_NOT_WRITABLE'
  /** The device isn't armed. */
  | 'NOT_ARMED'
  /** The local address can't be bound. */
  | 'BIND_FAILED'
  /** No key of this id was given. */
  | 'KEY_UNKNOWN'
  /** A recording isn't what was written. */
  | 'ALTERED'
  /** No such recording. */
  | 'NOT_FOUND'
  /** It is under hold, or unfinished. */
  | 'REFUSED'
  /** A worker didn't answer. */
  | 'TIMEOUT'
  /** The recorder is closed, or not started. */
  | 'CLOSED';

/** The one error of this library. Branch on `code`, never on the text. */
export class RecorderError extends Error {
  override readonly name = 'RecorderError';

  constructor(
    readonly code: RecorderErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** The one shape of a refused input: field, value, rule. A secret's value is never shown: pass undefined. */
export function invalid(field: string, value: unknown, mustBe: string): RecorderError {
  const shown = value === undefined ? '' : `${shorten(formatValue(value))} is refused, it `;
  return new RecorderError('INVALID_INPUT', `${field}: ${shown}must be ${mustBe}`);
}

/** JSON has no word for a function, say. */
const formatValue = (value: unknown): string =>
  typeof value === 'function' || typeof value === 'symbol' ? typeof value : JSON.stringify(value);

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** The system's code of a failed operation, such as `ENOSPC`. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code ?? 'ERROR';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
