/** What the main thread asks of a worker, and waits for: the same for the threads that receive and for the one of the index. */
import path from 'node:path';

import { RecorderError } from './errors';

interface PendingRequest {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerRpc {
  readonly #pending = new Map<number, PendingRequest>();
  #lastRequestId = 0;

  /**
   * @param timeoutMessage what is said when no answer comes within so many milliseconds
   * @param send gets the number by which the answer is known
   * @throws RecorderError `TIMEOUT`; what `reject` and `abandon` are given
   */
  request<Result>(
    timeoutMs: number,
    timeoutMessage: string,
    send: (requestId: number) => void,
  ): Promise<Result> {
    const requestId = ++this.#lastRequestId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(requestId);
        reject(new RecorderError('TIMEOUT', timeoutMessage));
      }, timeoutMs);
      this.#pending.set(requestId, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result as Result);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      send(requestId);
    });
  }

  resolve(requestId: number, result?: unknown): void {
    this.#take(requestId)?.resolve(result);
  }

  reject(requestId: number, error: Error): void {
    this.#take(requestId)?.reject(error);
  }

  /** The worker is gone: no answer comes any more. */
  rejectAll(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #take(requestId: number): PendingRequest | undefined {
    const pending = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    return pending;
  }
}

/**
 * Compiled, the worker's file lies beside its caller as .js. From the sources (a test, the demo) it is .ts, and the worker needs tsx as
 * its parent does: Node gives a worker the parent's flags, but tsx marks there that it is loaded, so it is asked for by name.
 */
export function workerFile(folder: string, name: string): { file: string; execArgv: string[] } {
  const extension = path.extname(__filename);
  return {
    file: path.join(folder, name + extension),
    execArgv: extension === '.ts' ? ['--require', require.resolve('tsx/cjs')] : [],
  };
}
