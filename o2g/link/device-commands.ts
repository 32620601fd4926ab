/**
 * The single requests on a DR link (Voice Recording): each notes in the book what the server is known to do from then on.
 */
import {
  asO2GError,
  isDefiniteRefusal,
  O2GError,
  type ResponseOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
} from '../spec';
import { NOT_RECORDED, type StartedRecording, type DeviceTable } from './device-table';
import type { Clock, Logger } from '../util';
import { linkPath, type LinkPath } from './link-path';
import type { SrtpKeys } from './recorder-port';
import type { RecorderBridge } from './recorder-bridge';
import type { Beep, RecordTarget, DesiredRecording } from './desired-state';
import type { Registration } from './registration';
import type { Session } from '../session';

/** What the parts of a link work on together. */
export interface LinkContext {
  /** For the log and the errors. */
  readonly name: string;
  readonly oxeNode: number;
  readonly session: Session;
  readonly registration: Registration;
  readonly table: DeviceTable;
  readonly recorderBridge: RecorderBridge;
  readonly clock: Clock;
  readonly log: Logger;
  /** Stores what the next start must know. */
  saveState(): void;
}

/** These requests name a link: after the loss of the session it may be another one. */
const SAME_SESSION = { sameSession: true } as const;

export class DeviceCommands {
  readonly #context: LinkContext;
  readonly #onMonitored: (userId: string) => void;

  /** @param onMonitored a user's device is monitored from now on */
  constructor(context: LinkContext, onMonitored: (userId: string) => void) {
    this.#context = context;
    this.#onMonitored = onMonitored;
  }

  /** The path of our link, once it is there. @param until how long to wait for it, ms since the epoch @throws O2GError */
  async path(until: number): Promise<LinkPath> {
    const { id } = await this.#context.registration.waitForRegistration(until);
    return linkPath(this.#context.oxeNode, id);
  }

  /** Whether this is the link of now. */
  isCurrent({ registerId }: LinkPath): boolean {
    return this.#context.registration.current?.id === registerId;
  }

  /** @returns the login of the device's user */
  async monitor(path: LinkPath, deviceNumber: string): Promise<string> {
    const { table, session } = this.#context;
    const { userId } = await this.#perform(path, 'startMonitor', path, { deviceNumber });
    if (typeof userId !== 'string')
      throw new O2GError(
        'SERVER_PROBLEM',
        `O2G answered startMonitor of ${deviceNumber} without the login of its user`,
      );
    const { monitored, uncertain } = table.actualOf(deviceNumber);
    table.updateActual(deviceNumber, { monitored: true, userId, uncertain: false });
    session.probeLogin = userId;
    if (!monitored || uncertain) this.#onMonitored(userId);
    return userId;
  }

  async stopMonitor(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#perform(path, 'stopMonitor', { ...path, deviceNumber }, undefined).catch(ignoreNotRunning);
    this.#context.table.clearActual(deviceNumber);
  }

  /** Monitors a device first if it isn't, or if the OXE says that it isn't any more. */
  async monitorAndRecord(
    path: LinkPath,
    deviceNumber: string,
    recording: DesiredRecording,
  ): Promise<StartedRecording> {
    const { monitored } = this.#context.table.actualOf(deviceNumber);
    if (!monitored) await this.monitor(path, deviceNumber);
    try {
      return await this.#record(path, deviceNumber, recording);
    } catch (error) {
      if (!monitored || asO2GError(error).code !== 'NOT_EXPECTED') throw error;
      await this.monitor(path, deviceNumber);
      return this.#record(path, deviceNumber, recording);
    }
  }

  /** Into a recorder of this program: its ports are bound before the request is sent, and it alone gets the keys. */
  async recordBuiltIn(path: LinkPath, deviceNumber: string, recorder: string): Promise<StartedRecording> {
    const { table, recorderBridge } = this.#context;
    const previous = recorderBridge.armed.get(deviceNumber)?.recorder;
    if (previous !== undefined && previous !== recorder) await recorderBridge.disarm(deviceNumber);
    const target = await recorderBridge.arm(deviceNumber, recorder);
    try {
      const keys = await this.#startRecord(path, deviceNumber, target);
      table.updateActual(deviceNumber, { record: target, recorder, beep: undefined });
      await recorderBridge.setKeys(deviceNumber, keys);
    } catch (error) {
      if (isDefiniteRefusal(error)) {
        table.updateActual(deviceNumber, NOT_RECORDED);
        await recorderBridge.disarm(deviceNumber);
      }
      throw error;
    }
    this.#context.saveState();
    return { target };
  }

  async stopRecord(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#perform(path, 'stopRecord', { ...path, deviceNumber }, undefined).catch(ignoreNotRunning);
    this.#context.table.updateActual(deviceNumber, NOT_RECORDED);
  }

  async beep(path: LinkPath, deviceNumber: string, beep: Beep): Promise<void> {
    await this.#perform(path, 'startBeep', path, { deviceNumber, ...beep });
    this.#context.table.updateActual(deviceNumber, { beep });
  }

  async stopBeep(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#perform(path, 'stopBeep', { ...path, deviceNumber }, undefined).catch(ignoreNotRunning);
    this.#context.table.updateActual(deviceNumber, { beep: undefined });
  }

  async #record(
    path: LinkPath,
    deviceNumber: string,
    recording: DesiredRecording,
  ): Promise<StartedRecording> {
    if (recording.mode === 'builtin') return this.recordBuiltIn(path, deviceNumber, recording.recorder);
    const keys = await this.#startRecord(path, deviceNumber, recording);
    this.#context.table.updateActual(deviceNumber, { ...NOT_RECORDED, record: recording });
    // It may have been recorded here before.
    await this.#context.recorderBridge.disarm(deviceNumber);
    return { target: recording, ...(keys ? { srtp: keys } : {}) };
  }

  async #startRecord(
    path: LinkPath,
    deviceNumber: string,
    target: RecordTarget,
  ): Promise<SrtpKeys | undefined> {
    if (target.mode === 'ip') {
      const { ipRecorderAddr, sentFlowPort, receivedFlowPort } = target;
      const keys: SrtpKeys = await this.#perform(path, 'startRecord', path, {
        deviceNumber,
        ipRecorderAddr,
        sentFlowPort,
        receivedFlowPort,
      });
      return keys.key === undefined ? undefined : keys;
    }
    const { crystal, board, timeslot } = target;
    await this.#perform(path, 'startTdmRecord', path, { deviceNumber, crystal, board, timeslot });
    return undefined;
  }

  /** Sends a request that names a link. What it was answered is worth nothing when that link has gone meanwhile, and all that was on it. */
  async #perform<Name extends OperationName>(
    path: LinkPath,
    name: Name,
    parameters: ParametersOf<Name>,
    body: BodyOf<Name>,
  ): Promise<ResponseOf<Name>> {
    const response = await this.#context.session.perform(name, parameters, body, SAME_SESSION);
    if (!this.isCurrent(path))
      throw new O2GError('NOT_CONNECTED', `the recorder link ${this.#context.name} was lost meanwhile`);
    return response;
  }
}

/** Stopping what isn't running is no error. */
function ignoreNotRunning(error: unknown): undefined {
  const { code } = asO2GError(error);
  if (code !== 'NOT_FOUND' && code !== 'NOT_EXPECTED') throw error;
  return undefined;
}
