/** One worker as the main thread sees it: orders with answers, and what it tells. */
import { Worker, type Transferable } from 'node:worker_threads';

import { RecorderError, workerFile, WorkerRpc } from '../common';
import type { WorkerMessage, WorkerCommand, CommandFailure, WorkerData } from './messages';

/** A worker whose disk hangs doesn't answer; nobody waits for it longer than this. */
const RESPONSE_TIMEOUT_MS = 10_000;

export class CommandFailedError extends Error {
  constructor(readonly failure: CommandFailure) {
    super(failure.message);
  }
}

export interface ReceiverThreadListener {
  onMessage(message: Exclude<WorkerMessage, { type: 'reply' }>): void;
  /** It is gone without having been told to. */
  onCrash(error: Error): void;
}

export class ReceiverThread {
  readonly #worker: Worker;
  readonly #rpc = new WorkerRpc();
  #ended = false;

  constructor(workerData: WorkerData, listener: ReceiverThreadListener) {
    const { file, execArgv } = workerFile(__dirname, 'receiver-worker');
    this.#worker = new Worker(file, { workerData, execArgv });
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.type === 'reply') this.#onReply(message.requestId, message.failure);
      else listener.onMessage(message);
    });
    let crash = new Error('the worker ended');
    this.#worker.on('error', (error) => {
      crash = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', () => {
      const expected = this.#ended;
      this.#ended = true;
      this.#rpc.rejectAll(new RecorderError('CLOSED', crash.message, crash));
      if (!expected) listener.onCrash(crash);
    });
  }

  /** @throws Refused with what the worker says; RecorderError `TIMEOUT`, `CLOSED` */
  send(
    command: WorkerCommand,
    transfer: readonly Transferable[] = [],
    timeoutMs = RESPONSE_TIMEOUT_MS,
  ): Promise<void> {
    if (this.#ended)
      return Promise.reject(
        new RecorderError('CLOSED', `the recorder is closed: ${command.type} isn't done`),
      );
    const timeoutMessage = `the worker didn't answer to ${command.type} within ${timeoutMs / 1000} s`;
    return this.#rpc.request(timeoutMs, timeoutMessage, (requestId) => {
      this.#worker.postMessage({ requestId, command }, transfer);
    });
  }

  /** Completes everything, in so many milliseconds at most, and ends. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#ended) return;
    const closed = this.send({ type: 'close' }, [], timeoutMs);
    this.#ended = true;
    try {
      await closed;
    } finally {
      await this.terminate();
    }
  }

  /** Ends it where it stands. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #onReply(requestId: number, failure: CommandFailure | undefined): void {
    if (failure) this.#rpc.reject(requestId, new CommandFailedError(failure));
    else this.#rpc.resolve(requestId);
  }
}
