/**
 * One DR link (recorder link) on one OXE node: what flows ask for is sent in order per device and becomes desired; what is desired and not
 * in force is repaired (Voice Recording).
 */
import type { AnswerOf, BodyOf, OperationName, ParametersOf } from './api';
import { Book, NOT_RECORDED, type BegunRecording, type Coverage, type CoverageNews } from './book';
import { BusyDevices } from './busy';
import { systemClock, type Clock, type Timer } from './clock';
import { asO2GError, isDefinite, isSessionLoss, O2GError } from './errors';
import { forEachBounded } from './gate';
import type { Log } from './log';
import type { MediaPorts, SrtpKeys } from './media';
import { OwnMedia, type ArmedPorts } from './own-media';
import { isNode, NODE_EVENTS } from './oxe-node';
import { stepsFor, type Beep, type RecordTarget, type RecordWish, type Step, type Wanted } from './plan';
import { Registration, type LinkReport, type RegistrationOptions } from './registration';
import type { Attachment, CloseReason, Session } from './session';
import { Signal } from './signal';

export interface LinkOptions extends RegistrationOptions {
  /** Devices to keep monitored. */
  readonly devices: readonly string[];
  /** Devices to keep recorded by a recorder of this program, and its id. */
  readonly record?: { readonly devices: readonly string[]; readonly recorder: string } | undefined;
  /** What happens when the program stops: `keep` leaves link and recordings to an external recorder and to the next start. */
  readonly onStop: 'close' | 'keep';
}

/** What a link has to remember to find its own leftovers after a crash. No secret is in it. */
export interface StoredLink {
  /** Identifiers of registrations by the host of the O2G site that gave them. */
  readonly registrations: Iterable<readonly [string, string]>;
  readonly wanted: Iterable<readonly [string, Wanted]>;
  /** The ports of the recorders of this program, by device. */
  readonly armed?: Iterable<readonly [string, ArmedPorts]>;
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
  /** The recorders of this program. */
  readonly media?: MediaPorts;
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
  /** Told by `pause` and `resume` only. */
  readonly paused?: boolean;
}
export interface Beeping {
  readonly deviceNumber: string;
  readonly beeping: boolean;
}

/** Repairs under way at a time: enough to be fast, few enough that a command doesn't queue behind them. */
const REPAIRS = 12;
/** These requests name a link: after the loss of the session it may be another one. */
const ONCE = { once: true } as const;
/** Actions that wait for their turn or for the connection at the same time: a full link, and some more. */
const PENDING_ACTIONS = 20_000;
/** What failed in passing is tried again after 1, 2, 4, 8 and 16 s, and then at every audit. */
const QUICK_REPAIRS = 5;

/** The path of a link in a request. */
interface LinkPath {
  readonly nodeId: string;
  readonly registerId: string;
}

export class Link implements Attachment {
  /** The session that it lives on. */
  readonly session: Session;
  /** Logins of users that are monitored from now on: calls that they have already are told by no event, only by a snapshot. */
  readonly onMonitored: Signal<readonly string[]>;
  readonly #options: LinkOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #memory: LinkMemory | undefined;
  readonly #book: Book;
  readonly #registration: Registration;
  readonly #busy = new BusyDevices();
  readonly #media: OwnMedia;
  /** Since the session was connected last, nobody has asked which calls there are. */
  #callsUnknown = true;
  readonly #leave: (() => void)[] = [];
  /** The last work of each device that has some: start and stop never overtake each other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  /** What `onMonitored` has yet to tell: all users of a repair together. */
  readonly #newcomers = new Set<string>();
  /** The session in which what is seen was learnt. */
  #generation = 0;
  #pending = 0;
  /** The link and session that are being repaired. */
  #repairing: string | undefined;
  #repairAgain = false;
  #repairSoon: Timer | undefined;
  /** Repairs in a row that left something to be repaired. */
  #repairsFailed = 0;
  #closing: Promise<'gone' | 'kept'> | undefined;

  constructor(options: LinkOptions, session: Session, { log, clock = systemClock, memory, wanted = [], media }: LinkParts) {
    this.#options = options;
    this.session = session;
    this.#log = log;
    this.#clock = clock;
    this.onMonitored = new Signal(log);
    this.#memory = memory;
    const stored = memory?.load();
    this.#book = new Book(clock, log, stored !== undefined);
    this.#registration = new Registration(options, session, {
      reader: () => { this.#doubtAfterNewSession(); return this.#book.reader(); },
      onLost: (reason) => { this.#book.lost(reason); },
      onForgotten: () => { this.#remember(); },
      onConfirmed: () => {
        this.#doubtAfterNewSession();
        this.#remember();
        void this.#compareMonitors().then(() => this.#repair()).then(() => this.#learnCalls());
      },
    }, log, clock, stored?.registrations ?? []);
    this.#media = new OwnMedia({
      ports: media, clock, log, was: stored?.armed ?? [],
      wanted: () => [...this.wanted].flatMap(([deviceNumber, { record }]) => (record?.mode === 'own' ? [[deviceNumber, record.recorder] as const] : [])),
      isWanted: (deviceNumber) => this.#book.wanted.get(deviceNumber)?.record?.mode === 'own',
      secure: () => this.#registration.current?.secure,
      onUndecipherable: (deviceNumber) => { this.#askForKeys(deviceNumber); },
    });
    for (const [deviceNumber, want] of [...(stored?.wanted ?? []), ...wanted]) {
      // What was monitored or recorded only because it was in the list, and is in it no more, is not desired any more.
      const record = want.record?.mode === 'own' && want.record.listed === true ? undefined : want.record;
      if (!want.own || record || want.beep) this.#book.want(deviceNumber, { ...want, own: false, record });
    }
    for (const deviceNumber of options.devices) this.#book.want(deviceNumber, { ...this.#book.wanted.get(deviceNumber), own: true });
    for (const deviceNumber of options.record?.devices ?? []) this.#wantListed(deviceNumber, options.record?.recorder ?? '');
  }

  /** What a flow asked for wins over the list. */
  #wantListed(deviceNumber: string, recorder: string): void {
    const want = this.#book.wanted.get(deviceNumber);
    this.#book.want(deviceNumber, { ...want, own: true, record: want?.record ?? { mode: 'own', recorder, listed: true } });
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

  /** A device of which anything may have changed, of those that are or were desired. Without a registration all of them have. */
  get onChanged(): Signal<string> {
    return this.#book.onChanged;
  }

  /** Every device that is desired, with what is in force. */
  get coverage(): Coverage[] {
    return this.#book.devices.map((deviceNumber) => this.coverageOf(deviceNumber));
  }

  /** What a device shall be and what it is. */
  coverageOf(deviceNumber: string): Coverage {
    const known = this.#book.coverageOf(deviceNumber);
    if (this.#registration.confirmed) return known;
    const { reason, state, since } = this.report;
    return { ...known, actual: [], reason: reason === '' ? state : reason, since };
  }

  /** The user of a device that is known to be monitored. */
  userOf(deviceNumber: string): string | undefined {
    return this.#book.seen(deviceNumber).userId;
  }

  /** The devices that are in a call now, as far as events told. */
  get inCall(): ReadonlySet<string> {
    return this.#busy.devices;
  }

  /** Compares with the server's list now, not at the next turn, and repairs. Never rejects; what it finds is told by the state. */
  audit(): Promise<void> {
    return this.#registration.confirm();
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
        this.#followNode(event);
        this.#media.follow(event);
      }),
      this.session.onState.on((report) => {
        if (report.state !== 'connected' || report.blindMs !== undefined) this.#callsUnknown = true;
        this.#registration.follow(report);
      }),
      this.#media.start((recorder) => { this.#mediaChanged(recorder); }),
    );
    this.#registration.follow(this.session.report);
  }

  /** Ends the link as its options say, in six seconds at most: two for the server, four for recorders of ours. Idempotent; what waits ends with `CLOSED`. */
  close(why: CloseReason): Promise<'gone' | 'kept'> {
    return (this.#closing ??= this.#close(why === 'stop' && this.#options.onStop === 'keep' ? 'keep' : 'unregister'));
  }

  async #close(how: 'unregister' | 'keep'): Promise<'gone' | 'kept'> {
    this.#repairSoon?.cancel();
    await this.#registration.close(how);
    for (const leave of this.#leave.splice(0)) leave();
    await this.#media.close(how === 'unregister');
    if (how === 'keep') return 'kept';
    if (this.#registration.all.length === 0) this.#memory?.save(undefined);
    return 'gone';
  }

  // --- what flows ask for -----------------------------------------------------------------------------------------------------

  /** Starts monitoring a device: POST …/monitor. @throws O2GError */
  monitor(deviceNumber: string): Promise<Monitored> {
    return this.#begin(deviceNumber, (was) => was ?? { own: false }, async (path) => {
      return { deviceNumber, userId: await this.#sendMonitor(path, deviceNumber), monitored: true };
    });
  }

  /** Stops monitoring a device, its recording before: DELETE …/monitor/{deviceNumber}. @throws O2GError */
  stopMonitor(deviceNumber: string): Promise<Monitored> {
    this.#want(deviceNumber, undefined);
    return this.#end(deviceNumber, async (path) => {
      const { record, monitored, doubt, userId } = this.#book.seen(deviceNumber);
      if (record ?? doubt) await this.#sendStopRecord(path, deviceNumber);
      if (monitored || doubt) await this.#sendStopMonitor(path, deviceNumber);
      return { deviceNumber, userId, monitored: false };
    }, () => this.#media.disarm(deviceNumber));
  }

  /**
   * Starts recording a device, monitoring it before if it isn't yet: POST …/record or …/tdmrecord. The ports of a recorder of this program
   * are bound before.
   * @returns with the SRTP keys of a secured link for a recorder that isn't ours, once; they are kept nowhere
   * @throws O2GError; what the recorder says when it has no ports
   */
  record(deviceNumber: string, wish: RecordWish): Promise<Recorded> {
    return this.#begin(deviceNumber, (was) => ({ own: false, ...was, record: wish }), async (path) => {
      const { record, recorder, doubt } = this.#book.seen(deviceNumber);
      // Asked for again, the OXE would begin its flows anew, in the middle of a call; external recorders want just that, for the keys.
      if (wish.mode === 'own' && record && recorder === wish.recorder && !doubt) return this.recorded(deviceNumber, { target: record });
      return this.recorded(deviceNumber, await this.#monitorAndRecord(path, deviceNumber, wish));
    });
  }

  /** What is in force when a recording has begun. */
  recorded(deviceNumber: string, { target, srtp }: BegunRecording): Recorded {
    const secure = this.#registration.current?.secure;
    return { deviceNumber, recording: true, target, ...(secure === undefined ? {} : { secure }), ...(srtp ? { srtp } : {}) };
  }

  /**
   * Writes silence instead of what is said, in the recorder of this program that records the device; needs no connection.
   * @param resumeAfter seconds, after which it resumes by itself
   * @throws O2GError `INVALID_INPUT` when none does
   */
  async pause(deviceNumber: string, resumeAfter: number | undefined): Promise<Recorded> {
    await this.#media.recorderOf(deviceNumber).pause(deviceNumber, resumeAfter);
    return { deviceNumber, recording: true, paused: true };
  }

  /** Ends a pause. @throws O2GError as `pause` */
  async resume(deviceNumber: string): Promise<Recorded> {
    await this.#media.recorderOf(deviceNumber).resume(deviceNumber);
    return { deviceNumber, recording: true, paused: false };
  }

  /** Stops recording a device; it stays monitored: DELETE …/record/{deviceNumber}. @throws O2GError */
  stopRecord(deviceNumber: string): Promise<Recorded> {
    this.#change(deviceNumber, { record: undefined, beep: undefined });
    return this.#end(deviceNumber, async (path) => {
      const { record, doubt } = this.#book.seen(deviceNumber);
      if (record ?? doubt) await this.#sendStopRecord(path, deviceNumber);
      return { deviceNumber, recording: false };
    }, () => this.#media.disarm(deviceNumber));
  }

  /** Starts the beep on a device whose recording has been asked: POST …/beep. @throws O2GError */
  beep(deviceNumber: string, beep: Beep): Promise<Beeping> {
    return this.#begin(deviceNumber, (was) => ({ own: false, ...was, beep }), async (path) => {
      await this.#sendBeep(path, deviceNumber, beep);
      return { deviceNumber, beeping: true };
    });
  }

  /** Stops the beep: DELETE …/beep/{deviceNumber}. @throws O2GError */
  stopBeep(deviceNumber: string): Promise<Beeping> {
    this.#change(deviceNumber, { beep: undefined });
    return this.#end(deviceNumber, async (path) => {
      const { beep, doubt } = this.#book.seen(deviceNumber);
      if (beep ?? doubt) await this.#sendStopBeep(path, deviceNumber);
      return { deviceNumber, beeping: false };
    });
  }

  /** A start becomes desired when its turn comes; a definite refusal takes that back, a passing one is repaired later. */
  #begin<T>(deviceNumber: string, change: (was: Wanted | undefined) => Wanted, send: (path: LinkPath) => Promise<T>): Promise<T> {
    return this.#act(deviceNumber, async (until) => {
      const was = this.#book.wanted.get(deviceNumber);
      const want = change(was);
      this.#want(deviceNumber, want);
      try {
        const result = await this.#sendWithLink(until, send);
        this.#book.solved(deviceNumber);
        return result;
      } catch (error) {
        if (!isDefinite(error)) this.#book.doubt(deviceNumber);
        else if (this.#book.wanted.get(deviceNumber) === want) this.#takeBack(deviceNumber, was, asO2GError(error));
        throw error;
      }
    });
  }

  /**
   * What ends was desired to end from the moment it was said, also while there is no connection.
   * @param here ends it on this side, whatever the server says
   */
  #end<T>(deviceNumber: string, send: (path: LinkPath) => Promise<T>, here: () => Promise<void> = () => Promise.resolve()): Promise<T> {
    return this.#act(deviceNumber, async (until) => {
      if (!this.#registration.confirmed) await here();
      try {
        return await this.#sendWithLink(until, send);
      } catch (error) {
        this.#book.doubt(deviceNumber);
        throw error;
      } finally {
        await here();
      }
    });
  }

  /**
   * Sends on the confirmed link, and once more when session or link turn out to be gone.
   * @param until how long to wait for the link, ms since the epoch
   */
  async #sendWithLink<T>(until: number, send: (path: LinkPath) => Promise<T>): Promise<T> {
    const path = await this.#path(until);
    try {
      return await send(path);
    } catch (error) {
      // 404 may mean the device or the whole link: the list of links tells.
      if (asO2GError(error).code === 'NOT_FOUND') await this.#registration.confirm();
      else if (!isSessionLoss(error) && this.#isOn(path)) throw error;
      const now = await this.#path(Math.max(until, this.#clock.now() + this.session.offlineWaitMs));
      if (now.registerId === path.registerId && !isSessionLoss(error)) throw error;
      return await send(now);
    }
  }

  /** Work that a flow asked for. @param work gets the time until which it may wait for the link: it counts from the asking, not from its turn */
  #act<T>(deviceNumber: string, work: (until: number) => Promise<T>): Promise<T> {
    if (this.#pending >= PENDING_ACTIONS) {
      return Promise.reject(new O2GError('NOT_CONNECTED', `${this.#pending} actions wait for the recorder link ${this.name} already`));
    }
    const until = this.#clock.now() + this.session.offlineWaitMs;
    this.#pending += 1;
    return this.#inOrder(deviceNumber, () => work(until)).finally(() => { this.#pending -= 1; });
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
    const registrations = this.#registration.all;
    if (registrations.length > 0) this.#memory?.save({ registrations, wanted: this.#book.wanted, armed: this.#media.armed });
  }

  // --- single requests; they note what the server is known to do ------------------------------------------------------------

  /** The path of our link, once it is there. @param until how long to wait for it, ms since the epoch */
  async #path(until: number): Promise<LinkPath> {
    const { id } = await this.#registration.require(until);
    return { nodeId: String(this.oxeNode), registerId: id };
  }

  /** Whether this is the link of now. */
  #isOn({ registerId }: LinkPath): boolean {
    return this.#registration.current?.id === registerId;
  }

  /** Sends a request that names a link. What it was answered is worth nothing when that link has gone meanwhile, and all that was on it. */
  async #ask<Name extends OperationName>(path: LinkPath, name: Name, parameters: ParametersOf<Name>, body: BodyOf<Name>): Promise<AnswerOf<Name>> {
    const answer = await this.session.call(name, parameters, body, ONCE);
    if (!this.#isOn(path)) throw new O2GError('NOT_CONNECTED', `the recorder link ${this.name} was lost meanwhile`);
    return answer;
  }

  async #sendMonitor(path: LinkPath, deviceNumber: string): Promise<string> {
    const { userId } = await this.#ask(path, 'startMonitor', path, { deviceNumber });
    if (typeof userId !== 'string') throw new O2GError('SERVER_PROBLEM', `O2G answered startMonitor of ${deviceNumber} without the login of its user`);
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

  async #sendStopMonitor(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#ask(path, 'stopMonitor', { ...path, deviceNumber }, undefined).catch(ifRunning);
    this.#book.forget(deviceNumber);
  }

  /** Monitors a device first if it isn't, or if the OXE says that it isn't any more. */
  async #monitorAndRecord(path: LinkPath, deviceNumber: string, wish: RecordWish): Promise<BegunRecording> {
    const { monitored } = this.#book.seen(deviceNumber);
    if (!monitored) await this.#sendMonitor(path, deviceNumber);
    try {
      return await this.#sendRecord(path, deviceNumber, wish);
    } catch (error) {
      if (!monitored || asO2GError(error).code !== 'NOT_EXPECTED') throw error;
      await this.#sendMonitor(path, deviceNumber);
      return this.#sendRecord(path, deviceNumber, wish);
    }
  }

  async #sendRecord(path: LinkPath, deviceNumber: string, wish: RecordWish): Promise<BegunRecording> {
    if (wish.mode === 'own') return this.#sendOwnRecord(path, deviceNumber, wish.recorder);
    const keys = await this.#sendStartRecord(path, deviceNumber, wish);
    this.#book.see(deviceNumber, { ...NOT_RECORDED, record: wish });
    // It may have been recorded here before.
    await this.#media.disarm(deviceNumber);
    return { target: wish, ...(keys ? { srtp: keys } : {}) };
  }

  /** Into a recorder of this program: its ports are bound before the request is sent, and it alone gets the keys. */
  async #sendOwnRecord(path: LinkPath, deviceNumber: string, recorder: string): Promise<BegunRecording> {
    const before = this.#media.armed.get(deviceNumber)?.recorder;
    if (before !== undefined && before !== recorder) await this.#media.disarm(deviceNumber);
    const target = await this.#media.arm(deviceNumber, recorder);
    try {
      const keys = await this.#sendStartRecord(path, deviceNumber, target);
      this.#book.see(deviceNumber, { record: target, recorder, beep: undefined });
      await this.#media.setKeys(deviceNumber, keys);
    } catch (error) {
      if (isDefinite(error)) {
        this.#book.see(deviceNumber, NOT_RECORDED);
        await this.#media.disarm(deviceNumber);
      }
      throw error;
    }
    this.#remember();
    return { target };
  }

  async #sendStartRecord(path: LinkPath, deviceNumber: string, target: RecordTarget): Promise<SrtpKeys | undefined> {
    if (target.mode === 'ip') {
      const { ipRecorderAddr, sentFlowPort, receivedFlowPort } = target;
      const keys: SrtpKeys = await this.#ask(path, 'startRecord', path, { deviceNumber, ipRecorderAddr, sentFlowPort, receivedFlowPort });
      return keys.key === undefined ? undefined : keys;
    }
    const { crystal, board, timeslot } = target;
    await this.#ask(path, 'startTdmRecord', path, { deviceNumber, crystal, board, timeslot });
    return undefined;
  }

  async #sendStopRecord(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#ask(path, 'stopRecord', { ...path, deviceNumber }, undefined).catch(ifRunning);
    this.#book.see(deviceNumber, NOT_RECORDED);
  }

  async #sendBeep(path: LinkPath, deviceNumber: string, beep: Beep): Promise<void> {
    await this.#ask(path, 'startBeep', path, { deviceNumber, ...beep });
    this.#book.see(deviceNumber, { beep });
  }

  async #sendStopBeep(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#ask(path, 'stopBeep', { ...path, deviceNumber }, undefined).catch(ifRunning);
    this.#book.see(deviceNumber, { beep: undefined });
  }

  // --- repair -----------------------------------------------------------------------------------------------------------------

  #followNode(event: { readonly eventName: string; readonly nodeId?: unknown }): void {
    if (!NODE_EVENTS.has(event.eventName)) return;
    // OnServerStart is about all of them.
    if (event.nodeId === undefined || isNode(event.nodeId, this.oxeNode)) void this.#registration.confirm();
  }

  /** A TDM beep ends with the conversation: each new one needs it anew (specification, Voice Recording, step 7). */
  #beepAgain(deviceNumber: string): void {
    const want = this.#book.wanted.get(deviceNumber);
    if (want?.beep === undefined || want.record?.mode !== 'tdm' || this.#closing) return;
    const { beep } = want;
    this.#act(deviceNumber, async (until) => this.#sendBeep(await this.#path(until), deviceNumber, beep)).catch((error: unknown) => {
      this.#book.failed(deviceNumber, asO2GError(error));
    });
  }

  /** A recorder of this program is another one now, or gone: what it recorded isn't recorded any more. */
  #mediaChanged(recorder: string): void {
    for (const [deviceNumber] of [...this.wanted]) {
      if (this.#book.seen(deviceNumber).recorder !== recorder) continue;
      this.#book.see(deviceNumber, NOT_RECORDED);
      this.#book.failed(deviceNumber, new O2GError('NOT_CONNECTED', 'the recorder was changed or removed'));
    }
    if (this.#registration.confirmed) void this.#repair();
  }

  /** The OXE may have changed the keys: only the answer to a new request tells them (specification, Voice Recording, POST …/record). */
  #askForKeys(deviceNumber: string): void {
    if (this.#registration.current?.secure === false) return;
    this.#inOrder(deviceNumber, async () => {
      const wish = this.#book.wanted.get(deviceNumber)?.record;
      if (wish?.mode === 'own' && this.#registration.confirmed) await this.#sendOwnRecord(await this.#path(this.#clock.now()), deviceNumber, wish.recorder);
    }).catch((error: unknown) => {
      const known = asO2GError(error);
      if (known.code !== 'CLOSED' && !isSessionLoss(known)) this.#book.failed(deviceNumber, known);
    });
  }

  /** After a gap, recorders of this program must not wait for the end of a call that ended in it. */
  async #learnCalls(): Promise<void> {
    if (!this.#callsUnknown || this.#closing) return;
    this.#callsUnknown = false;
    const users = [...this.#media.armed.keys()].flatMap((deviceNumber) => this.#book.seen(deviceNumber).userId ?? []);
    await this.#media.learn([...new Set(users)], (loginName) => this.session.call('getTelephonyState', { loginName }, undefined));
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

  /** Repairs what differs. A link in another session is not kept waiting by requests that hang in the one before. */
  async #repair(): Promise<void> {
    const what = `${this.#registration.current?.id ?? ''} ${this.session.generation}`;
    this.#repairAgain = this.#repairing === what;
    if (this.#repairAgain) return;
    this.#repairing = what;
    this.#repairSoon?.cancel();
    do {
      this.#repairAgain = false;
      await forEachBounded(this.#book.due(this.#busy.devices), REPAIRS, (deviceNumber) => this.#repairDevice(deviceNumber));
    } while (this.#isAgain(what));
    if (this.#repairing !== what) return;
    this.#repairing = undefined;
    this.#tellNewcomers();
    this.#repairTheRest();
  }

  /** Another repair was asked for while this one was running. */
  #isAgain(what: string): boolean {
    return this.#repairing === what && this.#repairAgain && this.#registration.confirmed;
  }

  /** What failed in passing doesn't wait for the next audit. */
  #repairTheRest(): void {
    const left = this.#registration.confirmed && this.#book.due(this.#busy.devices).length > 0;
    this.#repairsFailed = left ? this.#repairsFailed + 1 : 0;
    if (!left || this.#repairsFailed > QUICK_REPAIRS) return;
    this.#repairSoon = this.#clock.after(500 * 2 ** this.#repairsFailed, () => { void this.#repair(); });
  }

  async #repairDevice(deviceNumber: string): Promise<void> {
    try {
      await this.#inOrder(deviceNumber, async () => {
        if (!this.#registration.confirmed) return;
        const path = await this.#path(this.#clock.now());
        try {
          let recording: BegunRecording | undefined;
          // Planned anew: a flow may have done or undone it in the meantime.
          for (const step of this.#book.steps(deviceNumber)) recording = (await this.#perform(path, step)) ?? recording;
          this.#book.solved(deviceNumber, recording);
        } catch (error) {
          // 404 may mean the device or the whole link: what an old link answers is no word on the device.
          if (asO2GError(error).code === 'NOT_FOUND') await this.#registration.confirm();
          if (this.#isOn(path)) throw error;
        }
      });
    } catch (error) {
      const known = asO2GError(error);
      if (known.code === 'CLOSED' || isSessionLoss(known)) return;
      this.#book.failed(deviceNumber, known);
      this.#log.debug(`${this.name}: ${deviceNumber}: ${known.message}`);
    }
  }

  async #perform(path: LinkPath, step: Step): Promise<BegunRecording | undefined> {
    switch (step.do) {
      case 'monitor': await this.#sendMonitor(path, step.deviceNumber); return undefined;
      case 'record': return this.#monitorAndRecord(path, step.deviceNumber, step.wish);
      case 'stopRecord':
        await this.#sendStopRecord(path, step.deviceNumber);
        await this.#media.disarm(step.deviceNumber);
        return undefined;
      case 'beep': await this.#sendBeep(path, step.deviceNumber, step.beep); return undefined;
      case 'stopBeep': await this.#sendStopBeep(path, step.deviceNumber); return undefined;
    }
  }
}

/** Stopping what isn't running is no error. */
function ifRunning(error: unknown): undefined {
  const { code } = asO2GError(error);
  if (code !== 'NOT_FOUND' && code !== 'NOT_EXPECTED') throw error;
  return undefined;
}
