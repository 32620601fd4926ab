/**
 * How things stand with the server: which site is spoken to, which session is open there, in which state that is. Takes the inputs of
 * `state-machine.ts`, has their effects performed, and tells every change.
 */
import { Signal, type Clock, type Timer, type Logger } from '../util';
import { DeniedError, type O2GError } from '../spec';
import type { OpenSession } from './login';
import { next, type Effect, type Input, type State } from './state-machine';

/** What the session says of itself whenever that changes. */
export interface ConnectionReport {
  readonly state: State;
  /** In words; empty when there is nothing to explain. */
  readonly reason: string;
  /** ISO 8601 UTC: when this state began. */
  readonly since: string;
  /** True when events come by webhook and none has come yet: its address, a firewall or a login in front of Node-RED may be wrong. */
  readonly unheard?: true;
  /** Milliseconds without events, told once when the channel is back after a break in which some may be lost. */
  readonly blindMs?: number;
}

export interface ConnectionCallbacks {
  /** Performs an effect of the table, for the input that brought it about. */
  perform(effect: Effect, input: Input): void;
  /** Whether the first event by webhook is still awaited. */
  isUnheard(): boolean;
}

export class Connection {
  /** Every change of state or of its reason. */
  readonly onState: Signal<ConnectionReport>;
  /** Why there is no connection: the first failure of an outage, and every refusal. */
  readonly onFailure: Signal<O2GError>;
  /** The session at the server; undefined while there is none. */
  open: OpenSession | undefined;

  readonly #sites: readonly [URL, ...URL[]];
  readonly #callbacks: ConnectionCallbacks;
  readonly #clock: Clock;
  readonly #log: Logger;
  #siteIndex = 0;
  #state: State = 'closed';
  #reason = '';
  #since: number;
  #failureReported = false;
  #retry: Timer | undefined;

  /** @param sites in the order of preference */
  constructor(sites: readonly [URL, ...URL[]], callbacks: ConnectionCallbacks, clock: Clock, log: Logger) {
    this.#sites = sites;
    this.#callbacks = callbacks;
    this.#clock = clock;
    this.#log = log;
    this.#since = clock.now();
    this.onState = new Signal(log);
    this.onFailure = new Signal(log);
  }

  /** Origin of the site that is spoken to, as the user typed it. */
  get site(): URL {
    return this.#sites[this.#siteIndex] ?? this.#sites[0];
  }

  /** Its host and port. */
  get host(): string {
    return this.site.host;
  }

  get state(): State {
    return this.#state;
  }

  get report(): ConnectionReport {
    const report = { state: this.#state, reason: this.#reason, since: new Date(this.#since).toISOString() };
    return this.#state === 'connected' && this.#callbacks.isUnheard()
      ? { ...report, reason: 'no event has come to the webhook yet', unheard: true }
      : report;
  }

  /** Turns to the next site, after the last to the first. */
  switchToNextSite(): void {
    this.#siteIndex = (this.#siteIndex + 1) % this.#sites.length;
  }

  /** Takes an input of the table, with its reason in words. @param blindMs as in the report */
  input(input: Input, reason: string, blindMs?: number): void {
    const previousState = this.#state;
    const [state, effect] = next(previousState, input);
    if (state === previousState && effect === 'none') return;
    this.#state = state;
    this.#reason = reason;
    if (state !== previousState) this.#since = this.#clock.now();
    this.#logState(previousState);
    if (state === 'connected') this.#failureReported = false;
    this.#callbacks.perform(effect, input);
    this.emitReport(blindMs);
  }

  /** An attempt to establish has failed. */
  failed(error: O2GError): void {
    const denied = error instanceof DeniedError;
    this.input(denied ? 'denied' : 'failed', error.message);
    if (!denied && this.#failureReported) return;
    this.#failureReported = true;
    this.onFailure.emit(error);
  }

  /** Tells the report of now. */
  emitReport(blindMs?: number): void {
    this.onState.emit(blindMs === undefined ? this.report : { ...this.report, blindMs });
  }

  /** Tries again in so many milliseconds, unless it is cancelled before. */
  retryAfter(ms: number): void {
    this.cancelRetry();
    this.#retry = this.#clock.after(ms, () => {
      this.input('due', this.#reason);
    });
  }

  cancelRetry(): void {
    this.#retry?.cancel();
  }

  /** One line a change of state. Failures are told by `onFailure`, the first of an outage only. */
  #logState(previousState: State): void {
    const line = `${this.host}: ${this.#state}${this.#reason === '' ? '' : ` (${this.#reason})`}`;
    if (this.#state === previousState || this.#state === 'refused') this.#log.debug(line);
    else if (this.#state === 'recovering') this.#log.warn(line);
    else this.#log.info(line);
  }
}
