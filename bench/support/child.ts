/** A process of the benchmark: what it tells can be awaited, and it ends with us. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type Told = Readonly<Record<string, unknown>> & { readonly told: string };

export class Child {
  readonly #process: ChildProcess;
  readonly #news: Told[] = [];
  #wake = (): void => undefined;

  /** @param script in this folder */
  constructor(script: string, args: readonly string[] = [], flags: readonly string[] = []) {
    this.#process = fork(join(__dirname, script), args, { execArgv: ['--require', 'tsx/cjs', ...flags] });
    this.#process.on('message', (news) => {
      this.#news.push(news as Told);
      this.#wake();
    });
    this.#process.once('exit', (code) => {
      this.#news.push({ told: 'exit', code });
      this.#wake();
    });
  }

  send(message: object): void {
    this.#process.send(message);
  }

  /** The next thing of this kind that it tells, or has told and nobody took. */
  async told(kind: string, matches: (news: Told) => boolean = () => true): Promise<Told> {
    for (;;) {
      const index = this.#news.findIndex((news) => news.told === kind && matches(news));
      const [found] = index === -1 ? [] : this.#news.splice(index, 1);
      if (found) return found;
      if (this.#news.some(({ told }) => told === 'exit'))
        throw new Error(`a process of the benchmark ended before it told "${kind}"`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async end(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill();
    if (this.#process.exitCode === null && this.#process.signalCode === null) await gone;
  }
}
