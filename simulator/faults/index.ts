export { faultsOf } from './faults';
export type { Faults, RestartOptions } from './types';
