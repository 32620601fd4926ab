/** A recording over HTTP: whole, or the part that is asked for (RFC 9110, section 14). */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { OpenRecording } from '../../../recorder';
import type { AdminRequest, AdminResponse } from '../admin';

/** Type, name and `ETag` are set before. Several ranges at once are answered with the whole, as the section allows. Rejects with what reading rejects with. */
export async function sendBytes(
  recording: OpenRecording,
  request: AdminRequest,
  response: AdminResponse,
): Promise<void> {
  const { bytes } = recording;
  const range = requestedRange(request, response, bytes);
  if (range === 'unsatisfiable') {
    response.status(416).set('Content-Range', `bytes */${bytes}`).removeHeader('Content-Type');
    response.end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: bytes - 1 };
  if (range) response.status(206).set('Content-Range', `bytes ${start}-${end}/${bytes}`);
  response.set('Content-Length', String(end - start + 1));
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  try {
    await pipeline(Readable.from(recording.read(start, end + 1)), response);
  } catch (error) {
    // Who listens may leave at any time: a player does so whenever it looks for another place.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Both ends belong to it. @returns undefined for the whole */
function requestedRange(
  request: AdminRequest,
  response: AdminResponse,
  bytes: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const condition = request.get('If-Range');
  if (condition !== undefined && condition !== response.get('ETag')) return undefined;
  const ranges = request.range(bytes);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1)
    return undefined;
  return ranges[0];
}
