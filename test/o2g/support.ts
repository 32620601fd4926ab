import type { Clock } from '../../o2g/util/clock';
import { HttpTransport, type TlsOptions } from '../../o2g/transport/http-transport';
import { Link, type LinkOptions, type LinkDependencies } from '../../o2g/link/link';
import type { Logger } from '../../o2g/util/logger';
import type { State } from '../../o2g/session/state-machine';
import { Session, type SessionOptions } from '../../o2g/session/session';
import type { O2GError } from '../../o2g/spec/errors';
import type { Signal } from '../../o2g/util/signal';
import type { Simulator } from '../../simulator/simulator-api';

/** What the library logged, a line each. */
export class LogBook implements Logger {
  readonly lines: string[] = [];
  readonly debugLines: string[] = [];
  info = (line: string): void => {
    this.lines.push(`info ${line}`);
  };
  warn = (line: string): void => {
    this.lines.push(`warn ${line}`);
  };
  debug = (line: string): void => {
    this.debugLines.push(line);
  };
}

/** A clock that runs so many times faster than time does: audits and back-offs come sooner, requests take as long as they take. */
export function fastClock(factor: number): Clock {
  const began = Date.now();
  return {
    now: () => began + (Date.now() - began) * factor,
    after: (ms, run) => {
      const timer = setTimeout(run, ms / factor);
      return {
        cancel: () => {
          clearTimeout(timer);
        },
      };
    },
  };
}

export interface Opened {
  readonly session: Session;
  readonly log: LogBook;
  readonly failures: O2GError[];
}

const sessions = new Set<Session>();

/** Closes what the tests of a file opened. */
export async function closeSessions(): Promise<void> {
  await Promise.all([...sessions].map((session) => session.close('removed')));
  sessions.clear();
}

/** A session with a simulator, open unless told otherwise. */
export function openSession(
  oxe: Pick<Simulator, 'url' | 'login' | 'password'>,
  options: Partial<SessionOptions> & {
    timeoutMs?: number;
    tls?: TlsOptions;
    password?: string;
    clock?: Clock;
  } = {},
): Opened {
  const { timeoutMs = 10_000, tls, password = oxe.password, clock, ...rest } = options;
  const log = new LogBook();
  const session = new Session(
    {
      sites: [new URL(oxe.url)],
      access: 'typed',
      account: { login: oxe.login, password, applicationName: 'test' },
      offlineWaitMs: 5000,
      lifetime: 0,
      ...rest,
    },
    {
      transport: new HttpTransport({ timeoutMs, ...(tls ? { tls } : {}) }),
      log,
      ...(clock ? { clock } : {}),
    },
  );
  const failures: O2GError[] = [];
  session.onFailure.on((error) => failures.push(error));
  sessions.add(session);
  session.open();
  return { session, log, failures };
}

/** A started link on a session. */
export function startLink(
  session: Session,
  options: Partial<LinkOptions> = {},
  parts: Partial<LinkDependencies> = {},
): Link {
  const link = new Link(
    { name: 'OXE 7', oxeNode: 7, recorder: 'OTHER', devices: [], onStop: 'close', ...options },
    session,
    { log: new LogBook(), ...parts },
  );
  link.start();
  return link;
}

/** The next news that the predicate accepts. */
export function next<T>(
  signal: Signal<T>,
  predicate: (news: T) => boolean,
  what: string,
  timeoutMs = 10_000,
): Promise<T> {
  const asked = new Error(`${what} did not come within ${timeoutMs} ms`);
  const seen: T[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      off();
      asked.message += `; what came: ${JSON.stringify(seen)}`;
      reject(asked);
    }, timeoutMs);
    const off = signal.on((news) => {
      seen.push(news);
      if (!predicate(news)) return;
      clearTimeout(timer);
      off();
      resolve(news);
    });
  });
}

/** Resolves once the session is in a state, at once when it is already. */
export async function until(session: Session, state: State, timeoutMs?: number): Promise<void> {
  if (session.report.state !== state)
    await next(session.onState, (report) => report.state === state, `state ${state}`, timeoutMs);
}

/** Resolves once the link is registered. */
export async function registered(link: Link): Promise<void> {
  if (link.report.state !== 'registered')
    await next(link.onState, ({ state }) => state === 'registered', 'the registration');
}
