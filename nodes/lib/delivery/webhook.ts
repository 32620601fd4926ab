/**
 * Webhook delivery: O2G posts each event to Node-RED's HTTP nodes server, at /o2g/<token>. One route for all servers, made once: Express has
 * no way to take a route back.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isEvent, parseJsonObject, TokenRegistry, type O2GEvent } from '../../../o2g';
import { oncePerRuntime } from '../lifecycle';

/** No event of an O2G server comes near this. */
const MAX_BODY_BYTES = 1024 * 1024;
/** An event whose body doesn't end must not hold up those behind it for ever. */
const BODY_TIMEOUT_MS = 10_000;

/** @returns false when there is no subscription that the event could belong to */
type EventConsumer = (event: O2GEvent) => boolean;

class Webhooks {
  readonly #consumers = new TokenRegistry<EventConsumer>();
  /** Events are taken in the order in which their requests came. */
  #previous: Promise<unknown> = Promise.resolve();

  /** @returns takes the receiver off again */
  register(token: string, consume: EventConsumer): () => void {
    return this.#consumers.add(token, consume);
  }

  handle(token: string, request: IncomingMessage, response: ServerResponse): void {
    const respond = (status: number): void => {
      response.writeHead(status).end();
    };
    const consume = this.#consumers.find(token);
    if (!consume) {
      request.resume();
      return respond(404);
    }
    const body = readBody(request);
    const previous = this.#previous;
    this.#previous = body.then(
      () => previous,
      () => previous,
    );
    void Promise.allSettled([body, previous]).then(([read]) => {
      if (read.status === 'rejected') return respond(413);
      const event = parseJsonObject(read.value);
      if (!isEvent(event)) return respond(400);
      respond(consume(event) ? 200 : 404);
    });
  }
}

/** The webhooks of a runtime. */
export const webhooksOf = oncePerRuntime((RED) => {
  const webhooks = new Webhooks();
  RED.httpNode.post('/o2g/:token', (request, response) => {
    webhooks.handle(request.params.token, request, response);
  });
  return webhooks;
});

/** Rejects for what is too long or doesn't end. A body that a middleware of Node-RED has read before is taken as it is. */
function readBody(request: IncomingMessage & { body?: unknown }): Promise<string> {
  if (Number(request.headers['content-length']) > MAX_BODY_BYTES)
    return Promise.reject(new Error('the body is too long'));
  if (request.readableEnded)
    return Promise.resolve(
      typeof request.body === 'string' ? request.body : JSON.stringify(request.body ?? ''),
    );
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => {
      reject(new Error('the body does not end'));
      request.destroy();
    }, BODY_TIMEOUT_MS);
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(new Error('the body is too long'));
    });
    request.once('end', () => {
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    request.once('close', () => {
      clearTimeout(timer);
      reject(new Error('the body broke off'));
    });
  });
}
