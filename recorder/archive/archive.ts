/**
 * Recordings as they are found again: an index of their metadata files, in a worker, so that neither a search nor the reading of thousands of
 * files keeps the main thread from its events. It starts when it is first asked.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { messageOf, RecorderError, workerFile, WorkerRpc } from '../common';
import type { RecordingLocation } from './catalogue';
import type { SearchResult, ArchiveRequest, ArchiveMethods, ArchiveReply } from './protocol';
import type { Search } from './search';

/** A disk that hangs doesn't answer; nobody waits for it longer than this. */
const RESPONSE_TIMEOUT_MS = 20_000;

export class Archive {
  readonly #file: string;
  #folders: readonly string[] = [];
  #worker: Worker | undefined;
  readonly #rpc = new WorkerRpc();

  /** @param file of the index: it may be lost at any time. Nobody else may use it */
  constructor(file: string) {
    this.#file = file;
  }

  /** The folders whose recordings are found, absolute paths. Others are forgotten. */
  watch(folders: readonly string[]): void {
    const distinct = [...new Set(folders)].sort();
    if (JSON.stringify(distinct) === JSON.stringify(this.#folders)) return;
    this.#folders = distinct;
    if (this.#worker) this.#notify('watch', distinct);
  }

  /**
   * The newest first. While the index is made it answers with what it has, and says so.
   * @throws RecorderError `TIMEOUT`, `CLOSED`
   */
  search(search: Search): Promise<SearchResult> {
    return this.#request('search', search);
  }

  /** Where a recording lies; undefined for what isn't known. @throws RecorderError `TIMEOUT`, `CLOSED` */
  locate(id: string): Promise<RecordingLocation | undefined> {
    return this.#request('locate', id);
  }

  /** Something happened to a recording: it is finished, changed or gone. @param file absolute path of its audio or of its metadata */
  refresh(folder: string, file: string): void {
    // Whoever starts it later looks through all folders first.
    if (!this.#worker) return;
    const name = path
      .relative(folder, file)
      .split(path.sep)
      .join('/')
      .replace(/\.(?:json|wav(?:\.enc)?)$/, '');
    this.#notify('refresh', { folder, name });
  }

  /** Ends it where it stands: nothing is lost that can't be read again. It starts again when it is asked. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #notify<Name extends keyof ArchiveMethods>(
    method: Name,
    argument: Parameters<ArchiveMethods[Name]>[0],
  ): void {
    // What goes wrong with it is made good by the next look through the folders.
    this.#request(method, argument).catch(() => undefined);
  }

  #request<Name extends keyof ArchiveMethods>(
    method: Name,
    argument: Parameters<ArchiveMethods[Name]>[0],
  ): Promise<ReturnType<ArchiveMethods[Name]>> {
    const timeoutMessage = `the index of recordings didn't answer to ${method} within ${RESPONSE_TIMEOUT_MS / 1000} s`;
    return this.#rpc.request(RESPONSE_TIMEOUT_MS, timeoutMessage, (requestId) => {
      this.#startedWorker().postMessage({ requestId, method, argument } satisfies ArchiveRequest<Name>);
    });
  }

  #startedWorker(): Worker {
    if (this.#worker) return this.#worker;
    const { file, execArgv } = workerFile(__dirname, 'archive-worker');
    const worker = new Worker(file, { workerData: { file: this.#file }, execArgv });
    this.#worker = worker;
    worker.unref();
    let reason = 'the index of recordings is closed';
    worker.on('message', (reply: ArchiveReply) => {
      this.#onReply(reply);
    });
    worker.on('error', (error) => {
      reason = `the index of recordings failed: ${messageOf(error)}`;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#rpc.rejectAll(new RecorderError('CLOSED', reason));
    });
    this.#notify('watch', this.#folders);
    return worker;
  }

  #onReply(reply: ArchiveReply): void {
    if ('error' in reply)
      this.#rpc.reject(
        reply.requestId,
        new RecorderError('CLOSED', `the index of recordings failed: ${reply.error}`),
      );
    else this.#rpc.resolve(reply.requestId, reply.result);
  }
}
