import type { OxeUser } from './oxe';
import { seededRandom } from './random';
import type { Telephony } from './telephony';
import type { CallHandle } from './calls/handle';
import type { World } from './world';

/** Calls that happen by themselves. */
export interface AutoplayOptions {
  /** A call begins every so many ms. @default 10000 */
  readonly everyMs?: number;
  /** How long it rings, and talks before and after the hold, in ms. @default 2000 and 5000 */
  readonly ringMs?: number;
  readonly talkMs?: number;
  /** How long it is held between; 0 for not at all. @default 2000 */
  readonly holdMs?: number;
  /** Who is called. @default a recorded, else a monitored, else any user with nothing to do */
  readonly devices?: readonly string[];
  /** Makes the choice of users repeatable. @default 1 */
  readonly seed?: number;
}

const CALLERS = ['0390670000', '0155667788', '+4989123456', '0033612345678'];

/** A call every while: ringing, talk, hold, talk, end. @returns a function that stops it; calls in progress end at once */
export function autoplay(world: World, telephony: Telephony, options: AutoplayOptions = {}): () => void {
  const { everyMs = 10_000, seed = 1 } = options;
  const random = seededRandom(seed);
  const running = new Set<AbortController>();
  const begin = (): void => {
    const user = choose(world, options.devices, random);
    const from = CALLERS[Math.floor(random() * CALLERS.length)] ?? '0390670000';
    if (!user) return;
    const stop = new AbortController();
    running.add(stop);
    void play(telephony.call({ from, to: user.number }), options, stop.signal).finally(() => running.delete(stop));
  };
  const timer = setInterval(begin, everyMs);
  setImmediate(begin);
  return () => {
    clearInterval(timer);
    for (const stop of running) stop.abort();
  };
}

async function play(call: CallHandle, { ringMs = 2000, talkMs = 5000, holdMs = 2000 }: AutoplayOptions, stop: AbortSignal): Promise<void> {
  const steps: [number, () => Promise<unknown>][] = [
    [ringMs, () => call.answered()],
    ...(holdMs > 0 ? [[talkMs, () => call.hold()], [holdMs, () => call.retrieve()]] satisfies [number, () => Promise<unknown>][] : []),
    [talkMs, () => Promise.resolve()],
  ];
  for (const [ms, step] of steps) {
    await pause(ms, stop);
    // Somebody else may have ended it meanwhile, or the simulator is closing.
    if (stop.aborted || !call.alive) break;
    await step();
  }
  if (call.alive) await call.hangUp();
}

/** Waits, but not longer than until the signal. */
function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done);
    if (stop.aborted) done();
  });
}

function choose({ oxe, links }: World, devices: readonly string[] | undefined, random: () => number): OxeUser | undefined {
  const linked = links.all().flatMap((link) => [...link.devices.values()]);
  const recorded = linked.filter(({ recording }) => recording).map(({ device }) => device.user);
  const given = devices?.flatMap((number) => oxe.devices.get(number)?.user ?? []);
  const candidates = given ? [given] : [recorded, [...oxe.monitoredUsers], [...oxe.users.values()]];
  for (const users of candidates) {
    const free = users.filter((user) => user.calls.size === 0);
    if (free.length > 0) return free[Math.floor(random() * free.length)];
  }
  return undefined;
}
