/**
 * A trial of a connection: what a session does when it opens, once and step by step, for somebody who wants to know how far it comes.
 * Nothing is repeated, and nothing stays behind on the server.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  chooseChannelUrl,
  objectsIn,
  readAnswer,
  readSubscription,
  callIn,
  logIn,
  type Offered,
  type LoginStep,
  type OpenSession,
  type SessionOptions,
} from '../session';
import { requestOf, asO2GError, Denied, O2GError, unionFilter, type Request } from '../spec';
import type { Answer, Call, Transport } from '../transport';
import { channelNote, isTlsNote, licenceNote, requestNote, type Note } from './hints';
import { STEPS, type Step } from './steps';

/** How a step ended. */
export interface StepEnd {
  /** Host and port of the site. */
  readonly site: string;
  readonly step: Step;
  /** `skipped`: doesn't apply here; `notReached`: an earlier step failed. */
  readonly outcome: 'ok' | 'failed' | 'skipped' | 'notReached';
  /** What to know or to do about it; undefined when `detail` says it all. */
  readonly note?: Note;
  /** Facts in no language (addresses, names, numbers), or the words of an error. No secret is in it. */
  readonly detail: string;
}

export interface TrialOptions extends Omit<SessionOptions, 'offlineWaitMs'> {
  /** Milliseconds that finding the address may take. */
  readonly timeoutMs: number;
  /** Whether the transport verifies certificates. */
  readonly verified: boolean;
}

/** Ends the leave-taking that a dead server would hang. */
const LEAVE_WITHIN_MS = 2_000;

/**
 * Tries the sites one after the other and tells how each step ended, in order. A wrong password is tried once, at one site only: another
 * try could lock the account. Never rejects.
 * @param transport is closed at the end
 * @param signal gives up; what was opened is closed all the same
 */
export async function tryConnection(
  options: TrialOptions,
  transport: Transport,
  tell: (end: StepEnd) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const site of options.sites) {
    const { denied } = await new SiteTrial(site, options, transport, tell, signal).run();
    if (denied || signal.aborted) break;
  }
  transport.close();
}

class SiteTrial {
  readonly #site: URL;
  readonly #options: TrialOptions;
  readonly #transport: Transport;
  readonly #tell: (end: StepEnd) => void;
  readonly #signal: AbortSignal;
  /** How many steps have ended. */
  #ended = 0;
  /** The request that opened the session, or may have. */
  #opening: Call | undefined;
  #subscriptionId: string | undefined;

  constructor(
    site: URL,
    options: TrialOptions,
    transport: Transport,
    tell: (end: StepEnd) => void,
    signal: AbortSignal,
  ) {
    this.#site = site;
    this.#options = options;
    this.#transport = transport;
    this.#tell = tell;
    this.#signal = signal;
  }

  async run(): Promise<{ denied: boolean }> {
    let open: OpenSession | undefined;
    let denied = false;
    try {
      await this.#resolveName();
      open = await logIn(
        this.#site,
        this.#options.access,
        this.#options.account,
        (call) => this.#send(call),
        (step) => {
          this.#reach(step);
        },
      );
      this.#end('ok', open.info.admin === true ? undefined : 'noAdmin');
      await this.#tryChannel(open);
      await this.#askSystem(open);
    } catch (error) {
      const known = asO2GError(error);
      denied = known instanceof Denied && this.#step === 'login';
      this.#failed(known);
    } finally {
      await this.#leave(open);
    }
    return { denied };
  }

  async #resolveName(): Promise<void> {
    const host = this.#site.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0) {
      this.#end('skipped', undefined, host);
      return;
    }
    const late = new Promise<never>((_, reject) => {
      AbortSignal.any([AbortSignal.timeout(this.#options.timeoutMs), this.#signal]).onabort = () => {
        reject(new O2GError('TIMEOUT', 'DNS does not answer'));
      };
    });
    const found = await Promise.race([lookup(host, { all: true }), late]);
    this.#end('ok', undefined, found.map(({ address }) => address).join(', '));
  }

  /** The first answer, whatever it says, shows that port and TLS are right. */
  async #send(call: Call): Promise<Answer> {
    if (call.method !== 'POST') return this.#first(await this.#transport.request(call, this.#signal));
    this.#opening = call;
    // Not to be given up: cut off, it could leave a session behind.
    const answer = await this.#transport.request(call, new AbortController().signal);
    if (answer.status >= 400 && answer.status < 500) this.#opening = undefined;
    return answer;
  }

  #first(answer: Answer): Answer {
    if (this.#step === 'port') this.#endPort();
    if (this.#step === 'tls') this.#endTls();
    return answer;
  }

  #endPort(): void {
    this.#end('ok', undefined, this.#site.host);
  }

  #endTls(): void {
    if (this.#site.protocol === 'http:') this.#end('skipped', 'plain');
    else this.#end('ok', this.#options.verified ? undefined : 'unverified');
  }

  /** A step begins: those before it are done. */
  #reach(step: LoginStep): void {
    if (step === 'login' && this.#step === 'descriptor') this.#end('ok');
    if (step === 'session' && this.#step === 'login') this.#end('ok', undefined, this.#options.account.login);
  }

  async #tryChannel(open: OpenSession): Promise<void> {
    const { webHookUrl, lifetime, eventPort } = this.#options;
    // A second subscription with the same address would bring flows every event twice.
    if (webHookUrl !== undefined) {
      this.#end('skipped', 'webhook');
      return;
    }
    let offered: Offered | undefined;
    let url: URL | undefined;
    try {
      const filter = unionFilter([], open.info.admin === true);
      const subscription = readSubscription(
        await this.#ask(open, requestOf('subscribe', {}, { filter, version: '1.0', timeout: lifetime })),
      );
      this.#subscriptionId = subscription.id;
      offered = subscription.offered;
      url = chooseChannelUrl(this.#site, open.side, offered, eventPort);
      await this.#openChannel(url);
      this.#end('ok', undefined, url.host);
    } catch (error) {
      const known = asO2GError(error);
      this.#end('failed', channelNote(known, offered, url), known.message);
    }
  }

  /** Opens the channel and, once the server has answered, ends it again. */
  async #openChannel(url: URL): Promise<void> {
    const end = new AbortController();
    const nothing = (): void => undefined;
    const listener = {
      onOpen: () => {
        end.abort();
      },
      onHeard: nothing,
      onEvent: nothing,
      onMalformed: nothing,
    };
    try {
      await this.#transport.channel(url, listener, AbortSignal.any([end.signal, this.#signal]));
    } catch (error) {
      if (!end.signal.aborted) throw error;
    }
  }

  async #askSystem(open: OpenSession): Promise<void> {
    if (open.info.admin !== true) {
      this.#end('skipped', 'noAdmin');
      this.#end('skipped', 'noAdmin');
      return;
    }
    const { pbxs: listed, license } = readAnswer(
      'getSystemStatus',
      await this.#ask(open, requestOf('getSystemStatus', {}, undefined)),
    );
    const pbxs = objectsIn(listed);
    const down = pbxs.filter(
      ({ connected, loaded, ctiLinkState }) =>
        connected === false || loaded === false || ctiLinkState === 'DISCONNECTED',
    );
    const nodes = pbxs.map(({ nodeId, name, ctiLinkState, loaded }) =>
      [nodeId, name, loaded === false ? 'not loaded' : ctiLinkState]
        .filter((part) => part !== undefined)
        .join(' '),
    );
    const note = pbxs.length === 0 ? 'noNodes' : down.length > 0 ? 'nodesDown' : undefined;
    this.#end(note === undefined ? 'ok' : 'failed', note, nodes.join('; '));
    const lacking = licenceNote(license);
    const licences = objectsIn(license?.lics).map(
      ({ name = '', currentUsed, total }) => `${name} ${currentUsed ?? '?'}/${total ?? '?'}`,
    );
    this.#end(
      lacking === undefined || lacking === 'licencesUsed' ? 'ok' : 'failed',
      lacking,
      [...licences, license?.status ?? ''].filter((text) => text !== '').join('; '),
    );
  }

  #ask(open: OpenSession, request: Request): Promise<Answer> {
    return this.#transport.request(callIn(open, request), this.#signal);
  }

  get #step(): Step | undefined {
    return STEPS[this.#ended];
  }

  #end(outcome: StepEnd['outcome'], note?: Note, detail = ''): void {
    const step = this.#step;
    if (step === undefined) return;
    this.#ended += 1;
    this.#tell({ site: this.#site.host, step, outcome, ...(note === undefined ? {} : { note }), detail });
  }

  /** The present step has failed, and those after it are not reached. */
  #failed(error: O2GError): void {
    const note = requestNote(error, this.#step ?? 'name', this.#site, this.#options.access);
    // The first request fails at the step that its error tells of.
    if (this.#step === 'port' && (isTlsNote(note) || note === 'wrongScheme')) this.#endPort();
    if (this.#step === 'tls' && this.#site.protocol === 'http:') this.#endTls();
    this.#end('failed', note, error.message);
    while (this.#step !== undefined) this.#end('notReached');
  }

  async #leave(open: OpenSession | undefined): Promise<void> {
    const requests = open
      ? [
          ...(this.#subscriptionId === undefined
            ? []
            : [callIn(open, requestOf('unsubscribe', { subscriptionId: this.#subscriptionId }, undefined))]),
          callIn(open, requestOf('closeSession', {}, undefined)),
        ]
      : this.#opening
        ? [
            {
              method: 'DELETE' as const,
              url: this.#opening.url,
              headers: { Cookie: this.#opening.headers.Cookie ?? '' },
            },
          ]
        : [];
    for (const request of requests) {
      // A server that doesn't hear it ends the session with its time to live.
      await this.#transport.request(request, AbortSignal.timeout(LEAVE_WITHIN_MS)).catch(() => undefined);
    }
  }
}
