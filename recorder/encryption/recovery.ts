/** What a crash left of an encrypted file: each frame is looked at, and what is whole stays. */
import { FrameCipher, FILE_HEADER_BYTES, FrameLayout, FRAME_OVERHEAD_BYTES, readFileHeader } from './format';
import { EncryptedFile } from './encrypted-file';
import { RecorderError } from '../common';
import { findKey, type FileKey } from './file-keys';
import type { OpenFile } from '../disk';

export interface ReopenedFile {
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
export async function reopenEncryptedFile(
  file: OpenFile,
  size: number,
  keyId: string,
  keys: readonly FileKey[],
  filler: number,
): Promise<ReopenedFile> {
  // The crash came before the first write.
  if (size < FILE_HEADER_BYTES)
    return { file: EncryptedFile.create(file, findKey(keyId, keys)), bytes: 0, finished: false, lost: [] };
  const header = readFileHeader(await file.read(0, FILE_HEADER_BYTES));
  const key = findKey(header.keyId, keys);
  const layout = new FrameLayout(header.frameBytes);
  const cipher = new FrameCipher(header, key);
  let bytes = layout.contentLength(size);
  const last = layout.frameCount(bytes) - 1;
  const torn = new Map<number, Buffer>();
  let finished = false;
  for (let frame = 0; frame <= last; frame += 1) {
    const length = Math.min(layout.fullContentLength(frame), bytes - layout.contentStart(frame));
    const sealed = await file.read(layout.frameOffset(frame), length + FRAME_OVERHEAD_BYTES);
    if (cipher.open(frame, false, sealed)) continue;
    if (frame === last && cipher.open(frame, true, sealed)) finished = true;
    else torn.set(frame, Buffer.alloc(length, filler));
  }
  if (torn.size > last && bytes > 0)
    throw new RecorderError('ALTERED', 'no part of the recording can be read with its key');
  if (torn.delete(last)) bytes = layout.contentStart(last);
  const lost = [...torn].map(([frame, { length }]) => ({
    from: layout.contentStart(frame),
    to: layout.contentStart(frame) + length,
  }));
  return {
    file: EncryptedFile.resume(file, header, key, bytes, torn),
    bytes,
    finished: finished && torn.size === 0,
    lost,
  };
}
