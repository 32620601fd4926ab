/**
 * How a link carries out what flows ask for: noted as desired, in order per device, on the link that is there by then.
 */
import { asO2GError, isDefiniteRefusal, isSessionLoss, O2GError } from '../spec';
import type { LinkPath } from './link-path';
import type { LinkContext, DeviceCommands } from './device-commands';
import { stepsFor } from './reconcile-plan';
import type { DesiredState } from './desired-state';

/** Actions that wait for their turn or for the connection at the same time: a full link, and some more. */
const MAX_PENDING_COMMANDS = 20_000;

export class CommandQueue {
  readonly #context: LinkContext;
  readonly #commands: DeviceCommands;
  /** The last work of each device that has some: start and stop never overtake each other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  #pendingCount = 0;
  #closed = false;

  constructor(context: LinkContext, commands: DeviceCommands) {
    this.#context = context;
    this.#commands = commands;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether something is being done with a device, or waits for its turn. */
  isBusy(deviceNumber: string): boolean {
    return this.#queues.has(deviceNumber);
  }

  /** What is asked for from now on is refused with `CLOSED`. */
  close(): void {
    this.#closed = true;
  }

  /** Says what a device shall be. */
  setDesired(deviceNumber: string, desired: DesiredState | undefined): void {
    this.#context.table.setDesired(deviceNumber, desired);
    this.#context.saveState();
  }

  /** Says what a device shall be from now on, if it shall be anything. */
  changeDesired(deviceNumber: string, change: Partial<DesiredState>): void {
    this.#context.table.changeDesired(deviceNumber, change);
    this.#context.saveState();
  }

  /** A start becomes desired when its turn comes; a definite refusal takes that back, a passing one is repaired later. */
  start<T>(
    deviceNumber: string,
    change: (previous: DesiredState | undefined) => DesiredState,
    send: (path: LinkPath) => Promise<T>,
  ): Promise<T> {
    const { table } = this.#context;
    return this.enqueue(deviceNumber, async (until) => {
      const previous = table.desiredStates.get(deviceNumber);
      const desired = change(previous);
      this.setDesired(deviceNumber, desired);
      try {
        const result = await this.#sendWithLink(until, send);
        table.clearProblem(deviceNumber);
        return result;
      } catch (error) {
        if (!isDefiniteRefusal(error)) table.markUncertain(deviceNumber);
        else if (table.desiredStates.get(deviceNumber) === desired)
          this.#revertDesired(deviceNumber, previous, asO2GError(error));
        throw error;
      }
    });
  }

  /**
   * What ends was desired to end from the moment it was said (`want`, `change`), also while there is no connection.
   * @param stopLocally ends it on this side, whatever the server says
   */
  stop<T>(
    deviceNumber: string,
    send: (path: LinkPath) => Promise<T>,
    stopLocally: () => Promise<void> = () => Promise.resolve(),
  ): Promise<T> {
    return this.enqueue(deviceNumber, async (until) => {
      if (!this.#context.registration.confirmed) await stopLocally();
      try {
        return await this.#sendWithLink(until, send);
      } catch (error) {
        this.#context.table.markUncertain(deviceNumber);
        throw error;
      } finally {
        await stopLocally();
      }
    });
  }

  /** Work that a flow asked for. @param task gets the time until which it may wait for the link: it counts from the asking, not from its turn */
  enqueue<T>(deviceNumber: string, task: (until: number) => Promise<T>): Promise<T> {
    const { name, clock, session } = this.#context;
    if (this.#pendingCount >= MAX_PENDING_COMMANDS) {
      return Promise.reject(
        new O2GError(
          'NOT_CONNECTED',
          `${this.#pendingCount} actions wait for the recorder link ${name} already`,
        ),
      );
    }
    const until = clock.now() + session.offlineWaitMs;
    this.#pendingCount += 1;
    return this.runInOrder(deviceNumber, () => task(until)).finally(() => {
      this.#pendingCount -= 1;
    });
  }

  /** Does something with a device when everything that was to be done with it before is done. */
  runInOrder<T>(deviceNumber: string, task: () => Promise<T>): Promise<T> {
    if (this.#closed)
      return Promise.reject(new O2GError('CLOSED', `the recorder link ${this.#context.name} is closed`));
    const before = this.#queues.get(deviceNumber) ?? Promise.resolve();
    const result = before.then(task, task);
    const settled = result
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#queues.get(deviceNumber) === settled) this.#queues.delete(deviceNumber);
      });
    this.#queues.set(deviceNumber, settled);
    return result;
  }

  /**
   * Sends on the confirmed link, and once more when session or link turn out to be gone.
   * @param until how long to wait for the link, ms since the epoch
   */
  async #sendWithLink<T>(until: number, send: (path: LinkPath) => Promise<T>): Promise<T> {
    const { registration, session, clock } = this.#context;
    const path = await this.#commands.path(until);
    try {
      return await send(path);
    } catch (error) {
      // 404 may mean the device or the whole link: the list of links tells.
      if (asO2GError(error).code === 'NOT_FOUND') await registration.confirm();
      else if (!isSessionLoss(error) && this.#commands.isCurrent(path)) throw error;
      const now = await this.#commands.path(Math.max(until, clock.now() + session.offlineWaitMs));
      if (now.registerId === path.registerId && !isSessionLoss(error)) throw error;
      return await send(now);
    }
  }

  /** A refused start leaves what was desired before; if that is something, it may not be in force either. */
  #revertDesired(deviceNumber: string, previous: DesiredState | undefined, error: O2GError): void {
    const { table } = this.#context;
    this.setDesired(deviceNumber, previous);
    if (previous && stepsFor(deviceNumber, previous, table.actualOf(deviceNumber)).length > 0)
      table.setProblem(deviceNumber, error);
  }
}
