/** Keys pressed, as RFC 4733 tells them: several packets an event, all with the timestamp of its beginning. */
import type { Packet } from '../rtp';
import { SAMPLES_PER_MS, type Channel, type TelephoneEvent } from '../common';

const DTMF_KEYS = '0123456789*#ABCD';
/** Nobody presses more in one conversation. */
const MAX_EVENTS = 1000;

interface PressedKey {
  readonly channel: Channel;
  readonly event: number;
  readonly timestamp: number;
  readonly position: number;
  duration: number;
}

export class DtmfEvents {
  #pressed: PressedKey[] = [];

  /** @returns the samples that the event has lasted; undefined when it is none */
  add(channel: Channel, { header, plain, start, end }: Packet, position: number): number | undefined {
    if (end - start < 4) return undefined;
    const event = plain.getUint8(start);
    const duration = plain.getUint16(start + 2);
    const known = this.#pressed.findLast(
      (pressed) =>
        pressed.channel === channel && pressed.timestamp === header.timestamp && pressed.event === event,
    );
    if (known) known.duration = Math.max(known.duration, duration);
    else if (this.#pressed.length < MAX_EVENTS)
      this.#pressed.push({ channel, event, timestamp: header.timestamp, position, duration });
    return duration;
  }

  /** Those that begin before `position`, for a file that ends there; the others stay. `origin`: where it began. */
  take(origin: number, position: number): TelephoneEvent[] {
    const taken = this.#pressed.filter((pressed) => pressed.position < position);
    this.#pressed = this.#pressed.filter((pressed) => pressed.position >= position);
    return taken.map(({ channel, event, position: at, duration }) => ({
      channel,
      event: DTMF_KEYS[event] ?? String(event),
      atMs: Math.max(0, Math.round((at - origin) / SAMPLES_PER_MS)),
      durationMs: Math.round(duration / SAMPLES_PER_MS),
    }));
  }
}
