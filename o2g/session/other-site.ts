/**
 * A visit to the site that is not spoken to: with a session of its own, which is closed at its end. The session of now knows nothing of it.
 */
import type { ResolvedAccess } from './site-urls';
import { readResponse } from './responses';
import { requestOf, type ResponseOf, type BodyOf, type OperationName, type ParametersOf } from '../spec';
import { httpRequestOf, logIn, type Account } from './login';
import type { HttpResponse, HttpRequest } from '../transport';

/** Performs one operation there. @throws O2GError */
export type PerformOperation = <Name extends OperationName>(
  name: Name,
  parameters: ParametersOf<Name>,
  body: BodyOf<Name>,
) => Promise<ResponseOf<Name>>;

/**
 * @param site origin of the site, as the user typed it
 * @throws Denied when it refuses the account; O2GError what the site, the transport or the work says
 */
export async function runAtSite<T>(
  site: URL,
  access: ResolvedAccess,
  account: Account,
  send: (request: HttpRequest) => Promise<HttpResponse>,
  task: (perform: PerformOperation) => Promise<T>,
): Promise<T> {
  const open = await logIn(site, access, account, send);
  const perform: PerformOperation = async (name, parameters, body) =>
    readResponse(name, await send(httpRequestOf(open, requestOf(name, parameters, body))));
  try {
    return await task(perform);
  } finally {
    // If that isn't heard, the session ends with its time to live.
    await perform('closeSession', {}, undefined).catch(() => undefined);
  }
}
