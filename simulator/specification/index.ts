export type { Enumeration } from './enumerations';
export { Refusal, invalidSession, restErrorInfo, violation } from './errors';
export {
  OPERATIONS,
  matchOperation,
  type AnswerOf,
  type BodyOf,
  type OperationMatch,
  type Operation,
  type OperationName,
} from './operations';
export { PACKAGES_WITHOUT_IDS, eventsOf, packageOf } from './packages';
export type { Representation } from './representations';
export { brokenRules } from './rules';
export { problemsOf } from './validate';
