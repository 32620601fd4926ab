/**
 * A week of faults, accelerated: the client library against the simulator, its clock running faster than time, so that audits, keepalives and
 * back-offs come by the thousands. At the end desired is actual, memory and handles are where they were, and every event was delivered once or
 * lies in a break that was declared blind.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { HttpTransport } from '../o2g/transport/http-transport';
import { Link } from '../o2g/link/link';
import { Session } from '../o2g/session/session';
import { startSimulator } from '../simulator';
import type { Simulator } from '../simulator/simulator-api';
import { seededRandom } from '../simulator/settings/random';
import { faultFrom, type Fault, type Random } from '../test/support/chaos';
import { fastClock } from '../test/o2g/support';

/** The clock of the library against time. */
const FASTER = 60;
const HOUR_MS = 3_600_000;
const DEVICES = Array.from({ length: 100 }, (_, index) => String(70000 + index));
const RECORDED = DEVICES.slice(0, 25);
/** Far longer than anything may take, in time. */
const PATIENCE_MS = 60_000;
/** Events are sent and breaks are measured by two clocks. */
const SLACK_MS = 250;

/** Faults after which everything has been used once: from then on memory and handles must not grow. */
const WARM = 4;
/** A slow machine goes on until it has seen more than so many. */
const LEAST_EVENTS = 500;

interface Break {
  readonly from: number;
  readonly to: number;
}

/** Numbered events, when they were sent and how often each was delivered. */
class Events {
  readonly #sentAt: number[] = [];
  readonly #delivered = new Map<number, number>();
  readonly blind: Break[] = [];

  async send(oxe: Simulator): Promise<void> {
    const callRef = String(this.#sentAt.push(Date.now()) - 1);
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef });
  }

  took(callRef: unknown): void {
    this.#delivered.set(Number(callRef), (this.#delivered.get(Number(callRef)) ?? 0) + 1);
  }

  get sent(): number {
    return this.#sentAt.length;
  }

  /** Those delivered twice, and those lost in no break. */
  wrong(): { twice: number[]; lost: number[]; declared: number } {
    const missing = this.#sentAt.flatMap((_, index) => (this.#delivered.has(index) ? [] : [index]));
    const excused = missing.filter((index) =>
      this.blind.some(
        ({ from, to }) =>
          (this.#sentAt[index] ?? 0) >= from - SLACK_MS && (this.#sentAt[index] ?? 0) <= to + SLACK_MS,
      ),
    );
    return {
      twice: [...this.#delivered].filter(([, times]) => times > 1).map(([index]) => index),
      lost: missing.filter((index) => !excused.includes(index)),
      declared: excused.length,
    };
  }
}

/** @param tiny a quarter of an hour instead of a week */
export async function soak(tiny: boolean): Promise<void> {
  const hours = tiny ? 0.25 : Number(process.env.SOAK_HOURS ?? 168);
  const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
  console.log(
    `soak: ${hours} hours of the library's clock, ${Math.round((hours * 60) / FASTER)} minutes of time; SOAK_SEED=${seed} repeats its faults`,
  );
  const oxe = await startSimulator({
    devices: DEVICES,
    linksOutliveSessions: seed % 2 === 0,
    keepaliveMs: 10_000 / FASTER,
    requestLogSize: 1000,
  });
  const clock = fastClock(FASTER);
  const log = { info: () => undefined, warn: () => undefined, debug: () => undefined };
  const session = new Session(
    {
      sites: [new URL(oxe.url)],
      access: 'typed',
      account: { login: oxe.login, password: oxe.password, applicationName: 'soak' },
      offlineWaitMs: PATIENCE_MS * FASTER,
      lifetime: 0,
    },
    { transport: new HttpTransport({ timeoutMs: 2000 }), log, clock },
  );
  const link = new Link(
    { name: 'OXE 7', oxeNode: 7, recorder: 'OTHER', devices: DEVICES, onStop: 'close' },
    session,
    { log, clock },
  );
  const events = new Events();
  session.setInterest('soak', {
    selectors: [{ names: ['telephony'] }],
    deliver: ({ eventName, callRef }) => {
      if (eventName === 'OnCallRemoved') events.took(callRef);
    },
  });
  session.onState.on(({ blindMs }) => {
    if (blindMs !== undefined) events.blind.push({ from: Date.now() - blindMs / FASTER, to: Date.now() });
  });
  session.open();
  link.start();
  await Promise.all(
    RECORDED.map((deviceNumber, index) =>
      link.record(deviceNumber, {
        mode: 'ip',
        ipRecorderAddr: '127.0.0.1',
        sentFlowPort: 20000 + index * 4,
        receivedFlowPort: 20002 + index * 4,
      }),
    ),
  );

  const random = seededRandom(seed);
  const until = clock.now() + hours * HOUR_MS;
  let faults = 0;
  let before: Usage | undefined;
  while (clock.now() < until || faults <= WARM || events.sent <= LEAST_EVENTS) {
    faults += await strike(random, oxe, events);
    await asDesired(oxe, link, `seed ${seed}, after ${faults} faults`);
    before ??= faults >= WARM ? usage() : undefined;
  }
  await delay(SLACK_MS);
  const { twice, lost, declared } = events.wrong();
  const figures = {
    suite: 'soak',
    seed,
    hours,
    faults,
    events: events.sent,
    declaredBlind: declared,
    twice,
    lost,
    violations: oxe.violations(),
    before,
    after: usage(),
  };
  await session.close('removed');
  await oxe.close();
  console.log(JSON.stringify(figures));
  if (twice.length > 0 || lost.length > 0 || figures.violations.length > 0)
    throw new Error('the soak found something, see the line above');
}

/** One or two faults, with events all the while. @returns how many */
async function strike(random: Random, oxe: Simulator, events: Events): Promise<number> {
  const victims = { oxe, nodeId: 7, devices: DEVICES, recorded: RECORDED };
  const faults: Fault[] = [
    faultFrom(random, victims, () => true),
    ...(random() < 0.5 ? [faultFrom(random, victims, () => true)] : []),
  ];
  const over = new AbortController();
  const sending = (async () => {
    while (!over.signal.aborted) {
      await events.send(oxe);
      await delay(5);
    }
  })();
  await Promise.all(
    faults.map(async (fault) => {
      await delay(random() * 300);
      await fault.strike();
    }),
  );
  over.abort();
  await sending;
  oxe.clearAnswers();
  return faults.length;
}

async function asDesired(oxe: Simulator, link: Link, when: string): Promise<void> {
  const isSo = (): boolean =>
    oxe.monitored(7).length === DEVICES.length &&
    oxe.recorded(7).length === RECORDED.length &&
    oxe.channelCount() === 1 &&
    link.coverage.every(({ desired, actual, reason }) => reason === '' && desired.join() === actual.join());
  const end = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    await delay(20);
    if (Date.now() > end)
      throw new Error(
        `not as desired, ${when}: ${JSON.stringify(link.coverage.filter(({ reason }) => reason !== '').slice(0, 5))}, ${oxe.monitored(7).length} monitored, ${oxe.recorded(7).length} recorded`,
      );
  }
}

interface Usage {
  readonly heapMB: number;
  readonly handles: number;
}

function usage(): Usage {
  globalThis.gc?.();
  return {
    heapMB: Math.round(process.memoryUsage().heapUsed / 1024 / 1024),
    handles: process.getActiveResourcesInfo().length,
  };
}
