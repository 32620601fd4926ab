/**
 * How a link carries out what flows ask for: noted as desired, in order per device, on the link that is there by then.
 */
import { asO2GError, isDefinite, isSessionLoss, O2GError } from '../spec';
import type { LinkPath } from './link-path';
import type { LinkBase, LinkRequests } from './device-commands';
import { stepsFor } from './reconcile-plan';
import type { Wanted } from './desired-state';

/** Actions that wait for their turn or for the connection at the same time: a full link, and some more. */
const PENDING_ACTIONS = 20_000;

export class Orders {
  readonly #base: LinkBase;
  readonly #requests: LinkRequests;
  /** The last work of each device that has some: start and stop never overtake each other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  #pending = 0;
  #closed = false;

  constructor(base: LinkBase, requests: LinkRequests) {
    this.#base = base;
    this.#requests = requests;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What is asked for from now on is refused with `CLOSED`. */
  close(): void {
    this.#closed = true;
  }

  /** Says what a device shall be. */
  want(deviceNumber: string, want: Wanted | undefined): void {
    this.#base.book.want(deviceNumber, want);
    this.#base.remember();
  }

  /** Says what a device shall be from now on, if it shall be anything. */
  change(deviceNumber: string, change: Partial<Wanted>): void {
    this.#base.book.change(deviceNumber, change);
    this.#base.remember();
  }

  /** A start becomes desired when its turn comes; a definite refusal takes that back, a passing one is repaired later. */
  begin<T>(
    deviceNumber: string,
    change: (was: Wanted | undefined) => Wanted,
    send: (path: LinkPath) => Promise<T>,
  ): Promise<T> {
    const { book } = this.#base;
    return this.act(deviceNumber, async (until) => {
      const was = book.wanted.get(deviceNumber);
      const want = change(was);
      this.want(deviceNumber, want);
      try {
        const result = await this.#sendWithLink(until, send);
        book.solved(deviceNumber);
        return result;
      } catch (error) {
        if (!isDefinite(error)) book.doubt(deviceNumber);
        else if (book.wanted.get(deviceNumber) === want) this.#takeBack(deviceNumber, was, asO2GError(error));
        throw error;
      }
    });
  }

  /**
   * What ends was desired to end from the moment it was said (`want`, `change`), also while there is no connection.
   * @param here ends it on this side, whatever the server says
   */
  end<T>(
    deviceNumber: string,
    send: (path: LinkPath) => Promise<T>,
    here: () => Promise<void> = () => Promise.resolve(),
  ): Promise<T> {
    return this.act(deviceNumber, async (until) => {
      if (!this.#base.registration.confirmed) await here();
      try {
        return await this.#sendWithLink(until, send);
      } catch (error) {
        this.#base.book.doubt(deviceNumber);
        throw error;
      } finally {
        await here();
      }
    });
  }

  /** Work that a flow asked for. @param work gets the time until which it may wait for the link: it counts from the asking, not from its turn */
  act<T>(deviceNumber: string, work: (until: number) => Promise<T>): Promise<T> {
    const { name, clock, session } = this.#base;
    if (this.#pending >= PENDING_ACTIONS) {
      return Promise.reject(
        new O2GError('NOT_CONNECTED', `${this.#pending} actions wait for the recorder link ${name} already`),
      );
    }
    const until = clock.now() + session.offlineWaitMs;
    this.#pending += 1;
    return this.inOrder(deviceNumber, () => work(until)).finally(() => {
      this.#pending -= 1;
    });
  }

  /** Does something with a device when everything that was to be done with it before is done. */
  inOrder<T>(deviceNumber: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed)
      return Promise.reject(new O2GError('CLOSED', `the recorder link ${this.#base.name} is closed`));
    const before = this.#queues.get(deviceNumber) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#queues.get(deviceNumber) === settled) this.#queues.delete(deviceNumber);
      });
    this.#queues.set(deviceNumber, settled);
    return mine;
  }

  /**
   * Sends on the confirmed link, and once more when session or link turn out to be gone.
   * @param until how long to wait for the link, ms since the epoch
   */
  async #sendWithLink<T>(until: number, send: (path: LinkPath) => Promise<T>): Promise<T> {
    const { registration, session, clock } = this.#base;
    const path = await this.#requests.path(until);
    try {
      return await send(path);
    } catch (error) {
      // 404 may mean the device or the whole link: the list of links tells.
      if (asO2GError(error).code === 'NOT_FOUND') await registration.confirm();
      else if (!isSessionLoss(error) && this.#requests.isOn(path)) throw error;
      const now = await this.#requests.path(Math.max(until, clock.now() + session.offlineWaitMs));
      if (now.registerId === path.registerId && !isSessionLoss(error)) throw error;
      return await send(now);
    }
  }

  /** A refused start leaves what was desired before; if that is something, it may not be in force either. */
  #takeBack(deviceNumber: string, was: Wanted | undefined, error: O2GError): void {
    const { book } = this.#base;
    this.want(deviceNumber, was);
    if (was && stepsFor(deviceNumber, was, book.seen(deviceNumber)).length > 0)
      book.failed(deviceNumber, error);
  }
}
