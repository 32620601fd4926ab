/**
 * One DR link (recorder link) on one OXE node: what flows ask for is sent in order per device and becomes desired; what is desired and not
 * in force is repaired (Voice Recording).
 */
import {
  onlyObjects,
  type ConnectionReport,
  type SessionReport,
  type Attachment,
  type CloseReason,
  type Session,
} from '../session';
import { DeviceTable, type StartedRecording, type Coverage, type CoverageEvent } from './device-table';
import { BusyDevices } from './busy-devices';
import type { O2GEvent } from '../spec';
import { systemClock, type Clock, type Logger, type Signal, type Timer } from '../util';
import { DeviceCommands, type LinkContext } from './device-commands';
import type { BeepResult, MonitorResult, RecordResult } from './types';
import type { RecorderPorts, PauseReason } from './recorder-port';
import { CommandQueue } from './command-queue';
import { RecorderBridge, type ArmedPorts } from './recorder-bridge';
import { isOxeNode, NODE_EVENTS } from './oxe-node-status';
import {
  initialDesiredStates,
  type Beep,
  type ConfiguredDevices,
  type DesiredRecording,
  type DesiredState,
} from './desired-state';
import { Registration, type LinkReport, type RegistrationOptions } from './registration';
import { Reconciler } from './reconciler';

export interface LinkOptions extends RegistrationOptions, ConfiguredDevices {
  /** What happens when the program stops: `keep` leaves link and recordings to an external recorder and to the next start. */
  readonly onStop: 'close' | 'keep';
}

/** What a link has to remember to find its own leftovers after a crash. No secret is in it. */
export interface StoredLink {
  /** Identifiers of registrations by the host of the O2G site that gave them. */
  readonly registrations: Iterable<readonly [string, string]>;
  readonly desiredStates: Iterable<readonly [string, DesiredState]>;
  /** The ports of the recorders of this program, by device. */
  readonly armed?: Iterable<readonly [string, ArmedPorts]>;
}

export interface LinkStateStore {
  load(): StoredLink | undefined;
  save(stored: StoredLink | undefined): void;
}

export interface LinkDependencies {
  readonly log: Logger;
  /** What flows asked of the link that this one replaces. */
  readonly desiredStates?: Iterable<readonly [string, DesiredState]>;
  readonly clock?: Clock;
  readonly stateStore?: LinkStateStore;
  /** The recorders of this program. */
  readonly recorders?: RecorderPorts;
}

/** How often it is checked that what is desired is confirmed. */
const COVERAGE_CHECK_INTERVAL_MS = 5_000;
/** Without events for so long, calls that went on are no longer believed to: their conversations end by silence. */
const EVENTS_LOST_GRACE_MS = 30_000;

export class Link implements Attachment {
  /** The session that it lives on. */
  readonly session: Session;
  readonly #options: LinkOptions;
  readonly #stateStore: LinkStateStore | undefined;
  readonly #table: DeviceTable;
  readonly #registration: Registration;
  readonly #busyDevices = new BusyDevices();
  readonly #recorderBridge: RecorderBridge;
  readonly #commands: DeviceCommands;
  readonly #queue: CommandQueue;
  readonly #reconciler: Reconciler;
  readonly #unsubscribers: (() => void)[] = [];
  readonly #clock: Clock;
  /** Runs, or has run, while the session is open without events. */
  #eventsLostTimer: Timer | undefined;
  #coverageTimer: Timer | undefined;
  #closing: Promise<'closed' | 'leftOpen'> | undefined;

  constructor(
    options: LinkOptions,
    session: Session,
    { log, clock = systemClock, stateStore, desiredStates = [], recorders }: LinkDependencies,
  ) {
    this.#options = options;
    this.session = session;
    this.#stateStore = stateStore;
    this.#clock = clock;
    const stored = stateStore?.load();
    const table = (this.#table = new DeviceTable(clock, log, stored !== undefined));
    const registration = (this.#registration = new Registration(
      options,
      session,
      {
        listReader: () => {
          this.#reconciler.markUncertainAfterNewSession();
          return table.listReader();
        },
        onLost: (reason) => {
          table.onLinkLost(reason);
        },
        onRegistrationEnded: () => {
          this.#saveState();
        },
        onConfirmed: () => {
          this.#onConfirmed();
        },
      },
      log,
      clock,
      stored?.registrations ?? [],
    ));
    registration.onState.on(() => {
      this.#updateLinkProblem();
    });
    const recorderBridge = (this.#recorderBridge = new RecorderBridge({
      recorders,
      clock,
      log,
      storedPorts: stored?.armed ?? [],
      desiredRecorders: () =>
        [...this.desiredStates].flatMap(([deviceNumber, { record }]) =>
          record?.mode === 'builtin' ? [[deviceNumber, record.recorder] as const] : [],
        ),
      isDesired: (deviceNumber) => table.desiredStates.get(deviceNumber)?.record?.mode === 'builtin',
      secure: () => registration.current?.secure,
      onUndecipherable: (deviceNumber) => {
        this.#reconciler.requestKeys(deviceNumber);
      },
    }));
    const context: LinkContext = {
      name: options.name,
      oxeNode: options.oxeNode,
      session,
      registration,
      table,
      recorderBridge,
      clock,
      log,
      saveState: () => {
        this.#saveState();
      },
    };
    this.#commands = new DeviceCommands(context, (userId) => {
      this.#reconciler.userMonitored(userId);
    });
    this.#queue = new CommandQueue(context, this.#commands);
    this.#reconciler = new Reconciler(context, this.#commands, this.#queue, this.#busyDevices);
    for (const [deviceNumber, desired] of initialDesiredStates(options, [
      ...(stored?.desiredStates ?? []),
      ...desiredStates,
    ]))
      table.setDesired(deviceNumber, desired);
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
    return this.#reconciler.onMonitored;
  }

  /** Devices that are not as desired, and that are again. */
  get onCoverage(): Signal<CoverageEvent> {
    return this.#table.onCoverage;
  }

  /** A device of which anything may have changed, of those that are or were desired. Without a registration all of them have. */
  get onChanged(): Signal<string> {
    return this.#table.onChanged;
  }

  /** Every device that is desired, with what is in force. */
  get coverage(): Coverage[] {
    return this.#table.devices.map((deviceNumber) => this.coverageOf(deviceNumber));
  }

  /** What a device shall be and what it is. */
  coverageOf(deviceNumber: string): Coverage {
    this.#updateLinkProblem();
    return this.#table.coverageOf(deviceNumber);
  }

  /**
   * A desired device was reported as unrecorded before this link was made: it is restored, or released, in its time.
   * @returns false when the device isn't desired here
   */
  takeOverProblem(
    deviceNumber: string,
    problem: { readonly reason: string; readonly since: string },
  ): boolean {
    return this.#table.takeOverProblem(deviceNumber, problem);
  }

  /** The devices that are reported as unrecorded now. */
  get problems(): ReadonlyMap<string, { readonly reason: string; readonly since: string }> {
    return this.#table.problems;
  }

  /** The user of a device that is known to be monitored. */
  userOf(deviceNumber: string): string | undefined {
    return this.#table.actualOf(deviceNumber).userId;
  }

  /** The devices that are in a call now, as far as events told. */
  get inCall(): ReadonlySet<string> {
    return this.#busyDevices.devices;
  }

  /** Compares with the server's list now, not at the next turn, and repairs. Never rejects; what it finds is told by the state. */
  audit(): Promise<void> {
    return this.#registration.confirm();
  }

  /** What every device shall be, from the link's own list and from flows. */
  get desiredStates(): ReadonlyMap<string, DesiredState> {
    return this.#table.desiredStates;
  }

  /** The devices of a user that are known to be monitored here. */
  devicesOf(userId: string): string[] {
    return this.#table.devicesOf(userId);
  }

  /** All devices of a user: those monitored here and those that the server knows (GET /users/{loginName}). @throws O2GError */
  async findDevicesOf(userId: string): Promise<string[]> {
    const { devices } = await this.session.perform('getUser', { loginName: userId }, undefined);
    return [
      ...new Set([
        ...onlyObjects(devices).flatMap(({ id }) => (id === undefined ? [] : [id])),
        ...this.devicesOf(userId),
      ]),
    ];
  }

  /** Follows the session: registers as soon as it is connected, and from then on keeps the link as desired. */
  start(): void {
    if (this.#unsubscribers.length > 0 || this.#closing) return;
    this.#unsubscribers.push(
      this.session.attach(this),
      this.session.onEvent.on((event) => {
        this.#handleEvent(event);
      }),
      this.session.onSession.on((report) => {
        this.#followSession(report);
      }),
      this.session.onState.on((report) => {
        this.#followEvents(report);
      }),
      this.#recorderBridge.start((recorder) => {
        this.#reconciler.recorderChanged(recorder);
      }),
    );
    this.#scheduleCoverageCheck();
    this.#registration.follow(this.session.session);
    this.#followEvents(this.session.report);
  }

  /** Ends the link as its options say, in six seconds at most: two for the server, four for recorders of ours. Idempotent; what waits ends with `CLOSED`. */
  close(reason: CloseReason): Promise<'closed' | 'leftOpen'> {
    return (this.#closing ??= this.#close(
      reason === 'stop' && this.#options.onStop === 'keep' ? 'keep' : 'unregister',
    ));
  }

  async #close(how: 'unregister' | 'keep'): Promise<'closed' | 'leftOpen'> {
    this.#queue.close();
    this.#reconciler.close();
    this.#eventsLostTimer?.cancel();
    this.#coverageTimer?.cancel();
    await this.#registration.close(how);
    for (const unsubscribe of this.#unsubscribers.splice(0)) unsubscribe();
    await this.#recorderBridge.close(how === 'unregister');
    if (how === 'keep') return 'leftOpen';
    if (this.#registration.all.length === 0) this.#stateStore?.save(undefined);
    return 'closed';
  }

  // --- what flows ask for -----------------------------------------------------------------------------------------------------

  /** Starts monitoring a device: POST …/monitor. @throws O2GError */
  monitor(deviceNumber: string): Promise<MonitorResult> {
    return this.#queue.start(
      deviceNumber,
      (previous) => previous ?? { fromConfig: false },
      async (path) => {
        return { deviceNumber, userId: await this.#commands.monitor(path, deviceNumber), monitored: true };
      },
    );
  }

  /** Stops monitoring a device, its recording before: DELETE …/monitor/{deviceNumber}. @throws O2GError */
  stopMonitor(deviceNumber: string): Promise<MonitorResult> {
    this.#queue.setDesired(deviceNumber, undefined);
    return this.#queue.stop(
      deviceNumber,
      async (path) => {
        const { record, monitored, uncertain, userId } = this.#table.actualOf(deviceNumber);
        if (record ?? uncertain) await this.#commands.stopRecord(path, deviceNumber);
        if (monitored || uncertain) await this.#commands.stopMonitor(path, deviceNumber);
        return { deviceNumber, userId, monitored: false };
      },
      () => this.#recorderBridge.disarm(deviceNumber),
    );
  }

  /**
   * Starts recording a device, monitoring it before if it isn't yet: POST …/record or …/tdmrecord. The ports of a recorder of this program
   * are bound before.
   * @returns with the SRTP keys of a secured link for a recorder that isn't ours, once; they are kept nowhere
   * @throws O2GError; what the recorder says when it has no ports
   */
  record(deviceNumber: string, recording: DesiredRecording): Promise<RecordResult> {
    return this.#queue.start(
      deviceNumber,
      (previous) => ({ fromConfig: false, ...previous, record: recording }),
      async (path) => {
        const { record, recorder, uncertain } = this.#table.actualOf(deviceNumber);
        // Asked for again, the OXE would begin its flows anew, in the middle of a call; external recorders want just that, for the keys.
        if (recording.mode === 'builtin' && record && recorder === recording.recorder && !uncertain)
          return this.recordResultOf(deviceNumber, { target: record });
        return this.recordResultOf(
          deviceNumber,
          await this.#commands.monitorAndRecord(path, deviceNumber, recording),
        );
      },
    );
  }

  /** What is in force when a recording has begun. */
  recordResultOf(deviceNumber: string, { target, srtp }: StartedRecording): RecordResult {
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
   * @param reason `resumeAfter`: seconds, after which it resumes by itself; who asked for it and why, for the metadata
   * @throws O2GError `INVALID_INPUT` when none does
   */
  async pause(deviceNumber: string, reason: PauseReason): Promise<RecordResult> {
    await this.#recorderBridge.recorderOf(deviceNumber).pause(deviceNumber, reason);
    return { deviceNumber, recording: true, paused: true };
  }

  /** Ends a pause. @throws O2GError as `pause` */
  async resume(deviceNumber: string): Promise<RecordResult> {
    await this.#recorderBridge.recorderOf(deviceNumber).resume(deviceNumber);
    return { deviceNumber, recording: true, paused: false };
  }

  /** Stops recording a device; it stays monitored: DELETE …/record/{deviceNumber}. @throws O2GError */
  stopRecord(deviceNumber: string): Promise<RecordResult> {
    this.#queue.changeDesired(deviceNumber, { record: undefined, beep: undefined });
    return this.#queue.stop(
      deviceNumber,
      async (path) => {
        const { record, uncertain } = this.#table.actualOf(deviceNumber);
        if (record ?? uncertain) await this.#commands.stopRecord(path, deviceNumber);
        return { deviceNumber, recording: false };
      },
      () => this.#recorderBridge.disarm(deviceNumber),
    );
  }

  /** Starts the beep on a device whose recording has been asked: POST …/beep. @throws O2GError */
  beep(deviceNumber: string, beep: Beep): Promise<BeepResult> {
    return this.#queue.start(
      deviceNumber,
      (previous) => ({ fromConfig: false, ...previous, beep }),
      async (path) => {
        await this.#commands.beep(path, deviceNumber, beep);
        return { deviceNumber, beeping: true };
      },
    );
  }

  /** Stops the beep: DELETE …/beep/{deviceNumber}. @throws O2GError */
  stopBeep(deviceNumber: string): Promise<BeepResult> {
    this.#queue.changeDesired(deviceNumber, { beep: undefined });
    return this.#queue.stop(deviceNumber, async (path) => {
      const { beep, uncertain } = this.#table.actualOf(deviceNumber);
      if (beep ?? uncertain) await this.#commands.stopBeep(path, deviceNumber);
      return { deviceNumber, beeping: false };
    });
  }

  // --- what happens meanwhile -------------------------------------------------------------------------------------------------

  #handleEvent(event: O2GEvent): void {
    for (const deviceNumber of this.#busyDevices.follow(event)) this.#reconciler.restartBeep(deviceNumber);
    // OnServerStart is about all nodes.
    if (
      NODE_EVENTS.has(event.eventName) &&
      (event.nodeId === undefined || isOxeNode(event.nodeId, this.oxeNode))
    )
      void this.#registration.confirm();
    this.#recorderBridge.follow(event);
  }

  #followSession(report: SessionReport): void {
    if (report.state !== 'open') this.#reconciler.markCallsUnknown();
    this.#registration.follow(report);
  }

  /** The link stands without events; what they would have said is asked for when they are back. */
  #followEvents({ state, events, blindMs }: ConnectionReport): void {
    if (state === 'connected') {
      this.#eventsLostTimer?.cancel();
      this.#eventsLostTimer = undefined;
      if (blindMs === undefined) return;
      this.#reconciler.markCallsUnknown();
      void this.#registration.confirm();
    } else if (events === 'lost' || events === 'refused')
      this.#eventsLostTimer ??= this.#clock.after(EVENTS_LOST_GRACE_MS, () => {
        this.#reconciler.markCallsUnknown();
        this.#recorderBridge.forgetCalls();
      });
  }

  /** Without a confirmed registration, nothing of a device is. */
  #updateLinkProblem(): void {
    const { reason, state, since } = this.report;
    this.#table.linkProblem = this.#registration.confirmed
      ? undefined
      : { reason: reason === '' ? state : reason, since };
  }

  #scheduleCoverageCheck(): void {
    this.#coverageTimer = this.#clock.after(COVERAGE_CHECK_INTERVAL_MS, () => {
      this.#updateLinkProblem();
      this.#table.checkCoverage((deviceNumber) => this.#queue.isBusy(deviceNumber));
      this.#scheduleCoverageCheck();
    });
  }

  #onConfirmed(): void {
    this.#updateLinkProblem();
    this.#reconciler.markUncertainAfterNewSession();
    this.#saveState();
    void this.#reconciler.afterAudit();
  }

  #saveState(): void {
    const registrations = this.#registration.all;
    if (registrations.length > 0)
      this.#stateStore?.save({
        registrations,
        desiredStates: this.#table.desiredStates,
        armed: this.#recorderBridge.armed,
      });
  }
}
