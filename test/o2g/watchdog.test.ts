import assert from 'node:assert/strict';
import type { Clock } from '../../o2g/util/clock';
import { Keepalive, Watchdog } from '../../o2g/session/watchdog';

/** Time that passes when the test says so. */
class TestClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): { cancel: () => void } {
    assert.ok(ms >= 0 && ms < 2 ** 31, `a timer of ${ms} ms would run at once`);
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
      },
    };
  }

  /** Lets so many milliseconds pass, with everything that falls due in them. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let due = this.#due(until); due; due = this.#due(until)) {
      this.#timers.delete(due);
      this.#now = due.at;
      due.run();
      await new Promise(setImmediate);
    }
    this.#now = until;
  }

  #due(until: number): { at: number; run: () => void } | undefined {
    const [first] = [...this.#timers].sort((one, other) => one.at - other.at);
    return first && first.at <= until ? first : undefined;
  }
}

describe('Keepalive', () => {
  for (const [timeToLive, beats] of [
    [1800, 4],
    [2, 3600],
    [0, 4],
    [-5, 4],
    [NaN, 4],
    [1e308, 0],
    [0.001, 7200],
    ['soon', 4],
    [{}, 4],
    [null, 4],
    [undefined, 4],
  ] as const) {
    it(`is sent ${beats} times in an hour of silence when the time to live is ${JSON.stringify(timeToLive)}`, async () => {
      const clock = new TestClock();
      let lastRequestAt = 0;
      let sent = 0;
      const keepalive = new Keepalive(
        clock,
        () => lastRequestAt,
        () => {
          sent += 1;
          lastRequestAt = clock.now();
          return Promise.resolve();
        },
      );
      keepalive.start(timeToLive);
      await clock.pass(3_600_000);
      keepalive.stop();
      assert.equal(sent, beats);
    });
  }
});

describe('Watchdog', () => {
  /** @param speaks whether the channel speaks at this time; the probe is answered by it too */
  async function watch(
    speaks: (now: number) => boolean,
    hasProbe = true,
  ): Promise<{ probes: number[]; deaths: number[] }> {
    const clock = new TestClock();
    const probes: number[] = [];
    const deaths: number[] = [];
    let heardAt = 0;
    const watchdog = new Watchdog(clock, {
      heardAt: () => heardAt,
      probe: () => {
        if (!hasProbe) return false;
        probes.push(clock.now());
        if (speaks(clock.now()))
          clock.after(1000, () => {
            heardAt = clock.now();
          });
        return true;
      },
      onDead: () => {
        deaths.push(clock.now());
      },
    });
    watchdog.start();
    await clock.pass(120_000);
    watchdog.stop();
    return { probes, deaths };
  }

  it('asks after 25 s of silence, and finds the channel dead 10 s later when nothing comes', async () => {
    assert.deepEqual(await watch(() => false), { probes: [25_000], deaths: [35_000] });
  });

  it('goes on asking while answers come, and finds the channel dead when they cease', async () => {
    assert.deepEqual(await watch((now) => now < 40_000), { probes: [25_000, 51_000], deaths: [61_000] });
  });

  it('leaves a silent channel alone while there is nothing to ask for', async () => {
    assert.deepEqual(await watch(() => false, false), { probes: [], deaths: [] });
  });
});
