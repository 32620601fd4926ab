/**
 * What is said in the tunnel, all of it in this file. No public text defines the messages of O2G's WebSocket agent (the specification, "O2G
 * Services Through Websocket", lost its pictures), and no real agent has met these defaults. A mapping of the user's replaces names, nesting
 * and fixed fields, the day the definition is at hand.
 */
import { isEvent, invalid, type O2GEvent } from '../spec';
import { isObject, parseJsonObject, type JsonObject } from '../util';

/** Where the parts of a message are, as dotted paths from its root; `fixed`: fields that such a message always has, by dotted path too. */
interface MessageLayout<Part extends string> {
  readonly parts: Readonly<Record<Part, string>>;
  readonly fixed: Readonly<Record<string, string | number | boolean>>;
}

export interface TunnelFormat {
  /** From us to the agent: one HTTP request. */
  readonly request: MessageLayout<'id' | 'method' | 'path' | 'headers' | 'body'>;
  /** From the agent to us: its HTTP response. */
  readonly response: MessageLayout<'id' | 'status' | 'headers' | 'body'>;
  /** From the agent to us: one event of a subscription. */
  readonly event: MessageLayout<'subscription' | 'event'>;
  /** Name of the query parameter that gives a subscription its identifier. */
  readonly subscriptionQuery: string;
  /** HTTP bodies travel as text, or as JSON within the message. */
  readonly bodies: 'text' | 'json';
}

/** The largest message, in bytes, that either end takes: answers of the largest servers are some megabytes. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export const DEFAULT_FORMAT: TunnelFormat = {
  request: {
    parts: { id: 'id', method: 'method', path: 'path', headers: 'headers', body: 'body' },
    fixed: { type: 'request' },
  },
  response: {
    parts: { id: 'id', status: 'status', headers: 'headers', body: 'body' },
    fixed: { type: 'response' },
  },
  event: { parts: { subscription: 'subscription', event: 'event' }, fixed: { type: 'event' } },
  subscriptionQuery: 'id',
  bodies: 'text',
};

/** An HTTP request in the tunnel. `path` has the query; an absent body is the empty text. */
export interface TunnelRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface TunnelResponse {
  readonly id: string;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string;
}

export interface TunnelEvent {
  readonly subscription: string;
  readonly event: O2GEvent;
}

/**
 * Reads a mapping of the user's, JSON with the fields of `TunnelFormat`; what it leaves out stays as it is by default.
 * @throws O2GError `INVALID_INPUT`, naming what is wrong
 */
export function readFormat(text: string): TunnelFormat {
  const given = asObject(parseJson(text), 'tunnelFormat');
  for (const name of Object.keys(given))
    if (!(name in DEFAULT_FORMAT))
      throw invalid('tunnelFormat', name, `made of ${Object.keys(DEFAULT_FORMAT).join(', ')}`);
  const { subscriptionQuery = DEFAULT_FORMAT.subscriptionQuery, bodies = DEFAULT_FORMAT.bodies } = given;
  if (typeof subscriptionQuery !== 'string' || !/^[\w.-]+$/.test(subscriptionQuery))
    throw invalid('tunnelFormat.subscriptionQuery', subscriptionQuery, 'the name of a query parameter');
  if (bodies !== 'text' && bodies !== 'json') throw invalid('tunnelFormat.bodies', bodies, 'text or json');
  return {
    request: readLayout('request', given.request, DEFAULT_FORMAT.request),
    response: readLayout('response', given.response, DEFAULT_FORMAT.response),
    event: readLayout('event', given.event, DEFAULT_FORMAT.event),
    subscriptionQuery,
    bodies,
  };
}

function readLayout<Part extends string>(
  name: string,
  given: unknown,
  defaults: MessageLayout<Part>,
): MessageLayout<Part> {
  if (given === undefined) return defaults;
  const { parts = {}, fixed = {} } = asObject(given, `tunnelFormat.${name}`);
  const paths: Record<string, string> = { ...defaults.parts };
  for (const [part, path] of Object.entries(asObject(parts, `tunnelFormat.${name}.parts`))) {
    if (!(part in paths))
      throw invalid(`tunnelFormat.${name}.parts`, part, `made of ${Object.keys(paths).join(', ')}`);
    if (!isPath(path))
      throw invalid(`tunnelFormat.${name}.parts.${part}`, path, 'a field, or fields with dots between them');
    paths[part] = path;
  }
  const constants: Record<string, string | number | boolean> = {};
  for (const [path, value] of Object.entries(asObject(fixed, `tunnelFormat.${name}.fixed`))) {
    if (!isPath(path))
      throw invalid(`tunnelFormat.${name}.fixed`, path, 'a field, or fields with dots between them');
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw invalid(`tunnelFormat.${name}.fixed.${path}`, value, 'a text, a number or a boolean');
    constants[path] = value;
  }
  return { parts: paths as Record<Part, string>, fixed: constants };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid('tunnelFormat', text.slice(0, 80), 'JSON');
  }
}

function asObject(value: unknown, field: string): JsonObject {
  if (!isObject(value)) throw invalid(field, value, 'an object');
  return value;
}

function isPath(value: unknown): value is string {
  return (
    typeof value === 'string' && value.split('.').every((field) => field !== '' && field !== '__proto__')
  );
}

// --- our side of the tunnel ---------------------------------------------------------------------------------------------------

export function writeRequest(
  { request, bodies }: TunnelFormat,
  { id, method, path, headers, body }: TunnelRequest,
): string {
  return serialize(request, { id, method, path, headers, body: encodeBody(body, bodies) });
}

/** What an agent says; undefined for what the format doesn't know. */
export function readAgentMessage(
  format: TunnelFormat,
  text: string,
): TunnelResponse | TunnelEvent | undefined {
  const message = parseJsonObject(text);
  if (!message) return undefined;
  if (matchesLayout(format.event, message)) {
    const subscription = getPath(message, format.event.parts.subscription);
    const event = parseEvent(getPath(message, format.event.parts.event));
    if (isIdentifier(subscription) && event) return { subscription: String(subscription), event };
  }
  if (!matchesLayout(format.response, message)) return undefined;
  const { parts } = format.response;
  const id = getPath(message, parts.id);
  const status = Number(getPath(message, parts.status));
  if (!isIdentifier(id) || !Number.isInteger(status) || status < 100 || status > 599) return undefined;
  return {
    id: String(id),
    status,
    headers: readHeaders(getPath(message, parts.headers)),
    body: decodeBody(getPath(message, parts.body)),
  };
}

// --- the agent's side ---------------------------------------------------------------------------------------------------------

/** What is asked of an agent; undefined for what the format doesn't know. */
export function readRequest({ request }: TunnelFormat, text: string): TunnelRequest | undefined {
  const message = parseJsonObject(text);
  if (!message || !matchesLayout(request, message)) return undefined;
  const [id, method, path] = [request.parts.id, request.parts.method, request.parts.path].map((part) =>
    getPath(message, part),
  );
  if (!isIdentifier(id) || typeof method !== 'string' || typeof path !== 'string' || !path.startsWith('/'))
    return undefined;
  const headers = Object.fromEntries(
    Object.entries(readHeaders(getPath(message, request.parts.headers))).map(([name, value]) => [
      name,
      String(value),
    ]),
  );
  return { id: String(id), method, path, headers, body: decodeBody(getPath(message, request.parts.body)) };
}

export function writeResponse(
  { response, bodies }: TunnelFormat,
  { id, status, headers, body }: TunnelResponse,
): string {
  return serialize(response, { id, status, headers, body: encodeBody(body, bodies) });
}

export function writeEvent({ event: layout }: TunnelFormat, { subscription, event }: TunnelEvent): string {
  return serialize(layout, { subscription, event });
}

// --- messages as trees --------------------------------------------------------------------------------------------------------

function serialize<Part extends string>(
  { parts, fixed }: MessageLayout<Part>,
  values: Readonly<Record<Part, unknown>>,
): string {
  const message: JsonObject = {};
  for (const [path, value] of Object.entries(fixed)) setPath(message, path, value);
  for (const part of Object.keys(parts) as Part[]) setPath(message, parts[part], values[part]);
  return JSON.stringify(message);
}

function setPath(tree: JsonObject, path: string, value: unknown): void {
  const fields = path.split('.');
  const last = fields.pop() ?? '';
  let branch = tree;
  for (const field of fields) {
    const next = branch[field];
    branch = isObject(next) ? next : (branch[field] = {});
  }
  branch[last] = value;
}

function getPath(tree: JsonObject, path: string): unknown {
  let value: unknown = tree;
  for (const field of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, field)) return undefined;
    value = value[field];
  }
  return value;
}

function matchesLayout({ fixed }: MessageLayout<string>, message: JsonObject): boolean {
  return Object.entries(fixed).every(([path, value]) => getPath(message, path) === value);
}

const isIdentifier = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number';

function readHeaders(value: unknown): Record<string, string | string[]> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => [
      name.toLowerCase(),
      Array.isArray(content) ? content.map(String) : String(content),
    ]),
  );
}

function decodeBody(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function encodeBody(body: string, bodies: TunnelFormat['bodies']): unknown {
  if (bodies === 'text' || body === '') return body;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    // A page or plain text: it can travel as text only.
    return body;
  }
}

function parseEvent(value: unknown): O2GEvent | undefined {
  if (typeof value === 'string') return parseEvent(parseJsonObject(value));
  return isEvent(value) ? value : undefined;
}
