/**
 * Finds an event channel that is open but dead: asks for the snapshot of a monitored user's calls, which comes as an event.
 * The answer to that probe is for no flow.
 */
import { asO2GError, isDefiniteRefusal, type O2GEvent } from '../spec';
import { Signal, type Clock, type Logger } from '../util';
import type { SessionEventSource } from './event-source';
import type { OpenSession } from './login';
import type { RequestSender } from './request-sender';
import { isDoubtful } from './session-check';
import { Watchdog } from './watchdog';

export class ChannelLiveness {
  /** The channel is open but dead; the value is how long it was silent, in ms. */
  readonly onDead: Signal<number>;
  /** The answer to a probe makes the session doubtful. */
  readonly onDoubt: Signal<OpenSession>;
  readonly #requestSender: RequestSender;
  readonly #eventSource: SessionEventSource;
  readonly #log: Logger;
  readonly #watchdog: Watchdog;
  #open: OpenSession | undefined;
  /** Whose snapshot can be requested. */
  #login: string | undefined;
  /** Whose snapshot was requested as a probe. */
  #probedLogin: string | undefined;

  constructor(requestSender: RequestSender, eventSource: SessionEventSource, clock: Clock, log: Logger) {
    this.#requestSender = requestSender;
    this.#eventSource = eventSource;
    this.#log = log;
    this.onDead = new Signal(log);
    this.onDoubt = new Signal(log);
    this.#watchdog = new Watchdog(clock, {
      heardAt: () => eventSource.heardAt,
      probe: () => this.#probe(),
      onDead: (silentMs) => {
        this.onDead.emit(silentMs);
      },
    });
  }

  /** Events are expected from now on. @param byChannel on the event channel, not by webhook */
  start(open: OpenSession, byChannel: boolean): void {
    this.#open = open;
    // A webhook is no connection that could be half open; one probe shows whether its address is right.
    if (byChannel) this.#watchdog.start();
    else this.#probe();
  }

  stop(): void {
    this.#open = undefined;
    this.#watchdog.stop();
  }

  /** Takes note of a monitored user. */
  setLogin(login: string): void {
    const first = this.#login === undefined;
    this.#login = login;
    if (first && this.#eventSource.unheard) this.#probe();
  }

  /** A flow requests a snapshot, and flows get all of them: none is a probe's any more. */
  releaseProbe(): void {
    this.#probedLogin = undefined;
  }

  /** Returns true when the event is the answer to a probe. */
  isProbeResponse(event: O2GEvent): boolean {
    // Without a link, a user whose events come can be asked for.
    if (
      this.#login === undefined &&
      typeof event.loginName === 'string' &&
      event.eventName !== 'OnUserDeleted'
    )
      this.#login = event.loginName;
    if (
      event.eventName !== 'OnTelephonyState' ||
      this.#probedLogin === undefined ||
      event.loginName !== this.#probedLogin
    )
      return false;
    this.#probedLogin = undefined;
    return true;
  }

  #probe(): boolean {
    if (this.#login === undefined || !this.#open) return false;
    this.#probedLogin = this.#login;
    void this.#requestSnapshot(this.#open, this.#login);
    return true;
  }

  /** Not by `Session.perform`, whose snapshots are for flows. */
  async #requestSnapshot(open: OpenSession, loginName: string): Promise<void> {
    try {
      await this.#requestSender.perform(open, 'requestTelephonySnapshot', { loginName }, undefined);
    } catch (error) {
      if (isDoubtful(error)) this.onDoubt.emit(open);
      // A user that isn't there any more never answers: another one is asked for the next time.
      if (isDefiniteRefusal(error) && this.#login === loginName) this.#login = undefined;
      this.#log.debug(`${open.baseUrl.host}: no snapshot as a sign of life: ${asO2GError(error).message}`);
    }
  }
}
