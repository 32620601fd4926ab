export { tryConnection, type TrialOptions } from './connection-test';
