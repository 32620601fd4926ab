/**
 * Begins so many actions a second, whether or not those before have ended.
 * @param act gets the action's number
 * @returns the milliseconds that each took
 */
export function pace(
  perSecond: number,
  actions: number,
  act: (index: number) => Promise<unknown>,
): Promise<number[]>;
