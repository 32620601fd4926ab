import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CallChange } from '../../../o2g/calls/call';
import type { O2GEvent } from '../../../o2g/spec/event';
import { CallTracker } from '../../../o2g/calls/call-tracker';
import type { Call, Party } from '../../../simulator/oxe/call';
import { conference, leaveConference } from '../../../simulator/oxe/conference';
import { divert, park, pickUp, unpark } from '../../../simulator/oxe/diversion';
import { onTelephonyState } from '../../../simulator/oxe/events';
import { Exchange } from '../../../simulator/oxe/exchange';
import { answer, enquire, hangUp, hold, retrieve, start } from '../../../simulator/oxe/scenarios';
import { blindTransfer, transfer } from '../../../simulator/oxe/transfer';
import { Oxe } from '../../../simulator/oxe/oxe';
import { seededRandom } from '../../../simulator/settings/random';
import { START } from './support';

const USERS = Array.from({ length: 120 }, (_, index) => String(70000 + index));

/** An OXE whose users call, hold, transfer, confer, forward and park at random, the same way for the same seed. */
class Town {
  readonly oxe = new Oxe({
    nodes: [7],
    secure: false,
    devices: USERS.map((number, index) => ({
      number,
      firstName: 'User',
      lastName: number,
      devices: index % 5 === 0 ? [{ id: `8${number.slice(1)}` }] : [],
    })),
  });
  readonly exchange: Exchange;
  readonly #random: () => number;

  constructor(seed: number, publish: (event: O2GEvent) => void) {
    this.#random = seededRandom(seed);
    this.exchange = new Exchange(this.oxe, { publish, mediaChanged: () => undefined });
    for (const device of this.oxe.devices.values()) this.oxe.countMonitor(device, 1);
  }

  /** Something happens: mostly to a call, sometimes a new one begins. */
  step(): void {
    const calls = [...this.exchange.calls.values()].filter(({ parties: sides }) => sides.length > 0);
    if (calls.length < 5 || (calls.length < 45 && this.#random() < 0.2)) return this.#begin();
    const call = this.#pick(calls);
    if (!call) return;
    const side = this.#pick(call.parties.filter(({ user }) => user));
    try {
      this.#pick(side ? this.#moves(call, side) : this.#movesOutside(call))?.();
    } catch (error) {
      // A move that the state of the call doesn't allow changes nothing.
      assert.ok(error instanceof RangeError, String(error));
    }
  }

  /** What a snapshot of all users would tell now. */
  snapshots(): O2GEvent[] {
    return [...this.oxe.users.values()].map(onTelephonyState);
  }

  end(): void {
    for (const call of [...this.exchange.calls.values()]) this.exchange.releaseAll(call);
  }

  #begin(): void {
    const [from, to] = [this.#free(), this.#free()];
    const outside = this.#random() < 0.5 ? '0390670000' : '0155667788';
    const parties = [
      { from, to: outside },
      { from: outside, to },
      { from, to },
    ][Math.floor(this.#random() * 3)];
    if (!parties || parties.from === parties.to) return;
    start(this.exchange, {
      ...parties,
      dialing: this.#random() < 0.1,
      // A user who is secret in one of two calls and not in the other is neither in their conference.
      anonymous: parties.from === outside && this.#random() < 0.2,
      ...(this.#random() < 0.1 && { associateData: 'order 7' }),
    });
  }

  #moves(call: Call, side: Party): (() => unknown)[] {
    const { exchange } = this;
    const to = this.#free();
    return [
      () => {
        answer(exchange, call, undefined);
      },
      () => {
        answer(exchange, call, undefined);
      },
      () => {
        hold(exchange, call, side);
      },
      () => {
        retrieve(exchange, call, side);
      },
      () => enquire(exchange, call, side, { to }),
      () => transfer(exchange, call, side),
      () => conference(exchange, call, side),
      () => blindTransfer(exchange, call, side, to),
      () => {
        divert(exchange, call, to, 'FORWARDED');
      },
      () => {
        pickUp(exchange, call, to);
      },
      () => {
        if (call.parties.every(({ state }) => state === 'ACTIVE')) park(exchange, call, side);
      },
      () => {
        if (call.parties.length === 1) unpark(exchange, call, to);
      },
      () => {
        if (call.parties.length > 2) leaveConference(exchange, call, side);
      },
      () => {
        hangUp(exchange, call, undefined);
      },
      () => {
        hangUp(exchange, call, side);
      },
    ];
  }

  /** Nobody but parties outside is in the call: parked, or all users left. */
  #movesOutside(call: Call): (() => unknown)[] {
    return [
      () => {
        unpark(this.exchange, call, this.#free());
      },
      () => {
        this.exchange.releaseAll(call);
      },
    ];
  }

  #free(): string {
    const free = [...this.oxe.users.values()].filter(({ calls }) => calls.size === 0);
    return this.#pick(free)?.number ?? '0987654321';
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }
}

/** Counts the lives that changes tell of, and finds what no life may do. */
class Lives {
  readonly alive = new Map<string, CallChange>();
  readonly over = new Set<string>();

  follow(changes: readonly CallChange[]): void {
    for (const change of changes) {
      // A call that was parked or forwarded may come back to its user: another life under the same callRef.
      const key = `${change.user} ${change.id} ${change.startedAt}`;
      assert.equal(this.alive.has(key), change.change !== 'started', `${key} ${change.change}`);
      assert.ok(!this.over.has(key), `${key} ${change.change} after its end`);
      if (change.change === 'ended') this.over.add(key);
      if (change.change === 'ended') this.alive.delete(key);
      else this.alive.set(key, change);
    }
  }
}

const CALLS = 10_000;

describe('10,000 calls at random', () => {
  for (const seed of [1, 2]) {
    it(`start once, end once and leave nothing, and always are what the exchange has (seed ${seed})`, () => {
      const calls = new CallTracker();
      const lives = new Lives();
      let now = START;
      const town = new Town(seed, (event) => {
        lives.follow(calls.follow(event, (now += 10)));
      });
      for (let step = 0; lives.over.size < CALLS; step += 1) {
        town.step();
        if (step % 500 === 0)
          assert.deepEqual(
            town.snapshots().flatMap((event) => calls.follow(event, now)),
            [],
          );
      }
      town.end();
      assert.deepEqual([calls.size, lives.alive.size, [...calls.live()]], [0, 0, []]);
    });

    it(`do so with gaps, snapshots and duplicates, too (seed ${seed})`, () => {
      const calls = new CallTracker();
      const lives = new Lives();
      let now = START;
      let deaf = false;
      const hear = (event: O2GEvent): void => {
        lives.follow(calls.follow(event, (now += 10)));
      };
      const town = new Town(seed, (event) => {
        if (deaf) return;
        hear(event);
        hear(event);
      });
      for (let step = 1; lives.over.size < CALLS; step += 1) {
        deaf = step % 100 > 90;
        town.step();
        if (step % 100 === 0) town.snapshots().forEach(hear);
      }
      deaf = true;
      town.end();
      town.snapshots().forEach(hear);
      assert.deepEqual([calls.size, lives.alive.size], [0, 0]);
    });
  }
});

describe('the memory of live calls', () => {
  it('is at most 500 bytes a device with a call, all strings counted', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const devices = 50_000;
    const calls = new CallTracker();
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < devices; index += 1)
      calls.follow(JSON.parse(ringing(100_000 + index)) as O2GEvent, START + index);
    gc();
    const bytes = (process.memoryUsage().heapUsed - before) / devices;
    assert.equal(calls.size, devices);
    assert.ok(bytes < 500, `${bytes.toFixed(0)} bytes`);
  });
});

/** As it comes from the channel: every string is a new one. */
const ringing = (device: number): string =>
  JSON.stringify({
    eventName: 'OnCallCreated',
    loginName: `oxe${device}`,
    callRef: `b7c1d2e3${device.toString(16).padStart(8, '0')}`,
    callData: {
      initialCalled: { id: { phoneNumber: String(device) } },
      state: 'RINGING_INCOMING',
      tags: [],
      trunkIdentification: { networkTimeslot: 12, trunkNeqt: [1021] },
    },
    legs: [{ deviceId: String(device), state: 'RINGING_INCOMING' }],
    participants: [
      {
        participantId: '0390670000',
        identity: { id: { phoneNumber: '0390670000' }, displayName: 'Desk', type: { main: 'EXTERNAL' } },
      },
    ],
  });
