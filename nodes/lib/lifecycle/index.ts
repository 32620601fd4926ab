export { deploymentOf, type Deployment } from './deployment';
export { inFlightOf } from './in-flight-messages';
export { StateFile } from './link-state-file';
export { oncePerRuntime } from './per-runtime';
export { Shared } from './shared-resource';
