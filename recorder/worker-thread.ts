/** One worker as the main thread sees it: orders with answers, and what it tells. */
import path from 'node:path';
import { Worker, type Transferable } from 'node:worker_threads';

import { RecorderError } from './errors';
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

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Compiled, the worker's file lies beside this one as .js. From the sources (a test, the demo) it is .ts, and the worker needs tsx as
 * its parent does: Node gives a worker the parent's flags, but tsx marks there that it is loaded, so it is asked for by name.
 */
function workerFile(): { file: string; execArgv: string[] } {
  const extension = path.extname(__filename);
  return { file: path.join(__dirname, `receiver-worker${extension}`), execArgv: extension === '.ts' ? ['--require', require.resolve('tsx/cjs')] : [] };
}

export class WorkerThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #ended = false;

  constructor(workerData: WorkerData, listener: WorkerListener) {
    const { file, execArgv } = workerFile();
    this.#worker = new Worker(file, { workerData, execArgv });
    this.#worker.on('message', (message: FromWorker) => {
      if (message.tells === 'reply') this.#answer(message.request, message.refusal);
      else listener.onTold(message);
    });
    let crash = new Error('the worker ended');
    this.#worker.on('error', (error) => { crash = error instanceof Error ? error : new Error(String(error)); });
    this.#worker.on('exit', () => {
      const expected = this.#ended;
      this.#ended = true;
      this.#abandon(crash);
      if (!expected) listener.onCrash(crash);
    });
  }

  /** @throws Refused with what the worker says; RecorderError `TIMEOUT`, `CLOSED` */
  order(order: Order, transfer: readonly Transferable[] = [], withinMs = ANSWER_MS): Promise<void> {
    if (this.#ended) return Promise.reject(new RecorderError('CLOSED', `the recorder is closed: ${order.do} isn't done`));
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(request);
        reject(new RecorderError('TIMEOUT', `the worker didn't answer to ${order.do} within ${withinMs / 1000} s`));
      }, withinMs);
      this.#waiting.set(request, {
        resolve: () => { clearTimeout(timer); resolve(); },
        reject: (error) => { clearTimeout(timer); reject(error); },
      });
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
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    if (refusal) waiting?.reject(new Refused(refusal));
    else waiting?.resolve();
  }

  #abandon(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(new RecorderError('CLOSED', error.message, error));
    this.#waiting.clear();
  }
}
