/**
 * Recordings as they are found again: an index of their metadata files, in a worker, so that neither a search nor the reading of thousands of
 * files keeps the main thread from its events. It starts when it is first asked.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { messageOf, RecorderError, workerFile, WorkerQuestions } from '../common';
import type { Place } from './catalogue';
import type { Answer, Order, Orders, Reply } from './protocol';
import type { Search } from './search';

/** A disk that hangs doesn't answer; nobody waits for it longer than this. */
const ANSWER_MS = 20_000;

export class Archive {
  readonly #file: string;
  #folders: readonly string[] = [];
  #worker: Worker | undefined;
  readonly #questions = new WorkerQuestions();

  /** @param file of the index: it may be lost at any time. Nobody else may use it */
  constructor(file: string) {
    this.#file = file;
  }

  /** The folders whose recordings are found, absolute paths. Others are forgotten. */
  watch(folders: readonly string[]): void {
    const distinct = [...new Set(folders)].sort();
    if (JSON.stringify(distinct) === JSON.stringify(this.#folders)) return;
    this.#folders = distinct;
    if (this.#worker) this.#tell('watch', distinct);
  }

  /**
   * The newest first. While the index is made it answers with what it has, and says so.
   * @throws RecorderError `TIMEOUT`, `CLOSED`
   */
  search(search: Search): Promise<Answer> {
    return this.#ask('search', search);
  }

  /** Where a recording lies; undefined for what isn't known. @throws RecorderError `TIMEOUT`, `CLOSED` */
  placeOf(id: string): Promise<Place | undefined> {
    return this.#ask('placeOf', id);
  }

  /** Something happened to a recording: it is finished, changed or gone. @param file absolute path of its audio or of its metadata */
  lookAt(folder: string, file: string): void {
    // Whoever starts it later looks through all folders first.
    if (!this.#worker) return;
    const name = path
      .relative(folder, file)
      .split(path.sep)
      .join('/')
      .replace(/\.(?:json|wav(?:\.enc)?)$/, '');
    this.#tell('lookAt', { folder, name });
  }

  /** Ends it where it stands: nothing is lost that can't be read again. It starts again when it is asked. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #tell<Name extends keyof Orders>(order: Name, argument: Parameters<Orders[Name]>[0]): void {
    // What goes wrong with it is made good by the next look through the folders.
    this.#ask(order, argument).catch(() => undefined);
  }

  #ask<Name extends keyof Orders>(
    order: Name,
    argument: Parameters<Orders[Name]>[0],
  ): Promise<ReturnType<Orders[Name]>> {
    const late = `the index of recordings didn't answer to ${order} within ${ANSWER_MS / 1000} s`;
    return this.#questions.ask(ANSWER_MS, late, (request) => {
      this.#running().postMessage({ request, order, argument } satisfies Order<Name>);
    });
  }

  #running(): Worker {
    if (this.#worker) return this.#worker;
    const { file, execArgv } = workerFile(__dirname, 'archive-worker');
    const worker = new Worker(file, { workerData: { file: this.#file }, execArgv });
    this.#worker = worker;
    worker.unref();
    let reason = 'the index of recordings is closed';
    worker.on('message', (reply: Reply) => {
      this.#answer(reply);
    });
    worker.on('error', (error) => {
      reason = `the index of recordings failed: ${messageOf(error)}`;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#questions.abandon(new RecorderError('CLOSED', reason));
    });
    this.#tell('watch', this.#folders);
    return worker;
  }

  #answer(reply: Reply): void {
    if ('error' in reply)
      this.#questions.reject(
        reply.request,
        new RecorderError('CLOSED', `the index of recordings failed: ${reply.error}`),
      );
    else this.#questions.resolve(reply.request, reply.answer);
  }
}
