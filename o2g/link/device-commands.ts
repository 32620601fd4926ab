/**
 * The single requests on a DR link (Voice Recording): each notes in the book what the server is known to do from then on.
 */
import {
  asO2GError,
  isDefinite,
  O2GError,
  type AnswerOf,
  type BodyOf,
  type OperationName,
  type ParametersOf,
} from '../spec';
import { NOT_RECORDED, type BegunRecording, type Book } from './device-table';
import type { Clock, Log } from '../util';
import { linkPath, type LinkPath } from './link-path';
import type { SrtpKeys } from './recorder-port';
import type { OwnMedia } from './recorder-bridge';
import type { Beep, RecordTarget, RecordWish } from './desired-state';
import type { Registration } from './registration';
import type { Session } from '../session';

/** What the parts of a link work on together. */
export interface LinkBase {
  /** For the log and the errors. */
  readonly name: string;
  readonly oxeNode: number;
  readonly session: Session;
  readonly registration: Registration;
  readonly book: Book;
  readonly media: OwnMedia;
  readonly clock: Clock;
  readonly log: Log;
  /** Stores what the next start must know. */
  remember(): void;
}

/** These requests name a link: after the loss of the session it may be another one. */
const ONCE = { once: true } as const;

export class LinkRequests {
  readonly #base: LinkBase;
  readonly #onNewcomer: (userId: string) => void;

  /** @param onNewcomer a user's device is monitored from now on */
  constructor(base: LinkBase, onNewcomer: (userId: string) => void) {
    this.#base = base;
    this.#onNewcomer = onNewcomer;
  }

  /** The path of our link, once it is there. @param until how long to wait for it, ms since the epoch @throws O2GError */
  async path(until: number): Promise<LinkPath> {
    const { id } = await this.#base.registration.require(until);
    return linkPath(this.#base.oxeNode, id);
  }

  /** Whether this is the link of now. */
  isOn({ registerId }: LinkPath): boolean {
    return this.#base.registration.current?.id === registerId;
  }

  /** @returns the login of the device's user */
  async monitor(path: LinkPath, deviceNumber: string): Promise<string> {
    const { book, session } = this.#base;
    const { userId } = await this.#ask(path, 'startMonitor', path, { deviceNumber });
    if (typeof userId !== 'string')
      throw new O2GError(
        'SERVER_PROBLEM',
        `O2G answered startMonitor of ${deviceNumber} without the login of its user`,
      );
    const { monitored, doubt } = book.seen(deviceNumber);
    book.see(deviceNumber, { monitored: true, userId, doubt: false });
    session.probeLogin = userId;
    if (!monitored || doubt) this.#onNewcomer(userId);
    return userId;
  }

  async stopMonitor(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#ask(path, 'stopMonitor', { ...path, deviceNumber }, undefined).catch(ifRunning);
    this.#base.book.forget(deviceNumber);
  }

  /** Monitors a device first if it isn't, or if the OXE says that it isn't any more. */
  async monitorAndRecord(path: LinkPath, deviceNumber: string, wish: RecordWish): Promise<BegunRecording> {
    const { monitored } = this.#base.book.seen(deviceNumber);
    if (!monitored) await this.monitor(path, deviceNumber);
    try {
      return await this.#record(path, deviceNumber, wish);
    } catch (error) {
      if (!monitored || asO2GError(error).code !== 'NOT_EXPECTED') throw error;
      await this.monitor(path, deviceNumber);
      return this.#record(path, deviceNumber, wish);
    }
  }

  /** Into a recorder of this program: its ports are bound before the request is sent, and it alone gets the keys. */
  async recordOwn(path: LinkPath, deviceNumber: string, recorder: string): Promise<BegunRecording> {
    const { book, media } = this.#base;
    const before = media.armed.get(deviceNumber)?.recorder;
    if (before !== undefined && before !== recorder) await media.disarm(deviceNumber);
    const target = await media.arm(deviceNumber, recorder);
    try {
      const keys = await this.#startRecord(path, deviceNumber, target);
      book.see(deviceNumber, { record: target, recorder, beep: undefined });
      await media.setKeys(deviceNumber, keys);
    } catch (error) {
      if (isDefinite(error)) {
        book.see(deviceNumber, NOT_RECORDED);
        await media.disarm(deviceNumber);
      }
      throw error;
    }
    this.#base.remember();
    return { target };
  }

  async stopRecord(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#ask(path, 'stopRecord', { ...path, deviceNumber }, undefined).catch(ifRunning);
    this.#base.book.see(deviceNumber, NOT_RECORDED);
  }

  async beep(path: LinkPath, deviceNumber: string, beep: Beep): Promise<void> {
    await this.#ask(path, 'startBeep', path, { deviceNumber, ...beep });
    this.#base.book.see(deviceNumber, { beep });
  }

  async stopBeep(path: LinkPath, deviceNumber: string): Promise<void> {
    await this.#ask(path, 'stopBeep', { ...path, deviceNumber }, undefined).catch(ifRunning);
    this.#base.book.see(deviceNumber, { beep: undefined });
  }

  async #record(path: LinkPath, deviceNumber: string, wish: RecordWish): Promise<BegunRecording> {
    if (wish.mode === 'own') return this.recordOwn(path, deviceNumber, wish.recorder);
    const keys = await this.#startRecord(path, deviceNumber, wish);
    this.#base.book.see(deviceNumber, { ...NOT_RECORDED, record: wish });
    // It may have been recorded here before.
    await this.#base.media.disarm(deviceNumber);
    return { target: wish, ...(keys ? { srtp: keys } : {}) };
  }

  async #startRecord(
    path: LinkPath,
    deviceNumber: string,
    target: RecordTarget,
  ): Promise<SrtpKeys | undefined> {
    if (target.mode === 'ip') {
      const { ipRecorderAddr, sentFlowPort, receivedFlowPort } = target;
      const keys: SrtpKeys = await this.#ask(path, 'startRecord', path, {
        deviceNumber,
        ipRecorderAddr,
        sentFlowPort,
        receivedFlowPort,
      });
      return keys.key === undefined ? undefined : keys;
    }
    const { crystal, board, timeslot } = target;
    await this.#ask(path, 'startTdmRecord', path, { deviceNumber, crystal, board, timeslot });
    return undefined;
  }

  /** Sends a request that names a link. What it was answered is worth nothing when that link has gone meanwhile, and all that was on it. */
  async #ask<Name extends OperationName>(
    path: LinkPath,
    name: Name,
    parameters: ParametersOf<Name>,
    body: BodyOf<Name>,
  ): Promise<AnswerOf<Name>> {
    const answer = await this.#base.session.call(name, parameters, body, ONCE);
    if (!this.isOn(path))
      throw new O2GError('NOT_CONNECTED', `the recorder link ${this.#base.name} was lost meanwhile`);
    return answer;
  }
}

/** Stopping what isn't running is no error. */
function ifRunning(error: unknown): undefined {
  const { code } = asO2GError(error);
  if (code !== 'NOT_FOUND' && code !== 'NOT_EXPECTED') throw error;
  return undefined;
}
