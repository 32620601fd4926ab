/**
 * What a link does by itself: after every audit and after failures it puts in force what is desired and isn't, a plan's steps for each device.
 */
import { NOT_RECORDED, type StartedRecording } from './device-table';
import type { BusyDevices } from './busy-devices';
import { mapConcurrently, Signal, type Timer } from '../util';
import { asO2GError, isSessionLoss, O2GError } from '../spec';
import type { LinkPath } from './link-path';
import type { LinkContext, DeviceCommands } from './device-commands';
import type { CommandQueue } from './command-queue';
import type { Step } from './reconcile-plan';

/** Repairs under way at a time: enough to be fast, few enough that a command doesn't queue behind them. */
const MAX_PARALLEL_DEVICES = 24;
/** What failed in passing is tried again after 1, 2, 4, 8 and 16 s, and then at every audit. */
const MAX_QUICK_RETRIES = 5;

export class Reconciler {
  /** Logins of users that are monitored from now on, all of a repair together. */
  readonly onMonitored: Signal<readonly string[]>;
  readonly #context: LinkContext;
  readonly #commands: DeviceCommands;
  readonly #queue: CommandQueue;
  readonly #busyDevices: BusyDevices;
  /** What `onMonitored` has yet to tell. */
  readonly #newlyMonitored = new Set<string>();
  /** The session in which what is seen was learnt. */
  #generation = 0;
  /** Since the session was connected last, nobody has asked which calls there are. */
  #callsUnknown = true;
  /** The link and session that are being repaired. */
  #reconciling: string | undefined;
  #rerunRequested = false;
  #retryTimer: Timer | undefined;
  /** Repairs in a row that left something to be repaired. */
  #failures = 0;

  constructor(context: LinkContext, commands: DeviceCommands, queue: CommandQueue, busyDevices: BusyDevices) {
    this.#context = context;
    this.#commands = commands;
    this.#queue = queue;
    this.#busyDevices = busyDevices;
    this.onMonitored = new Signal(context.log);
  }

  close(): void {
    this.#retryTimer?.cancel();
  }

  /** A user's device is monitored from now on. */
  userMonitored(userId: string): void {
    this.#newlyMonitored.add(userId);
    if (this.#reconciling === undefined) this.#emitMonitored();
  }

  /** What was seen in another session is doubted. */
  markUncertainAfterNewSession(): void {
    const { session, table } = this.#context;
    if (session.generation === this.#generation) return;
    this.#generation = session.generation;
    table.markAllUncertain();
  }

  /** Calls may have begun or ended without an event. */
  markCallsUnknown(): void {
    this.#callsUnknown = true;
  }

  /** The link stands, and its row of the server's list has been read. Never rejects. */
  async afterAudit(): Promise<void> {
    await this.#compareMonitors();
    await this.#reconcile();
    await this.#loadCalls();
  }

  /** A TDM beep ends with the conversation: each new one needs it anew (specification, Voice Recording, step 7). */
  restartBeep(deviceNumber: string): void {
    const { table } = this.#context;
    const desired = table.desiredStates.get(deviceNumber);
    if (desired?.beep === undefined || desired.record?.mode !== 'tdm' || this.#queue.closed) return;
    const { beep } = desired;
    this.#queue
      .enqueue(deviceNumber, async (until) =>
        this.#commands.beep(await this.#commands.path(until), deviceNumber, beep),
      )
      .catch((error: unknown) => {
        table.setProblem(deviceNumber, asO2GError(error));
      });
  }

  /** A recorder of this program is another one now, or gone: what it recorded isn't recorded any more. */
  recorderChanged(recorder: string): void {
    const { table, registration } = this.#context;
    for (const [deviceNumber] of [...table.desiredStates]) {
      if (table.actualOf(deviceNumber).recorder !== recorder) continue;
      table.updateActual(deviceNumber, NOT_RECORDED);
      table.setProblem(deviceNumber, new O2GError('NOT_CONNECTED', 'the recorder was changed or removed'));
    }
    // It may be the first one: nobody has followed the calls so far. The next audit asks for those of the devices that are armed by then.
    this.#callsUnknown = true;
    if (registration.confirmed) void this.#reconcile();
  }

  /** The OXE may have changed the keys: only the answer to a new request tells them (specification, Voice Recording, POST …/record). */
  requestKeys(deviceNumber: string): void {
    const { table, registration } = this.#context;
    if (registration.current?.secure === false) return;
    this.#queue
      .runInOrder(deviceNumber, async () => {
        const recording = table.desiredStates.get(deviceNumber)?.record;
        if (recording?.mode === 'builtin' && registration.confirmed)
          await this.#commands.recordBuiltIn(await this.#currentPath(), deviceNumber, recording.recorder);
      })
      .catch((error: unknown) => {
        this.#failed(deviceNumber, error);
      });
  }

  /** What the list of links doesn't tell: a monitored user appears in the list of logins (Voice Recording, step 5). */
  async #compareMonitors(): Promise<void> {
    const { name, oxeNode, session, table, log } = this.#context;
    if (session.info?.admin !== true || !table.hasUnlistedMonitors) return;
    const readLogins = table.loginReader();
    try {
      const { loginNames } = await session.perform('getLogins', { nodeIds: String(oxeNode) }, undefined);
      if (Array.isArray(loginNames)) readLogins(new Set(loginNames));
    } catch (error) {
      // The next audit asks again; what is known to be missing is repaired now.
      log.debug(`${name}: the logins can't be read: ${asO2GError(error).message}`);
    }
  }

  /** Repairs what differs. A link in another session is not kept waiting by requests that hang in the one before. */
  async #reconcile(): Promise<void> {
    const { session, registration } = this.#context;
    const runKey = `${registration.current?.id ?? ''} ${session.generation}`;
    this.#rerunRequested = this.#reconciling === runKey;
    if (this.#rerunRequested) return;
    this.#reconciling = runKey;
    this.#retryTimer?.cancel();
    do {
      this.#rerunRequested = false;
      await mapConcurrently(this.#dueDevices, MAX_PARALLEL_DEVICES, (deviceNumber) =>
        this.#reconcileDevice(deviceNumber),
      );
    } while (this.#shouldRerun(runKey));
    if (this.#reconciling !== runKey) return;
    this.#reconciling = undefined;
    this.#emitMonitored();
    this.#scheduleRetry();
  }

  /** After a gap, recorders of this program must not wait for the end of a call that ended in it. */
  async #loadCalls(): Promise<void> {
    const { session, table, recorderBridge } = this.#context;
    if (!this.#callsUnknown || this.#queue.closed) return;
    const users = [...recorderBridge.armed.keys()].flatMap(
      (deviceNumber) => table.actualOf(deviceNumber).userId ?? [],
    );
    // The first device may be armed in the middle of a call that began before anybody followed it.
    if (users.length === 0) return;
    this.#callsUnknown = false;
    await recorderBridge.loadCalls([...new Set(users)], (loginName) =>
      session.perform('getTelephonyState', { loginName }, undefined),
    );
  }

  get #dueDevices(): string[] {
    return this.#context.table.dueDevices(this.#busyDevices.devices);
  }

  /** Another repair was asked for while this one was running. */
  #shouldRerun(runKey: string): boolean {
    return this.#reconciling === runKey && this.#rerunRequested && this.#context.registration.confirmed;
  }

  /** What failed in passing doesn't wait for the next audit. */
  #scheduleRetry(): void {
    const hasRemaining = this.#context.registration.confirmed && this.#dueDevices.length > 0;
    this.#failures = hasRemaining ? this.#failures + 1 : 0;
    if (!hasRemaining || this.#failures > MAX_QUICK_RETRIES) return;
    this.#retryTimer = this.#context.clock.after(500 * 2 ** this.#failures, () => {
      void this.#reconcile();
    });
  }

  async #reconcileDevice(deviceNumber: string): Promise<void> {
    const { registration, table } = this.#context;
    try {
      await this.#queue.runInOrder(deviceNumber, async () => {
        if (!registration.confirmed) return;
        const path = await this.#currentPath();
        try {
          let recording: StartedRecording | undefined;
          // Planned anew: a flow may have done or undone it in the meantime.
          for (const step of table.stepsOf(deviceNumber))
            recording = (await this.#perform(path, step)) ?? recording;
          table.clearProblem(deviceNumber, recording);
        } catch (error) {
          // 404 may mean the device or the whole link: what an old link answers is no word on the device.
          if (asO2GError(error).code === 'NOT_FOUND') await registration.confirm();
          if (this.#commands.isCurrent(path)) throw error;
        }
      });
    } catch (error) {
      this.#failed(deviceNumber, error);
    }
  }

  async #perform(path: LinkPath, step: Step): Promise<StartedRecording | undefined> {
    const commands = this.#commands;
    const { deviceNumber } = step;
    switch (step.action) {
      case 'monitor':
        await commands.monitor(path, deviceNumber);
        return undefined;
      case 'record':
        return commands.monitorAndRecord(path, deviceNumber, step.recording);
      case 'stopRecord':
        await commands.stopRecord(path, deviceNumber);
        await this.#context.recorderBridge.disarm(deviceNumber);
        return undefined;
      case 'beep':
        await commands.beep(path, deviceNumber, step.beep);
        return undefined;
      case 'stopBeep':
        await commands.stopBeep(path, deviceNumber);
        return undefined;
    }
  }

  /** A repair does not wait for the link: without one, there will be another repair. */
  #currentPath(): Promise<LinkPath> {
    return this.#commands.path(this.#context.clock.now());
  }

  /** The end of link or session says nothing of the device. */
  #failed(deviceNumber: string, error: unknown): void {
    const { name, table, log } = this.#context;
    const known = asO2GError(error);
    if (known.code === 'CLOSED' || isSessionLoss(known)) return;
    table.setProblem(deviceNumber, known);
    log.debug(`${name}: ${deviceNumber}: ${known.message}`);
  }

  #emitMonitored(): void {
    const logins = [...this.#newlyMonitored];
    this.#newlyMonitored.clear();
    if (logins.length > 0) this.onMonitored.emit(logins);
  }
}
