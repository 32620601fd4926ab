/** One worker as the main thread sees it: orders with answers, and what it tells. */
import { Worker, type Transferable } from 'node:worker_threads';

import { RecorderError, workerFile, WorkerQuestions } from '../common';
import type { FromWorker, Order, Refusal, WorkerData } from './messages';

/** A worker whose disk hangs doesn't answer; nobody waits for it longer than this. */
const ANSWER_MS = 10_000;

export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

export interface WorkerListener {
  onTold(message: Exclude<FromWorker, { tells: 'reply' }>): void;
  /** It is gone without having been told to. */
  onCrash(error: Error): void;
}

export class WorkerThread {
  readonly #worker: Worker;
  readonly #questions = new WorkerQuestions();
  #ended = false;

  constructor(workerData: WorkerData, listener: WorkerListener) {
    const { file, execArgv } = workerFile(__dirname, 'receiver-worker');
    this.#worker = new Worker(file, { workerData, execArgv });
    this.#worker.on('message', (message: FromWorker) => {
      if (message.tells === 'reply') this.#answer(message.request, message.refusal);
      else listener.onTold(message);
    });
    let crash = new Error('the worker ended');
    this.#worker.on('error', (error) => {
      crash = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', () => {
      const expected = this.#ended;
      this.#ended = true;
      this.#questions.abandon(new RecorderError('CLOSED', crash.message, crash));
      if (!expected) listener.onCrash(crash);
    });
  }

  /** @throws Refused with what the worker says; RecorderError `TIMEOUT`, `CLOSED` */
  order(order: Order, transfer: readonly Transferable[] = [], withinMs = ANSWER_MS): Promise<void> {
    if (this.#ended)
      return Promise.reject(new RecorderError('CLOSED', `the recorder is closed: ${order.do} isn't done`));
    const late = `the worker didn't answer to ${order.do} within ${withinMs / 1000} s`;
    return this.#questions.ask(withinMs, late, (request) => {
      this.#worker.postMessage({ request, order }, transfer);
    });
  }

  /** Completes everything, in so many milliseconds at most, and ends. */
  async close(withinMs: number): Promise<void> {
    if (this.#ended) return;
    const closed = this.order({ do: 'close' }, [], withinMs);
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

  #answer(request: number, refusal: Refusal | undefined): void {
    if (refusal) this.#questions.reject(request, new Refused(refusal));
    else this.#questions.resolve(request);
  }
}
