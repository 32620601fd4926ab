/** What a crash left of an encrypted file: each frame is looked at, and what is whole stays. */
import { FrameCipher, HEAD_BYTES, Layout, OVERHEAD, readHead } from './format';
import { EncryptedFile } from './encrypted-file';
import { RecorderError } from '../common';
import { keyFor, type FileKey } from './file-keys';
import type { OpenFile } from '../disk';

export interface Reopened {
  readonly file: OpenFile;
  /** Length of the content. */
  readonly bytes: number;
  /** It was complete: nothing is to be changed. */
  readonly finished: boolean;
  /** Stretches of the content that couldn't be read: `filler` is there now. */
  readonly lost: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Opens an unfinished encrypted file to go on writing it. A frame that the crash tore is lost: at the end, with what it held; in between, which only
 * a power failure does, `filler` takes its place.
 * @param keyId for a file in which there is nothing yet
 * @throws RecorderError `KEY_UNKNOWN`; `ALTERED` when no frame can be read
 */
export async function reopenEncrypted(
  file: OpenFile,
  size: number,
  keyId: string,
  keys: readonly FileKey[],
  filler: number,
): Promise<Reopened> {
  // The crash came before the first write.
  if (size < HEAD_BYTES)
    return { file: EncryptedFile.create(file, keyFor(keyId, keys)), bytes: 0, finished: false, lost: [] };
  const head = readHead(await file.read(0, HEAD_BYTES));
  const key = keyFor(head.keyId, keys);
  const layout = new Layout(head.frameLength);
  const cipher = new FrameCipher(head, key);
  let bytes = layout.contentOf(size);
  const last = layout.frames(bytes) - 1;
  const torn = new Map<number, Buffer>();
  let finished = false;
  for (let frame = 0; frame <= last; frame += 1) {
    const length = Math.min(layout.fullLength(frame), bytes - layout.startOf(frame));
    const sealed = await file.read(layout.offsetOf(frame), length + OVERHEAD);
    if (cipher.open(frame, false, sealed)) continue;
    if (frame === last && cipher.open(frame, true, sealed)) finished = true;
    else torn.set(frame, Buffer.alloc(length, filler));
  }
  if (torn.size > last && bytes > 0)
    throw new RecorderError('ALTERED', 'no part of the recording can be read with its key');
  if (torn.delete(last)) bytes = layout.startOf(last);
  const lost = [...torn].map(([frame, { length }]) => ({
    from: layout.startOf(frame),
    to: layout.startOf(frame) + length,
  }));
  return {
    file: EncryptedFile.goOn(file, head, key, bytes, torn),
    bytes,
    finished: finished && torn.size === 0,
    lost,
  };
}
