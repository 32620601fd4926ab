/**
 * One DR link (recorder link) on one OXE node: what flows ask for is sent in order per device and becomes desired; what is desired and not
 * in force is repaired (Voice Recording).
 */
import {
  objectsIn,
  type ConnectionReport,
  type Attachment,
  type CloseReason,
  type Session,
} from '../session';
import { Book, type BegunRecording, type Coverage, type CoverageNews } from './device-table';
import { BusyDevices } from './busy-devices';
import type { O2GEvent } from '../spec';
import { systemClock, type Clock, type Log, type Signal } from '../util';
import { LinkRequests, type LinkBase } from './device-commands';
import type { Beeping, Monitored, Recorded } from './types';
import type { MediaPorts, PauseReason } from './recorder-port';
import { Orders } from './command-queue';
import { OwnMedia, type ArmedPorts } from './recorder-bridge';
import { isNode, NODE_EVENTS } from './oxe-node-status';
import { wantedAtFirst, type Beep, type OwnLists, type RecordWish, type Wanted } from './desired-state';
import { Registration, type LinkReport, type RegistrationOptions } from './registration';
import { Repair } from './reconciler';

export interface LinkOptions extends RegistrationOptions, OwnLists {
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

export class Link implements Attachment {
  /** The session that it lives on. */
  readonly session: Session;
  readonly #options: LinkOptions;
  readonly #memory: LinkMemory | undefined;
  readonly #book: Book;
  readonly #registration: Registration;
  readonly #busy = new BusyDevices();
  readonly #media: OwnMedia;
  readonly #requests: LinkRequests;
  readonly #orders: Orders;
  readonly #repair: Repair;
  readonly #leave: (() => void)[] = [];
  #closing: Promise<'gone' | 'kept'> | undefined;

  constructor(
    options: LinkOptions,
    session: Session,
    { log, clock = systemClock, memory, wanted = [], media: ports }: LinkParts,
  ) {
    this.#options = options;
    this.session = session;
    this.#memory = memory;
    const stored = memory?.load();
    const book = (this.#book = new Book(clock, log, stored !== undefined));
    const registration = (this.#registration = new Registration(
      options,
      session,
      {
        reader: () => {
          this.#repair.doubtAfterNewSession();
          return book.reader();
        },
        onLost: (reason) => {
          book.lost(reason);
        },
        onForgotten: () => {
          this.#remember();
        },
        onConfirmed: () => {
          this.#confirmed();
        },
      },
      log,
      clock,
      stored?.registrations ?? [],
    ));
    const media = (this.#media = new OwnMedia({
      ports,
      clock,
      log,
      was: stored?.armed ?? [],
      wanted: () =>
        [...this.wanted].flatMap(([deviceNumber, { record }]) =>
          record?.mode === 'own' ? [[deviceNumber, record.recorder] as const] : [],
        ),
      isWanted: (deviceNumber) => book.wanted.get(deviceNumber)?.record?.mode === 'own',
      secure: () => registration.current?.secure,
      onUndecipherable: (deviceNumber) => {
        this.#repair.askForKeys(deviceNumber);
      },
    }));
    const base: LinkBase = {
      name: options.name,
      oxeNode: options.oxeNode,
      session,
      registration,
      book,
      media,
      clock,
      log,
      remember: () => {
        this.#remember();
      },
    };
    this.#requests = new LinkRequests(base, (userId) => {
      this.#repair.newcomer(userId);
    });
    this.#orders = new Orders(base, this.#requests);
    this.#repair = new Repair(base, this.#requests, this.#orders, this.#busy);
    for (const [deviceNumber, want] of wantedAtFirst(options, [...(stored?.wanted ?? []), ...wanted]))
      book.want(deviceNumber, want);
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

  /** Logins of users that are monitored from now on: calls that they have already are told by no event, only by a snapshot. */
  get onMonitored(): Signal<readonly string[]> {
    return this.#repair.onMonitored;
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
    const { devices } = await this.session.call('getUser', { loginName: userId }, undefined);
    return [
      ...new Set([
        ...objectsIn(devices).flatMap(({ id }) => (id === undefined ? [] : [id])),
        ...this.devicesOf(userId),
      ]),
    ];
  }

  /** Follows the session: registers as soon as it is connected, and from then on keeps the link as desired. */
  start(): void {
    if (this.#leave.length > 0 || this.#closing) return;
    this.#leave.push(
      this.session.attach(this),
      this.session.onEvent.on((event) => {
        this.#follow(event);
      }),
      this.session.onState.on((report) => {
        this.#followConnection(report);
      }),
      this.#media.start((recorder) => {
        this.#repair.mediaChanged(recorder);
      }),
    );
    this.#registration.follow(this.session.report);
  }

  /** Ends the link as its options say, in six seconds at most: two for the server, four for recorders of ours. Idempotent; what waits ends with `CLOSED`. */
  close(why: CloseReason): Promise<'gone' | 'kept'> {
    return (this.#closing ??= this.#close(
      why === 'stop' && this.#options.onStop === 'keep' ? 'keep' : 'unregister',
    ));
  }

  async #close(how: 'unregister' | 'keep'): Promise<'gone' | 'kept'> {
    this.#orders.close();
    this.#repair.close();
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
    return this.#orders.begin(
      deviceNumber,
      (was) => was ?? { own: false },
      async (path) => {
        return { deviceNumber, userId: await this.#requests.monitor(path, deviceNumber), monitored: true };
      },
    );
  }

  /** Stops monitoring a device, its recording before: DELETE …/monitor/{deviceNumber}. @throws O2GError */
  stopMonitor(deviceNumber: string): Promise<Monitored> {
    this.#orders.want(deviceNumber, undefined);
    return this.#orders.end(
      deviceNumber,
      async (path) => {
        const { record, monitored, doubt, userId } = this.#book.seen(deviceNumber);
        if (record ?? doubt) await this.#requests.stopRecord(path, deviceNumber);
        if (monitored || doubt) await this.#requests.stopMonitor(path, deviceNumber);
        return { deviceNumber, userId, monitored: false };
      },
      () => this.#media.disarm(deviceNumber),
    );
  }

  /**
   * Starts recording a device, monitoring it before if it isn't yet: POST …/record or …/tdmrecord. The ports of a recorder of this program
   * are bound before.
   * @returns with the SRTP keys of a secured link for a recorder that isn't ours, once; they are kept nowhere
   * @throws O2GError; what the recorder says when it has no ports
   */
  record(deviceNumber: string, wish: RecordWish): Promise<Recorded> {
    return this.#orders.begin(
      deviceNumber,
      (was) => ({ own: false, ...was, record: wish }),
      async (path) => {
        const { record, recorder, doubt } = this.#book.seen(deviceNumber);
        // Asked for again, the OXE would begin its flows anew, in the middle of a call; external recorders want just that, for the keys.
        if (wish.mode === 'own' && record && recorder === wish.recorder && !doubt)
          return this.recorded(deviceNumber, { target: record });
        return this.recorded(deviceNumber, await this.#requests.monitorAndRecord(path, deviceNumber, wish));
      },
    );
  }

  /** What is in force when a recording has begun. */
  recorded(deviceNumber: string, { target, srtp }: BegunRecording): Recorded {
    const secure = this.#registration.current?.secure;
    return {
      deviceNumber,
      recording: true,
      target,
      ...(secure === undefined ? {} : { secure }),
      ...(srtp ? { srtp } : {}),
    };
  }

  /**
   * Writes silence instead of what is said, in the recorder of this program that records the device; needs no connection.
   * @param why `resumeAfter`: seconds, after which it resumes by itself; who asked for it and why, for the metadata
   * @throws O2GError `INVALID_INPUT` when none does
   */
  async pause(deviceNumber: string, why: PauseReason): Promise<Recorded> {
    await this.#media.recorderOf(deviceNumber).pause(deviceNumber, why);
    return { deviceNumber, recording: true, paused: true };
  }

  /** Ends a pause. @throws O2GError as `pause` */
  async resume(deviceNumber: string): Promise<Recorded> {
    await this.#media.recorderOf(deviceNumber).resume(deviceNumber);
    return { deviceNumber, recording: true, paused: false };
  }

  /** Stops recording a device; it stays monitored: DELETE …/record/{deviceNumber}. @throws O2GError */
  stopRecord(deviceNumber: string): Promise<Recorded> {
    this.#orders.change(deviceNumber, { record: undefined, beep: undefined });
    return this.#orders.end(
      deviceNumber,
      async (path) => {
        const { record, doubt } = this.#book.seen(deviceNumber);
        if (record ?? doubt) await this.#requests.stopRecord(path, deviceNumber);
        return { deviceNumber, recording: false };
      },
      () => this.#media.disarm(deviceNumber),
    );
  }

  /** Starts the beep on a device whose recording has been asked: POST …/beep. @throws O2GError */
  beep(deviceNumber: string, beep: Beep): Promise<Beeping> {
    return this.#orders.begin(
      deviceNumber,
      (was) => ({ own: false, ...was, beep }),
      async (path) => {
        await this.#requests.beep(path, deviceNumber, beep);
        return { deviceNumber, beeping: true };
      },
    );
  }

  /** Stops the beep: DELETE …/beep/{deviceNumber}. @throws O2GError */
  stopBeep(deviceNumber: string): Promise<Beeping> {
    this.#orders.change(deviceNumber, { beep: undefined });
    return this.#orders.end(deviceNumber, async (path) => {
      const { beep, doubt } = this.#book.seen(deviceNumber);
      if (beep ?? doubt) await this.#requests.stopBeep(path, deviceNumber);
      return { deviceNumber, beeping: false };
    });
  }

  // --- what happens meanwhile -------------------------------------------------------------------------------------------------

  #follow(event: O2GEvent): void {
    for (const deviceNumber of this.#busy.follow(event)) this.#repair.beepAgain(deviceNumber);
    // OnServerStart is about all nodes.
    if (
      NODE_EVENTS.has(event.eventName) &&
      (event.nodeId === undefined || isNode(event.nodeId, this.oxeNode))
    )
      void this.#registration.confirm();
    this.#media.follow(event);
  }

  #followConnection(report: ConnectionReport): void {
    if (report.state !== 'connected' || report.blindMs !== undefined) this.#repair.doubtCalls();
    this.#registration.follow(report);
  }

  #confirmed(): void {
    this.#repair.doubtAfterNewSession();
    this.#remember();
    void this.#repair.afterAudit();
  }

  #remember(): void {
    const registrations = this.#registration.all;
    if (registrations.length > 0)
      this.#memory?.save({ registrations, wanted: this.#book.wanted, armed: this.#media.armed });
  }
}
