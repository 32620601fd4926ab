/** The sockets of the armed devices, and their time. Lives in a worker, so that nothing else of Node-RED can keep packets waiting. */
import dgram from 'node:dgram';
import { performance } from 'node:perf_hooks';

import { DeviceRecorder, type DeviceRecorderParts, type DeviceSnapshot } from '../conversation';
import { CHANNELS, type Channel, type DeviceContext } from '../common';

/** Holds 50 s of a flow; the system's default holds 5. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** Each device has its turn five times a second; spread over ten turns, none keeps packets waiting for long. */
const TURN_COUNT = 10;
const TURN_INTERVAL_MS = 20;
/** Later than this, packets have waited: their arrival can't be trusted. */
const MAX_TIMER_DELAY_MS = 200;
/** The event loop takes at most 32 datagrams from a socket before it turns: so many turns empty a full buffer of packets of 20 ms. */
const MAX_READ_TURNS = 100;
/** Reading what has waited takes a while. */
const CATCH_UP_MS = 1000;
/** Longer than this isn't believed, the timeline's window being 12 s. */
const MAX_SLACK_MS = 10_000;

interface BoundDevice {
  readonly device: DeviceRecorder;
  readonly sockets: readonly dgram.Socket[];
  readonly turn: Set<DeviceRecorder>;
}

/** A port that another program has. */
export class PortTakenError extends Error {
  constructor(
    readonly port: number,
    message: string,
    readonly systemCode: string,
  ) {
    super(message);
  }
}

export class Receiver {
  readonly #bind: string;
  readonly #parts: DeviceRecorderParts;
  readonly #devices = new Map<string, BoundDevice>();
  readonly #turns: readonly Set<DeviceRecorder>[] = Array.from({ length: TURN_COUNT }, () => new Set());
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  #turnAt = performance.now();
  #slackMs = 0;
  #slackUntil = 0;

  /** @param bind local IPv4 address; 0.0.0.0 for all */
  constructor(bind: string, parts: DeviceRecorderParts) {
    this.#bind = bind;
    this.#parts = parts;
    this.#timer = setInterval(() => {
      this.#takeTurn(performance.now());
    }, TURN_INTERVAL_MS);
  }

  /** Binds both ports. @throws PortTaken; then neither is bound */
  async arm(
    deviceNumber: string,
    context: DeviceContext,
    secure: boolean,
    ports: Readonly<Record<Channel, number>>,
  ): Promise<void> {
    const device = new DeviceRecorder(deviceNumber, context, secure, this.#parts);
    const sockets: dgram.Socket[] = [];
    try {
      for (const channel of CHANNELS) sockets.push(await this.#open(ports[channel], device, channel));
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    const turn = this.#turns.reduce((fewest, other) => (other.size < fewest.size ? other : fewest));
    turn.add(device);
    this.#devices.set(deviceNumber, { device, sockets, turn });
  }

  get size(): number {
    return this.#devices.size;
  }

  device(deviceNumber: string): DeviceRecorder | undefined {
    return this.#devices.get(deviceNumber)?.device;
  }

  /**
   * The last packets may have come before an order and lie unread all the same, many of them when this thread was kept from running.
   * @param deviceNumber all devices without it
   * @returns when what had come is read; the event loop reads its sockets before the check phase
   */
  async readPending(deviceNumber?: string): Promise<void> {
    const devices =
      deviceNumber === undefined
        ? [...this.#devices.values()].map(({ device }) => device)
        : [this.device(deviceNumber)];
    let since: number;
    let turns = 0;
    do {
      since = performance.now();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      turns += 1;
    } while (turns < 2 || (turns < MAX_READ_TURNS && devices.some((device) => device?.hasReadSince(since))));
  }

  /** Closes the ports, completes the file. */
  async disarm(deviceNumber: string, endedBy: string): Promise<void> {
    const bound = this.#devices.get(deviceNumber);
    if (!bound) return;
    this.#devices.delete(deviceNumber);
    bound.turn.delete(bound.device);
    await Promise.all(
      bound.sockets.map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.close(resolve);
          }),
      ),
    );
    await bound.device.close(endedBy, performance.now());
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#devices.keys()].map((deviceNumber) => this.disarm(deviceNumber, 'closed')));
  }

  snapshots(): DeviceSnapshot[] {
    return [...this.#devices.values()].map(({ device }) => device.snapshot());
  }

  #open(port: number, device: DeviceRecorder, channel: Channel): Promise<dgram.Socket> {
    return new Promise((resolve, reject) => {
      const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // Before it is bound: the port isn't ours. After: a datagram could not be read; the next one can.
        reject(new PortTakenError(port, error.message, error.code ?? 'ERROR'));
      });
      const buffer = device.packetBuffer(channel);
      socket.on('message', (bytes, { address, port: from }) => {
        const now = performance.now();
        if (buffer.push(bytes, address, from, now)) device.tick(now, this.#slackMs);
      });
      socket.bind({ port, address: this.#bind, exclusive: true }, () => {
        resolve(socket);
      });
    });
  }

  #takeTurn(now: number): void {
    const delayMs = now - this.#turnAt - TURN_INTERVAL_MS;
    this.#turnAt = now;
    if (now > this.#slackUntil) this.#slackMs = 0;
    if (delayMs > MAX_TIMER_DELAY_MS) {
      this.#slackMs = Math.min(MAX_SLACK_MS, Math.max(this.#slackMs, delayMs));
      this.#slackUntil = now + this.#slackMs + CATCH_UP_MS;
    }
    this.#turn = (this.#turn + 1) % TURN_COUNT;
    for (const device of this.#turns[this.#turn] ?? []) device.tick(now, this.#slackMs);
  }
}
