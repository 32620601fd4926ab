export type { FromWorker, Order, WorkerData } from './messages';
export { Refused, WorkerThread } from './receiver-thread';
