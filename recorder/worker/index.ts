export type { WorkerMessage, WorkerCommand, WorkerData } from './messages';
export { CommandFailedError, ReceiverThread } from './receiver-thread';
