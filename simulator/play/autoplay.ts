import type { OxeUser, CallHandle } from '../oxe';
import { PLAYS, type PlayName, type PlayContext } from './plays';
import { seededRandom } from '../settings';
import type { AutoplayOptions, Telephony } from './telephony-api';
import type { World } from '../world';

const OUTSIDE_NUMBERS = ['0390670000', '0155667788', '+4989123456', '0033612345678'];

/** A call every while. @returns a function that stops it; calls in progress end at once */
export function autoplay(world: World, telephony: Telephony, options: AutoplayOptions = {}): () => void {
  const { everyMs = 10_000, seed = 1, plays = ['incoming'] } = options;
  const random = seededRandom(seed);
  const running = new Set<AbortController>();
  let count = 0;
  const begin = (): void => {
    const user = chooseFreeUser(world, options.devices, random);
    const outside = OUTSIDE_NUMBERS[Math.floor(random() * OUTSIDE_NUMBERS.length)] ?? '0390670000';
    const name = plays[count % plays.length];
    if (!user || name === undefined) return;
    count += 1;
    const stop = new AbortController();
    running.add(stop);
    const colleague = (): string => {
      const other = chooseFreeUser(world, undefined, random, user);
      if (!other) throw new RangeError('everybody is busy');
      return other.number;
    };
    void play(name, {
      user: user.number,
      outside,
      colleague,
      call: (options) => telephony.call(options),
      ...pauses(options, stop.signal),
    }).finally(() => running.delete(stop));
  };
  const timer = setInterval(begin, everyMs);
  setImmediate(begin);
  return () => {
    clearInterval(timer);
    for (const stop of running) stop.abort();
  };
}

/** Plays to the end; what is left of the calls then is over. */
async function play(name: PlayName, context: PlayContext): Promise<void> {
  const calls: CallHandle[] = [];
  const call: PlayContext['call'] = (options) => {
    const started = context.call(options);
    calls.push(started);
    return started;
  };
  try {
    await PLAYS[name]({ ...context, call });
  } catch (error) {
    // It is over, somebody else changed the call meanwhile, or nobody has time.
    if (!(error instanceof RangeError)) throw error;
  }
  for (const started of calls) if (started.alive) await started.hangUp();
}

function pauses(
  { ringMs = 2000, talkMs = 5000, holdMs = 2000 }: AutoplayOptions,
  stop: AbortSignal,
): Pick<PlayContext, 'ring' | 'talk' | 'hold' | 'holds'> {
  return {
    holds: holdMs > 0,
    ring: () => pause(ringMs, stop),
    talk: () => pause(talkMs, stop),
    hold: () => pause(holdMs, stop),
  };
}

/** Waits. @throws RangeError when the signal comes first */
function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new RangeError('the play is over'));
    };
    const timer = setTimeout(() => {
      stop.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    stop.addEventListener('abort', onAbort, { once: true });
    if (stop.aborted) onAbort();
  });
}

/** A user with nothing to do, of the first group that has one. */
function chooseFreeUser(
  { oxe, links }: World,
  devices: readonly string[] | undefined,
  random: () => number,
  excluded?: OxeUser,
): OxeUser | undefined {
  const linked = links.all().flatMap((link) => [...link.devices.values()]);
  const recorded = linked.filter(({ recording }) => recording).map(({ device }) => device.user);
  const configured = devices?.flatMap((number) => oxe.devices.get(number)?.user ?? []);
  const candidates = configured ? [configured] : [recorded, [...oxe.monitoredUsers], [...oxe.users.values()]];
  for (const users of candidates) {
    const free = users.filter((user) => user.calls.size === 0 && user !== excluded);
    const user = free[Math.floor(random() * free.length)];
    if (user) return user;
  }
  return undefined;
}
