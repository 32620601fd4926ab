/**
 * One DR link (recorder link) on one OXE node: what flows ask for is sent in order per device and becomes desired; what is desired and not
 * in force is repaired (Voice Recording).
 */
import { Book, type Coverage, type CoverageNews, type SrtpKeys } from './book';
import { BusyDevices } from './busy';
import { systemClock, type Clock } from './clock';
import { asO2GError, isDefinite, isSessionLoss, O2GError } from './errors';
import { forEachBounded } from './gate';
import type { Log } from './log';
import { stepsFor, type Beep, type RecordTarget, type Step, type Wanted } from './plan';
import { Registration, type LinkReport, type RegistrationOptions } from './registration';
import type { Attachment, CloseReason, Session } from './session';
import { Signal } from './signal';

export interface LinkOptions extends RegistrationOptions {
  /** Devices to keep monitored. */
  readonly devices: readonly string[];
  /** What happens when the program stops: `keep` leaves link and recordings to an external recorder and to the next start. */
  readonly onStop: 'close' | 'keep';
}

/** What a link has to remember to find its own leftovers after a crash. No secret is in it. */
export interface StoredLink {
  readonly registrationId: string;
  readonly wanted: Iterable<readonly [string, Wanted]>;
}

export interface LinkMemory {
  load(): StoredLink | undefined;
  save(stored: StoredLink | undefined): void;
}

export interface LinkParts {
  readonly log: Log;
  /** What flows asked of the link that this one replaces. */
  readonly wanted?: Iterable<readonly [string, Wanted]>;
  readonly clock?: Clock;
  readonly memory?: LinkMemory;
}

export interface Monitored {
  readonly deviceNumber: string;
  readonly userId: string | undefined;
  readonly monitored: boolean;
}
export interface Recorded {
  readonly deviceNumber: string;
  readonly recording: boolean;
  readonly target?: RecordTarget;
  /** Whether the link is secure, when the server said it. */
  readonly secure?: boolean;
  readonly srtp?: SrtpKeys;
}
export interface Beeping {
  readonly deviceNumber: string;
  readonly beeping: boolean;
}

/** Repairs under way at a time: enough to be fast, few enough that a command doesn't queue behind them. */
const REPAIRS = 12;
/** These requests name a link: after the loss of the session it may be another one. */
const ONCE = { once: true } as const;

export class Link implements Attachment {
  /** The session that it lives on. */
  readonly session: Session;
  /** Logins of users that are monitored from now on: calls that they have already are told by no event, only by a snapshot. */
  readonly onMonitored: Signal<readonly string[]>;
  readonly #options: LinkOptions;
  readonly #log: Log;
  readonly #memory: LinkMemory | undefined;
  readonly #book: Book;
  readonly #registration: Registration;
  readonly #busy = new BusyDevices();
  readonly #leave: (() => void)[] = [];
  /** The last work of each device that has some: start and stop never overtake each other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  /** What `onMonitored` has yet to tell: all users of a repair together. */
  readonly #newcomers = new Set<string>();
  /** The session in which what is seen was learnt. */
  #generation = 0;
  #repairing = false;
  #repairAgain = false;
  #closing: Promise<'gone' | 'kept'> | undefined;

  constructor(options: LinkOptions, session: Session, { log, clock = systemClock, memory, wanted = [] }: LinkParts) {
    this.#options = options;
    this.session = session;
    this.#log = log;
    this.onMonitored = new Signal(log);
    this.#memory = memory;
    this.#book = new Book(clock, log);
    const stored = memory?.load();
    this.#registration = new Registration(options, session, {
      reader: () => { this.#doubtAfterNewSession(); return this.#book.reader(); },
      onLost: () => { this.#book.lost(); },
      onConfirmed: () => { this.#doubtAfterNewSession(); this.#remember(); void this.#compareMonitors().then(() => this.#repair()); },
    }, log, clock, stored?.registrationId);
    for (const [deviceNumber, want] of [...(stored?.wanted ?? []), ...wanted]) {
      // What was monitored only because it was in the list, and is in it no more, is not desired any more.
      if (!want.own || want.record || want.beep) this.#book.want(deviceNumber, { ...want, own: false });
    }
    for (const deviceNumber of options.devices) this.#book.want(deviceNumber, { ...this.#book.wanted.get(deviceNumber), own: true });
  }

  get name(): string {
    return this.#options.name;
  }

  get oxeNode(): number {
    return this.#options.oxeNode;
  }

  get report(): LinkReport {
    return this.#registration.report;
  }

  get onState(): Signal<LinkReport> {
    return this.#registration.onState;
  }

  /** Devices that are not as desired, and that are again. */
  get onCoverage(): Signal<CoverageNews> {
    return this.#book.onNews;
  }

  /** Every device that is desired, with what is in force. */
  get coverage(): Coverage[] {
    const { confirmed } = this.#registration;
    const unknown = confirmed ? {} : { actual: [], reason: this.report.reason === '' ? this.report.state : this.report.reason, since: this.report.since };
    return this.#book.devices.map((deviceNumber) => ({ ...this.#book.coverageOf(deviceNumber), ...unknown }));
  }

  /** What every device shall be, from the link's own list and from flows. */
  get wanted(): ReadonlyMap<string, Wanted> {
    return this.#book.wanted;
  }

  /** The devices of a user that are known to be monitored here. */
  devicesOf(userId: string): string[] {
    return this.#book.devicesOf(userId);
  }

  /** All devices of a user: those monitored here and those that the server knows (GET /users/{loginName}). @throws O2GError */
  async findDevicesOf(userId: string): Promise<string[]> {
    const { devices = [] } = await this.session.call('getUser', { loginName: userId }, undefined);
    return [...new Set([...devices.flatMap(({ id }) => (id === undefined ? [] : [id])), ...this.devicesOf(userId)])];
  }

  /** Follows the session: registers as soon as it is connected, and from then on keeps the link as desired. */
  start(): void {
    if (this.#leave.length > 0 || this.#closing) return;
    this.#leave.push(
      this.session.attach(this),
      this.session.onEvent.on((event) => {
        for (const deviceNumber of this.#busy.follow(event)) this.#beepAgain(deviceNumber);
        this.#followCtiLink(event);
      }),
      this.session.onState.on((report) => { this.#registration.follow(report); }),
    );
    this.#registration.follow(this.session.report);
  }

  /** Ends the link as its options say, in two seconds at most. Idempotent; what waits ends with `CLOSED`. */
  close(why: CloseReason): Promise<'gone' | 'kept'> {
    return (this.#closing ??= this.#close(why === 'stop' && this.#options.onStop === 'keep' ? 'keep' : 'unregister'));
  }

  async #close(how: 'unregister' | 'keep'): Promise<'gone' | 'kept'> {
    await this.#registration.close(how);
    for (const leave of this.#leave.splice(0)) leave();
    if (how === 'keep') return 'kept';
    if (!this.#registration.current) this.#memory?.save(undefined);
    return 'gone';
  }

  // --- what flows ask for -----------------------------------------------------------------------------------------------------

  /** Starts monitoring a device: POST …/monitor. @throws O2GError */
  monitor(deviceNumber: string): Promise<Monitored> {
    return this.#begin(deviceNumber, (was) => was ?? { own: false }, async () => {
      return { deviceNumber, userId: await this.#sendMonitor(deviceNumber), monitored: true };
    });
  }

  /** Stops monitoring a device, its recording before: DELETE …/monitor/{deviceNumber}. @throws O2GError */
  stopMonitor(deviceNumber: string): Promise<Monitored> {
    this.#want(deviceNumber, undefined);
    return this.#end(deviceNumber, async () => {
      const { record, monitored, doubt, userId } = this.#book.seen(deviceNumber);
      if (record ?? doubt) await this.#sendStopRecord(deviceNumber);
      if (monitored || doubt) await this.#sendStopMonitor(deviceNumber);
      return { deviceNumber, userId, monitored: false };
    });
  }

  /**
   * Starts recording a device, monitoring it before if it isn't yet: POST …/record or …/tdmrecord.
   * @returns with the SRTP keys of a secured link, once; they are kept nowhere
   * @throws O2GError
   */
  record(deviceNumber: string, target: RecordTarget): Promise<Recorded> {
    return this.#begin(deviceNumber, (was) => ({ own: false, ...was, record: target }), async () => {
      if (!this.#book.seen(deviceNumber).monitored) await this.#sendMonitor(deviceNumber);
      const srtp = await this.#sendRecord(deviceNumber, target);
      const secure = this.#registration.current?.secure;
      return { deviceNumber, recording: true, target, ...(secure === undefined ? {} : { secure }), ...(srtp ? { srtp } : {}) };
    });
  }

  /** Stops recording a device; it stays monitored: DELETE …/record/{deviceNumber}. @throws O2GError */
  stopRecord(deviceNumber: string): Promise<Recorded> {
    this.#change(deviceNumber, { record: undefined, beep: undefined });
    return this.#end(deviceNumber, async () => {
      const { record, doubt } = this.#book.seen(deviceNumber);
      if (record ?? doubt) await this.#sendStopRecord(deviceNumber);
      return { deviceNumber, recording: false };
    });
  }

  /** Starts the beep on a device whose recording has been asked: POST …/beep. @throws O2GError */
  beep(deviceNumber: string, beep: Beep): Promise<Beeping> {
    return this.#begin(deviceNumber, (was) => ({ own: false, ...was, beep }), async () => {
      await this.#sendBeep(deviceNumber, beep);
      return { deviceNumber, beeping: true };
    });
  }

  /** Stops the beep: DELETE …/beep/{deviceNumber}. @throws O2GError */
  stopBeep(deviceNumber: string): Promise<Beeping> {
    this.#change(deviceNumber, { beep: undefined });
    return this.#end(deviceNumber, async () => {
      const { beep, doubt } = this.#book.seen(deviceNumber);
      if (beep ?? doubt) await this.#sendStopBeep(deviceNumber);
      return { deviceNumber, beeping: false };
    });
  }

  /** A start becomes desired when its turn comes; a definite refusal takes that back, a passing one is repaired later. */
  #begin<T>(deviceNumber: string, change: (was: Wanted | undefined) => Wanted, send: () => Promise<T>): Promise<T> {
    return this.#inOrder(deviceNumber, async () => {
      const was = this.#book.wanted.get(deviceNumber);
      const want = change(was);
      this.#want(deviceNumber, want);
      try {
        const result = await this.#sendWithLink(send);
        this.#book.solved(deviceNumber);
        return result;
      } catch (error) {
        if (!isDefinite(error)) this.#book.doubt(deviceNumber);
        else if (this.#book.wanted.get(deviceNumber) === want) this.#takeBack(deviceNumber, was, asO2GError(error));
        throw error;
      }
    });
  }

  /** What ends was desired to end from the moment it was said, also while there is no connection. */
  #end<T>(deviceNumber: string, send: () => Promise<T>): Promise<T> {
    return this.#inOrder(deviceNumber, async () => {
      try {
        return await this.#sendWithLink(send);
      } catch (error) {
        this.#book.doubt(deviceNumber);
        throw error;
      }
    });
  }

  /** Sends on the confirmed link, and once more when session or link turn out to be gone. */
  async #sendWithLink<T>(send: () => Promise<T>): Promise<T> {
    const { id } = await this.#registration.require();
    try {
      return await send();
    } catch (error) {
      // 404 may mean the device or the whole link: the list of links tells.
      if (asO2GError(error).code === 'NOT_FOUND') await this.#registration.confirm();
      else if (!isSessionLoss(error)) throw error;
      const now = await this.#registration.require();
      if (now.id === id && !isSessionLoss(error)) throw error;
      return await send();
    }
  }

  #inOrder<T>(deviceNumber: string, work: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new O2GError('CLOSED', `the recorder link ${this.name} is closed`));
    const before = this.#queues.get(deviceNumber) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.then(() => undefined, () => undefined).then(() => {
      if (this.#queues.get(deviceNumber) === settled) this.#queues.delete(deviceNumber);
    });
    this.#queues.set(deviceNumber, settled);
    return mine;
  }

  #want(deviceNumber: string, want: Wanted | undefined): void {
    this.#book.want(deviceNumber, want);
    this.#remember();
  }

  #change(deviceNumber: string, change: Partial<Wanted>): void {
    this.#book.change(deviceNumber, change);
    this.#remember();
  }

  /** A refused start leaves what was desired before; if that is something, it may not be in force either. */
  #takeBack(deviceNumber: string, was: Wanted | undefined, error: O2GError): void {
    this.#want(deviceNumber, was);
    if (was && stepsFor(deviceNumber, was, this.#book.seen(deviceNumber)).length > 0) this.#book.failed(deviceNumber, error);
  }

  #remember(): void {
    const registered = this.#registration.current;
    if (registered) this.#memory?.save({ registrationId: registered.id, wanted: this.#book.wanted });
  }

  // --- single requests; they note what the server is known to do ------------------------------------------------------------

  /** The path of our link, once it is there. */
  async #path(): Promise<{ nodeId: string; registerId: string }> {
    const { id } = await this.#registration.require();
    return { nodeId: String(this.oxeNode), registerId: id };
  }

  async #sendMonitor(deviceNumber: string): Promise<string> {
    const { userId } = await this.session.call('startMonitor', await this.#path(), { deviceNumber }, ONCE);
    const { monitored, doubt } = this.#book.seen(deviceNumber);
    this.#book.see(deviceNumber, { monitored: true, userId, doubt: false });
    this.session.probeLogin = userId;
    if (!monitored || doubt) this.#newcomers.add(userId);
    if (!this.#repairing) this.#tellNewcomers();
    return userId;
  }

  #tellNewcomers(): void {
    const logins = [...this.#newcomers];
    this.#newcomers.clear();
    if (logins.length > 0) this.onMonitored.emit(logins);
  }

  async #sendStopMonitor(deviceNumber: string): Promise<void> {
    await this.session.call('stopMonitor', { ...(await this.#path()), deviceNumber }, undefined, ONCE).catch(ifRunning);
    this.#book.forget(deviceNumber);
  }

  async #sendRecord(deviceNumber: string, target: RecordTarget): Promise<SrtpKeys | undefined> {
    const keys = await this.#sendStartRecord(deviceNumber, target);
    this.#book.see(deviceNumber, { record: target, beep: undefined });
    return keys?.key === undefined ? undefined : keys;
  }

  async #sendStartRecord(deviceNumber: string, target: RecordTarget): Promise<SrtpKeys | undefined> {
    const path = await this.#path();
    if (target.mode === 'ip') {
      const { ipRecorderAddr, sentFlowPort, receivedFlowPort } = target;
      return this.session.call('startRecord', path, { deviceNumber, ipRecorderAddr, sentFlowPort, receivedFlowPort }, ONCE);
    }
    const { crystal, board, timeslot } = target;
    return this.session.call('startTdmRecord', path, { deviceNumber, crystal, board, timeslot }, ONCE);
  }

  async #sendStopRecord(deviceNumber: string): Promise<void> {
    await this.session.call('stopRecord', { ...(await this.#path()), deviceNumber }, undefined, ONCE).catch(ifRunning);
    this.#book.see(deviceNumber, { record: undefined, beep: undefined });
  }

  async #sendBeep(deviceNumber: string, beep: Beep): Promise<void> {
    await this.session.call('startBeep', await this.#path(), { deviceNumber, ...beep }, ONCE);
    this.#book.see(deviceNumber, { beep });
  }

  async #sendStopBeep(deviceNumber: string): Promise<void> {
    await this.session.call('stopBeep', { ...(await this.#path()), deviceNumber }, undefined, ONCE).catch(ifRunning);
    this.#book.see(deviceNumber, { beep: undefined });
  }

  // --- repair -----------------------------------------------------------------------------------------------------------------

  #followCtiLink(event: { readonly eventName: string; readonly nodeId?: unknown }): void {
    if (event.eventName !== 'OnCtiLinkUp' && event.eventName !== 'OnCtiLinkDown') return;
    // Node numbers come as text in events and as numbers elsewhere.
    if (String(event.nodeId) === String(this.oxeNode)) void this.#registration.confirm();
  }

  /** A TDM beep ends with the conversation: each new one needs it anew (specification, Voice Recording, step 7). */
  #beepAgain(deviceNumber: string): void {
    const want = this.#book.wanted.get(deviceNumber);
    if (want?.beep === undefined || want.record?.mode !== 'tdm' || this.#closing) return;
    const { beep } = want;
    this.#inOrder(deviceNumber, () => this.#sendBeep(deviceNumber, beep)).catch((error: unknown) => {
      this.#book.failed(deviceNumber, asO2GError(error));
    });
  }

  #doubtAfterNewSession(): void {
    if (this.session.generation === this.#generation) return;
    this.#generation = this.session.generation;
    this.#book.doubtEverything();
  }

  /** What the list of links doesn't tell: a monitored user appears in the list of logins (Voice Recording, step 5). */
  async #compareMonitors(): Promise<void> {
    if (this.session.info?.admin !== true || !this.#book.believes) return;
    const read = this.#book.loginReader();
    try {
      const { loginNames } = await this.session.call('getLogins', { nodeIds: String(this.oxeNode) }, undefined);
      if (Array.isArray(loginNames)) read(new Set(loginNames));
    } catch (error) {
      // The next audit asks again; what is known to be missing is repaired now.
      this.#log.debug(`${this.name}: the logins can't be read: ${asO2GError(error).message}`);
    }
  }

  async #repair(): Promise<void> {
    this.#repairAgain = this.#repairing;
    if (this.#repairing) return;
    this.#repairing = true;
    do {
      this.#repairAgain = false;
      await forEachBounded(this.#book.due(this.#busy.devices), REPAIRS, (deviceNumber) => this.#repairDevice(deviceNumber));
    } while (this.#isAgain());
    this.#repairing = false;
    this.#tellNewcomers();
  }

  /** Another repair was asked for while this one was running. */
  #isAgain(): boolean {
    return this.#repairAgain && this.#registration.confirmed;
  }

  async #repairDevice(deviceNumber: string): Promise<void> {
    try {
      await this.#inOrder(deviceNumber, async () => {
        if (!this.#registration.confirmed) return;
        let srtp: SrtpKeys | undefined;
        // Planned anew: a flow may have done or undone it in the meantime.
        for (const step of this.#book.steps(deviceNumber)) srtp = (await this.#perform(step)) ?? srtp;
        this.#book.solved(deviceNumber, srtp);
      });
    } catch (error) {
      const known = asO2GError(error);
      if (known.code === 'CLOSED' || isSessionLoss(known)) return;
      this.#book.failed(deviceNumber, known);
      this.#log.debug(`${this.name}: ${deviceNumber}: ${known.message}`);
    }
  }

  async #perform(step: Step): Promise<SrtpKeys | undefined> {
    switch (step.do) {
      case 'monitor': await this.#sendMonitor(step.deviceNumber); return undefined;
      case 'record': return this.#sendRecord(step.deviceNumber, step.target);
      case 'stopRecord': await this.#sendStopRecord(step.deviceNumber); return undefined;
      case 'beep': await this.#sendBeep(step.deviceNumber, step.beep); return undefined;
      case 'stopBeep': await this.#sendStopBeep(step.deviceNumber); return undefined;
    }
  }
}

/** Stopping what isn't running is no error. */
function ifRunning(error: unknown): undefined {
  const { code } = asO2GError(error);
  if (code !== 'NOT_FOUND' && code !== 'NOT_EXPECTED') throw error;
  return undefined;
}
