export { deploymentOf, type Deployment } from './deployment';
export { inFlightOf } from './in-flight-messages';
export { LinkStateFile } from './link-state-file';
export { oncePerRuntime } from './per-runtime';
export { SharedResource } from './shared-resource';
