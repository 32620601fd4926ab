export { HELP, UsageError, parseCommand, type Command } from './command';
export { startControl } from './control';
