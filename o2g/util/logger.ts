/** Where the library tells what happened: one line a change of state, in words, without secrets. */
export interface Logger {
  info(line: string): void;
  warn(line: string): void;
  debug(line: string): void;
}
