import type { IncomingMessage, ServerResponse } from 'node:http';
import { controlRoutes, type Route } from './control-routes';
import { Listener } from '../http';
import type { Simulator } from '../simulator-api';

/** What the control port says to a request that it can't serve. */
class ControlError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Opens the control port, on loopback only: it can break everything, so nobody else may reach it.
 * Every route takes and gives JSON; `GET /` lists them.
 */
export async function startControl(simulator: Simulator, port: number): Promise<Listener> {
  const routes = controlRoutes(simulator);
  const listener = new Listener({ host: '127.0.0.1' }, port, (request, response) => {
    void handleRequest(routes, request, response);
  });
  await listener.up();
  return listener;
}

async function handleRequest(
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    refuseBrowsers(request);
    const { route, id } = findRoute(routes, request.method ?? '', request.url ?? '/');
    const result = await route.run(await readJson(request), id);
    writeJson(response, 200, result ?? { done: true });
  } catch (error) {
    const status =
      error instanceof ControlError
        ? error.status
        : error instanceof RangeError || error instanceof SyntaxError
          ? 400
          : 500;
    writeJson(response, status, { error: error instanceof Error ? error.message : String(error) });
  }
}

/** A page in the developer's browser must not be able to drive the simulator: only browsers send Origin. */
function refuseBrowsers(request: IncomingMessage): void {
  if (request.headers.origin !== undefined)
    throw new ControlError(403, 'Requests of web pages are not served');
}

function findRoute(routes: readonly Route[], method: string, url: string): { route: Route; id: string } {
  const segments = (url.split('?')[0] ?? '')
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeURIComponent);
  for (const route of routes) {
    const template = route.path.split('/').filter((segment) => segment !== '');
    if (route.method !== method || template.length !== segments.length) continue;
    if (template.every((part, index) => part === '{id}' || part === segments[index])) {
      return { route, id: segments[template.indexOf('{id}')] ?? '' };
    }
  }
  throw new ControlError(404, `There is no ${method} ${url}: GET / lists what there is`);
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  if (text === '') return {};
  const value = JSON.parse(text) as unknown; // a SyntaxError is told to the caller
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ControlError(400, 'A JSON object is expected');
  return value as Record<string, unknown>;
}

function writeJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(body, undefined, 2)}\n`);
}
