/** The alarms of one device: each is told once when it begins, and once when it is over. */
import type { Alarm, AlarmName } from '../common';

type Details = Alarm['details'];

export class Alarms {
  readonly #deviceNumber: string;
  readonly #report: (alarm: Alarm) => void;
  readonly #epoch: (at: number) => number;
  readonly #active = new Map<AlarmName, Alarm>();

  /** @param epoch milliseconds of the epoch for a time on the recorder's clock */
  constructor(deviceNumber: string, report: (alarm: Alarm) => void, epoch: (at: number) => number) {
    this.#deviceNumber = deviceNumber;
    this.#report = report;
    this.#epoch = epoch;
  }

  get active(): readonly Alarm[] {
    return [...this.#active.values()];
  }

  /** The alarm is on while `details` tells what is wrong. */
  set(alarm: AlarmName, details: Details | undefined, now: number): void {
    const known = this.#active.get(alarm);
    if (details && !known) {
      const raised = { deviceNumber: this.#deviceNumber, alarm, since: this.#date(now), details };
      this.#active.set(alarm, raised);
      this.#report(raised);
    } else if (!details && known) {
      this.#active.delete(alarm);
      this.#report({ ...known, until: this.#date(now) });
    }
  }

  clear(now: number): void {
    for (const alarm of [...this.#active.keys()]) this.set(alarm, undefined, now);
  }

  #date(now: number): string {
    return new Date(this.#epoch(now)).toISOString();
  }
}
