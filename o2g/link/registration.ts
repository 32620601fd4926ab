/**
 * The registration of a DR link on an OXE node: made when the session connects, found again after a break, compared every 30 s with the
 * server's list, taken back at the end (Voice Recording, /iprecord/{nodeId}/link).
 */
import { onlyObjects, backOffMs, type Session, type SessionReport } from '../session';
import { Signal, type Clock, type Timer, type Logger } from '../util';
import { asO2GError, isDefiniteRefusal, O2GError, type Representation } from '../spec';
import { StaleRegistrations } from './stale-registrations';
import { linkPath, type LinkPath } from './link-path';
import { isNodeLoaded } from './oxe-node-status';

export type DRLink = Representation<'DRLink'>;

export interface RegistrationOptions {
  /** For the log and the reports. */
  readonly name: string;
  readonly oxeNode: number;
  readonly recorder: 'NICE' | 'OTHER';
  /** Undefined: as the OXE is configured. */
  readonly secured?: boolean | undefined;
}

export interface LinkReport {
  readonly state: 'registering' | 'registered' | 'refused' | 'closed';
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  /** Whether the link is secure, once the server said it: its recordings are SRTP then, and their keys are handed on. */
  readonly secure?: boolean;
}

/** What the registration tells its link. */
export interface RegistrationCallbacks {
  /** Called before the list is asked for, so that what changes meanwhile isn't taken for old; the result reads our link's row. */
  listReader(): (row: DRLink) => void;
  /** The OXE doesn't list our registration any more, or another site is spoken to: everything on it is gone. */
  onLost(reason: string): void;
  /** A registration at another site has ended: it need not be remembered any more. */
  onRegistrationEnded(): void;
  /** The registration stands in the connection of now: what differs can be repaired. */
  onConfirmed(): void;
}

export interface LinkRegistration {
  readonly id: string;
  /** Whether the link is secure, as the server answered the registration; undefined when it didn't say, or when the link was adopted. */
  readonly secure: boolean | undefined;
}

/** How often the server's list is compared with what is desired; it also keeps the session alive. */
const AUDIT_INTERVAL_MS = 30_000;
/** A DELETE at the end that a dead server would hang. */
const UNREGISTER_TIMEOUT_MS = 2_000;
const LINK_LOST_REASON = 'the OXE lost the recorder link';
/** What fails here is tried again in the registration's own time, and in the session of then. */
const SINGLE_ATTEMPT = { sameSession: true, retry: false } as const;

export class Registration {
  readonly onState: Signal<LinkReport>;

  readonly #options: RegistrationOptions;
  readonly #session: Session;
  readonly #callbacks: RegistrationCallbacks;
  readonly #log: Logger;
  readonly #clock: Clock;

  /** Ours, by the host of the site that gave them: the one of the present site, and one that an outage left behind at the other. */
  readonly #registrations = new Map<string, LinkRegistration>();
  /** The site at which what is in force was last confirmed. */
  #confirmedAt: string | undefined;
  /** It was made or seen in the connection of now. */
  #confirmed = false;
  /** Counts the connections: what was asked in another one tells nothing of this one. */
  #connectionCount = 0;
  #confirming: { readonly connection: number; readonly done: Promise<void> } | undefined;
  /** Requests that a close waits for: cut off, a registration would leave a link behind that nobody knows. */
  readonly #pendingConfirmations = new Set<Promise<void>>();
  readonly #staleRegistrations: StaleRegistrations;
  /** The OXE node was not connected and loaded: it is asked for before anything else is. */
  #nodeIsLoading = false;
  #auditTimer: Timer | undefined;
  #failures = 0;
  #state: LinkReport['state'] = 'registering';
  #reason = '';
  #error: O2GError | undefined;
  #since: number;

  /** @param stored the registrations that an earlier run left behind, by host */
  constructor(
    options: RegistrationOptions,
    session: Session,
    callbacks: RegistrationCallbacks,
    log: Logger,
    clock: Clock,
    stored: Iterable<readonly [string, string]>,
  ) {
    this.#options = options;
    this.#session = session;
    this.#callbacks = callbacks;
    this.#log = log;
    this.#clock = clock;
    this.#since = clock.now();
    this.onState = new Signal(log);
    this.#staleRegistrations = new StaleRegistrations(
      session,
      {
        name: options.name,
        oxeNode: options.oxeNode,
        all: () => this.all,
        forget: (host) => {
          this.#forget(host);
        },
      },
      log,
    );
    for (const [host, id] of stored)
      if (session.hosts.includes(host)) this.#registrations.set(host, { id, secure: undefined });
  }

  get report(): LinkReport {
    const secure = this.#state === 'registered' ? this.current?.secure : undefined;
    return {
      state: this.#state,
      reason: this.#reason,
      since: new Date(this.#since).toISOString(),
      ...(secure === undefined ? {} : { secure }),
    };
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  /** Our registration at the site that is spoken to. */
  get current(): LinkRegistration | undefined {
    return this.#registrations.get(this.#session.host);
  }

  /** Every registration of ours that may still be there, by the host of its site: what has to be remembered. */
  get all(): (readonly [string, string])[] {
    return [...this.#registrations].map(([host, { id }]) => [host, id]);
  }

  /** Follows the session. Its events are no matter here. */
  follow({ state, reason }: SessionReport): void {
    if (this.#state === 'closed') return;
    this.#confirmed = false;
    this.#connectionCount += 1;
    this.#auditTimer?.cancel();
    if (state === 'open') void this.confirm();
    else if (state === 'refused') this.#refuse(new O2GError('NOT_CONNECTED', reason));
    else this.#setState('registering', reason === '' ? 'no connection to O2G' : reason);
  }

  /**
   * The registration, after waiting for it.
   * @param until when to give up, ms since the epoch
   * @throws O2GError why it is refused; `NOT_CONNECTED`, `CLOSED`
   */
  waitForRegistration(until: number): Promise<LinkRegistration> {
    if (this.#confirmed && this.current) return Promise.resolve(this.current);
    if (this.#state === 'closed') return Promise.reject(this.#closedError());
    if (this.#state === 'refused' && this.#error) return Promise.reject(this.#error);
    const waitMs = until - this.#clock.now();
    if (waitMs <= 0) return Promise.reject(this.#notRegisteredError());
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(waitMs, () => {
        unsubscribe();
        reject(this.#notRegisteredError());
      });
      const unsubscribe = this.onState.on(({ state }) => {
        if (state === 'registering') return;
        timer.cancel();
        unsubscribe();
        if (state === 'registered' && this.current) resolve(this.current);
        else reject(this.#error ?? this.#closedError());
      });
    });
  }

  /** Finds out whether our registration is there and registers if not. Never rejects; what it finds is told by the state. */
  confirm(): Promise<void> {
    if (this.#confirming?.connection === this.#connectionCount) return this.#confirming.done;
    const done = this.#confirm(this.#connectionCount).finally(() => {
      this.#pendingConfirmations.delete(done);
      if (this.#confirming?.done === done) this.#confirming = undefined;
    });
    this.#pendingConfirmations.add(done);
    this.#confirming = { connection: this.#connectionCount, done };
    return done;
  }

  /** Takes the registrations back, in two seconds at most. @param how `keep` leaves them to the next start */
  async close(how: 'unregister' | 'keep'): Promise<void> {
    const connected = this.#session.session.state === 'open';
    this.#auditTimer?.cancel();
    this.#confirmed = false;
    this.#setState('closed', '');
    if (connected) await Promise.all(this.#pendingConfirmations);
    if (!connected || how === 'keep') return;
    await Promise.all([this.#unregister(), this.#endStaleRegistrations()]);
  }

  async #endStaleRegistrations(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(UNREGISTER_TIMEOUT_MS, resolve);
      void this.#staleRegistrations.endAll().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #unregister(): Promise<void> {
    const { host } = this.#session;
    const registration = this.#registrations.get(host);
    if (!registration) return;
    try {
      await this.#session.perform('unregisterLink', this.#path(registration.id), undefined, {
        sameSession: true,
        signal: AbortSignal.timeout(UNREGISTER_TIMEOUT_MS),
      });
      this.#registrations.delete(host);
    } catch (error) {
      this.#log.debug(`${this.#options.name}: unregistering was not heard: ${asO2GError(error).message}`);
    }
  }

  #path(id: string): LinkPath {
    return linkPath(this.#options.oxeNode, id);
  }

  async #confirm(connection: number): Promise<void> {
    this.#auditTimer?.cancel();
    if (this.#session.session.state !== 'open' || this.#state === 'closed') return;
    try {
      if (!(await this.#ensureRegistered(connection))) return;
      this.#failures = 0;
      this.#confirmed = true;
      this.#confirmedAt = this.#session.host;
      this.#setState('registered', '');
      this.#callbacks.onConfirmed();
      this.#scheduleAudit(AUDIT_INTERVAL_MS);
      void this.#staleRegistrations.endAll();
    } catch (error) {
      this.#failed(asO2GError(error), connection);
    }
  }

  /** Sees to it that a registration stands at the present site. @returns false when the connection it was asked in is over */
  async #ensureRegistered(connection: number): Promise<boolean> {
    const { host } = this.#session;
    if (this.#nodeIsLoading && !(await isNodeLoaded(this.#session, this.#options.oxeNode))) {
      throw new O2GError('NOT_READY', `OXE node ${this.#options.oxeNode} is not connected and loaded yet`);
    }
    this.#nodeIsLoading = false;
    if (this.#confirmedAt !== undefined && this.#confirmedAt !== host && this.#isCurrent(connection)) {
      this.#confirmedAt = undefined;
      this.#callbacks.onLost(`O2G is spoken to at its other site, ${host}`);
    }
    const known = this.#registrations.get(host);
    if (known) await this.#checkListed(known, host, connection);
    if (!this.#isCurrent(connection)) return false;
    if (this.#registrations.has(host)) return true;
    const registration = await this.#register();
    if (this.#isCurrent(connection)) this.#registrations.set(host, registration);
    else if (this.#session.host === host && this.#registrations.get(host)?.id !== registration.id)
      this.#unregisterLate(registration);
    return this.#isCurrent(connection);
  }

  /** True while the connection is the one in which it was asked, and the link is not being closed. */
  #isCurrent(connection: number): boolean {
    return connection === this.#connectionCount && this.report.state !== 'closed';
  }

  #failed(error: O2GError, connection: number): void {
    if (error.code === 'CLOSED' || !this.#isCurrent(connection)) return;
    this.#failures += 1;
    if (error.code === 'NOT_READY') this.#nodeIsLoading = true;
    const definite = isDefiniteRefusal(error);
    if (definite) this.#refuse(error);
    else this.#setState('registering', error.message);
    this.#scheduleAudit(definite ? AUDIT_INTERVAL_MS : backOffMs(this.#failures, Math.random()));
  }

  /** What waits for the registration, and what will ask for it, is answered with the reason. */
  #refuse(error: O2GError): void {
    this.#error = error;
    this.#setState('refused', error.message);
  }

  #scheduleAudit(ms: number): void {
    this.#auditTimer?.cancel();
    this.#auditTimer = this.#clock.after(ms, () => {
      void this.confirm();
    });
  }

  async #register(): Promise<LinkRegistration> {
    const { recorder, secured, oxeNode } = this.#options;
    const body = { type: recorder, ...(secured === undefined ? {} : { secured }) };
    const response = await this.#session.perform(
      'registerLink',
      { nodeId: String(oxeNode) },
      body,
      SINGLE_ATTEMPT,
    );
    const { secure, registrationId } = response;
    if (typeof registrationId !== 'string' || registrationId === '') {
      throw new O2GError(
        'SERVER_PROBLEM',
        'O2G answered registerLink without the identifier of the registration',
      );
    }
    if (secured === true && secure === false)
      this.#log.warn(`${this.#options.name}: a secure link was asked for, but the OXE is not secure`);
    if (secured === undefined && secure === true) {
      this.#log.warn(
        `${this.#options.name}: the OXE made the link secure; a recorder that can't use the SRTP keys needs "secured: false"`,
      );
    }
    return { id: registrationId, secure };
  }

  async #checkListed(registration: LinkRegistration, host: string, connection: number): Promise<void> {
    const read = this.#callbacks.listReader();
    const { drLinks } = await this.#session.perform(
      'getLinks',
      { nodeId: String(this.#options.oxeNode) },
      undefined,
      SINGLE_ATTEMPT,
    );
    if (!this.#isCurrent(connection)) return;
    const row = onlyObjects(drLinks).find(({ identifier }) => identifier === registration.id);
    if (row) {
      read(row);
      return;
    }
    this.#registrations.delete(host);
    this.#confirmed = false;
    this.#setState('registering', LINK_LOST_REASON);
    this.#callbacks.onLost(LINK_LOST_REASON);
  }

  /** A registration that came when the connection it was asked in was over: another one has taken its place. */
  #unregisterLate({ id }: LinkRegistration): void {
    this.#session
      .perform('unregisterLink', this.#path(id), undefined, SINGLE_ATTEMPT)
      .catch((error: unknown) => {
        this.#log.debug(
          `${this.#options.name}: a late registration could not be taken back: ${asO2GError(error).message}`,
        );
      });
  }

  #forget(host: string): void {
    this.#registrations.delete(host);
    this.#callbacks.onRegistrationEnded();
  }

  #setState(state: LinkReport['state'], reason: string): void {
    if (state === this.#state && reason === this.#reason) return;
    const changed = state !== this.#state;
    this.#state = state;
    this.#reason = reason;
    if (state === 'registered') this.#error = undefined;
    if (changed) {
      this.#since = this.#clock.now();
      const line = `${this.#options.name}: ${state}${reason === '' ? '' : ` (${reason})`}`;
      // While there is no connection, the session has told why.
      if (state === 'refused' || state === 'registering') {
        if (this.#session.session.state === 'open') this.#log.warn(line);
      } else {
        this.#log.info(line);
      }
    }
    this.onState.emit(this.report);
  }

  #notRegisteredError(): O2GError {
    return new O2GError(
      'NOT_CONNECTED',
      `${this.#options.name} is not registered${this.#reason === '' ? '' : `: ${this.#reason}`}`,
    );
  }

  #closedError(): O2GError {
    return new O2GError('CLOSED', `the recorder link ${this.#options.name} is closed`);
  }
}
