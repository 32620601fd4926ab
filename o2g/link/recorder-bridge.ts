/** What a link does with the recorders of this program: it gets ports from them, and tells them keys and calls. */
import { asO2GError, O2GError, invalid, type O2GEvent } from '../spec';
import { forEachBounded, type Clock, type Timer, type Log } from '../util';
import { Conversations } from '../calls';
import type { IpTarget, MediaPort, MediaPorts, SrtpKeys } from './recorder-port';

/** Ports that a recorder of ours gave to a device. */
export interface ArmedPorts {
  readonly recorder: string;
  readonly target: IpTarget;
}

export interface OwnMediaParts {
  /** Undefined: this program has no recorders. */
  readonly ports: MediaPorts | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** What was armed when this was stored. */
  readonly was: Iterable<readonly [string, ArmedPorts]>;
  /** The recorders that devices are wanted in. */
  wanted(): Iterable<readonly [deviceNumber: string, recorder: string]>;
  isWanted(deviceNumber: string): boolean;
  secure(): boolean | undefined;
  /** What comes for a device can't be deciphered: its recording is to be asked for again, for new keys. */
  onUndecipherable(deviceNumber: string): void;
}

/** An OXE that changes keys needs one request; one whose keys never fit is asked less and less often. */
const ASK_AGAIN_MS = 5_000;
const ASK_SELDOM_MS = 60_000;
/** A recorder completes its files in less; a disk that hangs must not hold up the end of the link. */
const DISARM_WITHIN_MS = 4_000;
/** Requests for the state of calls, after a gap: what is recorded already goes on meanwhile. */
const AT_A_TIME = 4;

export class OwnMedia {
  readonly #parts: OwnMediaParts;
  readonly #conversations = new Conversations();
  readonly #armed: Map<string, ArmedPorts>;
  /** Arms what is wanted already: whoever needs ports waits for it, so that nobody gets those to which the OXE still sends for another. */
  #armingAll: Promise<unknown> = Promise.resolve();
  readonly #askedAt = new Map<string, number>();
  readonly #asking = new Map<string, Timer>();
  /** Users whose calls are being asked for, and whether an event was faster than the answer. */
  readonly #learning = new Map<string, boolean>();
  #closed = false;

  constructor(parts: OwnMediaParts) {
    this.#parts = parts;
    this.#armed = new Map(parts.was);
  }

  /** What is armed, or was before this program was started again. */
  get armed(): ReadonlyMap<string, ArmedPorts> {
    return this.#armed;
  }

  /** Follows the recorders until `close`. @param onChanged a recorder is another one now, or gone @returns stops that */
  start(onChanged: (recorder: string) => void): () => void {
    const { ports } = this.#parts;
    if (!ports) return () => undefined;
    this.armAll();
    const offs = [
      ports.onChanged.on((recorder) => {
        this.armAll();
        onChanged(recorder);
      }),
      ports.onUndecipherable.on(({ recorder, deviceNumber }) => {
        if (this.#armed.get(deviceNumber)?.recorder === recorder) this.#askAgain(deviceNumber, ASK_AGAIN_MS);
      }),
    ];
    return () => {
      for (const off of offs) off();
    };
  }

  /** Makes the ports of everything that is wanted, without waiting for a connection: the OXE may be sending already. */
  armAll(): void {
    const before = this.#armingAll;
    this.#armingAll = before.then(() =>
      Promise.all(
        [...this.#parts.wanted()].map(async ([deviceNumber, recorder]) => {
          // What can't be armed now is told by the repair.
          await this.#arm(deviceNumber, recorder).catch(() => undefined);
          // A flow may have stopped it meanwhile: then nobody listens to it any more.
          if (!this.#parts.isWanted(deviceNumber)) await this.disarm(deviceNumber);
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
    const media = this.#parts.ports?.find(recorder);
    if (!media) throw new O2GError('NOT_CONNECTED', `the recorder ${recorder} isn't there`);
    const target = await media.arm(deviceNumber, this.#armed.get(deviceNumber)?.target, this.#parts.secure());
    this.#armed.set(deviceNumber, { recorder, target });
    const conversation = this.#conversations.of(deviceNumber);
    if (conversation) media.follow(deviceNumber, conversation);
    return target;
  }

  /** Keys that the recorder can't use are told by it, as an alarm: the recording itself is in force. */
  async setKeys(deviceNumber: string, keys: SrtpKeys | undefined): Promise<void> {
    this.#askedAt.set(deviceNumber, this.#parts.clock.now());
    try {
      await this.#mediaOf(deviceNumber)?.setKeys(deviceNumber, keys);
    } catch (error) {
      this.#parts.log.warn(`${deviceNumber}: ${asO2GError(error).message}`);
    }
  }

  /** @throws O2GError `INVALID_INPUT` when no recorder of ours records the device */
  recorderOf(deviceNumber: string): MediaPort {
    const media = this.#mediaOf(deviceNumber);
    if (!media) throw invalid('deviceNumber', deviceNumber, 'a device that the built-in recorder records');
    return media;
  }

  follow(event: O2GEvent): void {
    // Following every call costs more than reading its events; calls that go on when a recorder comes are asked for.
    if (this.#parts.ports?.any !== true) return;
    if (event.loginName !== undefined && this.#learning.has(event.loginName))
      this.#learning.set(event.loginName, true);
    for (const conversation of this.#conversations.follow(event, this.#parts.clock.now())) {
      this.#mediaOf(conversation.deviceNumber)?.follow(conversation.deviceNumber, conversation);
    }
  }

  /**
   * Events may have been missed: asks for the calls of the users of armed devices.
   * @param ask gives a user's telephonic state
   */
  async learn(users: readonly string[], ask: (loginName: string) => Promise<unknown>): Promise<void> {
    await forEachBounded([...users], AT_A_TIME, async (loginName) => {
      this.#learning.set(loginName, false);
      try {
        const state = await ask(loginName);
        // An event that came meanwhile is fresher than the answer.
        const overtaken = this.#learning.get(loginName) === true;
        this.#learning.delete(loginName);
        if (!overtaken) this.follow({ eventName: 'OnTelephonyState', loginName, state });
      } catch (error) {
        this.#learning.delete(loginName);
        this.#parts.log.debug(`the calls of ${loginName} can't be read: ${asO2GError(error).message}`);
      }
    });
  }

  async disarm(deviceNumber: string): Promise<void> {
    const media = this.#mediaOf(deviceNumber);
    this.#armed.delete(deviceNumber);
    this.#askedAt.delete(deviceNumber);
    await media?.disarm(deviceNumber);
  }

  /** The link ends. @param disarms its devices are given up; otherwise the next start finds them */
  async close(disarms: boolean): Promise<void> {
    this.#closed = true;
    for (const timer of this.#asking.values()) timer.cancel();
    if (!disarms || this.#armed.size === 0) return;
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#parts.clock.after(DISARM_WITHIN_MS, resolve);
    });
    await Promise.race([
      late,
      Promise.all([...this.#armed.keys()].map((deviceNumber) => this.disarm(deviceNumber))),
    ]);
    timer?.cancel();
  }

  #mediaOf(deviceNumber: string): MediaPort | undefined {
    const recorder = this.#armed.get(deviceNumber)?.recorder;
    return recorder === undefined ? undefined : this.#parts.ports?.find(recorder);
  }

  /** Asks for keys, `ms` after they were asked for last, and again as long as those that came don't fit. */
  #askAgain(deviceNumber: string, ms: number): void {
    this.#asking.get(deviceNumber)?.cancel();
    if (this.#closed) return;
    const { clock } = this.#parts;
    const wait = (this.#askedAt.get(deviceNumber) ?? -Infinity) + ms - clock.now();
    this.#asking.set(
      deviceNumber,
      clock.after(Math.max(0, wait), () => {
        this.#asking.delete(deviceNumber);
        if (this.#mediaOf(deviceNumber)?.isUndecipherable(deviceNumber) !== true) return;
        this.#askedAt.set(deviceNumber, clock.now());
        this.#parts.onUndecipherable(deviceNumber);
        this.#askAgain(deviceNumber, Math.min(2 * ms, ASK_SELDOM_MS));
      }),
    );
  }
}
