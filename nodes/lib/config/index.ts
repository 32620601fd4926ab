export type { LinkNode, RecorderNode, ServerNode } from './config-node-types';
export { configuredLink, linksOf } from './link-registry';
export { attempt, configuredRecorder, configuredServer, logOf, nodeOf } from './node-lookup';
export {
  asBoolean,
  asNumber,
  isBlank,
  labelOf,
  readField,
  readChoice,
  readFlag,
  readNumber,
  readText,
  readTypedInputs,
  type Config,
} from './properties';
export { isReportedFor, refusedLinksOf, rowsOf, type RefusedLink } from './refused-links';
export { recordersOf } from './recorder-registry';
export { recordingFoldersOf } from './recording-folders';
export { serversOf } from './server-registry';
