import type { ServerResponse } from 'node:http';

/** How a channel ends. */
export type ChannelEnd =
  /** The last chunk is sent, then the connection closed: nothing written before is lost. */
  | 'clean'
  /** The connection is closed without the last chunk, as older servers do; nothing written before is lost. */
  | 'cut'
  /** The connection is reset: what the other side hasn't received yet is lost with it. */
  | 'reset';

/** How the bytes of a channel are cut into writes; every write is a chunk and a segment of its own. */
export interface Splitter {
  /** Bytes of the next write, at least 1. */
  next(): number;
}

export interface ChannelOptions {
  /** The line that comes first. */
  readonly greeting: string;
  /** How to cut what is written; `undefined` for not at all. */
  splitter(): Splitter | undefined;
  /** Resets the connection underneath. */
  reset(): void;
  /** The channel ended; these lines were never taken by the socket. */
  onClose(unwritten: readonly string[]): void;
}

interface PendingWrite {
  readonly line: string | undefined;
  /** Position in the stream of pieces after the last byte; the line is written when the pieces got there. */
  readonly end: number;
}

const LINE_END = '\r\n';

/**
 * One open event channel: a chunked answer that never ends by itself, one JSON object a line.
 * Lines are kept until the socket took them; what it didn't take goes back to the subscription's queue.
 */
export class EventChannel {
  readonly #response: ServerResponse;
  readonly #options: ChannelOptions;
  #muted: boolean;
  readonly #unwritten = new Set<PendingWrite>();
  readonly #writtenWaiters: (() => void)[] = [];
  #chunks: Buffer[] = [];
  #chunksEnd = 0;
  #writtenEnd = 0;
  #pumping = false;
  #closed = false;

  constructor(response: ServerResponse, options: ChannelOptions, muted: boolean) {
    this.#response = response;
    this.#options = options;
    this.#muted = muted;
    response.on('close', () => {
      this.#handleEnd();
    });
    response.on('error', () => undefined); // 'close' follows, and says all there is to say
    if (!muted) this.#sendGreeting();
  }

  /** Mutes the channel, or lets it speak (again). */
  mute(muted: boolean): void {
    this.#muted = muted;
    if (!muted && !this.#response.headersSent) this.#sendGreeting();
  }

  #sendGreeting(): void {
    this.#response.socket?.setNoDelay(true);
    this.#response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    this.writeRaw(this.#options.greeting + LINE_END);
  }

  /** Whether lines are taken: neither ended nor silent. */
  get writable(): boolean {
    return !this.#closed && !this.#muted;
  }

  /** Writes one line; it is given back by `onClose` when the socket never took it. */
  writeLine(text: string): void {
    this.#enqueue(text + LINE_END, text);
  }

  /** Writes bytes as they are, at once or never. */
  writeRaw(bytes: Buffer | string): void {
    if (this.writable) this.#enqueue(bytes, undefined);
  }

  /** Writes a line that is worth nothing later: it is not kept when the socket doesn't take it. */
  keepalive(text: string): void {
    this.writeRaw(text + LINE_END);
  }

  /** Resolves when everything accepted so far is with the socket, or the channel has ended. */
  written(): Promise<void> {
    if (this.#unwritten.size === 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#writtenWaiters.push(resolve));
  }

  end(how: ChannelEnd): void {
    if (how === 'clean' && this.#response.headersSent) {
      this.#response.end();
      this.#response.socket?.end();
    } else if (how === 'reset') {
      this.#options.reset();
    } else {
      this.#response.socket?.destroy();
    }
    this.#handleEnd();
  }

  #enqueue(bytes: Buffer | string, line: string | undefined): void {
    const splitter = this.#options.splitter();
    if (splitter || this.#pumping) {
      const chunk = Buffer.from(bytes);
      this.#chunks.push(chunk);
      this.#chunksEnd += chunk.length;
      this.#unwritten.add({ line, end: this.#chunksEnd });
      this.#pump();
      return;
    }
    const pending: PendingWrite = { line, end: 0 };
    this.#unwritten.add(pending);
    this.#response.write(bytes, (error) => {
      if (!error) this.#markWritten(pending);
    });
  }

  #markWritten(pending: PendingWrite): void {
    this.#unwritten.delete(pending);
    if (this.#unwritten.size === 0) for (const resolve of this.#writtenWaiters.splice(0)) resolve();
  }

  /** Writes the pieces one after the other, each in a turn of the event loop of its own so that none are joined again. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const step = (): void => {
      if (this.#closed) return;
      const joined =
        this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
      if (joined.length === 0) {
        this.#pumping = false;
        return;
      }
      const size = Math.max(1, this.#options.splitter()?.next() ?? joined.length);
      this.#chunks = [joined.subarray(size)];
      const chunk = joined.subarray(0, size);
      this.#response.write(chunk, (error) => {
        if (error) return;
        this.#writtenEnd += chunk.length;
        for (const pending of this.#unwritten) {
          if (pending.end > this.#writtenEnd) break;
          this.#markWritten(pending);
        }
        setImmediate(step);
      });
    };
    step();
  }

  #handleEnd(): void {
    if (this.#closed) return;
    this.#closed = true;
    const lines = [...this.#unwritten].flatMap(({ line }) => line ?? []);
    this.#unwritten.clear();
    for (const resolve of this.#writtenWaiters.splice(0)) resolve();
    this.#options.onClose(lines);
  }
}
