import assert from 'node:assert/strict';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { config, flow, node, o2gLink, o2gServer } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { portRange, temporaryFolder, until } from '../../recorder/support';
import { tried } from '../../support/tier';
import type { NodeRedVersion } from '../../support/toolchain';

const PARTY = '0390678912';
const PASSWORD = 'Pa55-of-the-recorder';
const TOKEN = 'token-of-the-tunnel-0815';
const PATIENCE = { timeoutMs: 60_000 };
/** What tells who or where somebody is. */
const PERSONAL = [
  '70003',
  '70019',
  '79999',
  'oxe70003',
  'Clinic of Brest',
  'Ward 4',
  'chief of recording',
  '/recorder-',
  'o2g-recorder-login',
  '127.0.0.1',
  '192.0.2.77',
  'standby.example.com',
];

interface Bundle {
  readonly withNumbers: boolean;
  readonly versions: Record<'palette' | 'nodeRed' | 'node' | 'os', string>;
  readonly process: { eventLoopDelayMs: { p99: number }; rssMb: number };
  readonly configuration: {
    id: string;
    type: string;
    devices?: string;
    deviceNumber?: string;
    delivery?: string;
  }[];
  readonly servers: { id: string; state: string; metrics: { events: number } }[];
  readonly links: {
    state: string;
    coverage: { devices: number; lacking: number; actual: Record<string, number> };
    lacking: { deviceNumber: string; reason: string }[];
  }[];
  readonly recorders: { started: boolean; recording: number; packets: number }[];
  readonly errors: { text: string }[];
}

for (const version of tried<NodeRedVersion>(['4.1', '5.0'], ['4.1'])) {
  describe(`the support bundle of Node-RED ${version}`, function () {
    this.timeout(120_000);
    let oxe: Simulator;
    let red: NodeRed;

    before(async () => {
      oxe = await startSimulator({
        devices: ['70000-70019'],
        login: 'o2g-recorder-login',
        password: PASSWORD,
      });
      const files = {
        name: 'Ward 4',
        address: '127.0.0.1',
        ...portRange(120),
        folder: await temporaryFolder(),
        filename: '',
        format: 'g711',
        split: 'conversation',
        maxMinutes: 240,
      };
      const server = o2gServer({
        url: oxe.url,
        name: 'Clinic of Brest',
        login: oxe.login,
        password: oxe.password,
        secondaryUrl: 'http://standby.example.com',
        application: 'chief of recording',
        delivery: 'chunk',
      });
      red = await startNodeRed({
        version,
        settings: { adminAuth: { type: 'credentials', users: [] } },
        flows: flow([
          { ...server, credentials: { ...server.credentials, tunnelToken: TOKEN } },
          o2gLink({
            oxeNode: '7',
            name: 'Link of Clinic of Brest',
            devices: '70000-70019, 79999',
            record: '70003',
            media: 'files',
          }),
          config('files', 'o2g-recorder', files),
          node(
            'events',
            'o2g-events',
            {
              server: 'server',
              selectors: [{ names: ['telephony'], ids: ['oxe70003'] }],
              snapshot: false,
              dynamic: false,
            },
            null,
            null,
          ),
          node(
            'monitor',
            'o2g-monitor',
            { link: 'link', action: 'start', deviceNumber: 'payload.device', deviceNumberType: 'msg' },
            null,
          ),
          node(
            'record',
            'o2g-record',
            {
              link: 'link',
              action: 'start',
              mode: 'ip',
              deviceNumber: '70019',
              deviceNumberType: 'str',
              ipRecorderAddr: '192.0.2.77',
              ipRecorderAddrType: 'str',
            },
            null,
            null,
          ),
        ]),
      });
      await oxe.once(
        () => oxe.monitored(7).length === 20 && oxe.recorded(7).length === 1 && oxe.channelCount() === 1,
        { what: 'all in force', ...PATIENCE },
      );
      await oxe.call({ from: PARTY, to: '70003' }).answered();
      await until(
        'packets in the recorder',
        async () => ((await bundle('/o2g/support')).recorders[0]?.packets ?? 0) > 0,
      );
      await until(
        'the error of the unknown device',
        async () => (await bundle('/o2g/support')).errors.length > 0,
      );
    });
    after(async () => {
      assert.ok(red.alive());
      await stopAll();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    const text = async (path: string): Promise<string> => {
      const answer = await red.admin(path);
      assert.equal(answer.status, 200);
      return answer.text();
    };
    const bundle = async (path: string): Promise<Bundle> => JSON.parse(await text(path)) as Bundle;
    const secrets = (): string[] => [
      PASSWORD,
      TOKEN,
      PARTY,
      ...oxe.sessions().map(({ cookie }) => cookie),
      ...oxe.subscriptions().map(({ id }) => id),
    ];

    it('tells versions, configuration, states, counters and errors, and neither secrets nor who or where somebody is', async () => {
      const written = await text('/o2g/support');
      for (const word of [...secrets(), ...PERSONAL])
        assert.ok(!written.includes(word), `${word} is in ${written}`);
      const {
        versions,
        process,
        configuration,
        servers,
        links: [link],
        recorders: [recorder],
        errors: [error],
        withNumbers,
      } = JSON.parse(written) as Bundle;
      assert.equal(withNumbers, false);
      assert.match(versions.palette, /^\d+\.\d+\.\d+/);
      assert.ok(
        versions.nodeRed.startsWith(version) &&
          versions.node.startsWith('v') &&
          process.eventLoopDelayMs.p99 >= 0 &&
          process.rssMb > 0,
        written,
      );
      assert.deepEqual(configuration.map(({ type }) => type).sort(), [
        'o2g-events',
        'o2g-link',
        'o2g-monitor',
        'o2g-record',
        'o2g-recorder',
        'o2g-server',
      ]);
      assert.deepEqual(
        servers.map(({ id, state }) => [id, state]),
        [['server', 'connected']],
      );
      assert.ok((servers[0]?.metrics.events ?? 0) > 0);
      assert.deepEqual(
        [link?.state, link?.coverage.devices, link?.coverage.lacking, link?.coverage.actual.monitored],
        ['registered', 21, 1, 20],
      );
      assert.deepEqual([recorder?.started, recorder?.recording], [true, 1]);
      assert.equal(configuration.find(({ type }) => type === 'o2g-server')?.delivery, 'chunk');
      assert.equal(configuration.find(({ type }) => type === 'o2g-monitor')?.deviceNumber, 'payload.device');
      // The same number has the same mark everywhere.
      const [lacking] = link?.lacking ?? [];
      assert.match(lacking?.deviceNumber ?? '', /^<number \d+>$/);
      assert.ok(
        configuration
          .find(({ type }) => type === 'o2g-link')
          ?.devices?.endsWith(`, ${lacking?.deviceNumber ?? '-'}`),
        written,
      );
      assert.ok(
        error?.text.startsWith(`${lacking?.deviceNumber ?? '-'}: `) && error.text.includes('NOT_FOUND'),
        written,
      );
    });

    it('tells numbers, names and addresses when asked, and no secret', async () => {
      const written = await text('/o2g/support/numbers');
      for (const word of secrets()) assert.ok(!written.includes(word), `${word} is in ${written}`);
      for (const word of [
        '70000-70019, 79999',
        'oxe70003',
        'Clinic of Brest',
        '127.0.0.1',
        '192.0.2.77',
        'standby.example.com',
      ])
        assert.ok(written.includes(word), `${word} is not in ${written}`);
      assert.equal((JSON.parse(written) as Bundle).withNumbers, true);
    });

    it('is for those who may act; with numbers they must be allowed to read as well', async () => {
      const status = async (path: string, permissions: string): Promise<number> =>
        (
          await red.admin(path, {
            headers: { authorization: permissions === '' ? '' : `Bearer ${red.token(permissions)}` },
          })
        ).status;
      const asked = ['', 'read', 'o2g.read', 'flows.write', 'o2g.write', 'write', '*'];
      assert.deepEqual(
        await Promise.all(asked.map((permissions) => status('/o2g/support', permissions))),
        [401, 403, 403, 403, 200, 200, 200],
      );
      assert.deepEqual(
        await Promise.all(asked.map((permissions) => status('/o2g/support/numbers', permissions))),
        [401, 403, 403, 403, 403, 403, 200],
      );
    });
  });
}
