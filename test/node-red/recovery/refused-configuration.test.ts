import assert from 'node:assert/strict';

import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { portRange, temporaryFolder } from '../../recorder/support';
import {
  changed,
  config,
  flow,
  node,
  o2gLink,
  o2gServer,
  probeIn,
  probeOut,
  without,
  type Flow,
} from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';

interface CoverageMessage {
  readonly link: string;
  readonly deviceNumber?: string;
  readonly devices?: string;
  readonly desired: string[];
  readonly actual: string[];
  readonly confirmed?: boolean;
  readonly reason: string;
  readonly since: string;
}

/** Links with one mistake each, beside a good one; what each is called, and what its reason must say. */
const REFUSED: readonly [
  name: string,
  properties: Record<string, unknown>,
  device: string,
  reason: RegExp,
][] = [
  ['no recorder', { devices: '70001', record: 'all' }, '70001', /media|recorder/],
  ['a recorder that is gone', { devices: '70002', record: 'all', media: 'gone' }, '70002', /recorder/],
  ['no OXE node', { devices: '70003', oxeNode: '' }, '70003', /oxeNode|OXE node/],
  ['an unknown server', { devices: '70004', server: 'gone' }, '70004', /server/],
  ['a server without an address', { devices: '70005', server: 'blank' }, '70005', /url|address/i],
  ['a list that cannot be read', { devices: '70006/70007' }, '70006/70007', /devices/],
];
/** Twenty seconds, and what a busy machine needs. */
const PATIENCE = { timeoutMs: 40_000 };

describe('Recorder links whose configuration is refused', function () {
  this.timeout(180_000);
  let oxe: Simulator;
  let red: NodeRed;
  let flows: Flow;

  before(async () => {
    oxe = await startSimulator({ devices: ['70000-70009'] });
    flows = flow([
      o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password }),
      o2gServer({ url: '' }, 'blank'),
      config('recorder', 'o2g-recorder', {
        name: '',
        address: '127.0.0.1',
        bind: '127.0.0.1',
        ...portRange(40),
        folder: await temporaryFolder(),
        filename: '',
        format: 'g711',
        split: 'conversation',
        maxMinutes: 240,
      }),
      o2gLink({ name: 'good', oxeNode: '7', devices: '70000' }),
      ...REFUSED.map(([name, properties], index) =>
        o2gLink({ name, oxeNode: '7', media: '', ...properties }, `refused-${index}`),
      ),
      node(
        'node-events',
        'o2g-events',
        { server: 'server', selectors: [{ names: ['user'], ids: [] }] },
        null,
        'news',
      ),
      node('node-status', 'o2g-status', { server: 'server', query: 'coverage' }, 'out'),
      probeIn('in-status', 'node-status'),
      ...['news', 'out'].map((name) => probeOut(name)),
    ]);
    red = await startNodeRed({ flows });
  });
  after(async () => {
    await stopAll();
    await oxe.close();
  });

  const told = (topic: string, device: string): Promise<{ payload: CoverageMessage }> =>
    red.told<CoverageMessage>(
      'news',
      (message) =>
        message.topic === topic && (message.payload.deviceNumber ?? message.payload.devices) === device,
      PATIENCE,
    );
  const coverage = async (): Promise<CoverageMessage[]> => {
    red.inject('in-status', {});
    return (await red.told<CoverageMessage[]>('out')).payload;
  };

  it('are in the coverage at once, each device with the reason', async () => {
    const rows = await coverage();
    for (const [link, , device, reason] of REFUSED) {
      const row = rows.find((each) => each.link === link);
      assert.ok(row, link);
      assert.equal(row.deviceNumber ?? row.devices, device);
      assert.deepEqual([row.actual, row.confirmed], [[], false]);
      assert.match(row.reason, reason);
    }
  });

  it('are in the overview as refused, and their devices as lacking', async () => {
    const { links, devices } = (await (await red.admin('/o2g/overview')).json()) as {
      links: { label: string; state: string; reason: string }[];
      devices: CoverageMessage[];
    };
    for (const [label, , device, reason] of REFUSED) {
      const link = links.find((each) => each.label === label);
      assert.deepEqual([label, link?.state], [label, 'refused']);
      assert.match(link?.reason ?? '', reason);
      assert.deepEqual(devices.find(({ deviceNumber }) => deviceNumber === device)?.actual, [], device);
    }
  });

  it('report each device as unrecorded once, 20 s after the deploy', async () => {
    for (const [link, , device, reason] of REFUSED) {
      const { payload } = await told('unrecorded', device);
      assert.equal(payload.link, link);
      assert.match(payload.reason, reason);
    }
    assert.equal(red.received('news').filter(({ topic }) => topic === 'unrecorded').length, REFUSED.length);
  });

  it('report them as restored when the mistake is mended, and as released when the link is gone', async () => {
    const mended = changed(flows, {
      'refused-0': { media: 'recorder' },
      'refused-2': { oxeNode: '7' },
      'refused-3': { server: 'server' },
    });
    await red.deploy(without(mended, 'refused-1', 'refused-4', 'refused-5'));
    for (const index of [0, 2, 3]) await told('restored', REFUSED[index]?.[2] ?? '');
    for (const index of [1, 4, 5]) await told('released', REFUSED[index]?.[2] ?? '');
    await oxe.once(() => oxe.recorded(7).includes('70001') && oxe.monitored(7).length === 4);
    assert.ok((await coverage()).every(({ reason }) => reason === ''));
  });
});
