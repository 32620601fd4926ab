export { MAX_DEVICES, readDevices } from './device-numbers';
export {
  DeniedError,
  ForeignAnswerError,
  ERROR_TYPES,
  O2GError,
  asO2GError,
  isDefiniteRefusal,
  isSessionLoss,
  isUnanswered,
  mayHaveArrived,
  type ErrorCode,
  type RestErrorInfo,
} from './errors';
export {
  CHANNEL_INFORMATION_EVENT,
  packageOf,
  readSelectors,
  filterLadder,
  type FilterAttempt,
  type Rights,
  type Filter,
  type Selector,
} from './event-packages';
export { isEvent, type O2GEvent } from './event';
export {
  OPERATIONS,
  requestOf,
  type ResponseOf,
  type BodyOf,
  type Operation,
  type OperationName,
  type ParametersOf,
  type OperationRequest,
} from './operations';
export {
  ENUMERATIONS,
  fieldsOf,
  isRepresentation,
  type Representation,
  type RepresentationName,
} from './representations';
export { validated, invalid } from './validation';
