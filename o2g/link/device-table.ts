/**
 * The book of a DR link: what every device shall be, what it is as far as the server told, and what is wrong with it.
 */
import { onlyObjects } from '../session';
import { Signal, type Clock, type Logger } from '../util';
import { isDefiniteRefusal, O2GError, type Representation } from '../spec';
import type { SrtpKeys } from './recorder-port';
import { planSteps, stepsFor, type ActualState, type Step } from './reconcile-plan';
import { sameTarget, type RecordTarget, type DesiredState } from './desired-state';
import type { DRLink } from './registration';

type RecordedDevice = Representation<'RecordedDevice'>;

/** What a device can be. */
export type Service = 'monitored' | 'recorded' | 'beeping';

/** One row of the coverage: what a device shall be, what it is, and why the two differ. */
export interface Coverage {
  readonly deviceNumber: string;
  readonly desired: readonly Service[];
  readonly actual: readonly Service[];
  /** Empty when everything desired is in force. */
  readonly reason: string;
  /** ISO 8601 UTC: since when it is as it is. */
  readonly since: string;
  /** False while O2G can't be asked: the device may well be recorded. */
  readonly confirmed?: false;
}

/**
 * A device whose desired services are not confirmed: `unrecorded`, once. It ends with `restored`, when all of them are active again, or with
 * `released`, when they are no longer desired.
 */
export interface CoverageEvent extends Coverage {
  readonly kind: 'unrecorded' | 'restored' | 'released';
  /** On `restored`: the recording that was started again. */
  readonly recording?: StartedRecording;
}

/** Why no device of a link can be confirmed now. */
export interface LinkProblem {
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly since: string;
}

/** A recording that the server has just begun. */
export interface StartedRecording {
  readonly target: RecordTarget;
  /** The keys of a secured link, for a recorder that isn't ours; handed on once, kept nowhere. */
  readonly srtp?: SrtpKeys;
}

interface Problem {
  readonly reason: string;
  readonly since: number;
  /** The server said no for good, at this time. */
  readonly refusedAt?: number | undefined;
}

/** A device that was refused for good (unknown to the OXE, no licence) is tried again so seldom. */
const REFUSED_DEVICE_RETRY_MS = 300_000;
const NOT_MONITORED: ActualState = { monitored: false };
/** What is desired and not confirmed for so long is reported, whatever the reason. */
const UNCONFIRMED_REPORT_MS = 20_000;
const NOT_YET_REQUESTED = 'it waits for its first request';
/** A beep is part of a recording. */
export const NOT_RECORDED = {
  record: undefined,
  recorder: undefined,
  beep: undefined,
} as const satisfies Partial<ActualState>;

export class DeviceTable {
  readonly onCoverage: Signal<CoverageEvent>;
  /** The number of a device of which anything may have changed: what is desired, what is in force, what is wrong. */
  readonly onChanged: Signal<string>;
  readonly #clock: Clock;
  readonly #desiredStates = new Map<string, DesiredState>();
  readonly #actualStates = new Map<string, ActualState>();
  readonly #problems = new Map<string, Problem>();
  /** Since when devices without a problem are not as desired, ms since the epoch. */
  readonly #unconfirmedSince = new Map<string, number>();
  #linkProblem: LinkProblem | undefined;
  /** An index: it is asked for with every event. */
  readonly #devicesByUser = new Map<string, Set<string>>();
  /** The devices in our row of the server's list, when it was last read. */
  #listedDevices: ReadonlySet<string> = new Set();
  #adopting: boolean;
  #changedAt: number;

  /** @param adopting our link may be one that an earlier run left behind: what it records is desired then */
  constructor(clock: Clock, log: Logger, adopting: boolean) {
    this.#clock = clock;
    this.#adopting = adopting;
    this.#changedAt = clock.now();
    this.onCoverage = new Signal(log);
    this.onChanged = new Signal(log);
  }

  get desiredStates(): ReadonlyMap<string, DesiredState> {
    return this.#desiredStates;
  }

  get devices(): string[] {
    return [...this.#desiredStates.keys()];
  }

  /** The devices that are known to be monitored for a user. */
  devicesOf(userId: string): string[] {
    return [...(this.#devicesByUser.get(userId) ?? [])];
  }

  setDesired(deviceNumber: string, desired: DesiredState | undefined): void {
    const known = this.#problems.get(deviceNumber);
    const reported = known && this.coverageOf(deviceNumber);
    if (desired) this.#desiredStates.set(deviceNumber, desired);
    else this.#desiredStates.delete(deviceNumber);
    this.#unconfirmedSince.delete(deviceNumber);
    if (reported) this.#updateProblem(deviceNumber, known, reported);
    this.onChanged.emit(deviceNumber);
  }

  /** A device that is reported as unrecorded is desired otherwise, or no more. */
  #updateProblem(deviceNumber: string, known: Problem, reported: Coverage): void {
    if (this.coverageOf(deviceNumber).desired.length < reported.desired.length) {
      this.#problems.delete(deviceNumber);
      this.onCoverage.emit({ kind: 'released', ...reported });
    }
    // What the server refused is tried at once when something else is desired.
    else this.#problems.set(deviceNumber, { ...known, refusedAt: undefined });
  }

  /** Why nothing can be confirmed now; undefined when it can. */
  set linkProblem(problem: LinkProblem | undefined) {
    this.#linkProblem = problem;
  }

  /**
   * Reports what has been desired and not confirmed for too long, and what has become so again.
   * @param isBusy whether something is being done about a device: that reports its end itself
   */
  checkCoverage(isBusy: (deviceNumber: string) => boolean): void {
    const now = this.#clock.now();
    for (const deviceNumber of this.#desiredStates.keys()) {
      if (!this.#linkProblem && this.stepsOf(deviceNumber).length === 0) {
        this.#unconfirmedSince.delete(deviceNumber);
        if (this.#problems.has(deviceNumber) && !isBusy(deviceNumber)) this.clearProblem(deviceNumber);
        continue;
      }
      const since = this.#unconfirmedSince.get(deviceNumber) ?? now;
      this.#unconfirmedSince.set(deviceNumber, since);
      if (now - since >= UNCONFIRMED_REPORT_MS && !this.#problems.has(deviceNumber))
        this.#addProblem(deviceNumber, {
          reason: this.#linkProblem?.reason ?? NOT_YET_REQUESTED,
          since,
        });
    }
  }

  /** Changes what is desired of a device that is desired at all. */
  changeDesired(deviceNumber: string, change: Partial<DesiredState>): void {
    const previous = this.#desiredStates.get(deviceNumber);
    if (previous) this.setDesired(deviceNumber, { ...previous, ...change });
  }

  actualOf(deviceNumber: string): ActualState {
    return this.#actualStates.get(deviceNumber) ?? NOT_MONITORED;
  }

  updateActual(deviceNumber: string, update: Partial<ActualState>): void {
    this.#actualStates.set(deviceNumber, { ...this.actualOf(deviceNumber), ...update });
    this.onChanged.emit(deviceNumber);
    if (update.userId === undefined) return;
    const devices = this.#devicesByUser.get(update.userId);
    if (devices) devices.add(deviceNumber);
    else this.#devicesByUser.set(update.userId, new Set([deviceNumber]));
  }

  clearActual(deviceNumber: string): void {
    this.#devicesByUser.get(this.actualOf(deviceNumber).userId ?? '')?.delete(deviceNumber);
    this.#actualStates.delete(deviceNumber);
    this.onChanged.emit(deviceNumber);
  }

  /** An answer was lost: what GET can't tell is sent again. */
  markUncertain(deviceNumber: string): void {
    this.updateActual(deviceNumber, { uncertain: true });
  }

  /** A new session: the link may have outlived the old one, but nobody says what of it did. */
  markAllUncertain(): void {
    for (const deviceNumber of this.#actualStates.keys())
      this.updateActual(deviceNumber, { beep: undefined, uncertain: true });
  }

  /** The link is gone, and all that was on it. */
  onLinkLost(reason: string): void {
    this.#actualStates.clear();
    this.#devicesByUser.clear();
    this.#adopting = false;
    this.#changedAt = this.#clock.now();
    for (const deviceNumber of this.#desiredStates.keys())
      this.setProblem(deviceNumber, new O2GError('NOT_CONNECTED', reason));
  }

  /** The devices on which something is to be done and whose time has come, those in a call first. */
  dueDevices(inCall: ReadonlySet<string>): string[] {
    const devices = new Set(
      planSteps(this.#desiredStates, this.#actualStates, inCall).map(({ deviceNumber }) => deviceNumber),
    );
    return [...devices].filter((deviceNumber) => {
      const refusedAt = this.#problems.get(deviceNumber)?.refusedAt;
      return refusedAt === undefined || this.#clock.now() - refusedAt >= REFUSED_DEVICE_RETRY_MS;
    });
  }

  /** What is to be done on a device, in order. */
  stepsOf(deviceNumber: string): readonly Step[] {
    const desired = this.#desiredStates.get(deviceNumber);
    if (desired) return stepsFor(deviceNumber, desired, this.actualOf(deviceNumber));
    return this.actualOf(deviceNumber).record ? [{ action: 'stopRecord', deviceNumber }] : [];
  }

  setProblem(deviceNumber: string, error: O2GError): void {
    if (!this.#desiredStates.has(deviceNumber)) return;
    const now = this.#clock.now();
    this.#addProblem(deviceNumber, {
      reason: error.message,
      since: this.#problems.get(deviceNumber)?.since ?? this.#unconfirmedSince.get(deviceNumber) ?? now,
      refusedAt: isDefiniteRefusal(error) ? now : undefined,
    });
  }

  #addProblem(deviceNumber: string, problem: Problem): void {
    const isNew = !this.#problems.has(deviceNumber);
    this.#problems.set(deviceNumber, problem);
    this.onChanged.emit(deviceNumber);
    if (isNew) this.onCoverage.emit({ kind: 'unrecorded', ...this.coverageOf(deviceNumber) });
  }

  /** The devices that are reported as unrecorded now. */
  get problems(): ReadonlyMap<string, { readonly reason: string; readonly since: string }> {
    return new Map(
      [...this.#problems].map(([deviceNumber, { reason, since }]) => [
        deviceNumber,
        { reason, since: new Date(since).toISOString() },
      ]),
    );
  }

  /** A device was reported before this table was made. @returns false when it isn't desired */
  takeOverProblem(
    deviceNumber: string,
    problem: { readonly reason: string; readonly since: string },
  ): boolean {
    if (!this.#desiredStates.has(deviceNumber)) return false;
    this.#problems.set(deviceNumber, { reason: problem.reason, since: Date.parse(problem.since) });
    this.onChanged.emit(deviceNumber);
    return true;
  }

  /** @param recording what had to be begun anew; its keys are told in any case, for nobody else has them */
  clearProblem(deviceNumber: string, recording?: StartedRecording): void {
    const hadProblem = this.#problems.delete(deviceNumber);
    if (hadProblem) this.onChanged.emit(deviceNumber);
    if (hadProblem || recording?.srtp !== undefined)
      this.onCoverage.emit({
        kind: 'restored',
        ...this.coverageOf(deviceNumber),
        ...(recording ? { recording } : {}),
      });
  }

  coverageOf(deviceNumber: string): Coverage {
    const desired = this.#desiredStates.get(deviceNumber);
    const actual = this.actualOf(deviceNumber);
    const row = { deviceNumber, desired: services(desired !== undefined, desired?.record, desired?.beep) };
    if (this.#linkProblem) return { ...row, actual: [], ...this.#linkProblem, confirmed: false };
    const problem = this.#problems.get(deviceNumber);
    return {
      ...row,
      actual: services(actual.monitored, actual.record, actual.beep),
      reason: problem?.reason ?? '',
      since: new Date(problem?.since ?? this.#changedAt).toISOString(),
    };
  }

  /** @returns reads our row of the server's list; what changes from now on is fresher than that list and stays as it is */
  listReader(): (row: DRLink) => void {
    const before = new Map(this.#actualStates);
    return ({ recordedDevices, nbRecordedDevices }) => {
      // A server that counts devices without naming them tells nothing.
      if (recordedDevices === undefined && nbRecordedDevices !== 0) return;
      const listed = new Map(
        onlyObjects(recordedDevices).flatMap((device) =>
          device.number === undefined ? [] : [[device.number, device] as const],
        ),
      );
      this.#listedDevices = new Set(listed.keys());
      const adopting = this.#adopting;
      this.#adopting = false;
      for (const [deviceNumber, actual] of before) {
        if (this.#actualStates.get(deviceNumber) === actual)
          this.#compare(deviceNumber, actual, listed.get(deviceNumber));
      }
      for (const [deviceNumber, device] of listed) {
        // What was seen when the list was asked for, and isn't any more, has been stopped since.
        if (!this.#actualStates.has(deviceNumber) && !before.has(deviceNumber))
          this.#adopt(deviceNumber, device, adopting);
      }
    };
  }

  /** Whether some monitor is believed in without being listed: many servers list only what they record. */
  get hasUnlistedMonitors(): boolean {
    return [...this.#actualStates].some(
      ([deviceNumber, { monitored }]) => monitored && !this.#listedDevices.has(deviceNumber),
    );
  }

  /** @returns reads the logins of the monitored users: a user who isn't among them is not monitored any more */
  loginReader(): (logins: ReadonlySet<string>) => void {
    const before = new Map(this.#actualStates);
    return (logins) => {
      for (const [deviceNumber, actual] of before) {
        if (
          !actual.monitored ||
          actual.userId === undefined ||
          logins.has(actual.userId) ||
          this.#actualStates.get(deviceNumber) !== actual
        )
          continue;
        this.updateActual(deviceNumber, { ...NOT_RECORDED, monitored: false });
        this.setProblem(deviceNumber, new O2GError('NOT_CONNECTED', 'the OXE ended the monitoring'));
      }
    };
  }

  #compare(deviceNumber: string, actual: ActualState, device: RecordedDevice | undefined): void {
    // What is listed at all is monitored; what isn't may be, on a server that lists only what it records.
    if (device && actual.uncertain) this.updateActual(deviceNumber, { monitored: true, uncertain: false });
    if (
      !actual.record ||
      (device?.recorded === true && sameTarget(actual.record, targetOf(device, actual.record)))
    )
      return;
    this.updateActual(deviceNumber, { ...NOT_RECORDED });
    this.setProblem(deviceNumber, new O2GError('NOT_CONNECTED', 'the OXE ended the recording'));
  }

  /**
   * What a link records that an earlier run left behind is desired until a flow says otherwise; later it is what flows have asked for that
   * counts. A recorder of ours is desired itself, not the ports it had.
   */
  #adopt(deviceNumber: string, device: RecordedDevice, isAdopting: boolean): void {
    const record = device.recorded === true ? targetOf(device, undefined) : undefined;
    const desired = this.#desiredStates.get(deviceNumber);
    // Whose device it is tells the answer to a monitor request only, and a recorder of ours follows that user's calls.
    const isBuiltIn = desired?.record?.mode === 'builtin';
    this.updateActual(deviceNumber, { monitored: true, record, ...(isBuiltIn ? { uncertain: true } : {}) });
    if (record && isAdopting && !isBuiltIn)
      this.#desiredStates.set(deviceNumber, { fromConfig: false, ...desired, record });
  }
}

function services(monitored: boolean, record: unknown, beep: unknown): Service[] {
  return [
    ...(monitored ? ['monitored' as const] : []),
    ...(record ? ['recorded' as const] : []),
    ...(beep ? ['beeping' as const] : []),
  ];
}

/** The target that the server lists; what it doesn't tell (the slots of TDM, an address left out) is as it was. */
function targetOf(device: RecordedDevice, previous: RecordTarget | undefined): RecordTarget | undefined {
  if (device.ip === false || previous?.mode === 'tdm') return previous;
  const ipRecorderAddr = device.recordingResource ?? previous?.ipRecorderAddr;
  const sentFlowPort = device.sentFlowPort ?? previous?.sentFlowPort;
  const receivedFlowPort = device.receivedFlowPort ?? previous?.receivedFlowPort;
  if (ipRecorderAddr === undefined || sentFlowPort === undefined || receivedFlowPort === undefined)
    return previous;
  return { mode: 'ip', ipRecorderAddr, sentFlowPort, receivedFlowPort };
}
