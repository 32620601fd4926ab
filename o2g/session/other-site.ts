/**
 * A visit to the site that is not spoken to: with a session of its own, which is closed at its end. The session of now knows nothing of it.
 */
import type { Side } from './site-urls';
import { readAnswer } from './responses';
import { requestOf, type AnswerOf, type BodyOf, type OperationName, type ParametersOf } from '../spec';
import { callIn, logIn, type Account } from './login';
import type { Answer, Call } from '../transport';

/** Performs one operation there. @throws O2GError */
export type Ask = <Name extends OperationName>(
  name: Name,
  parameters: ParametersOf<Name>,
  body: BodyOf<Name>,
) => Promise<AnswerOf<Name>>;

/**
 * @param site origin of the site, as the user typed it
 * @throws Denied when it refuses the account; O2GError what the site, the transport or the work says
 */
export async function visit<T>(
  site: URL,
  side: Side,
  account: Account,
  send: (call: Call) => Promise<Answer>,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const open = await logIn(site, side, account, send);
  const ask: Ask = async (name, parameters, body) =>
    readAnswer(name, await send(callIn(open, requestOf(name, parameters, body))));
  try {
    return await work(ask);
  } finally {
    // If that isn't heard, the session ends with its time to live.
    await ask('closeSession', {}, undefined).catch(() => undefined);
  }
}
