import http from 'node:http';
import https from 'node:https';

/** Retries of one event: "a little", so that a short outage loses nothing and a dead listener holds nobody up. */
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 500;
/** A listener that accepts and never answers would otherwise stop the deliveries for ever. */
const RESPONSE_TIMEOUT_MS = 5000;
/** Events waiting for a slow listener; more than that are dropped, oldest first. */
const MAX_QUEUED_EVENTS = 10_000;

/** Delivers the events of a subscription to a URL: one POST an event, in order, one at a time. */
export class Webhook {
  /** Events given up after the last attempt, or that fell out of the queue. */
  lost = 0;
  readonly #queue: string[] = [];
  readonly #deliveredWaiters: (() => void)[] = [];
  readonly #agent: http.Agent;
  #draining = false;
  #closed = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #endPause: (() => void) | undefined;

  constructor(readonly url: URL) {
    this.#agent =
      url.protocol === 'https:'
        ? new https.Agent({ keepAlive: true, maxSockets: 1 })
        : new http.Agent({ keepAlive: true, maxSockets: 1 });
  }

  push(body: string): void {
    this.#queue.push(body);
    if (this.#queue.length > MAX_QUEUED_EVENTS) {
      this.#queue.shift();
      this.lost += 1;
    }
    void this.#drain();
  }

  /** Resolves when every event pushed so far was answered or given up. */
  delivered(): Promise<void> {
    if (!this.#draining) return Promise.resolve();
    return new Promise((resolve) => this.#deliveredWaiters.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    clearTimeout(this.#retryTimer);
    this.#endPause?.();
    this.#agent.destroy();
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (let body = this.#queue.shift(); body !== undefined; body = this.#queue.shift())
      await this.#deliver(body);
    this.#draining = false;
    for (const resolve of this.#deliveredWaiters.splice(0)) resolve();
  }

  async #deliver(body: string): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS && !this.#closed; attempt += 1) {
      const status = await this.#post(body);
      // 404 is how a listener says that no subscription of its is active: again would not help.
      if ((status >= 200 && status < 300) || status === 404) return;
      if (attempt < MAX_ATTEMPTS) await this.#pause();
    }
    this.lost += 1;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      this.#retryTimer = setTimeout(resolve, RETRY_DELAY_MS);
    });
  }

  /** @returns the status of the answer; 0 when there was none */
  #post(body: string): Promise<number> {
    return new Promise((resolve) => {
      const client = this.url.protocol === 'https:' ? https : http;
      const request = client.request(this.url, {
        method: 'POST',
        agent: this.#agent,
        timeout: RESPONSE_TIMEOUT_MS,
        rejectUnauthorized: false,
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      });
      request.on('response', (response) => {
        response.resume();
        response.on('close', () => {
          resolve(response.statusCode ?? 0);
        });
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => {
        resolve(0);
      });
      request.end(body);
    });
  }
}
