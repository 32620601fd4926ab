export { MOST_DEVICES, readDevices } from './device-numbers';
export {
  Denied,
  ERROR_TYPES,
  O2GError,
  asO2GError,
  isDefinite,
  isSessionLoss,
  isUnanswered,
  mayHaveArrived,
  type ErrorCode,
  type RestErrorInfo,
} from './errors';
export {
  CHANNEL_INFORMATION,
  packageOf,
  readSelectors,
  specified,
  unionFilter,
  type Filter,
  type Selector,
} from './event-packages';
export { isEvent, type O2GEvent } from './event';
export {
  OPERATIONS,
  requestOf,
  type AnswerOf,
  type BodyOf,
  type Operation,
  type OperationName,
  type ParametersOf,
  type Request,
} from './operations';
export {
  ENUMERATIONS,
  fieldsOf,
  isRepresentation,
  type Representation,
  type RepresentationName,
} from './representations';
export { checked, invalid } from './validation';
