/**
 * The registration of a DR link on an OXE node: made when the session connects, found again after a break, compared every 30 s with the
 * server's list, taken back at the end (Voice Recording, /iprecord/{nodeId}/link).
 */
import { objectsIn, backOffMs, type ConnectionReport, type Session } from '../session';
import { Signal, type Clock, type Timer, type Log } from '../util';
import { asO2GError, isDefinite, O2GError, type Representation } from '../spec';
import { LeftBehind } from './stale-registrations';
import { linkPath, type LinkPath } from './link-path';
import { isLoaded } from './oxe-node-status';

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
export interface RegistrationNeeds {
  /** Called before the list is asked for, so that what changes meanwhile isn't taken for old; the result reads our link's row. */
  reader(): (row: DRLink) => void;
  /** The OXE doesn't list our registration any more, or another site is spoken to: everything on it is gone. */
  onLost(reason: string): void;
  /** A registration at another site has ended: it need not be remembered any more. */
  onForgotten(): void;
  /** The registration stands in the connection of now: what differs can be repaired. */
  onConfirmed(): void;
}

export interface Registered {
  readonly id: string;
  /** Whether the link is secure, as the server answered the registration; undefined when it didn't say, or when the link was adopted. */
  readonly secure: boolean | undefined;
}

/** How often the server's list is compared with what is desired; it also keeps the session alive. */
const AUDIT_MS = 30_000;
/** A DELETE at the end that a dead server would hang. */
const CLOSE_WITHIN_MS = 2_000;
const LOST = 'the OXE lost the recorder link';
/** What fails here is tried again in the registration's own time, and in the session of then. */
const ONE_TRY = { once: true, repeat: false } as const;

export class Registration {
  readonly onState: Signal<LinkReport>;

  readonly #options: RegistrationOptions;
  readonly #session: Session;
  readonly #needs: RegistrationNeeds;
  readonly #log: Log;
  readonly #clock: Clock;

  /** Ours, by the host of the site that gave them: the one of the present site, and one that an outage left behind at the other. */
  readonly #registrations = new Map<string, Registered>();
  /** The site at which what is in force was last confirmed. */
  #confirmedAt: string | undefined;
  /** It was made or seen in the connection of now. */
  #confirmed = false;
  /** Counts the connections: what was asked in another one tells nothing of this one. */
  #connection = 0;
  #confirming: { readonly connection: number; readonly done: Promise<void> } | undefined;
  /** Requests that a close waits for: cut off, a registration would leave a link behind that nobody knows. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #leftBehind: LeftBehind;
  /** The OXE node was not connected and loaded: it is asked for before anything else is. */
  #loading = false;
  #audit: Timer | undefined;
  #failures = 0;
  #state: LinkReport['state'] = 'registering';
  #reason = '';
  #error: O2GError | undefined;
  #since: number;

  /** @param stored the registrations that an earlier run left behind, by host */
  constructor(
    options: RegistrationOptions,
    session: Session,
    needs: RegistrationNeeds,
    log: Log,
    clock: Clock,
    stored: Iterable<readonly [string, string]>,
  ) {
    this.#options = options;
    this.#session = session;
    this.#needs = needs;
    this.#log = log;
    this.#clock = clock;
    this.#since = clock.now();
    this.onState = new Signal(log);
    this.#leftBehind = new LeftBehind(
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
  get current(): Registered | undefined {
    return this.#registrations.get(this.#session.host);
  }

  /** Every registration of ours that may still be there, by the host of its site: what has to be remembered. */
  get all(): (readonly [string, string])[] {
    return [...this.#registrations].map(([host, { id }]) => [host, id]);
  }

  /** Follows the session's connection. */
  follow({ state, reason }: ConnectionReport): void {
    if (this.#state === 'closed') return;
    this.#confirmed = false;
    this.#connection += 1;
    this.#audit?.cancel();
    if (state === 'connected') void this.confirm();
    else if (state === 'refused') this.#refuse(new O2GError('NOT_CONNECTED', reason));
    else this.#become('registering', reason === '' ? 'no connection to O2G' : reason);
  }

  /**
   * The registration, after waiting for it.
   * @param until when to give up, ms since the epoch
   * @throws O2GError why it is refused; `NOT_CONNECTED`, `CLOSED`
   */
  require(until: number): Promise<Registered> {
    if (this.#confirmed && this.current) return Promise.resolve(this.current);
    if (this.#state === 'closed') return Promise.reject(this.#closedError());
    if (this.#state === 'refused' && this.#error) return Promise.reject(this.#error);
    const wait = until - this.#clock.now();
    if (wait <= 0) return Promise.reject(this.#missing());
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(wait, () => {
        off();
        reject(this.#missing());
      });
      const off = this.onState.on(({ state }) => {
        if (state === 'registering') return;
        timer.cancel();
        off();
        if (state === 'registered' && this.current) resolve(this.current);
        else reject(this.#error ?? this.#closedError());
      });
    });
  }

  /** Finds out whether our registration is there and registers if not. Never rejects; what it finds is told by the state. */
  confirm(): Promise<void> {
    if (this.#confirming?.connection === this.#connection) return this.#confirming.done;
    const done = this.#confirm(this.#connection).finally(() => {
      this.#underWay.delete(done);
      if (this.#confirming?.done === done) this.#confirming = undefined;
    });
    this.#underWay.add(done);
    this.#confirming = { connection: this.#connection, done };
    return done;
  }

  /** Takes the registrations back, in two seconds at most. @param how `keep` leaves them to the next start */
  async close(how: 'unregister' | 'keep'): Promise<void> {
    const connected = this.#session.report.state === 'connected';
    this.#audit?.cancel();
    this.#confirmed = false;
    this.#become('closed', '');
    if (connected) await Promise.all(this.#underWay);
    if (!connected || how === 'keep') return;
    await Promise.all([this.#unregister(), this.#endOthersBriefly()]);
  }

  async #endOthersBriefly(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(CLOSE_WITHIN_MS, resolve);
      void this.#leftBehind.end().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #unregister(): Promise<void> {
    const { host } = this.#session;
    const registered = this.#registrations.get(host);
    if (!registered) return;
    try {
      await this.#session.call('unregisterLink', this.#path(registered.id), undefined, {
        once: true,
        signal: AbortSignal.timeout(CLOSE_WITHIN_MS),
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
    this.#audit?.cancel();
    if (this.#session.report.state !== 'connected' || this.#state === 'closed') return;
    try {
      if (!(await this.#stands(connection))) return;
      this.#failures = 0;
      this.#confirmed = true;
      this.#confirmedAt = this.#session.host;
      this.#become('registered', '');
      this.#needs.onConfirmed();
      this.#auditAfter(AUDIT_MS);
      void this.#leftBehind.end();
    } catch (error) {
      this.#failed(asO2GError(error), connection);
    }
  }

  /** Sees to it that a registration stands at the present site. @returns false when the connection it was asked in is over */
  async #stands(connection: number): Promise<boolean> {
    const { host } = this.#session;
    if (this.#loading && !(await isLoaded(this.#session, this.#options.oxeNode))) {
      throw new O2GError('NOT_READY', `OXE node ${this.#options.oxeNode} is not connected and loaded yet`);
    }
    this.#loading = false;
    if (this.#confirmedAt !== undefined && this.#confirmedAt !== host && this.#isNow(connection)) {
      this.#confirmedAt = undefined;
      this.#needs.onLost(`O2G is spoken to at its other site, ${host}`);
    }
    const known = this.#registrations.get(host);
    if (known) await this.#look(known, host, connection);
    if (!this.#isNow(connection)) return false;
    if (this.#registrations.has(host)) return true;
    const made = await this.#register();
    if (this.#isNow(connection)) this.#registrations.set(host, made);
    else if (this.#session.host === host && this.#registrations.get(host)?.id !== made.id) this.#drop(made);
    return this.#isNow(connection);
  }

  /** True while the connection is the one in which it was asked, and the link is not being closed. */
  #isNow(connection: number): boolean {
    return connection === this.#connection && this.report.state !== 'closed';
  }

  #failed(error: O2GError, connection: number): void {
    if (error.code === 'CLOSED' || !this.#isNow(connection)) return;
    this.#failures += 1;
    if (error.code === 'NOT_READY') this.#loading = true;
    const definite = isDefinite(error);
    if (definite) this.#refuse(error);
    else this.#become('registering', error.message);
    this.#auditAfter(definite ? AUDIT_MS : backOffMs(this.#failures, Math.random()));
  }

  /** What waits for the registration, and what will ask for it, is answered with the reason. */
  #refuse(error: O2GError): void {
    this.#error = error;
    this.#become('refused', error.message);
  }

  #auditAfter(ms: number): void {
    this.#audit?.cancel();
    this.#audit = this.#clock.after(ms, () => {
      void this.confirm();
    });
  }

  async #register(): Promise<Registered> {
    const { recorder, secured, oxeNode } = this.#options;
    const body = { type: recorder, ...(secured === undefined ? {} : { secured }) };
    const answer = await this.#session.call('registerLink', { nodeId: String(oxeNode) }, body, ONE_TRY);
    const { secure, registrationId } = answer;
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

  async #look(registered: Registered, host: string, connection: number): Promise<void> {
    const read = this.#needs.reader();
    const { drLinks } = await this.#session.call(
      'getLinks',
      { nodeId: String(this.#options.oxeNode) },
      undefined,
      ONE_TRY,
    );
    if (!this.#isNow(connection)) return;
    const ours = objectsIn(drLinks).find(({ identifier }) => identifier === registered.id);
    if (ours) {
      read(ours);
      return;
    }
    this.#registrations.delete(host);
    this.#confirmed = false;
    this.#become('registering', LOST);
    this.#needs.onLost(LOST);
  }

  /** A registration that came when the connection it was asked in was over: another one has taken its place. */
  #drop({ id }: Registered): void {
    this.#session.call('unregisterLink', this.#path(id), undefined, ONE_TRY).catch((error: unknown) => {
      this.#log.debug(
        `${this.#options.name}: a late registration could not be taken back: ${asO2GError(error).message}`,
      );
    });
  }

  #forget(host: string): void {
    this.#registrations.delete(host);
    this.#needs.onForgotten();
  }

  #become(state: LinkReport['state'], reason: string): void {
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
        if (this.#session.report.state === 'connected') this.#log.warn(line);
      } else {
        this.#log.info(line);
      }
    }
    this.onState.emit(this.report);
  }

  #missing(): O2GError {
    return new O2GError(
      'NOT_CONNECTED',
      `${this.#options.name} is not registered${this.#reason === '' ? '' : `: ${this.#reason}`}`,
    );
  }

  #closedError(): O2GError {
    return new O2GError('CLOSED', `the recorder link ${this.#options.name} is closed`);
  }
}
