/**
 * The registration of a DR link on an OXE node: made when the session connects, found again after a break, compared every 30 s with the
 * server's list, taken back at the end (Voice Recording, /iprecord/{nodeId}/link).
 */
import { objectsIn } from './answers';
import type { Clock, Timer } from './clock';
import { asO2GError, isDefinite, isSessionLoss, O2GError } from './errors';
import type { Log } from './log';
import { backOffMs } from './machine';
import type { Representation } from './representations';
import type { ConnectionReport, Session } from './session';
import { Signal } from './signal';

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
  /** The OXE doesn't list our registration any more: everything on it is gone. */
  onLost(): void;
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

export class Registration {
  readonly onState: Signal<LinkReport>;

  readonly #options: RegistrationOptions;
  readonly #session: Session;
  readonly #needs: RegistrationNeeds;
  readonly #log: Log;
  readonly #clock: Clock;

  #registered: Registered | undefined;
  /** It was made or seen in the connection of now. */
  #confirmed = false;
  #confirming: Promise<void> | undefined;
  #audit: Timer | undefined;
  #failures = 0;
  #state: LinkReport['state'] = 'registering';
  #reason = '';
  #error: O2GError | undefined;
  #since: number;

  /** @param storedId the registration that an earlier run left behind, if it did */
  constructor(options: RegistrationOptions, session: Session, needs: RegistrationNeeds, log: Log, clock: Clock, storedId: string | undefined) {
    this.#options = options;
    this.#session = session;
    this.#needs = needs;
    this.#log = log;
    this.#clock = clock;
    this.#since = clock.now();
    this.onState = new Signal(log);
    if (storedId !== undefined) this.#registered = { id: storedId, secure: undefined };
  }

  get report(): LinkReport {
    const secure = this.#state === 'registered' ? this.#registered?.secure : undefined;
    return { state: this.#state, reason: this.#reason, since: new Date(this.#since).toISOString(), ...(secure === undefined ? {} : { secure }) };
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  get current(): Registered | undefined {
    return this.#registered;
  }

  /** Follows the session's connection. */
  follow({ state, reason }: ConnectionReport): void {
    if (this.#state === 'closed') return;
    this.#confirmed = false;
    this.#audit?.cancel();
    if (state === 'connected') void this.confirm();
    else if (state === 'refused') this.#refuse(new O2GError('NOT_CONNECTED', reason));
    else this.#become('registering', reason === '' ? 'no connection to O2G' : reason);
  }

  /**
   * The registration, after waiting for it as long as requests wait for the connection.
   * @throws O2GError why it is refused; `NOT_CONNECTED`, `CLOSED`
   */
  require(): Promise<Registered> {
    if (this.#confirmed && this.#registered) return Promise.resolve(this.#registered);
    if (this.#state === 'closed') return Promise.reject(this.#closedError());
    if (this.#state === 'refused' && this.#error) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#session.offlineWaitMs, () => {
        off();
        reject(new O2GError('NOT_CONNECTED', `${this.#options.name} is not registered${this.#reason === '' ? '' : `: ${this.#reason}`}`));
      });
      const off = this.onState.on(({ state }) => {
        if (state === 'registering') return;
        timer.cancel();
        off();
        if (state === 'registered' && this.#registered) resolve(this.#registered);
        else reject(this.#error ?? this.#closedError());
      });
    });
  }

  /** Finds out whether our registration is there and registers if not. Never rejects; what it finds is told by the state. */
  confirm(): Promise<void> {
    return (this.#confirming ??= this.#confirm().finally(() => { this.#confirming = undefined; }));
  }

  /** Takes the registration back, in two seconds at most. @param how `keep` leaves it to the next start */
  async close(how: 'unregister' | 'keep'): Promise<void> {
    const { oxeNode, name } = this.#options;
    const connected = this.#session.report.state === 'connected';
    this.#audit?.cancel();
    this.#confirmed = false;
    this.#become('closed', '');
    // A registration under way is awaited: cut off, it would leave a link behind that nobody knows.
    if (connected) await this.#confirming;
    if (!this.#registered || !connected || how === 'keep') return;
    try {
      const path = { nodeId: String(oxeNode), registerId: this.#registered.id };
      await this.#session.call('unregisterLink', path, undefined, { once: true, signal: AbortSignal.timeout(CLOSE_WITHIN_MS) });
      this.#registered = undefined;
    } catch (error) {
      this.#log.debug(`${name}: unregistering was not heard: ${asO2GError(error).message}`);
    }
  }

  async #confirm(): Promise<void> {
    this.#audit?.cancel();
    if (this.#session.report.state !== 'connected' || this.#state === 'closed') return;
    try {
      if (this.#registered) await this.#look(this.#registered);
      this.#registered ??= await this.#register();
      this.#failures = 0;
      if (this.report.state === 'closed') return;
      this.#confirmed = true;
      this.#become('registered', '');
      this.#needs.onConfirmed();
      this.#auditAfter(AUDIT_MS);
    } catch (error) {
      const known = asO2GError(error);
      if (known.code === 'CLOSED' || this.report.state === 'closed') return;
      this.#failures += 1;
      const definite = isDefinite(known);
      if (definite) this.#refuse(known);
      else this.#become('registering', known.message);
      if (!isSessionLoss(known)) this.#auditAfter(definite ? AUDIT_MS : backOffMs(this.#failures, Math.random()));
    }
  }

  /** What waits for the registration, and what will ask for it, is answered with the reason. */
  #refuse(error: O2GError): void {
    this.#error = error;
    this.#become('refused', error.message);
  }

  #auditAfter(ms: number): void {
    this.#audit?.cancel();
    this.#audit = this.#clock.after(ms, () => { void this.confirm(); });
  }

  async #register(): Promise<Registered> {
    const { recorder, secured, oxeNode } = this.#options;
    const body = { type: recorder, ...(secured === undefined ? {} : { secured }) };
    const answer = await this.#session.call('registerLink', { nodeId: String(oxeNode) }, body);
    const { secure, registrationId } = answer;
    if (typeof registrationId !== 'string' || registrationId === '') {
      throw new O2GError('SERVER_PROBLEM', 'O2G answered registerLink without the identifier of the registration');
    }
    if (secured === true && secure === false) this.#log.warn(`${this.#options.name}: a secure link was asked for, but the OXE is not secure`);
    if (secured === undefined && secure === true) {
      this.#log.warn(`${this.#options.name}: the OXE made the link secure; a recorder that can't use the SRTP keys needs "secured: false"`);
    }
    return { id: registrationId, secure };
  }

  async #look(registered: Registered): Promise<void> {
    const read = this.#needs.reader();
    const { drLinks } = await this.#session.call('getLinks', { nodeId: String(this.#options.oxeNode) }, undefined);
    const ours = objectsIn(drLinks).find(({ identifier }) => identifier === registered.id);
    if (ours) { read(ours); return; }
    this.#registered = undefined;
    this.#confirmed = false;
    this.#become('registering', 'the OXE lost the recorder link');
    this.#needs.onLost();
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

  #closedError(): O2GError {
    return new O2GError('CLOSED', `the recorder link ${this.#options.name} is closed`);
  }
}
