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

interface Pending {
  readonly line: string | undefined;
  /** Position in the stream of pieces after the last byte; the line is written when the pieces got there. */
  readonly end: number;
}

const LINE_END = '\r\n';

/**
 * One open event channel: a chunked answer that never ends by itself, one JSON object a line.
 * Lines are kept until the socket took them; what it didn't take goes back to the subscription's queue.
 */
export class Channel {
  private readonly unwritten = new Set<Pending>();
  private readonly waiting: (() => void)[] = [];
  private pieces: Buffer[] = [];
  private piecesEnd = 0;
  private pieceAt = 0;
  private pumping = false;
  private closed = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly options: ChannelOptions,
    private muted: boolean,
  ) {
    response.on('close', () => {
      this.ended();
    });
    response.on('error', () => undefined); // 'close' follows, and says all there is to say
    if (!muted) this.greet();
  }

  /** Mutes the channel, or lets it speak (again). */
  mute(muted: boolean): void {
    this.muted = muted;
    if (!muted && !this.response.headersSent) this.greet();
  }

  private greet(): void {
    this.response.socket?.setNoDelay(true);
    this.response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    this.raw(this.options.greeting + LINE_END);
  }

  /** Whether lines are taken: neither ended nor silent. */
  get takes(): boolean {
    return !this.closed && !this.muted;
  }

  /** Writes one line; it is given back by `onClose` when the socket never took it. */
  line(text: string): void {
    this.enqueue(text + LINE_END, text);
  }

  /** Writes bytes as they are, at once or never. */
  raw(bytes: Buffer | string): void {
    if (this.takes) this.enqueue(bytes, undefined);
  }

  /** Writes a line that is worth nothing later: it is not kept when the socket doesn't take it. */
  keepalive(text: string): void {
    this.raw(text + LINE_END);
  }

  /** Resolves when everything accepted so far is with the socket, or the channel has ended. */
  written(): Promise<void> {
    if (this.unwritten.size === 0 || this.closed) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  end(how: ChannelEnd): void {
    if (how === 'clean' && this.response.headersSent) {
      this.response.end();
      this.response.socket?.end();
    } else if (how === 'reset') {
      this.options.reset();
    } else {
      this.response.socket?.destroy();
    }
    this.ended();
  }

  private enqueue(bytes: Buffer | string, line: string | undefined): void {
    const splitter = this.options.splitter();
    if (splitter || this.pumping) {
      const piece = Buffer.from(bytes);
      this.pieces.push(piece);
      this.piecesEnd += piece.length;
      this.unwritten.add({ line, end: this.piecesEnd });
      this.pump();
      return;
    }
    const pending: Pending = { line, end: 0 };
    this.unwritten.add(pending);
    this.response.write(bytes, (error) => {
      if (!error) this.taken(pending);
    });
  }

  private taken(pending: Pending): void {
    this.unwritten.delete(pending);
    if (this.unwritten.size === 0) for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Writes the pieces one after the other, each in a turn of the event loop of its own so that none are joined again. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    const step = (): void => {
      if (this.closed) return;
      const all = this.pieces.length === 1 && this.pieces[0] ? this.pieces[0] : Buffer.concat(this.pieces);
      if (all.length === 0) {
        this.pumping = false;
        return;
      }
      const size = Math.max(1, this.options.splitter()?.next() ?? all.length);
      this.pieces = [all.subarray(size)];
      const cut = all.subarray(0, size);
      this.response.write(cut, (error) => {
        if (error) return;
        this.pieceAt += cut.length;
        for (const pending of this.unwritten) {
          if (pending.end > this.pieceAt) break;
          this.taken(pending);
        }
        setImmediate(step);
      });
    };
    step();
  }

  private ended(): void {
    if (this.closed) return;
    this.closed = true;
    const lines = [...this.unwritten].flatMap(({ line }) => line ?? []);
    this.unwritten.clear();
    for (const resolve of this.waiting.splice(0)) resolve();
    this.options.onClose(lines);
  }
}
