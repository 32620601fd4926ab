import assert from 'node:assert/strict';
import { changed } from '../../support/flow';
import { startNodeRed, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { DEVICES, TARGET, wholeFlow } from '../flows';

interface Answer {
  readonly revision: string;
  readonly whole: boolean;
  readonly servers: {
    id: string;
    state?: string;
    heardAt?: string;
    site?: string;
    nodes: { oxeNode: number; state: string; drLinks: number }[];
  }[];
  readonly links: { id: string; server: string; state?: string }[];
  readonly devices: {
    link: string;
    deviceNumber: string;
    desired: string[];
    actual: string[];
    user?: string;
    inCall: boolean;
  }[];
  readonly gone: { link: string; deviceNumber: string }[];
  readonly errors: { at: string; source: string; text: string }[];
}

/** Steps of waiting for an answer of Node-RED that is as awaited: it is asked again, as an editor that was told of a change does. */
const STEP_MS = 100;
const STEPS = 300;

describe('what the sidebar asks for', function () {
  this.timeout(60_000);
  let oxe: Simulator;
  let red: NodeRed;

  const ask = async (since?: string): Promise<Answer> =>
    (
      await red.admin(`/o2g/overview${since === undefined ? '' : `?since=${encodeURIComponent(since)}`}`)
    ).json() as Promise<Answer>;
  const once = async (accepts: (answer: Answer) => boolean, since?: string): Promise<Answer> => {
    let answer = await ask(since);
    for (let step = 0; step < STEPS && !accepts(answer); step += 1) {
      await new Promise((resolve) => {
        setTimeout(resolve, STEP_MS);
      });
      answer = await ask(since);
    }
    assert.ok(accepts(answer), JSON.stringify(answer));
    return answer;
  };

  beforeEach(async () => {
    oxe = await startSimulator({ devices: DEVICES });
    red = await startNodeRed({ flows: wholeFlow(oxe, { link: { devices: '70000-70099' } }) });
  });
  afterEach(async () => {
    assert.ok(red.alive());
    await red.stop();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  it('is everything at first, then what changed, and everything again after a deploy', async () => {
    const whole = await once(
      ({ devices }) => devices.length === 100 && devices.every(({ actual }) => actual.includes('monitored')),
    );
    assert.equal(whole.whole, true);
    const {
      servers: [server],
      links: [link],
      devices: [device],
    } = await once(({ servers }) => servers[0]?.nodes.length === 1);
    assert.deepEqual(
      [server?.id, server?.state, server?.nodes],
      ['server', 'connected', [{ oxeNode: 7, name: 'oxe-7', state: 'CONNECTED_MAIN', drLinks: 1 }]],
    );
    assert.deepEqual([link?.id, link?.server, link?.state], ['link', 'server', 'registered']);
    assert.deepEqual([device?.deviceNumber, device?.user, device?.inCall], ['70000', 'oxe70000', false]);

    const { revision } = await ask();
    assert.deepEqual((await ask(revision)).devices, []);
    red.inject('in-record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } });
    const more = await once(
      ({ devices }) =>
        devices.some(({ deviceNumber, actual }) => deviceNumber === '70120' && actual.includes('recorded')),
      revision,
    );
    assert.equal(more.whole, false);
    assert.deepEqual(
      more.devices.map(({ deviceNumber }) => deviceNumber),
      ['70120'],
    );
    red.inject('in-monitor', { action: 'stop', payload: '70120' });
    const less = await once(
      ({ gone }) => gone.some(({ deviceNumber }) => deviceNumber === '70120'),
      more.revision,
    );
    assert.deepEqual(
      less.devices.filter(({ deviceNumber }) => deviceNumber === '70120'),
      [],
    );

    await red.deploy(changed(await red.flows(), { 'node-beep': { name: 'another' } }), { type: 'nodes' });
    assert.equal((await once((answer) => answer.whole, less.revision)).devices.length, 100);
    assert.equal((await ask('of another start 7')).whole, true);
  });

  it('asks O2G for nothing while nobody looks', async () => {
    await oxe.once(() => oxe.monitored(7).length === 100);
    const status = (): number => oxe.requests().filter(({ path }) => path.endsWith('/system/status')).length;
    assert.equal(status(), 0);
    await Promise.all(Array.from({ length: 20 }, () => ask()));
    await once(({ servers }) => servers[0]?.nodes.length === 1);
    assert.equal(status(), 1);
  });
});
