import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { certificate } from '../../support/certificates';
import { faultFrom, type Fault, type Random } from '../../support/chaos';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { seededRandom } from '../../../simulator/settings/random';
import { wholeFlow } from '../flows';

/** The same seed gives the same faults: `FAULTS_SEED=7 FAULTS=100 npx mocha test/node-red/recovery/random-faults.long.test.ts`. */
const SEED = Number(process.env.FAULTS_SEED ?? 20261124);
/** Times that something happens, in each of the four suites; two things as a rule. */
const TIMES = Number(process.env.FAULTS ?? 10);
const DEVICES = Array.from({ length: 200 }, (_, index) => String(70000 + index));
const RECORDED = DEVICES.slice(0, 50);
/** The palette promises ten seconds from the moment the server is able to; a loaded machine may be half as fast. */
const PROMISE_MS = 20_000;

interface Row {
  deviceNumber: string;
  desired: string[];
  actual: string[];
  reason: string;
}

describe(`faults at random, two at a time (FAULTS_SEED=${SEED})`, function random() {
  this.timeout(TIMES * (PROMISE_MS + 10_000));

  for (const [index, [secure, linksOutliveSessions]] of (
    [
      [false, true],
      [false, false],
      [true, true],
      [true, false],
    ] as const
  ).entries()) {
    describe(`${secure ? 'https' : 'http'}, links ${linksOutliveSessions ? 'outlive' : 'die with'} their session`, () => {
      let oxe: Simulator;
      let red: NodeRed;
      let records: Records;

      before(async function start() {
        this.timeout(60_000);
        const tls = secure ? await certificate() : undefined;
        oxe = await startSimulator({ devices: DEVICES, linksOutliveSessions, ...(tls ? { tls } : {}) });
        records = new Records(oxe);
        const trust = tls
          ? [
              {
                id: 'trust',
                type: 'tls-config',
                name: '',
                cert: '',
                key: '',
                ca: '',
                certname: '',
                keyname: '',
                caname: 'ca',
                verifyservercert: true,
                credentials: { cadata: tls.cert },
              },
            ]
          : [];
        red = await startNodeRed({
          flows: [
            ...trust,
            ...wholeFlow(oxe, {
              server: { timeout: '5', ...(tls ? { tls: 'trust' } : {}) },
              link: { devices: '70000-70199' },
            }),
          ],
        });
        red.inject('in-record', {
          action: 'start',
          payload: RECORDED.map((deviceNumber, each) => ({
            deviceNumber,
            ipRecorderAddr: '127.0.0.1',
            sentFlowPort: 20000 + each * 4,
            receivedFlowPort: 20002 + each * 4,
          })),
        });
        await red.told('out', undefined, { timeoutMs: 20_000 });
        await asDesired(oxe);
      });
      after(async () => {
        await stopAll();
        await oxe.close();
      });

      it(`${TIMES} times: everything is in force again, told truly, and nothing that survived is asked for twice`, async () => {
        const random = seededRandom(SEED + index);
        for (let time = 0; time < TIMES; time += 1) {
          const faults = someFaults(random, oxe);
          const words = `time ${time}: ${faults.map(({ name }) => name).join('; ')}`;
          records.expect(faults);
          try {
            await strike(faults, random);
            await asDesired(oxe);
            await truthful(red, oxe);
          } catch (error) {
            throw new Error(`${words}: ${String(error)}\n${red.log().slice(-2000)}`, { cause: error });
          }
          assert.deepEqual(records.duplicates, [], words);
          assert.deepEqual(oxe.violations(), [], words);
          assert.ok(red.alive(), words);
          oxe.clearAnswers();
        }
        assertToldInPairs(red);
      });
    });
  }
});

/** One or two faults; a loss that nobody announces comes before one that makes the palette look. */
function someFaults(random: Random, oxe: Simulator): Fault[] {
  const victims = { oxe, nodeId: 7, devices: DEVICES, recorded: RECORDED };
  const first = faultFrom(random, victims, () => true);
  if (first.silent) return [first, faultFrom(random, victims, ({ reconnects }) => reconnects === true)];
  return random() < 0.3 ? [first] : [first, faultFrom(random, victims, ({ silent }) => !silent)];
}

/** Each begins a moment after the one before; resolves when all are over. */
async function strike(faults: readonly Fault[], random: Random): Promise<void> {
  const over: Promise<unknown>[] = [];
  for (const fault of faults) {
    over.push(Promise.resolve(fault.strike()));
    await delay(Math.floor(random() * 300));
  }
  await Promise.all(over);
}

async function asDesired(oxe: Simulator): Promise<void> {
  // A link whose registration was never answered is empty, and nobody's: an identifier that isn't known to be ours must not be touched.
  const links = (): number => oxe.links(7).filter(({ monitored }) => monitored.length > 0).length;
  await oxe
    .once(
      () =>
        oxe.monitored(7).length === DEVICES.length &&
        oxe.recorded(7).length === RECORDED.length &&
        links() === 1 &&
        oxe.sessions().length > 0 &&
        oxe.channelCount() === 1,
      { timeoutMs: PROMISE_MS, what: 'everything in force again' },
    )
    .catch((error: unknown) => {
      const state = {
        monitored: oxe.monitored(7).length,
        recorded: oxe.recorded(7).length,
        links: oxe.links(7).length,
        sessions: oxe.sessions().length,
        channels: oxe.channelCount(),
      };
      throw new Error(`${String(error)}: ${JSON.stringify(state)}`);
    });
}

/** What the palette says is in force becomes what the server knows to be in force, for every device. */
async function truthful(red: NodeRed, oxe: Simulator): Promise<void> {
  const truth = DEVICES.map((deviceNumber) =>
    [
      deviceNumber,
      ...(oxe.monitored(7).includes(deviceNumber) ? ['monitored'] : []),
      ...(oxe.recorded(7).includes(deviceNumber) ? ['recorded'] : []),
    ].join(' '),
  );
  const end = performance.now() + PROMISE_MS;
  for (;;) {
    red.inject('in-status', { query: 'coverage' });
    const { payload } = await red.told<Row[]>('out', undefined, { timeoutMs: PROMISE_MS });
    const told = payload.map(({ deviceNumber, actual }) => [deviceNumber, ...actual].join(' ')).sort();
    const settled = payload.every(({ reason }) => reason === '');
    // An answer may be on its way to the palette still.
    if (settled && JSON.stringify(told) === JSON.stringify(truth)) return;
    if (performance.now() > end)
      assert.deepEqual(
        { told, reasons: payload.filter(({ reason }) => reason !== '') },
        { told: truth, reasons: [] },
      );
    await delay(50);
  }
}

/** For each device `unrecorded` and `restored` take turns, and the last word is `restored`. */
function assertToldInPairs(red: NodeRed): void {
  const last = new Map<string, unknown>();
  for (const { topic, payload } of red.received<{ deviceNumber: string }>('news')) {
    if (topic !== 'unrecorded' && topic !== 'restored') continue;
    assert.notEqual(
      topic,
      last.get(payload.deviceNumber) ?? 'restored',
      `${payload.deviceNumber} is told ${topic} twice`,
    );
    last.set(payload.deviceNumber, topic);
  }
  assert.deepEqual(
    [...last].filter(([, topic]) => topic === 'unrecorded'),
    [],
  );
}

/** Which recordings were asked for while they were in force: they survived, and their recorder would get other ports or keys for nothing. */
class Records {
  readonly duplicates: string[] = [];
  readonly #linkOf = new Map<string, string>();
  #answersLost = false;

  constructor(oxe: Simulator) {
    oxe.onRequest(({ method, path, status, body }) => {
      const [, link] = /\/link\/([^/]+)\/record$/.exec(path) ?? [];
      if (method !== 'POST' || link === undefined || status !== 200) return;
      const { deviceNumber } = body as { deviceNumber: string };
      if (this.#linkOf.get(deviceNumber) === link && !this.#answersLost) this.duplicates.push(deviceNumber);
      this.#linkOf.set(deviceNumber, link);
    });
  }

  /** What the next faults excuse. */
  expect(faults: readonly Fault[]): void {
    this.#answersLost = faults.some(({ losesAnswers }) => losesAnswers);
    for (const deviceNumber of faults.flatMap(({ ends = [] }) => ends)) this.#linkOf.delete(deviceNumber);
  }
}
