/**
 * A trial of a connection: what a session does when it opens, once and step by step, for somebody who wants to know how far it comes.
 * Nothing is repeated, and nothing stays behind on the server.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  chooseChannelUrl,
  onlyObjects,
  readResponse,
  readSubscription,
  httpRequestOf,
  logIn,
  type OfferedUrls,
  type LoginStep,
  type OpenSession,
  type SessionOptions,
} from '../session';
import { requestOf, asO2GError, DeniedError, O2GError, filterLadder, type OperationRequest } from '../spec';
import type { HttpResponse, HttpRequest, Transport } from '../transport';
import { channelHint, isTlsHint, licenceHint, requestHint, type Hint } from './hints';
import { STEPS, type Step } from './steps';

/** How a step ended. */
export interface StepResult {
  /** Host and port of the site. */
  readonly site: string;
  readonly step: Step;
  /** `skipped`: doesn't apply here; `notReached`: an earlier step failed. */
  readonly outcome: 'ok' | 'failed' | 'skipped' | 'notReached';
  /** What to know or to do about it; undefined when `detail` says it all. */
  readonly note?: Hint;
  /** Facts in no language (addresses, names, numbers), or the words of an error. No secret is in it. */
  readonly detail: string;
}

export interface ConnectionTestOptions extends Omit<SessionOptions, 'offlineWaitMs'> {
  /** Milliseconds that finding the address may take. */
  readonly timeoutMs: number;
  /** Whether the transport verifies certificates. */
  readonly verified: boolean;
}

/** Ends the leave-taking that a dead server would hang. */
const CLEANUP_TIMEOUT_MS = 2_000;

/**
 * Tries the sites one after the other and tells how each step ended, in order. A wrong password is tried once, at one site only: another
 * try could lock the account. Never rejects.
 * @param transport is closed at the end
 * @param signal gives up; what was opened is closed all the same
 */
export async function testConnection(
  options: ConnectionTestOptions,
  transport: Transport,
  report: (end: StepResult) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const site of options.sites) {
    const { denied } = await new SiteTest(site, options, transport, report, signal).run();
    if (denied || signal.aborted) break;
  }
  transport.close();
}

class SiteTest {
  readonly #site: URL;
  readonly #options: ConnectionTestOptions;
  readonly #transport: Transport;
  readonly #report: (end: StepResult) => void;
  readonly #signal: AbortSignal;
  /** How many steps have ended. */
  #finishedSteps = 0;
  /** The request that opened the session, or may have. */
  #openRequest: HttpRequest | undefined;
  #subscriptionId: string | undefined;

  constructor(
    site: URL,
    options: ConnectionTestOptions,
    transport: Transport,
    report: (end: StepResult) => void,
    signal: AbortSignal,
  ) {
    this.#site = site;
    this.#options = options;
    this.#transport = transport;
    this.#report = report;
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
        (request) => this.#send(request),
        (step) => {
          this.#onLoginStep(step);
        },
      );
      this.#finishStep('ok', open.info.admin === true ? undefined : 'noAdmin');
      await this.#testChannel(open);
      await this.#checkSystem(open);
    } catch (error) {
      const known = asO2GError(error);
      denied = known instanceof DeniedError && this.#currentStep === 'login';
      this.#failStep(known);
    } finally {
      await this.#cleanUp(open);
    }
    return { denied };
  }

  async #resolveName(): Promise<void> {
    const host = this.#site.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0) {
      this.#finishStep('skipped', undefined, host);
      return;
    }
    const timeout = new Promise<never>((_, reject) => {
      AbortSignal.any([AbortSignal.timeout(this.#options.timeoutMs), this.#signal]).onabort = () => {
        reject(new O2GError('TIMEOUT', 'DNS does not answer'));
      };
    });
    const addresses = await Promise.race([lookup(host, { all: true }), timeout]);
    this.#finishStep('ok', undefined, addresses.map(({ address }) => address).join(', '));
  }

  /** The first answer, whatever it says, shows that port and TLS are right. */
  async #send(request: HttpRequest): Promise<HttpResponse> {
    if (request.method !== 'POST')
      return this.#noteFirstResponse(await this.#transport.request(request, this.#signal));
    this.#openRequest = request;
    // Not to be given up: cut off, it could leave a session behind.
    const response = await this.#transport.request(request, new AbortController().signal);
    if (response.status >= 400 && response.status < 500) this.#openRequest = undefined;
    return response;
  }

  #noteFirstResponse(response: HttpResponse): HttpResponse {
    if (this.#currentStep === 'port') this.#finishPort();
    if (this.#currentStep === 'tls') this.#finishTls();
    return response;
  }

  #finishPort(): void {
    this.#finishStep('ok', undefined, this.#site.host);
  }

  #finishTls(): void {
    if (this.#site.protocol === 'http:') this.#finishStep('skipped', 'plain');
    else this.#finishStep('ok', this.#options.verified ? undefined : 'unverified');
  }

  /** A step begins: those before it are done. */
  #onLoginStep(step: LoginStep): void {
    if (step === 'login' && this.#currentStep === 'descriptor') this.#finishStep('ok');
    if (step === 'session' && this.#currentStep === 'login')
      this.#finishStep('ok', undefined, this.#options.account.login);
  }

  async #testChannel(open: OpenSession): Promise<void> {
    const { webHookUrl, lifetime, eventPort } = this.#options;
    // A second subscription with the same address would bring flows every event twice.
    if (webHookUrl !== undefined) {
      this.#finishStep('skipped', 'webhook');
      return;
    }
    let offered: OfferedUrls | undefined;
    let url: URL | undefined;
    try {
      const rights = open.info.admin === false ? 'user' : 'administrator';
      const filter = filterLadder([], rights)[0]?.filter ?? {};
      const subscription = readSubscription(
        await this.#perform(open, requestOf('subscribe', {}, { filter, version: '1.0', timeout: lifetime })),
      );
      this.#subscriptionId = subscription.id;
      offered = subscription.offered;
      url = chooseChannelUrl(this.#site, open.access, offered, eventPort);
      await this.#openChannel(url);
      this.#finishStep('ok', undefined, url.host);
    } catch (error) {
      const known = asO2GError(error);
      this.#finishStep('failed', channelHint(known, offered, url), known.message);
    }
  }

  /** Opens the channel and, once the server has answered, ends it again. */
  async #openChannel(url: URL): Promise<void> {
    const end = new AbortController();
    const noop = (): void => undefined;
    const listener = {
      onOpen: () => {
        end.abort();
      },
      onData: noop,
      onEvent: noop,
      onMalformed: noop,
    };
    try {
      await this.#transport.readChannel(url, listener, AbortSignal.any([end.signal, this.#signal]));
    } catch (error) {
      if (!end.signal.aborted) throw error;
    }
  }

  async #checkSystem(open: OpenSession): Promise<void> {
    if (open.info.admin !== true) {
      this.#finishStep('skipped', 'noAdmin');
      this.#finishStep('skipped', 'noAdmin');
      return;
    }
    const { pbxs: listedPbxs, license } = readResponse(
      'getSystemStatus',
      await this.#perform(open, requestOf('getSystemStatus', {}, undefined)),
    );
    const pbxs = onlyObjects(listedPbxs);
    const down = pbxs.filter(
      ({ connected, loaded, ctiLinkState }) =>
        connected === false || loaded === false || ctiLinkState === 'DISCONNECTED',
    );
    const nodes = pbxs.map(({ nodeId, name, ctiLinkState, loaded }) =>
      [nodeId, name, loaded === false ? 'not loaded' : ctiLinkState]
        .filter((part) => part !== undefined)
        .join(' '),
    );
    const hint = pbxs.length === 0 ? 'noNodes' : down.length > 0 ? 'nodesDown' : undefined;
    this.#finishStep(hint === undefined ? 'ok' : 'failed', hint, nodes.join('; '));
    const licenceProblem = licenceHint(license);
    const licences = onlyObjects(license?.lics).map(
      ({ name = '', currentUsed, total }) => `${name} ${currentUsed ?? '?'}/${total ?? '?'}`,
    );
    this.#finishStep(
      licenceProblem === undefined || licenceProblem === 'licencesUsed' ? 'ok' : 'failed',
      licenceProblem,
      [...licences, license?.status ?? ''].filter((text) => text !== '').join('; '),
    );
  }

  #perform(open: OpenSession, request: OperationRequest): Promise<HttpResponse> {
    return this.#transport.request(httpRequestOf(open, request), this.#signal);
  }

  get #currentStep(): Step | undefined {
    return STEPS[this.#finishedSteps];
  }

  #finishStep(outcome: StepResult['outcome'], hint?: Hint, detail = ''): void {
    const step = this.#currentStep;
    if (step === undefined) return;
    this.#finishedSteps += 1;
    this.#report({
      site: this.#site.host,
      step,
      outcome,
      ...(hint === undefined ? {} : { note: hint }),
      detail,
    });
  }

  /** The present step has failed, and those after it are not reached. */
  #failStep(error: O2GError): void {
    const hint = requestHint(error, this.#currentStep ?? 'name', this.#site, this.#options.access);
    // The first request fails at the step that its error tells of.
    if (this.#currentStep === 'port' && (isTlsHint(hint) || hint === 'wrongScheme')) this.#finishPort();
    if (this.#currentStep === 'tls' && this.#site.protocol === 'http:') this.#finishTls();
    this.#finishStep('failed', hint, error.message);
    while (this.#currentStep !== undefined) this.#finishStep('notReached');
  }

  async #cleanUp(open: OpenSession | undefined): Promise<void> {
    const requests = open
      ? [
          ...(this.#subscriptionId === undefined
            ? []
            : [
                httpRequestOf(
                  open,
                  requestOf('unsubscribe', { subscriptionId: this.#subscriptionId }, undefined),
                ),
              ]),
          httpRequestOf(open, requestOf('closeSession', {}, undefined)),
        ]
      : this.#openRequest
        ? [
            {
              method: 'DELETE' as const,
              url: this.#openRequest.url,
              headers: { Cookie: this.#openRequest.headers.Cookie ?? '' },
            },
          ]
        : [];
    for (const request of requests) {
      // A server that doesn't hear it ends the session with its time to live.
      await this.#transport.request(request, AbortSignal.timeout(CLEANUP_TIMEOUT_MS)).catch(() => undefined);
    }
  }
}
