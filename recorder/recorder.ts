import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Transferable } from 'node:worker_threads';

import { complete, recover, type Description, type FinishedRecording } from './completion';
import type { DeviceSnapshot, Level } from './conversation';
import {
  invalid,
  messageOf,
  RecorderError,
  systemCode,
  CHANNELS,
  SAMPLE_RATE,
  type Alarm,
  type Channel,
  type DeviceContext,
  type Recorded,
} from './common';
import { readFileKeys, type FileKey } from './encryption';
import { Keeping, Manifest, readSigningKey, type Kept } from './evidence';
import { parseKeys, type KeyTexts } from './srtp';
import { Refused, WorkerThread, type FromWorker, type Order, type WorkerData } from './worker';
import { checkFolder, checkOptions, type CheckedOptions, type RecorderOptions } from './options';
import { thisOwner, type Owner } from './files';
import { Ports } from './port-pool';

/** What the caller knows of a recording that has just ended: `calls`, tags, anything JSON can say. It goes to the metadata. */
export type Describe = (recording: RecordingEnd) => Promise<Description> | Description;

export interface RecordingEnd {
  readonly id: string;
  readonly deviceNumber: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly endedBy: string;
}

export interface RecorderParts {
  /** Asked for each recording when its audio is complete, also for what a crash left. It has 2 s; what it throws goes to the metadata as `describeError`. */
  readonly describe?: Describe;
  /** One line for what nobody else is told. */
  readonly warn?: (line: string) => void;
  /** Milliseconds of the epoch, for how long recordings are kept. Default: the system's clock. */
  readonly now?: () => number;
  /** For a test that wants to see one fail. */
  readonly startWorker?: (...args: ConstructorParameters<typeof WorkerThread>) => WorkerThread;
}

export interface ArmOptions extends DeviceContext {
  /** Media is known to be encrypted: without keys that is an alarm. */
  readonly secure?: boolean | undefined;
  /** The ports of an earlier run, which the sender may still know: taken when both are free. */
  readonly ports?: Readonly<Record<Channel, number>> | undefined;
}

/** The fields of the record request. */
export interface Armed {
  readonly ipRecorderAddr: string;
  readonly sentFlowPort: number;
  readonly receivedFlowPort: number;
}

export interface RecorderEvents {
  finished: [FinishedRecording];
  /** Something is wrong; the same with `until` when it is over. */
  alarm: [Alarm];
  /** The first packets of a file are on the disk. */
  started: [{ readonly deviceNumber: string; readonly id: string; readonly startedAt: string }];
  /** What is in force for a recording has changed: it was held, released, is to be kept for another time, or is deleted. */
  kept: [Kept];
  /** Once a second for each device that is recorded. */
  level: [{ readonly deviceNumber: string } & Readonly<Record<Channel, Level>>];
}

export interface RecorderMetrics {
  readonly armed: number;
  readonly recording: number;
  readonly portsUsed: number;
  readonly portsTotal: number;
  readonly finished: number;
  readonly recovered: number;
  /** Recordings whose time was over. */
  readonly deleted: number;
  /** Files that are complete, but without metadata and manifest, because the disk refused. */
  readonly incomplete: number;
  readonly workerCrashes: number;
  /** Not older than a second. */
  readonly devices: readonly DeviceSnapshot[];
}

/** A recording that is being completed; undefined when the disk refused it. */
type Finishing = Promise<FinishedRecording | undefined>;

interface ArmedDevice {
  readonly worker: number;
  readonly ports: Readonly<Record<Channel, number>>;
  readonly secure: boolean;
  context: DeviceContext;
  /** Who ends it at this moment, and waits for what that completes. */
  readonly listeners: Set<Finishing[]>;
  /** Set until the worker has bound the ports. */
  arming: Promise<void>;
}

const PORT_TRIES = 50;
const DESCRIBE_MS = 2000;
/** `close` has 5 s: the files' own end, their hashes, then metadata and manifest. */
const CLOSE_WORKERS_MS = 3500;
/** A folder is looked through again when something was left, or a disk was full. */
const LOOK_AGAIN_MS = 61_000;
const RESTART_MS = 500;
/** How often it is looked for recordings that have been kept long enough. */
const LOOK_MS = 3_600_000;

/**
 * Records devices: two RTP or SRTP flows each become one stereo file. Nothing of it depends on the main thread while it runs.
 *
 * `arm` gives the ports that a record request needs; the file begins with the first packet and ends with `endConversation`, `disarm`, or
 * 30 s of silence. Who calls `expectMedia` tells the conversation's course: then a hold, however silent, ends nothing.
 *
 * What the disk does: a file that can't be opened or written keeps its last 30 s in memory and is tried again each flush; what is older is
 * given up and listed as a gap `disk`, with an alarm. What can't be completed keeps its `.part` and is tried again after a minute and at
 * the next start. Other recordings don't notice.
 */
export class Recorder extends EventEmitter<RecorderEvents> {
  readonly #options: CheckedOptions;
  readonly #parts: RecorderParts;
  readonly #owner: Owner = thisOwner(newInstance());
  /** `instance` of each thread that writes, and of those that failed. */
  readonly #alive: string[] = [];
  readonly #dead = new Set<string>();
  readonly #ports: Ports;
  readonly #manifest: Manifest;
  /** How long recordings are kept; holds. */
  readonly keeping: Keeping;
  readonly #devices = new Map<string, ArmedDevice>();
  readonly #completing = new Set<Promise<unknown>>();
  readonly #snapshots: (readonly DeviceSnapshot[])[] = [];
  readonly #counts = { finished: 0, recovered: 0, deleted: 0, incomplete: 0, workerCrashes: 0 };
  #workers: WorkerThread[] = [];
  #state: 'new' | 'started' | 'closed' = 'new';
  #closing: Promise<void> | undefined;
  #lookAgain: NodeJS.Timeout | undefined;
  #recovering: Promise<void> = Promise.resolve();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #keys: readonly FileKey[] = [];
  #looking: NodeJS.Timeout | undefined;

  /** @throws RecorderError `INVALID_INPUT` */
  constructor(options: RecorderOptions, parts: RecorderParts = {}) {
    super();
    this.#options = checkOptions(options);
    this.#parts = parts;
    this.#ports = new Ports(this.#options.portMin, this.#options.portMax);
    const { folder, signingKey, retentionDays } = this.#options;
    this.#manifest = new Manifest(folder, signingKey === undefined ? undefined : readSigningKey(signingKey));
    this.keeping = new Keeping(
      { folder, retentionDays },
      {
        manifest: this.#manifest,
        now: parts.now ?? Date.now,
        onKept: (kept) => {
          this.#emit('kept', kept);
        },
        warn: (line) => {
          this.#warn(line);
        },
      },
    );
  }

  /**
   * Starts the workers: devices can be armed from now on.
   * @throws RecorderError `FOLDER_NOT_WRITABLE`
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new RecorderError('CLOSED', 'the recorder was started before');
    await checkFolder(this.#options.folder);
    this.#keys = await readFileKeys(this.#options.keys);
    if (this.#closing) throw new RecorderError('CLOSED', 'the recorder was closed while it started');
    this.#state = 'started';
    this.#workers = Array.from({ length: this.#options.workers }, (_, index) => this.#startWorker(index));
    void this.#look();
    this.#looking = setInterval(() => {
      void this.#look();
    }, LOOK_MS);
    this.#looking.unref();
  }

  /**
   * Completes what a crash left; each such recording is told as `finished` with `recovered`. Many large files take a while: devices are
   * armed before, or meanwhile. Never rejects: what can't be completed stays for the next start.
   */
  recover(): Promise<void> {
    // One after the other: nothing may be completed twice.
    const recovering = this.#recovering
      .then(() => (this.#state === 'started' ? this.#recover() : undefined))
      .catch((error: unknown) => {
        this.#warn(`looking for unfinished recordings: ${messageOf(error)}`);
      });
    this.#recovering = recovering;
    this.#completing.add(recovering);
    return recovering.finally(() => {
      this.#completing.delete(recovering);
    });
  }

  /**
   * Makes a device ready to be recorded: both ports are bound when the answer comes. Arming it again changes what is known of it, not its ports.
   * @throws RecorderError `PORTS_EXHAUSTED`, `BIND_FAILED`, `INVALID_INPUT`, `CLOSED`
   */
  async arm(deviceNumber: string, { secure = false, ports, ...context }: ArmOptions = {}): Promise<Armed> {
    this.#requireStarted();
    if (typeof deviceNumber !== 'string' || deviceNumber === '')
      throw invalid('deviceNumber', deviceNumber, 'a directory number');
    for (const [field, value] of Object.entries(context))
      if (value !== undefined && typeof value !== 'string') throw invalid(field, value, 'a text');
    let device = this.#devices.get(deviceNumber);
    if (device) {
      await device.arming;
      device.context = context;
      await this.#order(device, { do: 'describe', deviceNumber, context });
    } else {
      device = await this.#arm(deviceNumber, context, secure, ports);
    }
    return {
      ipRecorderAddr: this.#options.address,
      sentFlowPort: device.ports.sent,
      receivedFlowPort: device.ports.received,
    };
  }

  /**
   * The keys of both flows, as POST record answered them; again when they change. Packets are opened with the old ones for 5 s more, and
   * what couldn't be deciphered in the last 12 s is tried again. Undefined: what comes isn't encrypted.
   * @throws RecorderError `INVALID_INPUT` (without the keys in its text), `NOT_ARMED`
   */
  async setKeys(deviceNumber: string, keys: KeyTexts | undefined): Promise<void> {
    const device = this.#armed(deviceNumber);
    const master = keys && parseKeys(keys);
    const transfer = master ? [master.key.buffer, master.salt.buffer] : [];
    await this.#order(device, { do: 'keys', deviceNumber, master }, transfer as Transferable[]);
  }

  /** @param expected true while the call is active, false while it is held. From the first word on, only `endConversation` ends the conversation. */
  async expectMedia(deviceNumber: string, expected: boolean): Promise<void> {
    await this.#order(this.#armed(deviceNumber), { do: 'expect', deviceNumber, expected });
  }

  /**
   * The conversation is over: its file is completed. Packets within the next second that stop again belong to no file.
   * @returns the recordings that this ended; none when there was no media
   */
  async endConversation(deviceNumber: string): Promise<FinishedRecording[]> {
    return this.#endedBy(this.#armed(deviceNumber), { do: 'end', deviceNumber, endedBy: 'told' });
  }

  /**
   * From now on silence is written, and the audio is kept nowhere. Ends with `resume`, after `resumeAfter`, or with the conversation's end.
   * @param why who asked for it and why, for the metadata; `resumeAfter` in seconds
   */
  async pause(
    deviceNumber: string,
    why: { by?: string | undefined; reason?: string | undefined; resumeAfter?: number | undefined } = {},
  ): Promise<void> {
    const device = this.#armed(deviceNumber);
    const { by, reason, resumeAfter = Infinity } = why;
    if (typeof resumeAfter !== 'number' || !(resumeAfter > 0))
      throw invalid('resumeAfter', resumeAfter, 'a number of seconds above 0');
    await this.#order(device, { do: 'pause', deviceNumber, by, reason, resumeAfterMs: 1000 * resumeAfter });
  }

  async resume(deviceNumber: string): Promise<void> {
    await this.#order(this.#armed(deviceNumber), { do: 'resume', deviceNumber });
  }

  /**
   * Completes the file and gives the ports back. Disarming what isn't armed is no error.
   * @returns the recordings that this ended
   */
  async disarm(deviceNumber: string): Promise<FinishedRecording[]> {
    const device = this.#devices.get(deviceNumber);
    return device ? this.#endedBy(device, { do: 'disarm', deviceNumber, endedBy: 'disarmed' }) : [];
  }

  metrics(): RecorderMetrics {
    const devices = this.#snapshots.flat();
    return {
      armed: this.#devices.size,
      recording: devices.filter(({ recordingSince }) => recordingSince !== null).length,
      portsUsed: this.#ports.used,
      portsTotal: this.#ports.size,
      ...this.#counts,
      devices,
    };
  }

  /** Completes everything, in 5 s at most; what isn't complete then is completed at the next start. Can be called again. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const wasStarted = this.#state === 'started';
    this.#state = 'closed';
    clearTimeout(this.#lookAgain);
    clearInterval(this.#looking);
    for (const restart of this.#restarts) clearTimeout(restart);
    if (!wasStarted) return;
    const ends = await Promise.allSettled(this.#workers.map((worker) => worker.close(CLOSE_WORKERS_MS)));
    for (const end of ends)
      if (end.status === 'rejected')
        this.#warn(`closing: ${messageOf(end.reason)}; what is unfinished is completed at the next start`);
    await Promise.race([Promise.allSettled([...this.#completing, this.keeping.close()]), after(DESCRIBE_MS)]);
    this.#devices.clear();
    this.#snapshots.length = 0;
  }

  async #arm(
    deviceNumber: string,
    context: DeviceContext,
    secure: boolean,
    earlier: ArmOptions['ports'],
  ): Promise<ArmedDevice> {
    const worker = this.#leastBusy();
    for (let attempt = 1; ; attempt += 1) {
      const ports = (attempt === 1 && earlier ? this.#claimPorts(earlier) : undefined) ?? this.#takePorts();
      const arming =
        this.#workers[worker]?.order({ do: 'arm', deviceNumber, context, secure, ports }) ??
        Promise.resolve();
      const device: ArmedDevice = { worker, ports, secure, context, listeners: new Set(), arming };
      this.#devices.set(deviceNumber, device);
      try {
        await arming;
        return device;
      } catch (error) {
        this.#devices.delete(deviceNumber);
        const taken =
          error instanceof Refused && error.refusal.code === 'PORT_TAKEN' ? error.refusal.port : undefined;
        for (const channel of CHANNELS)
          this.#ports.release(ports[channel], Date.now(), ports[channel] === taken ? 'taken' : 'unused');
        if (taken === undefined || attempt === PORT_TRIES) throw armError(error);
      }
    }
  }

  #claimPorts({ sent, received }: Readonly<Record<Channel, number>>): Record<Channel, number> | undefined {
    if (!this.#ports.claim(sent, Date.now())) return undefined;
    if (this.#ports.claim(received, Date.now())) return { sent, received };
    this.#ports.release(sent, Date.now(), 'unused');
    return undefined;
  }

  #takePorts(): Record<Channel, number> {
    const sent = this.#ports.take(Date.now());
    try {
      return { sent, received: this.#ports.take(Date.now()) };
    } catch (error) {
      this.#ports.release(sent, Date.now(), 'unused');
      throw error;
    }
  }

  #leastBusy(): number {
    const load = this.#workers.map(() => 0);
    for (const { worker } of this.#devices.values()) load[worker] = (load[worker] ?? 0) + 1;
    return load.indexOf(Math.min(...load));
  }

  #forget(deviceNumber: string, device: ArmedDevice): void {
    if (this.#devices.get(deviceNumber) !== device) return;
    this.#devices.delete(deviceNumber);
    for (const channel of CHANNELS) this.#ports.release(device.ports[channel], Date.now(), 'used');
  }

  #armed(deviceNumber: string): ArmedDevice {
    this.#requireStarted();
    const device = this.#devices.get(deviceNumber);
    if (!device) throw new RecorderError('NOT_ARMED', `the device ${deviceNumber} isn't armed`);
    return device;
  }

  #requireStarted(): void {
    if (this.#state !== 'started')
      throw new RecorderError(
        'CLOSED',
        this.#state === 'new' ? "the recorder isn't started" : 'the recorder is closed',
      );
  }

  async #order(device: ArmedDevice, order: Order, transfer: Transferable[] = []): Promise<void> {
    await device.arming;
    const worker = this.#workers[device.worker];
    if (!worker) throw new RecorderError('CLOSED', 'the recorder is closed');
    await worker.order(order, transfer);
  }

  /** What the worker tells of a device from the order to its answer. Completing it may take longer than the answer, or less. */
  async #endedBy(
    device: ArmedDevice,
    order: Extract<Order, { do: 'end' | 'disarm' }>,
  ): Promise<FinishedRecording[]> {
    const told: Finishing[] = [];
    device.listeners.add(told);
    try {
      await this.#order(device, order);
    } finally {
      device.listeners.delete(told);
      if (order.do === 'disarm') this.#forget(order.deviceNumber, device);
    }
    return (await Promise.all(told)).filter((finished) => finished !== undefined);
  }

  #startWorker(index: number): WorkerThread {
    const { bind, folder, filename, format, split, maxMinutes, dtmfPayloadTypes, noMediaAfter, encrypt } =
      this.#options;
    const mostFrames = maxMinutes * 60 * SAMPLE_RATE;
    const owner = { ...this.#owner, instance: newInstance() };
    this.#alive[index] = owner.instance;
    const data: WorkerData = {
      bind,
      owner,
      options: {
        folder,
        filename,
        format,
        split,
        mostFrames,
        dtmfPayloadTypes,
        noMediaMs: 1000 * noMediaAfter,
        key: encrypt ? this.#keys[0] : undefined,
      },
    };
    const start = this.#parts.startWorker ?? ((...args) => new WorkerThread(...args));
    return start(data, {
      onTold: (message) => {
        this.#hear(index, message);
      },
      onCrash: (error) => {
        this.#restart(index, error);
      },
    });
  }

  #hear(index: number, message: Exclude<FromWorker, { tells: 'reply' }>): void {
    switch (message.tells) {
      case 'recorded':
        return this.#complete(message.recorded);
      case 'alarm':
        return this.#emit('alarm', message.alarm);
      case 'started':
        return this.#emit('started', {
          deviceNumber: message.deviceNumber,
          id: message.id,
          startedAt: message.startedAt,
        });
      case 'snapshot':
        this.#snapshots[index] = message.devices;
        if (this.listenerCount('level') > 0) this.#tellLevels(message.devices);
    }
  }

  #tellLevels(devices: readonly DeviceSnapshot[]): void {
    for (const { deviceNumber, levels, recordingSince } of devices) {
      if (recordingSince !== null)
        this.#emit('level', { deviceNumber, sent: levels.sent, received: levels.received });
    }
  }

  #complete(recorded: Recorded): void {
    const finishing = this.#completeOne(recorded);
    this.#completing.add(finishing);
    for (const told of this.#devices.get(recorded.deviceNumber)?.listeners ?? []) told.push(finishing);
    void finishing.finally(() => {
      this.#completing.delete(finishing);
    });
  }

  async #completeOne(recorded: Recorded): Promise<FinishedRecording | undefined> {
    try {
      const finished = await complete(
        this.#options.folder,
        recorded,
        await this.#described(recorded),
        this.#manifest,
      );
      this.#counts.finished += 1;
      this.#emit('finished', finished);
      return finished;
    } catch (error) {
      this.#counts.incomplete += 1;
      const details = { code: systemCode(error), message: messageOf(error), file: recorded.name };
      this.#emit('alarm', {
        deviceNumber: recorded.deviceNumber,
        alarm: 'disk',
        since: new Date().toISOString(),
        details,
      });
      return undefined;
    }
  }

  async #described(recorded: Recorded): Promise<Description | undefined> {
    const { describe } = this.#parts;
    return describe && describedBy(describe, recorded);
  }

  /** Deletes what has been kept long enough. */
  async #look(): Promise<void> {
    try {
      this.#counts.deleted += await this.keeping.look();
    } catch (error) {
      this.#warn(
        `looking for recordings that have been kept long enough: ${messageOf(error)}; it is tried again in an hour`,
      );
    }
  }

  async #recover(): Promise<void> {
    const own = { us: this.#owner, dead: this.#dead, alive: new Set(this.#alive) };
    const { finished, postponed, failed } = await recover(this.#options.folder, own, {
      keys: this.#keys,
      describe: (recorded) => this.#described(recorded),
      manifest: this.#manifest,
    });
    this.#counts.recovered += finished.length;
    for (const recording of finished) this.#emit('finished', recording);
    for (const { file, error } of failed) this.#warn(`${file} couldn't be completed: ${messageOf(error)}`);
    if (postponed + failed.length === 0 || this.#state !== 'started') return;
    clearTimeout(this.#lookAgain);
    this.#lookAgain = setTimeout(() => {
      void this.recover();
    }, LOOK_AGAIN_MS);
    this.#lookAgain.unref();
  }

  /** A worker died, which is a fault of ours: its devices are armed on the same ports again, the OXE sending on, and what it left is told. */
  #restart(index: number, error: Error): void {
    this.#counts.workerCrashes += 1;
    this.#dead.add(this.#alive[index] ?? '');
    this.#warn(`a receiving thread failed and is started again: ${error.message}`);
    if (this.#state !== 'started') return;
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#workers[index] = this.#startWorker(index);
      for (const [deviceNumber, device] of this.#devices)
        if (device.worker === index) this.#rearm(index, deviceNumber, device, error);
      void this.recover();
    }, RESTART_MS);
    this.#restarts.add(restart);
  }

  #rearm(index: number, deviceNumber: string, device: ArmedDevice, error: Error): void {
    const { context, secure, ports } = device;
    const since = new Date().toISOString();
    device.arming =
      this.#workers[index]?.order({ do: 'arm', deviceNumber, context, secure, ports }) ?? Promise.resolve();
    device.arming.catch((refused: unknown) => {
      this.#warn(`${deviceNumber} isn't armed any more: ${messageOf(refused)}`);
    });
    this.#emit('alarm', { deviceNumber, alarm: 'interrupted', since, details: { message: error.message } });
  }

  /** A listener's mistake stops neither the others nor the recorder. */
  #emit<Name extends keyof RecorderEvents>(name: Name, ...payload: RecorderEvents[Name]): void {
    for (const listener of this.listeners(name)) {
      try {
        (listener as (...args: RecorderEvents[Name]) => void)(...payload);
      } catch (error) {
        this.#warn(`a listener of ${name} failed: ${messageOf(error)}`);
      }
    }
  }

  #warn(line: string): void {
    this.#parts.warn?.(line);
  }
}

const newInstance = (): string => randomBytes(8).toString('hex');

async function describedBy(
  describe: Describe,
  { id, deviceNumber, startedAt, endedAt, endedBy }: Recorded,
): Promise<Description> {
  try {
    return await Promise.race([
      Promise.resolve(describe({ id, deviceNumber, startedAt, endedAt, endedBy })),
      after(DESCRIBE_MS).then(() => {
        throw new Error(`no answer within ${DESCRIBE_MS / 1000} s`);
      }),
    ]);
  } catch (error) {
    return { describeError: messageOf(error) };
  }
}

const after = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

function armError(error: unknown): RecorderError {
  if (error instanceof RecorderError) return error;
  return new RecorderError('BIND_FAILED', messageOf(error), error);
}
