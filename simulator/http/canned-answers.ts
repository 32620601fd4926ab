import type { ServerResponse } from 'node:http';
import type { RequestRecord } from '../journal';

/** An answer to give instead of the server's own. Whether the request keeps to the specification is checked all the same. */
export interface Override {
  /** @default any */
  readonly method?: string | undefined;
  /** Exact path, with or without `/api/rest/1.0`; `{nodeId}` and the like match any segment. Or a pattern. @default any */
  readonly path?: string | RegExp | undefined;
  /** How many requests it applies to. @default 1 */
  readonly times?: number | undefined;
  /** Milliseconds to wait before the answer; without `status` the server's own answer comes then. */
  readonly delayMs?: number | undefined;
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Milliseconds between the bytes of the answer. */
  readonly dripMs?: number | undefined;
  /** No answer at all; the connection stays. */
  readonly hang?: boolean | undefined;
  /** The connection is reset instead of an answer. */
  readonly reset?: boolean | undefined;
  /** What was asked for is done all the same: only the answer is lost or false. @default false */
  readonly execute?: boolean | undefined;
}

/** An answer on its way out. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string;
}

const API_ROOT = '/api/rest/1.0';

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&');

function patternOf(path: string): RegExp {
  return new RegExp(
    `^(${API_ROOT})?${path
      .split(/\{[^}]*\}/)
      .map(escapeRegExp)
      .join('[^/]+')}$`,
  );
}

interface PendingOverride {
  readonly override: Override;
  readonly pattern: RegExp | undefined;
  left: number;
}

/** The overrides that wait for their request, first come first served. */
export class Overrides {
  #pending: PendingOverride[] = [];

  add(override: Override): void {
    const { path, times = 1 } = override;
    this.#pending.push({ override, left: times, pattern: typeof path === 'string' ? patternOf(path) : path });
  }

  clear(): void {
    this.#pending = [];
  }

  /** The override for a request, if there is one; it is used up by that. */
  take({ method, path }: Pick<RequestRecord, 'method' | 'path'>): Override | undefined {
    const found = this.#pending.find(
      ({ override, pattern }) =>
        (override.method === undefined || override.method === method) && (pattern?.test(path) ?? true),
    );
    if (!found) return undefined;
    found.left -= 1;
    if (found.left <= 0) this.#pending = this.#pending.filter((other) => other !== found);
    return found.override;
  }
}

/** The answer that an override describes. `undefined` when it leaves the server's own answer alone. */
export function overriddenResponse({ status, headers, body }: Override): HttpResponse | undefined {
  if (status === undefined && body === undefined && headers === undefined) return undefined;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type =
    text === '' ? {} : { 'Content-Type': typeof body === 'string' ? 'text/html' : 'application/json' };
  return { status: status ?? 200, headers: { ...type, ...headers }, body: text };
}

/** Writes an answer; with `dripMs` a byte at a time. */
export function writeResponse(
  response: ServerResponse,
  { status, headers, body }: HttpResponse,
  dripMs?: number,
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'Content-Length': bytes.length }) });
  if (dripMs === undefined) response.end(status === 204 ? undefined : bytes);
  else drip(response, bytes, dripMs);
}

function drip(response: ServerResponse, bytes: Buffer, intervalMs: number): void {
  response.flushHeaders();
  let offset = 0;
  const timer = setInterval(() => {
    if (offset < bytes.length) response.write(bytes.subarray(offset, ++offset));
    else response.end();
  }, intervalMs);
  response.on('close', () => {
    clearInterval(timer);
  });
}
