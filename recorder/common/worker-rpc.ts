/** What the main thread asks of a worker, and waits for: the same for the threads that receive and for the one of the index. */
import path from 'node:path';

import { RecorderError } from './errors';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerQuestions {
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;

  /**
   * @param late what is said when no answer comes within so many milliseconds
   * @param send gets the number by which the answer is known
   * @throws RecorderError `TIMEOUT`; what `reject` and `abandon` are given
   */
  ask<Answer>(withinMs: number, late: string, send: (request: number) => void): Promise<Answer> {
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(request);
        reject(new RecorderError('TIMEOUT', late));
      }, withinMs);
      this.#waiting.set(request, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer as Answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      send(request);
    });
  }

  resolve(request: number, answer?: unknown): void {
    this.#take(request)?.resolve(answer);
  }

  reject(request: number, error: Error): void {
    this.#take(request)?.reject(error);
  }

  /** The worker is gone: no answer comes any more. */
  abandon(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #take(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
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
