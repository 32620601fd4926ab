/**
 * What a link does by itself: after every audit and after failures it puts in force what is desired and isn't, a plan's steps for each device.
 */
import { NOT_RECORDED, type BegunRecording } from './device-table';
import type { BusyDevices } from './busy-devices';
import { forEachBounded, Signal, type Timer } from '../util';
import { asO2GError, isSessionLoss, O2GError } from '../spec';
import type { LinkPath } from './link-path';
import type { LinkBase, LinkRequests } from './device-commands';
import type { Orders } from './command-queue';
import type { Step } from './reconcile-plan';

/** Repairs under way at a time: enough to be fast, few enough that a command doesn't queue behind them. */
const REPAIRS = 24;
/** What failed in passing is tried again after 1, 2, 4, 8 and 16 s, and then at every audit. */
const QUICK_REPAIRS = 5;

export class Repair {
  /** Logins of users that are monitored from now on, all of a repair together. */
  readonly onMonitored: Signal<readonly string[]>;
  readonly #base: LinkBase;
  readonly #requests: LinkRequests;
  readonly #orders: Orders;
  readonly #busy: BusyDevices;
  /** What `onMonitored` has yet to tell. */
  readonly #newcomers = new Set<string>();
  /** The session in which what is seen was learnt. */
  #generation = 0;
  /** Since the session was connected last, nobody has asked which calls there are. */
  #callsUnknown = true;
  /** The link and session that are being repaired. */
  #repairing: string | undefined;
  #again = false;
  #soon: Timer | undefined;
  /** Repairs in a row that left something to be repaired. */
  #failures = 0;

  constructor(base: LinkBase, requests: LinkRequests, orders: Orders, busy: BusyDevices) {
    this.#base = base;
    this.#requests = requests;
    this.#orders = orders;
    this.#busy = busy;
    this.onMonitored = new Signal(base.log);
  }

  close(): void {
    this.#soon?.cancel();
  }

  /** A user's device is monitored from now on. */
  newcomer(userId: string): void {
    this.#newcomers.add(userId);
    if (this.#repairing === undefined) this.#tellNewcomers();
  }

  /** What was seen in another session is doubted. */
  doubtAfterNewSession(): void {
    const { session, book } = this.#base;
    if (session.generation === this.#generation) return;
    this.#generation = session.generation;
    book.doubtEverything();
  }

  /** Calls may have begun or ended without an event. */
  doubtCalls(): void {
    this.#callsUnknown = true;
  }

  /** The link stands, and its row of the server's list has been read. Never rejects. */
  async afterAudit(): Promise<void> {
    await this.#compareMonitors();
    await this.#repair();
    await this.#learnCalls();
  }

  /** A TDM beep ends with the conversation: each new one needs it anew (specification, Voice Recording, step 7). */
  beepAgain(deviceNumber: string): void {
    const { book } = this.#base;
    const want = book.wanted.get(deviceNumber);
    if (want?.beep === undefined || want.record?.mode !== 'tdm' || this.#orders.closed) return;
    const { beep } = want;
    this.#orders
      .act(deviceNumber, async (until) =>
        this.#requests.beep(await this.#requests.path(until), deviceNumber, beep),
      )
      .catch((error: unknown) => {
        book.failed(deviceNumber, asO2GError(error));
      });
  }

  /** A recorder of this program is another one now, or gone: what it recorded isn't recorded any more. */
  mediaChanged(recorder: string): void {
    const { book, registration } = this.#base;
    for (const [deviceNumber] of [...book.wanted]) {
      if (book.seen(deviceNumber).recorder !== recorder) continue;
      book.see(deviceNumber, NOT_RECORDED);
      book.failed(deviceNumber, new O2GError('NOT_CONNECTED', 'the recorder was changed or removed'));
    }
    // It may be the first one: nobody has followed the calls so far. The next audit asks for those of the devices that are armed by then.
    this.#callsUnknown = true;
    if (registration.confirmed) void this.#repair();
  }

  /** The OXE may have changed the keys: only the answer to a new request tells them (specification, Voice Recording, POST …/record). */
  askForKeys(deviceNumber: string): void {
    const { book, registration } = this.#base;
    if (registration.current?.secure === false) return;
    this.#orders
      .inOrder(deviceNumber, async () => {
        const wish = book.wanted.get(deviceNumber)?.record;
        if (wish?.mode === 'own' && registration.confirmed)
          await this.#requests.recordOwn(await this.#pathOfNow(), deviceNumber, wish.recorder);
      })
      .catch((error: unknown) => {
        this.#failed(deviceNumber, error);
      });
  }

  /** What the list of links doesn't tell: a monitored user appears in the list of logins (Voice Recording, step 5). */
  async #compareMonitors(): Promise<void> {
    const { name, oxeNode, session, book, log } = this.#base;
    if (session.info?.admin !== true || !book.believes) return;
    const read = book.loginReader();
    try {
      const { loginNames } = await session.call('getLogins', { nodeIds: String(oxeNode) }, undefined);
      if (Array.isArray(loginNames)) read(new Set(loginNames));
    } catch (error) {
      // The next audit asks again; what is known to be missing is repaired now.
      log.debug(`${name}: the logins can't be read: ${asO2GError(error).message}`);
    }
  }

  /** Repairs what differs. A link in another session is not kept waiting by requests that hang in the one before. */
  async #repair(): Promise<void> {
    const { session, registration } = this.#base;
    const what = `${registration.current?.id ?? ''} ${session.generation}`;
    this.#again = this.#repairing === what;
    if (this.#again) return;
    this.#repairing = what;
    this.#soon?.cancel();
    do {
      this.#again = false;
      await forEachBounded(this.#due, REPAIRS, (deviceNumber) => this.#repairDevice(deviceNumber));
    } while (this.#isAgain(what));
    if (this.#repairing !== what) return;
    this.#repairing = undefined;
    this.#tellNewcomers();
    this.#repairTheRest();
  }

  /** After a gap, recorders of this program must not wait for the end of a call that ended in it. */
  async #learnCalls(): Promise<void> {
    const { session, book, media } = this.#base;
    if (!this.#callsUnknown || this.#orders.closed) return;
    const users = [...media.armed.keys()].flatMap((deviceNumber) => book.seen(deviceNumber).userId ?? []);
    // The first device may be armed in the middle of a call that began before anybody followed it.
    if (users.length === 0) return;
    this.#callsUnknown = false;
    await media.learn([...new Set(users)], (loginName) =>
      session.call('getTelephonyState', { loginName }, undefined),
    );
  }

  get #due(): string[] {
    return this.#base.book.due(this.#busy.devices);
  }

  /** Another repair was asked for while this one was running. */
  #isAgain(what: string): boolean {
    return this.#repairing === what && this.#again && this.#base.registration.confirmed;
  }

  /** What failed in passing doesn't wait for the next audit. */
  #repairTheRest(): void {
    const left = this.#base.registration.confirmed && this.#due.length > 0;
    this.#failures = left ? this.#failures + 1 : 0;
    if (!left || this.#failures > QUICK_REPAIRS) return;
    this.#soon = this.#base.clock.after(500 * 2 ** this.#failures, () => {
      void this.#repair();
    });
  }

  async #repairDevice(deviceNumber: string): Promise<void> {
    const { registration, book } = this.#base;
    try {
      await this.#orders.inOrder(deviceNumber, async () => {
        if (!registration.confirmed) return;
        const path = await this.#pathOfNow();
        try {
          let recording: BegunRecording | undefined;
          // Planned anew: a flow may have done or undone it in the meantime.
          for (const step of book.steps(deviceNumber))
            recording = (await this.#perform(path, step)) ?? recording;
          book.solved(deviceNumber, recording);
        } catch (error) {
          // 404 may mean the device or the whole link: what an old link answers is no word on the device.
          if (asO2GError(error).code === 'NOT_FOUND') await registration.confirm();
          if (this.#requests.isOn(path)) throw error;
        }
      });
    } catch (error) {
      this.#failed(deviceNumber, error);
    }
  }

  async #perform(path: LinkPath, step: Step): Promise<BegunRecording | undefined> {
    const requests = this.#requests;
    const { deviceNumber } = step;
    switch (step.do) {
      case 'monitor':
        await requests.monitor(path, deviceNumber);
        return undefined;
      case 'record':
        return requests.monitorAndRecord(path, deviceNumber, step.wish);
      case 'stopRecord':
        await requests.stopRecord(path, deviceNumber);
        await this.#base.media.disarm(deviceNumber);
        return undefined;
      case 'beep':
        await requests.beep(path, deviceNumber, step.beep);
        return undefined;
      case 'stopBeep':
        await requests.stopBeep(path, deviceNumber);
        return undefined;
    }
  }

  /** A repair does not wait for the link: without one, there will be another repair. */
  #pathOfNow(): Promise<LinkPath> {
    return this.#requests.path(this.#base.clock.now());
  }

  /** The end of link or session says nothing of the device. */
  #failed(deviceNumber: string, error: unknown): void {
    const { name, book, log } = this.#base;
    const known = asO2GError(error);
    if (known.code === 'CLOSED' || isSessionLoss(known)) return;
    book.failed(deviceNumber, known);
    log.debug(`${name}: ${deviceNumber}: ${known.message}`);
  }

  #tellNewcomers(): void {
    const logins = [...this.#newcomers];
    this.#newcomers.clear();
    if (logins.length > 0) this.onMonitored.emit(logins);
  }
}
