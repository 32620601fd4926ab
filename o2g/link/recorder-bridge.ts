/** What a link does with the recorders of this program: it gets ports from them, and tells them keys and calls. */
import { asO2GError, O2GError, invalid, type O2GEvent } from '../spec';
import { mapConcurrently, type Clock, type Timer, type Logger } from '../util';
import { DeviceConversations } from '../calls';
import type { IpTarget, RecorderPort, RecorderPorts, SrtpKeys } from './recorder-port';

/** Ports that a recorder of ours gave to a device. */
export interface ArmedPorts {
  readonly recorder: string;
  readonly target: IpTarget;
}

export interface RecorderBridgeDependencies {
  /** Undefined: this program has no recorders. */
  readonly recorders: RecorderPorts | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** What was armed when this was stored. */
  readonly storedPorts: Iterable<readonly [string, ArmedPorts]>;
  /** The recorders that devices are wanted in. */
  desiredRecorders(): Iterable<readonly [deviceNumber: string, recorder: string]>;
  isDesired(deviceNumber: string): boolean;
  secure(): boolean | undefined;
  /** What comes for a device can't be deciphered: its recording is to be asked for again, for new keys. */
  onUndecipherable(deviceNumber: string): void;
}

/** An OXE that changes keys needs one request; one whose keys never fit is asked less and less often. */
const MIN_KEY_REQUEST_INTERVAL_MS = 5_000;
const MAX_KEY_REQUEST_INTERVAL_MS = 60_000;
/** A recorder completes its files in less; a disk that hangs must not hold up the end of the link. */
const DISARM_TIMEOUT_MS = 4_000;
/** Requests for the state of calls, after a gap: what is recorded already goes on meanwhile. */
const MAX_PARALLEL_STATE_REQUESTS = 4;

export class RecorderBridge {
  readonly #dependencies: RecorderBridgeDependencies;
  #conversations = new DeviceConversations();
  readonly #armed: Map<string, ArmedPorts>;
  /** Arms what is wanted already: whoever needs ports waits for it, so that nobody gets those to which the OXE still sends for another. */
  #armingAll: Promise<unknown> = Promise.resolve();
  readonly #keysRequestedAt = new Map<string, number>();
  readonly #keyRequestTimers = new Map<string, Timer>();
  /** Users whose calls are being asked for, and whether an event was faster than the answer. */
  readonly #overtakenByUser = new Map<string, boolean>();
  #closed = false;

  constructor(dependencies: RecorderBridgeDependencies) {
    this.#dependencies = dependencies;
    this.#armed = new Map(dependencies.storedPorts);
  }

  /** What is armed, or was before this program was started again. */
  get armed(): ReadonlyMap<string, ArmedPorts> {
    return this.#armed;
  }

  /** Follows the recorders until `close`. @param onChanged a recorder is another one now, or gone @returns stops that */
  start(onChanged: (recorder: string) => void): () => void {
    const { recorders } = this.#dependencies;
    if (!recorders) return () => undefined;
    this.armAll();
    const unsubscribers = [
      recorders.onChanged.on((recorder) => {
        this.armAll();
        onChanged(recorder);
      }),
      recorders.onUndecipherable.on(({ recorder, deviceNumber }) => {
        if (this.#armed.get(deviceNumber)?.recorder === recorder)
          this.#scheduleKeyRequest(deviceNumber, MIN_KEY_REQUEST_INTERVAL_MS);
      }),
    ];
    return () => {
      for (const unsubscribe of unsubscribers) unsubscribe();
    };
  }

  /** Makes the ports of everything that is wanted, without waiting for a connection: the OXE may be sending already. */
  armAll(): void {
    const previous = this.#armingAll;
    this.#armingAll = previous.then(() =>
      Promise.all(
        [...this.#dependencies.desiredRecorders()].map(async ([deviceNumber, recorder]) => {
          // What can't be armed now is told by the repair.
          await this.#arm(deviceNumber, recorder).catch(() => undefined);
          // A flow may have stopped it meanwhile: then nobody listens to it any more.
          if (!this.#dependencies.isDesired(deviceNumber)) await this.disarm(deviceNumber);
        }),
      ),
    );
  }

  /** @throws O2GError when the recorder isn't there, or has no ports */
  async arm(deviceNumber: string, recorder: string): Promise<IpTarget> {
    await this.#armingAll;
    return this.#arm(deviceNumber, recorder);
  }

  async #arm(deviceNumber: string, recorder: string): Promise<IpTarget> {
    const port = this.#dependencies.recorders?.find(recorder);
    if (!port) throw new O2GError('NOT_CONNECTED', `the recorder ${recorder} isn't there`);
    const target = await port.arm(
      deviceNumber,
      this.#armed.get(deviceNumber)?.target,
      this.#dependencies.secure(),
    );
    this.#armed.set(deviceNumber, { recorder, target });
    const conversation = this.#conversations.of(deviceNumber);
    if (conversation) port.follow(deviceNumber, conversation);
    return target;
  }

  /** Keys that the recorder can't use are told by it, as an alarm: the recording itself is in force. */
  async setKeys(deviceNumber: string, keys: SrtpKeys | undefined): Promise<void> {
    this.#keysRequestedAt.set(deviceNumber, this.#dependencies.clock.now());
    try {
      await this.#portOf(deviceNumber)?.setKeys(deviceNumber, keys);
    } catch (error) {
      this.#dependencies.log.warn(`${deviceNumber}: ${asO2GError(error).message}`);
    }
  }

  /** @throws O2GError `INVALID_INPUT` when no recorder of ours records the device */
  recorderOf(deviceNumber: string): RecorderPort {
    const port = this.#portOf(deviceNumber);
    if (!port) throw invalid('deviceNumber', deviceNumber, 'a device that the built-in recorder records');
    return port;
  }

  follow(event: O2GEvent): void {
    // Following every call costs more than reading its events; calls that go on when a recorder comes are asked for.
    if (this.#dependencies.recorders?.hasRecorders !== true) return;
    if (event.loginName !== undefined && this.#overtakenByUser.has(event.loginName))
      this.#overtakenByUser.set(event.loginName, true);
    for (const conversation of this.#conversations.follow(event, this.#dependencies.clock.now())) {
      this.#portOf(conversation.deviceNumber)?.follow(conversation.deviceNumber, conversation);
    }
  }

  /**
   * Events may have been missed: asks for the calls of the users of armed devices.
   * @param queryState gives a user's telephonic state
   */
  async loadCalls(
    users: readonly string[],
    queryState: (loginName: string) => Promise<unknown>,
  ): Promise<void> {
    await mapConcurrently([...users], MAX_PARALLEL_STATE_REQUESTS, async (loginName) => {
      this.#overtakenByUser.set(loginName, false);
      try {
        const state = await queryState(loginName);
        // An event that came meanwhile is fresher than the answer.
        const overtaken = this.#overtakenByUser.get(loginName) === true;
        this.#overtakenByUser.delete(loginName);
        if (!overtaken) this.follow({ eventName: 'OnTelephonyState', loginName, state });
      } catch (error) {
        this.#overtakenByUser.delete(loginName);
        this.#dependencies.log.debug(`the calls of ${loginName} can't be read: ${asO2GError(error).message}`);
      }
    });
  }

  /** Nobody reports what calls do any more: conversations end by silence, until calls are known again. */
  forgetCalls(): void {
    this.#conversations = new DeviceConversations();
    for (const deviceNumber of this.#armed.keys()) this.#portOf(deviceNumber)?.forgetCalls(deviceNumber);
  }

  async disarm(deviceNumber: string): Promise<void> {
    const port = this.#portOf(deviceNumber);
    this.#armed.delete(deviceNumber);
    this.#keysRequestedAt.delete(deviceNumber);
    await port?.disarm(deviceNumber);
  }

  /** The link ends. @param disarmAll its devices are given up; otherwise the next start finds them */
  async close(disarmAll: boolean): Promise<void> {
    this.#closed = true;
    for (const timer of this.#keyRequestTimers.values()) timer.cancel();
    if (!disarmAll || this.#armed.size === 0) return;
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.#dependencies.clock.after(DISARM_TIMEOUT_MS, resolve);
    });
    await Promise.race([
      timeout,
      Promise.all([...this.#armed.keys()].map((deviceNumber) => this.disarm(deviceNumber))),
    ]);
    timer?.cancel();
  }

  #portOf(deviceNumber: string): RecorderPort | undefined {
    const recorder = this.#armed.get(deviceNumber)?.recorder;
    return recorder === undefined ? undefined : this.#dependencies.recorders?.find(recorder);
  }

  /** Asks for keys, `ms` after they were asked for last, and again as long as those that came don't fit. */
  #scheduleKeyRequest(deviceNumber: string, ms: number): void {
    this.#keyRequestTimers.get(deviceNumber)?.cancel();
    if (this.#closed) return;
    const { clock } = this.#dependencies;
    const delayMs = (this.#keysRequestedAt.get(deviceNumber) ?? -Infinity) + ms - clock.now();
    this.#keyRequestTimers.set(
      deviceNumber,
      clock.after(Math.max(0, delayMs), () => {
        this.#keyRequestTimers.delete(deviceNumber);
        if (this.#portOf(deviceNumber)?.isUndecipherable(deviceNumber) !== true) return;
        this.#keysRequestedAt.set(deviceNumber, clock.now());
        this.#dependencies.onUndecipherable(deviceNumber);
        this.#scheduleKeyRequest(deviceNumber, Math.min(2 * ms, MAX_KEY_REQUEST_INTERVAL_MS));
      }),
    );
  }
}
