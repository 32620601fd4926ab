/**
 * The book of a DR link: what every device shall be, what it is as far as the server told, and what is wrong with it.
 */
import { objectsIn } from '../session';
import { Signal, type Clock, type Log } from '../util';
import { isDefinite, O2GError, type Representation } from '../spec';
import type { SrtpKeys } from './recorder-port';
import { plan, stepsFor, type Seen, type Step } from './reconcile-plan';
import { sameTarget, type RecordTarget, type Wanted } from './desired-state';
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
}

/** A desired service that is not in force any more or could not be put in force, or that is again. */
export interface CoverageNews extends Coverage {
  readonly kind: 'unrecorded' | 'restored';
  /** On `restored`: the recording that was begun anew. */
  readonly recording?: BegunRecording;
}

/** A recording that the server has just begun. */
export interface BegunRecording {
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
const SLOW_RETRY_MS = 300_000;
const UNSEEN: Seen = { monitored: false };
/** A beep is part of a recording. */
export const NOT_RECORDED = {
  record: undefined,
  recorder: undefined,
  beep: undefined,
} as const satisfies Partial<Seen>;

export class Book {
  readonly onNews: Signal<CoverageNews>;
  /** The number of a device of which anything may have changed: what is desired, what is in force, what is wrong. */
  readonly onChanged: Signal<string>;
  readonly #clock: Clock;
  readonly #wanted = new Map<string, Wanted>();
  readonly #seen = new Map<string, Seen>();
  readonly #problems = new Map<string, Problem>();
  /** An index: it is asked for with every event. */
  readonly #byUser = new Map<string, Set<string>>();
  /** The devices in our row of the server's list, when it was last read. */
  #listed: ReadonlySet<string> = new Set();
  #adopting: boolean;
  #changedAt: number;

  /** @param adopting our link may be one that an earlier run left behind: what it records is desired then */
  constructor(clock: Clock, log: Log, adopting: boolean) {
    this.#clock = clock;
    this.#adopting = adopting;
    this.#changedAt = clock.now();
    this.onNews = new Signal(log);
    this.onChanged = new Signal(log);
  }

  get wanted(): ReadonlyMap<string, Wanted> {
    return this.#wanted;
  }

  get devices(): string[] {
    return [...this.#wanted.keys()];
  }

  /** The devices that are known to be monitored for a user. */
  devicesOf(userId: string): string[] {
    return [...(this.#byUser.get(userId) ?? [])];
  }

  want(deviceNumber: string, want: Wanted | undefined): void {
    if (want) this.#wanted.set(deviceNumber, want);
    else this.#wanted.delete(deviceNumber);
    this.#problems.delete(deviceNumber);
    this.onChanged.emit(deviceNumber);
  }

  /** Changes what is desired of a device that is desired at all. */
  change(deviceNumber: string, change: Partial<Wanted>): void {
    const was = this.#wanted.get(deviceNumber);
    if (was) this.want(deviceNumber, { ...was, ...change });
  }

  seen(deviceNumber: string): Seen {
    return this.#seen.get(deviceNumber) ?? UNSEEN;
  }

  see(deviceNumber: string, news: Partial<Seen>): void {
    this.#seen.set(deviceNumber, { ...this.seen(deviceNumber), ...news });
    this.onChanged.emit(deviceNumber);
    if (news.userId === undefined) return;
    const devices = this.#byUser.get(news.userId);
    if (devices) devices.add(deviceNumber);
    else this.#byUser.set(news.userId, new Set([deviceNumber]));
  }

  forget(deviceNumber: string): void {
    this.#byUser.get(this.seen(deviceNumber).userId ?? '')?.delete(deviceNumber);
    this.#seen.delete(deviceNumber);
    this.onChanged.emit(deviceNumber);
  }

  /** An answer was lost: what GET can't tell is sent again. */
  doubt(deviceNumber: string): void {
    this.see(deviceNumber, { doubt: true });
  }

  /** A new session: the link may have outlived the old one, but nobody says what of it did. */
  doubtEverything(): void {
    for (const deviceNumber of this.#seen.keys()) this.see(deviceNumber, { beep: undefined, doubt: true });
  }

  /** The link is gone, and all that was on it. */
  lost(reason: string): void {
    this.#seen.clear();
    this.#byUser.clear();
    this.#adopting = false;
    this.#changedAt = this.#clock.now();
    for (const deviceNumber of this.#wanted.keys())
      this.failed(deviceNumber, new O2GError('NOT_CONNECTED', reason));
  }

  /** The devices on which something is to be done and whose time has come, those in a call first. */
  due(inCall: ReadonlySet<string>): string[] {
    const devices = new Set(plan(this.#wanted, this.#seen, inCall).map(({ deviceNumber }) => deviceNumber));
    return [...devices].filter((deviceNumber) => {
      const refusedAt = this.#problems.get(deviceNumber)?.refusedAt;
      return refusedAt === undefined || this.#clock.now() - refusedAt >= SLOW_RETRY_MS;
    });
  }

  /** What is to be done on a device, in order. */
  steps(deviceNumber: string): readonly Step[] {
    const want = this.#wanted.get(deviceNumber);
    if (want) return stepsFor(deviceNumber, want, this.seen(deviceNumber));
    return this.seen(deviceNumber).record ? [{ do: 'stopRecord', deviceNumber }] : [];
  }

  failed(deviceNumber: string, error: O2GError): void {
    if (!this.#wanted.has(deviceNumber)) return;
    const known = this.#problems.get(deviceNumber);
    const now = this.#clock.now();
    this.#problems.set(deviceNumber, {
      reason: error.message,
      since: known?.since ?? now,
      refusedAt: isDefinite(error) ? now : undefined,
    });
    this.onChanged.emit(deviceNumber);
    if (!known) this.onNews.emit({ kind: 'unrecorded', ...this.coverageOf(deviceNumber) });
  }

  /** @param recording what had to be begun anew; its keys are told in any case, for nobody else has them */
  solved(deviceNumber: string, recording?: BegunRecording): void {
    const hadProblem = this.#problems.delete(deviceNumber);
    if (hadProblem) this.onChanged.emit(deviceNumber);
    if (hadProblem || recording?.srtp !== undefined)
      this.onNews.emit({
        kind: 'restored',
        ...this.coverageOf(deviceNumber),
        ...(recording ? { recording } : {}),
      });
  }

  coverageOf(deviceNumber: string): Coverage {
    const want = this.#wanted.get(deviceNumber);
    const seen = this.seen(deviceNumber);
    const problem = this.#problems.get(deviceNumber);
    return {
      deviceNumber,
      desired: services(want !== undefined, want?.record, want?.beep),
      actual: services(seen.monitored, seen.record, seen.beep),
      reason: problem?.reason ?? '',
      since: new Date(problem?.since ?? this.#changedAt).toISOString(),
    };
  }

  /** @returns reads our row of the server's list; what changes from now on is fresher than that list and stays as it is */
  reader(): (row: DRLink) => void {
    const before = new Map(this.#seen);
    return ({ recordedDevices, nbRecordedDevices }) => {
      // A server that counts devices without naming them tells nothing.
      if (recordedDevices === undefined && nbRecordedDevices !== 0) return;
      const listed = new Map(
        objectsIn(recordedDevices).flatMap((device) =>
          device.number === undefined ? [] : [[device.number, device] as const],
        ),
      );
      this.#listed = new Set(listed.keys());
      const adopting = this.#adopting;
      this.#adopting = false;
      for (const [deviceNumber, seen] of before) {
        if (this.#seen.get(deviceNumber) === seen)
          this.#compare(deviceNumber, seen, listed.get(deviceNumber));
      }
      for (const [deviceNumber, device] of listed) {
        // What was seen when the list was asked for, and isn't any more, has been stopped since.
        if (!this.#seen.has(deviceNumber) && !before.has(deviceNumber))
          this.#adopt(deviceNumber, device, adopting);
      }
    };
  }

  /** Whether some monitor is believed in without being listed: many servers list only what they record. */
  get believes(): boolean {
    return [...this.#seen].some(
      ([deviceNumber, { monitored }]) => monitored && !this.#listed.has(deviceNumber),
    );
  }

  /** @returns reads the logins of the monitored users: a user who isn't among them is not monitored any more */
  loginReader(): (logins: ReadonlySet<string>) => void {
    const before = new Map(this.#seen);
    return (logins) => {
      for (const [deviceNumber, seen] of before) {
        if (
          !seen.monitored ||
          seen.userId === undefined ||
          logins.has(seen.userId) ||
          this.#seen.get(deviceNumber) !== seen
        )
          continue;
        this.see(deviceNumber, { ...NOT_RECORDED, monitored: false });
        this.failed(deviceNumber, new O2GError('NOT_CONNECTED', 'the OXE ended the monitoring'));
      }
    };
  }

  #compare(deviceNumber: string, seen: Seen, device: RecordedDevice | undefined): void {
    // What is listed at all is monitored; what isn't may be, on a server that lists only what it records.
    if (device && seen.doubt) this.see(deviceNumber, { monitored: true, doubt: false });
    if (!seen.record || (device?.recorded === true && sameTarget(seen.record, targetOf(device, seen.record))))
      return;
    this.see(deviceNumber, { ...NOT_RECORDED });
    this.failed(deviceNumber, new O2GError('NOT_CONNECTED', 'the OXE ended the recording'));
  }

  /**
   * What a link records that an earlier run left behind is desired until a flow says otherwise; later it is what flows have asked for that
   * counts. A recorder of ours is desired itself, not the ports it had.
   */
  #adopt(deviceNumber: string, device: RecordedDevice, desired: boolean): void {
    const record = device.recorded === true ? targetOf(device, undefined) : undefined;
    const want = this.#wanted.get(deviceNumber);
    // Whose device it is tells the answer to a monitor request only, and a recorder of ours follows that user's calls.
    const isOwn = want?.record?.mode === 'own';
    this.see(deviceNumber, { monitored: true, record, ...(isOwn ? { doubt: true } : {}) });
    if (record && desired && !isOwn) this.#wanted.set(deviceNumber, { own: false, ...want, record });
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
function targetOf(device: RecordedDevice, was: RecordTarget | undefined): RecordTarget | undefined {
  if (device.ip === false || was?.mode === 'tdm') return was;
  const ipRecorderAddr = device.recordingResource ?? was?.ipRecorderAddr;
  const sentFlowPort = device.sentFlowPort ?? was?.sentFlowPort;
  const receivedFlowPort = device.receivedFlowPort ?? was?.receivedFlowPort;
  if (ipRecorderAddr === undefined || sentFlowPort === undefined || receivedFlowPort === undefined)
    return was;
  return { mode: 'ip', ipRecorderAddr, sentFlowPort, receivedFlowPort };
}
