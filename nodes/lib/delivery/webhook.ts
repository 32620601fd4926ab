/**
 * Webhook delivery: O2G posts each event to Node-RED's HTTP nodes server, at /o2g/<token>. One route for all servers, made once: Express has
 * no way to take a route back.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isEvent, objectIn, Tokens, type O2GEvent } from '../../../o2g';
import { oncePerRuntime } from '../lifecycle';

/** No event of an O2G server comes near this. */
const LARGEST_BODY = 1024 * 1024;
/** An event whose body doesn't end must not hold up those behind it for ever. */
const BODY_WITHIN_MS = 10_000;

/** @returns false when there is no subscription that the event could belong to */
type Take = (event: O2GEvent) => boolean;

class Webhooks {
  readonly #takers = new Tokens<Take>();
  /** Events are taken in the order in which their requests came. */
  #last: Promise<unknown> = Promise.resolve();

  /** @returns takes the receiver off again */
  receive(token: string, take: Take): () => void {
    return this.#takers.add(token, take);
  }

  answer(token: string, request: IncomingMessage, response: ServerResponse): void {
    const end = (status: number): void => {
      response.writeHead(status).end();
    };
    const take = this.#takers.find(token);
    if (!take) {
      request.resume();
      return end(404);
    }
    const body = readBody(request);
    const before = this.#last;
    this.#last = body.then(
      () => before,
      () => before,
    );
    void Promise.allSettled([body, before]).then(([read]) => {
      if (read.status === 'rejected') return end(413);
      const event = objectIn(read.value);
      if (!isEvent(event)) return end(400);
      end(take(event) ? 200 : 404);
    });
  }
}

/** The webhooks of a runtime. */
export const webhooksOf = oncePerRuntime((RED) => {
  const webhooks = new Webhooks();
  RED.httpNode.post('/o2g/:token', (request, response) => {
    webhooks.answer(request.params.token, request, response);
  });
  return webhooks;
});

/** Rejects for what is too long or doesn't end. A body that a middleware of Node-RED has read before is taken as it is. */
function readBody(request: IncomingMessage & { body?: unknown }): Promise<string> {
  if (Number(request.headers['content-length']) > LARGEST_BODY)
    return Promise.reject(new Error('the body is too long'));
  if (request.readableEnded)
    return Promise.resolve(
      typeof request.body === 'string' ? request.body : JSON.stringify(request.body ?? ''),
    );
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => {
      reject(new Error('the body does not end'));
      request.destroy();
    }, BODY_WITHIN_MS);
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length <= LARGEST_BODY) pieces.push(piece);
      else reject(new Error('the body is too long'));
    });
    request.once('end', () => {
      resolve(Buffer.concat(pieces).toString('utf8'));
    });
    request.once('close', () => {
      clearTimeout(timer);
      reject(new Error('the body broke off'));
    });
  });
}
