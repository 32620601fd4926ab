import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Transferable } from 'node:worker_threads';

import { finishRecording, recoverUnfinished, type Description, type FinishedRecording } from './completion';
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
  type RecordingMetadata,
} from './common';
import { readFileKeys, type FileKey } from './encryption';
import { Retention, Manifest, readSigningKey, type RetentionState } from './evidence';
import { parseKeys, type KeyTexts } from './srtp';
import {
  CommandFailedError,
  ReceiverThread,
  type WorkerMessage,
  type WorkerCommand,
  type WorkerData,
} from './worker';
import { checkFolder, checkOptions, type CheckedOptions, type RecorderOptions } from './options';
import { currentOwner, type FileOwner } from './files';
import { PortPool } from './port-pool';

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
  readonly startWorker?: (...args: ConstructorParameters<typeof ReceiverThread>) => ReceiverThread;
}

export interface ArmOptions extends DeviceContext {
  /** Media is known to be encrypted: without keys that is an alarm. */
  readonly secure?: boolean | undefined;
  /** The ports of an earlier run, which the sender may still know: taken when both are free. */
  readonly ports?: Readonly<Record<Channel, number>> | undefined;
}

/** The fields of the record request. */
export interface RecordRequestFields {
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
  retention: [RetentionState];
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
  readonly endCollectors: Set<Finishing[]>;
  /** Set until the worker has bound the ports. */
  arming: Promise<void>;
}

const MAX_PORT_ATTEMPTS = 50;
const DESCRIBE_TIMEOUT_MS = 2000;
/** `close` has 5 s: the files' own end, their hashes, then metadata and manifest. */
const CLOSE_WORKERS_TIMEOUT_MS = 3500;
/** A folder is looked through again when something was left, or a disk was full. */
const RECOVERY_RETRY_MS = 61_000;
const WORKER_RESTART_DELAY_MS = 500;
/** How often it is looked for recordings that have been kept long enough. */
const RETENTION_CHECK_INTERVAL_MS = 3_600_000;

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
  readonly #owner: FileOwner = currentOwner(newInstance());
  /** `instance` of each thread that writes, and of those that failed. */
  readonly #activeInstances: string[] = [];
  readonly #failedInstances = new Set<string>();
  readonly #portPool: PortPool;
  readonly #manifest: Manifest;
  /** How long recordings are kept; holds. */
  readonly retention: Retention;
  readonly #devices = new Map<string, ArmedDevice>();
  readonly #completing = new Set<Promise<unknown>>();
  readonly #snapshots: (readonly DeviceSnapshot[])[] = [];
  readonly #counts = { finished: 0, recovered: 0, deleted: 0, incomplete: 0, workerCrashes: 0 };
  #workers: ReceiverThread[] = [];
  #state: 'new' | 'started' | 'closed' = 'new';
  #closing: Promise<void> | undefined;
  #recoveryTimer: NodeJS.Timeout | undefined;
  #recovering: Promise<void> = Promise.resolve();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #keys: readonly FileKey[] = [];
  #retentionTimer: NodeJS.Timeout | undefined;

  /** @throws RecorderError `INVALID_INPUT` */
  constructor(options: RecorderOptions, parts: RecorderParts = {}) {
    super();
    this.#options = checkOptions(options);
    this.#parts = parts;
    this.#portPool = new PortPool(this.#options.portMin, this.#options.portMax);
    const { folder, signingKey, retentionDays } = this.#options;
    this.#manifest = new Manifest(folder, signingKey === undefined ? undefined : readSigningKey(signingKey));
    this.retention = new Retention(
      { folder, retentionDays },
      {
        manifest: this.#manifest,
        now: parts.now ?? Date.now,
        onChange: (state) => {
          this.#emit('retention', state);
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
    void this.#deleteExpired();
    this.#retentionTimer = setInterval(() => {
      void this.#deleteExpired();
    }, RETENTION_CHECK_INTERVAL_MS);
    this.#retentionTimer.unref();
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
  async arm(
    deviceNumber: string,
    { secure = false, ports, ...context }: ArmOptions = {},
  ): Promise<RecordRequestFields> {
    this.#requireStarted();
    if (typeof deviceNumber !== 'string' || deviceNumber === '')
      throw invalid('deviceNumber', deviceNumber, 'a directory number');
    for (const [field, value] of Object.entries(context))
      if (value !== undefined && typeof value !== 'string') throw invalid(field, value, 'a text');
    let device = this.#devices.get(deviceNumber);
    if (device) {
      await device.arming;
      device.context = context;
      await this.#send(device, { type: 'describe', deviceNumber, context });
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
    const device = this.#requireArmed(deviceNumber);
    const master = keys && parseKeys(keys);
    const transfer = master ? [master.key.buffer, master.salt.buffer] : [];
    await this.#send(device, { type: 'keys', deviceNumber, master }, transfer as Transferable[]);
  }

  /**
   * @param expected true while the call is active, false while it is held: from then on only `endConversation` ends the conversation.
   *   Undefined: the course of the call isn't known any more, and the conversation ends after 30 s of silence
   */
  async expectMedia(deviceNumber: string, expected: boolean | undefined): Promise<void> {
    await this.#send(this.#requireArmed(deviceNumber), { type: 'expect', deviceNumber, expected });
  }

  /**
   * The conversation is over: its file is completed. Packets within the next second that stop again belong to no file.
   * @returns the recordings that this ended; none when there was no media
   */
  async endConversation(deviceNumber: string): Promise<FinishedRecording[]> {
    return this.#endRecordings(this.#requireArmed(deviceNumber), {
      type: 'end',
      deviceNumber,
      endedBy: 'told',
    });
  }

  /**
   * From now on silence is written, and the audio is kept nowhere. Ends with `resume`, after `resumeAfter`, or with the conversation's end.
   * @param why who asked for it and why, for the metadata; `resumeAfter` in seconds
   */
  async pause(
    deviceNumber: string,
    why: { by?: string | undefined; reason?: string | undefined; resumeAfter?: number | undefined } = {},
  ): Promise<void> {
    const device = this.#requireArmed(deviceNumber);
    const { by, reason, resumeAfter = Infinity } = why;
    if (typeof resumeAfter !== 'number' || !(resumeAfter > 0))
      throw invalid('resumeAfter', resumeAfter, 'a number of seconds above 0');
    await this.#send(device, { type: 'pause', deviceNumber, by, reason, resumeAfterMs: 1000 * resumeAfter });
  }

  async resume(deviceNumber: string): Promise<void> {
    await this.#send(this.#requireArmed(deviceNumber), { type: 'resume', deviceNumber });
  }

  /**
   * Completes the file and gives the ports back. Disarming what isn't armed is no error.
   * @returns the recordings that this ended
   */
  async disarm(deviceNumber: string): Promise<FinishedRecording[]> {
    const device = this.#devices.get(deviceNumber);
    return device ? this.#endRecordings(device, { type: 'disarm', deviceNumber, endedBy: 'disarmed' }) : [];
  }

  metrics(): RecorderMetrics {
    const devices = this.#snapshots.flat();
    return {
      armed: this.#devices.size,
      recording: devices.filter(({ recordingSince }) => recordingSince !== null).length,
      portsUsed: this.#portPool.used,
      portsTotal: this.#portPool.size,
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
    clearTimeout(this.#recoveryTimer);
    clearInterval(this.#retentionTimer);
    for (const restart of this.#restarts) clearTimeout(restart);
    if (!wasStarted) return;
    const ends = await Promise.allSettled(
      this.#workers.map((worker) => worker.close(CLOSE_WORKERS_TIMEOUT_MS)),
    );
    for (const end of ends)
      if (end.status === 'rejected')
        this.#warn(`closing: ${messageOf(end.reason)}; what is unfinished is completed at the next start`);
    await Promise.race([
      Promise.allSettled([...this.#completing, this.retention.close()]),
      delay(DESCRIBE_TIMEOUT_MS),
    ]);
    this.#devices.clear();
    this.#snapshots.length = 0;
  }

  async #arm(
    deviceNumber: string,
    context: DeviceContext,
    secure: boolean,
    previousPorts: ArmOptions['ports'],
  ): Promise<ArmedDevice> {
    const worker = this.#leastLoadedWorker();
    for (let attempt = 1; ; attempt += 1) {
      const ports =
        (attempt === 1 && previousPorts ? this.#claimPorts(previousPorts) : undefined) ?? this.#takePorts();
      const arming =
        this.#workers[worker]?.send({ type: 'arm', deviceNumber, context, secure, ports }) ??
        Promise.resolve();
      const device: ArmedDevice = { worker, ports, secure, context, endCollectors: new Set(), arming };
      this.#devices.set(deviceNumber, device);
      try {
        await arming;
        return device;
      } catch (error) {
        this.#devices.delete(deviceNumber);
        const taken =
          error instanceof CommandFailedError && error.failure.code === 'PORT_TAKEN'
            ? error.failure.port
            : undefined;
        for (const channel of CHANNELS)
          this.#portPool.release(ports[channel], Date.now(), ports[channel] === taken ? 'taken' : 'unused');
        if (taken === undefined || attempt === MAX_PORT_ATTEMPTS) throw armError(error);
      }
    }
  }

  #claimPorts({ sent, received }: Readonly<Record<Channel, number>>): Record<Channel, number> | undefined {
    if (!this.#portPool.claim(sent, Date.now())) return undefined;
    if (this.#portPool.claim(received, Date.now())) return { sent, received };
    this.#portPool.release(sent, Date.now(), 'unused');
    return undefined;
  }

  #takePorts(): Record<Channel, number> {
    const sent = this.#portPool.take(Date.now());
    try {
      return { sent, received: this.#portPool.take(Date.now()) };
    } catch (error) {
      this.#portPool.release(sent, Date.now(), 'unused');
      throw error;
    }
  }

  #leastLoadedWorker(): number {
    const load = this.#workers.map(() => 0);
    for (const { worker } of this.#devices.values()) load[worker] = (load[worker] ?? 0) + 1;
    return load.indexOf(Math.min(...load));
  }

  #removeDevice(deviceNumber: string, device: ArmedDevice): void {
    if (this.#devices.get(deviceNumber) !== device) return;
    this.#devices.delete(deviceNumber);
    for (const channel of CHANNELS) this.#portPool.release(device.ports[channel], Date.now(), 'used');
  }

  #requireArmed(deviceNumber: string): ArmedDevice {
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

  async #send(device: ArmedDevice, command: WorkerCommand, transfer: Transferable[] = []): Promise<void> {
    await device.arming;
    const worker = this.#workers[device.worker];
    if (!worker) throw new RecorderError('CLOSED', 'the recorder is closed');
    await worker.send(command, transfer);
  }

  /** What the worker tells of a device from the order to its answer. Completing it may take longer than the answer, or less. */
  async #endRecordings(
    device: ArmedDevice,
    command: Extract<WorkerCommand, { type: 'end' | 'disarm' }>,
  ): Promise<FinishedRecording[]> {
    const completions: Finishing[] = [];
    device.endCollectors.add(completions);
    try {
      await this.#send(device, command);
    } finally {
      device.endCollectors.delete(completions);
      if (command.type === 'disarm') this.#removeDevice(command.deviceNumber, device);
    }
    return (await Promise.all(completions)).filter((finished) => finished !== undefined);
  }

  #startWorker(index: number): ReceiverThread {
    const { bind, folder, filename, format, split, maxMinutes, dtmfPayloadTypes, noMediaAfter, encrypt } =
      this.#options;
    const maxFileFrames = maxMinutes * 60 * SAMPLE_RATE;
    const owner = { ...this.#owner, instance: newInstance() };
    this.#activeInstances[index] = owner.instance;
    const data: WorkerData = {
      bind,
      owner,
      options: {
        folder,
        filename,
        format,
        split,
        maxFrames: maxFileFrames,
        dtmfPayloadTypes,
        noMediaMs: 1000 * noMediaAfter,
        key: encrypt ? this.#keys[0] : undefined,
      },
    };
    const start = this.#parts.startWorker ?? ((...args) => new ReceiverThread(...args));
    return start(data, {
      onMessage: (message) => {
        this.#onWorkerMessage(index, message);
      },
      onCrash: (error) => {
        this.#restart(index, error);
      },
    });
  }

  #onWorkerMessage(index: number, message: Exclude<WorkerMessage, { type: 'reply' }>): void {
    switch (message.type) {
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
        if (this.listenerCount('level') > 0) this.#emitLevels(message.devices);
    }
  }

  #emitLevels(devices: readonly DeviceSnapshot[]): void {
    for (const { deviceNumber, levels, recordingSince } of devices) {
      if (recordingSince !== null)
        this.#emit('level', { deviceNumber, sent: levels.sent, received: levels.received });
    }
  }

  #complete(metadata: RecordingMetadata): void {
    const finishing = this.#completeOne(metadata);
    this.#completing.add(finishing);
    for (const completions of this.#devices.get(metadata.deviceNumber)?.endCollectors ?? [])
      completions.push(finishing);
    void finishing.finally(() => {
      this.#completing.delete(finishing);
    });
  }

  async #completeOne(metadata: RecordingMetadata): Promise<FinishedRecording | undefined> {
    try {
      const finished = await finishRecording(
        this.#options.folder,
        metadata,
        await this.#describe(metadata),
        this.#manifest,
      );
      this.#counts.finished += 1;
      this.#emit('finished', finished);
      return finished;
    } catch (error) {
      this.#counts.incomplete += 1;
      const details = { code: systemCode(error), message: messageOf(error), file: metadata.name };
      this.#emit('alarm', {
        deviceNumber: metadata.deviceNumber,
        alarm: 'disk',
        since: new Date().toISOString(),
        details,
      });
      return undefined;
    }
  }

  async #describe(metadata: RecordingMetadata): Promise<Description | undefined> {
    const { describe } = this.#parts;
    return describe && callDescribe(describe, metadata);
  }

  /** Deletes what has been kept long enough. */
  async #deleteExpired(): Promise<void> {
    try {
      this.#counts.deleted += await this.retention.deleteExpired();
    } catch (error) {
      this.#warn(
        `looking for recordings that have been kept long enough: ${messageOf(error)}; it is tried again in an hour`,
      );
    }
  }

  async #recover(): Promise<void> {
    const instances = {
      current: this.#owner,
      failed: this.#failedInstances,
      active: new Set(this.#activeInstances),
    };
    const { finished, postponed, failed } = await recoverUnfinished(this.#options.folder, instances, {
      keys: this.#keys,
      describe: (metadata) => this.#describe(metadata),
      manifest: this.#manifest,
    });
    this.#counts.recovered += finished.length;
    for (const recording of finished) this.#emit('finished', recording);
    for (const { file, error } of failed) this.#warn(`${file} couldn't be completed: ${messageOf(error)}`);
    if (postponed + failed.length === 0 || this.#state !== 'started') return;
    clearTimeout(this.#recoveryTimer);
    this.#recoveryTimer = setTimeout(() => {
      void this.recover();
    }, RECOVERY_RETRY_MS);
    this.#recoveryTimer.unref();
  }

  /** A worker died, which is a fault of ours: its devices are armed on the same ports again, the OXE sending on, and what it left is told. */
  #restart(index: number, error: Error): void {
    this.#counts.workerCrashes += 1;
    this.#failedInstances.add(this.#activeInstances[index] ?? '');
    this.#warn(`a receiving thread failed and is started again: ${error.message}`);
    if (this.#state !== 'started') return;
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#workers[index] = this.#startWorker(index);
      for (const [deviceNumber, device] of this.#devices)
        if (device.worker === index) this.#rearm(index, deviceNumber, device, error);
      void this.recover();
    }, WORKER_RESTART_DELAY_MS);
    this.#restarts.add(restart);
  }

  #rearm(index: number, deviceNumber: string, device: ArmedDevice, error: Error): void {
    const { context, secure, ports } = device;
    const since = new Date().toISOString();
    device.arming =
      this.#workers[index]?.send({ type: 'arm', deviceNumber, context, secure, ports }) ?? Promise.resolve();
    device.arming.catch((failure: unknown) => {
      this.#warn(`${deviceNumber} isn't armed any more: ${messageOf(failure)}`);
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

async function callDescribe(
  describe: Describe,
  { id, deviceNumber, startedAt, endedAt, endedBy }: RecordingMetadata,
): Promise<Description> {
  try {
    return await Promise.race([
      Promise.resolve(describe({ id, deviceNumber, startedAt, endedAt, endedBy })),
      delay(DESCRIBE_TIMEOUT_MS).then(() => {
        throw new Error(`no answer within ${DESCRIBE_TIMEOUT_MS / 1000} s`);
      }),
    ]);
  } catch (error) {
    return { describeError: messageOf(error) };
  }
}

const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

function armError(error: unknown): RecorderError {
  if (error instanceof RecorderError) return error;
  return new RecorderError('BIND_FAILED', messageOf(error), error);
}
