/** Checks of values that several parts of the recorder are given. */
import { invalid } from './errors';

/** A hundred years. */
const MAX_DAYS = 36_500;

/** Checks a number of days. @throws RecorderError `INVALID_INPUT` */
export function checkDays(field: string, value: unknown): void {
  checkRange(field, value, 0, MAX_DAYS);
}

/** @throws RecorderError `INVALID_INPUT` when it isn't a whole number from `min` to `max` */
export function checkRange(field: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw invalid(field, value, `a whole number from ${min} to ${max}`);
}
