/** The one place where a recording is read: its content from any byte on. */
import { open, type FileHandle } from 'node:fs/promises';
import type { FileKey } from './file-keys';

export interface OpenRecording {
  readonly bytes: number;
  readonly encrypted: boolean;
  readonly finished: boolean;
  read(start?: number, end?: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

const PIECE = 128 * 1024;

export async function openRecording(path: string, keys: readonly FileKey[]): Promise<OpenRecording> {
  if (keys.length > 0) throw new Error(path);
  const handle = await open(path, 'r');
  return new PlainRecording(handle, !path.endsWith('.part'), (await handle.stat()).size);
}

class PlainRecording implements OpenRecording {
  readonly encrypted = false;

  constructor(private readonly handle: FileHandle, readonly finished: boolean, readonly bytes: number) {}

  async* read(start = 0, end = this.bytes): AsyncIterable<Uint8Array> {
    for (let from = start; from < Math.min(end, this.bytes);) {
      const { bytesRead, buffer } = await this.handle.read(Buffer.alloc(Math.min(PIECE, Math.min(end, this.bytes) - from)), 0, null, from);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      from += bytesRead;
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
