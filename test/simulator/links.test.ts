import assert from 'node:assert/strict';
import type { Simulator } from '../../simulator/simulator-api';
import type { SimulatorOptions } from '../../simulator';
import { openSession, start, stopAll } from './support';
import type { Client } from './support';

const record = (deviceNumber: string, port = 20000, ipRecorderAddr = '127.0.0.1'): object => ({
  deviceNumber,
  ipRecorderAddr,
  sentFlowPort: port,
  receivedFlowPort: port + 2,
});
const beep = (deviceNumber: string): object => ({
  deviceNumber,
  tone: 25,
  presenceDuration: 50,
  silenceDuration: 15,
});

describe('DR links', () => {
  let oxe: Simulator;
  let client: Client;

  const begin = async (options: SimulatorOptions = {}): Promise<void> => {
    oxe = await start(options);
    client = await openSession(oxe);
  };
  afterEach(stopAll);

  for (const { oxeSecure, secured, secure } of [
    { oxeSecure: false, secured: undefined, secure: false },
    { oxeSecure: false, secured: true, secure: false },
    { oxeSecure: false, secured: false, secure: false },
    { oxeSecure: true, secured: undefined, secure: true },
    { oxeSecure: true, secured: true, secure: true },
    { oxeSecure: true, secured: false, secure: false },
  ]) {
    it(`a ${oxeSecure ? '' : 'not '}secured OXE, asked for secured=${secured ?? 'nothing'}, answers secure=${secure}, and gives keys accordingly`, async () => {
      await begin({ secure: oxeSecure });
      const registered = await client.ok(
        'POST',
        '/iprecord/7/link',
        secured === undefined ? {} : { secured },
      );
      assert.equal(registered.secure, secure);
      const link = `/iprecord/7/link/${String(registered.registrationId)}`;
      await client.ok('POST', `${link}/monitor`, { deviceNumber: '70120' });
      const first = await client.ok('POST', `${link}/record`, record('70120'));
      assert.deepEqual(Object.keys(first), secure ? ['key', 'salt'] : []);
      const second = await client.ok('POST', `${link}/record`, record('70120'));
      if (secure) assert.notDeepEqual(second, first);
    });
  }

  for (const { bits, encoding, key, salt } of [
    { bits: 128, encoding: 'hex', key: /^[0-9a-f]{32}$/, salt: /^[0-9a-f]{28}$/ },
    { bits: 256, encoding: 'hex', key: /^[0-9a-f]{64}$/, salt: /^[0-9a-f]{28}$/ },
    { bits: 128, encoding: 'base64', key: /^[A-Za-z0-9+/]{22}==$/, salt: /^[A-Za-z0-9+/]{19}=$/ },
    { bits: 256, encoding: 'base64', key: /^[A-Za-z0-9+/]{43}=$/, salt: /^[A-Za-z0-9+/]{19}=$/ },
  ] as const) {
    it(`keys of ${bits} bits are written in ${encoding}`, async () => {
      await begin({ secure: true, srtp: { bits, encoding, tag: true } });
      const keys = await client.ok('POST', `${await client.monitor('70120')}/record`, record('70120'));
      assert.match(String(keys.key), key);
      assert.match(String(keys.salt), salt);
    });
  }

  it('identifiers can not be guessed', async () => {
    await begin();
    const ids = new Set<string>();
    for (let count = 0; count < 20; count += 1)
      ids.add(String((await client.ok('POST', '/iprecord/7/link', {})).registrationId));
    assert.equal(ids.size, 20);
    for (const id of ids) assert.match(id, /^[\w-]{12}$/);
  });

  it('live on their node only', async () => {
    await begin({ nodes: [7, 8], devices: ['70120', '8:71000'] });
    const link = await client.link(8);
    assert.deepEqual((await client.ok('GET', '/iprecord/7/link')).drLinks, []);
    assert.equal((await client.send('POST', `${link}/monitor`, { deviceNumber: '70120' })).status, 404);
    assert.deepEqual(await client.ok('POST', `${link}/monitor`, { deviceNumber: '71000' }), {
      userId: 'oxe71000',
    });
    assert.deepEqual([oxe.monitored(7), oxe.monitored(8)], [[], ['71000']]);
  });

  it('list what is recorded: IP with address and ports, TDM with its time slot; monitored only when asked for', async () => {
    for (const listMonitored of [false, true]) {
      await begin({ listMonitored });
      const link = await client.monitor('70120', '70121', '70122');
      await client.ok('POST', `${link}/record`, record('70120'));
      await client.ok('POST', `${link}/tdmrecord`, {
        deviceNumber: '70121',
        crystal: 2,
        board: 0,
        timeslot: 10,
      });
      assert.deepEqual((await client.ok('GET', '/iprecord/7/link')).drLinks, [
        {
          identifier: link.split('/').at(-1),
          nbRecordedDevices: 2,
          recordedDevices: [
            {
              number: '70120',
              recorded: true,
              recordingResource: '127.0.0.1',
              ip: true,
              sentFlowPort: 20000,
              receivedFlowPort: 20002,
            },
            { number: '70121', recorded: true, recordingResource: '2/0/10', ip: false },
            ...(listMonitored ? [{ number: '70122', recorded: false }] : []),
          ],
        },
      ]);
      const { pbxs } = (await client.ok('GET', '/system/status')) as {
        pbxs: { drLinks: object[]; monitoredUserNumber: number }[];
      };
      assert.deepEqual([pbxs[0]?.drLinks.length, pbxs[0]?.monitoredUserNumber], [1, 3]);
    }
  });

  it('a second device belongs to the main user, who appears in /logins with the first monitored device and goes with the last', async () => {
    await begin();
    const channel = await client.channel();
    const link = await client.link();
    const events = await channel.during(oxe, async () => {
      assert.deepEqual(await client.ok('POST', `${link}/monitor`, { deviceNumber: '70124' }), {
        userId: 'oxe70123',
      });
      assert.deepEqual(await client.ok('POST', `${link}/monitor`, { deviceNumber: '70123' }), {
        userId: 'oxe70123',
      });
      assert.deepEqual(await client.ok('POST', `${link}/monitor`, { deviceNumber: '70123' }), {
        userId: 'oxe70123',
      });
      assert.deepEqual(await client.ok('GET', '/logins'), { loginNames: ['oxe70123'] });
      await client.ok('DELETE', `${link}/monitor/70124`);
      await client.ok('DELETE', `${link}/monitor/70123`);
      assert.deepEqual(await client.ok('GET', '/logins'), { loginNames: [] });
    });
    assert.deepEqual(
      events.map(({ eventName }) => eventName),
      ['OnUserCreated', 'OnDeviceStateModified', 'OnUserStateModified', 'OnUserDeleted'],
    );
  });

  it('logins are selected by node, agents, and external login', async () => {
    await begin({
      nodes: [7, 8],
      devices: [
        { number: '1', externalLogin: 'one' },
        { number: '2', nodeId: 8 },
        { number: '3', agent: { proAcdDeviceNumber: '1', pgNumber: '9' } },
      ],
    });
    const links = { 7: await client.link(7), 8: await client.link(8) };
    for (const [deviceNumber, node] of [
      ['1', 7],
      ['2', 8],
      ['3', 7],
    ] as const)
      await client.ok('POST', `${links[node]}/monitor`, { deviceNumber });
    for (const [query, logins] of [
      ['', ['oxe1', 'oxe2', 'oxe3']],
      ['?nodeIds=8', ['oxe2']],
      ['?nodeIds=7,8', ['oxe1', 'oxe2', 'oxe3']],
      ['?nodeIds=7%3B8', ['oxe1', 'oxe2', 'oxe3']],
      ['?onlyACD', ['oxe3']],
      ['?onlyWithExtLogin=', ['oxe1']],
      ['?nodeIds=8&onlyACD', []],
    ] as const) {
      assert.deepEqual((await client.ok('GET', `/logins${query}`)).loginNames, logins, query);
    }
  });

  it('a recording or beep ends with the monitoring, the beep with the recording', async () => {
    await begin();
    const link = await client.monitor('70120');
    await client.ok('POST', `${link}/record`, record('70120'));
    await client.ok('POST', `${link}/beep`, beep('70120'));
    assert.deepEqual([oxe.recorded(7), oxe.beeping(7)], [['70120'], ['70120']]);
    await client.ok('DELETE', `${link}/record/70120`);
    assert.deepEqual([oxe.monitored(7), oxe.recorded(7), oxe.beeping(7)], [['70120'], [], []]);
    await client.ok('POST', `${link}/record`, record('70120'));
    await client.ok('DELETE', `${link}/monitor/70120`);
    assert.deepEqual([oxe.monitored(7), oxe.recorded(7)], [[], []]);
  });

  it('recording again changes address and ports, and keeps the beep', async () => {
    await begin();
    const link = await client.monitor('70120');
    await client.ok('POST', `${link}/record`, record('70120'));
    await client.ok('POST', `${link}/beep`, beep('70120'));
    await client.ok('POST', `${link}/record`, record('70120', 30000, '127.0.0.2'));
    assert.deepEqual(oxe.recordings(7), [
      {
        deviceNumber: '70120',
        registrationId: link.split('/').at(-1),
        ipRecorderAddr: '127.0.0.2',
        sentFlowPort: 30000,
        receivedFlowPort: 30002,
      },
    ]);
    assert.deepEqual(oxe.beeping(7), ['70120']);
  });

  it('a TDM beep needs a communication', async () => {
    await begin();
    const link = await client.monitor('70120');
    await client.ok('POST', `${link}/tdmrecord`, {
      deviceNumber: '70120',
      crystal: 2,
      board: 0,
      timeslot: 1,
    });
    assert.equal((await client.send('POST', `${link}/beep`, beep('70120'))).status, 403);
    await oxe.call({ from: '0390670000', to: '70120' }).answered();
    await client.ok('POST', `${link}/beep`, beep('70120'));
  });

  for (const linksOutliveSessions of [false, true]) {
    it(`${linksOutliveSessions ? 'outlive' : 'end with'} the session that registered them`, async () => {
      await begin({ linksOutliveSessions });
      const link = await client.monitor('70120');
      await client.ok('POST', `${link}/record`, record('70120'));
      oxe.expireSession();
      assert.deepEqual(oxe.recorded(7), linksOutliveSessions ? ['70120'] : []);
      const next = await openSession(oxe);
      assert.equal((await next.send('DELETE', link)).status, linksOutliveSessions ? 204 : 404);
    });
  }

  it('of another recorder are shown and not to be touched', async () => {
    await begin();
    const id = oxe.addForeignLink(7, ['70130']);
    const { drLinks } = (await client.ok('GET', '/iprecord/7/link')) as { drLinks: { identifier: string }[] };
    assert.deepEqual(
      drLinks.map(({ identifier }) => identifier),
      [id],
    );
    assert.deepEqual(oxe.links(7), []);
    assert.equal((await client.send('DELETE', `/iprecord/7/link/${id}`)).status, 403);
    assert.match(oxe.violations().join(), /registered by another recorder/);
    oxe.clearViolations();
  });

  it('forgotten without a word are refused afterwards without blame', async () => {
    await begin();
    const channel = await client.channel();
    const link = await client.monitor('70120', '70121', '70122');
    for (const number of ['70120', '70121', '70122'])
      await client.ok('POST', `${link}/record`, record(number));
    const events = await channel.during(oxe, () => {
      oxe.forgetRecording('70120');
      oxe.forgetMonitor('70121');
    });
    assert.deepEqual(events, []);
    assert.deepEqual([oxe.monitored(7), oxe.recorded(7)], [['70120', '70122'], ['70122']]);
    assert.equal((await client.send('POST', `${link}/beep`, beep('70120'))).status, 403);
    assert.equal((await client.send('POST', `${link}/record`, record('70121'))).status, 403);
    await client.ok('POST', `${link}/monitor`, { deviceNumber: '70121' });
    await client.ok('POST', `${link}/record`, record('70121'));
    oxe.forgetLink(7);
    assert.deepEqual((await client.ok('GET', '/iprecord/7/link')).drLinks, []);
    assert.equal((await client.send('POST', `${link}/monitor`, { deviceNumber: '70120' })).status, 404);
    assert.deepEqual(oxe.violations(), []);
  });
});
