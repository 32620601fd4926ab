import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { startNodeRed, type NodeRed } from '../../support/node-red';
import { certificate } from '../../support/certificates';
import { node } from '../../support/flow';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { BEEP, DEVICES, recordingRequests, TARGET, wholeFlow } from '../flows';

/** A recorder that counts: resolves `heard` once each of its ports got a packet. */
async function listen(): Promise<{
  ports: { sentFlowPort: number; receivedFlowPort: number };
  heard: Promise<unknown>;
  close(): void;
}> {
  const sockets: Socket[] = [createSocket('udp4'), createSocket('udp4')];
  const heard = Promise.all(
    sockets.map(
      (socket) =>
        new Promise((resolve) => {
          socket.once('message', resolve);
        }),
    ),
  );
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.bind(0, '127.0.0.1', resolve);
        }),
    ),
  );
  const [sentFlowPort = 0, receivedFlowPort = 0] = sockets.map((socket) => socket.address().port);
  return {
    ports: { sentFlowPort, receivedFlowPort },
    heard,
    close: () => {
      for (const socket of sockets) socket.close();
    },
  };
}

for (const { version, secure } of [
  { version: '4.1', secure: false },
  { version: '5.0', secure: true },
] as const) {
  describe(`the main job in Node-RED ${version} over ${secure ? 'https' : 'http'}`, () => {
    let oxe: Simulator;
    let red: NodeRed;

    const tlsNode = secure ? { tls: 'trust' } : {};

    beforeEach(async () => {
      const tls = secure ? await certificate() : undefined;
      oxe = await startSimulator({ devices: DEVICES, ...(tls ? { tls } : {}) });
      red = await startNodeRed({ version });
    });
    afterEach(async () => {
      await red.stop();
      assert.deepEqual(oxe.violations(), []);
      await oxe.close();
    });

    const deploy = async (properties: Parameters<typeof wholeFlow>[1]): Promise<void> => {
      const trust = secure
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
              credentials: { cadata: (await certificate()).cert },
            },
          ]
        : [];
      await red.deploy([...trust, ...wholeFlow(oxe, { ...properties, server: tlsNode })]);
      await red.told(
        'news',
        ({ topic, payload }) =>
          topic === 'connection' && (payload as { state: string }).state === 'connected',
      );
    };

    it('follows a call and records it: the right requests in the right order, every event once, RTP at both ports', async () => {
      const recorder = await listen();
      await deploy({});
      red.inject('in-monitor', { action: 'start', payload: '70120', keep: { me: 1 } });
      const monitored = await red.told('out');
      assert.deepEqual(monitored.payload, { deviceNumber: '70120', userId: 'oxe70120', monitored: true });
      assert.deepEqual(monitored.keep, { me: 1 }, 'the message keeps its other properties');

      const call = oxe.call({ from: '0390670000', to: '70120' });
      await call.answered();
      const created = await red.told('events', ({ topic }) => topic === 'OnCallCreated');
      const { o2g } = created as unknown as { o2g: Record<string, unknown> };
      assert.deepEqual(
        { ...o2g, receivedAt: typeof o2g.receivedAt },
        {
          server: oxe.url,
          package: 'telephony',
          devices: ['70120'],
          link: 'OXE 7',
          receivedAt: 'number',
          unsolicited: true,
        },
      );

      red.inject('in-record', {
        action: 'start',
        payload: { deviceNumber: '70120', ipRecorderAddr: '127.0.0.1', ...recorder.ports },
      });
      assert.deepEqual((await red.told('out')).payload, {
        deviceNumber: '70120',
        recording: true,
        mode: 'ip',
        secure: false,
        ipRecorderAddr: '127.0.0.1',
        ...recorder.ports,
      });
      await recorder.heard;
      red.inject('in-beep', { action: 'start', payload: { deviceNumber: '70120', ...BEEP } });
      assert.deepEqual((await red.told('out')).payload, { deviceNumber: '70120', beeping: true });
      red.inject('in-beep', { action: 'stop', payload: '70120' });
      await red.told('out');
      red.inject('in-record', { action: 'stop', payload: '70120' });
      assert.deepEqual((await red.told('out')).payload, { deviceNumber: '70120', recording: false });
      await call.hangUp();
      await red.told('events', ({ topic }) => topic === 'OnCallRemoved');
      await red.told(
        'events',
        ({ topic }) => topic === 'OnUserStateModified' && red.received('events').length === 8,
      );
      recorder.close();

      assert.deepEqual(recordingRequests(oxe), [
        'POST  {"type":"OTHER"}',
        'POST monitor {"deviceNumber":"70120"}',
        `POST record {"deviceNumber":"70120","ipRecorderAddr":"127.0.0.1","sentFlowPort":${recorder.ports.sentFlowPort},"receivedFlowPort":${recorder.ports.receivedFlowPort}}`,
        'POST beep {"deviceNumber":"70120","tone":25,"presenceDuration":50,"silenceDuration":15}',
        'DELETE beep/70120',
        'DELETE record/70120',
      ]);
      assert.deepEqual(
        red.received('events').map(({ topic }) => topic),
        [
          'OnDeviceStateModified',
          'OnUserStateModified',
          'OnCallCreated',
          'OnCallModified',
          'OnUserStateModified',
          'OnCallModified',
          'OnCallRemoved',
          'OnUserStateModified',
        ],
      );
      assert.equal(red.received('completed').length, 5);
      assert.deepEqual(red.received('caught'), []);
    });

    it("makes the same requests from the nodes' properties as from the message", async () => {
      const steps = async (): Promise<string[]> => {
        await oxe.once(() => oxe.links(7).length === 1, { what: 'the link' });
        oxe.clearRequests();
        for (const [name, action] of [
          ['monitor', 'start'],
          ['record', 'start'],
          ['beep', 'start'],
          ['beep', 'stop'],
          ['record', 'stop'],
          ['monitor', 'stop'],
        ] as const) {
          red.inject(`in-${name}`, {
            action,
            payload: fromMessage ? { deviceNumber: '70120', ...TARGET, ...BEEP } : '',
          });
          await red.told('out');
        }
        return recordingRequests(oxe);
      };
      let fromMessage = true;
      await deploy({});
      const byMessage = await steps();
      const number = (value: number): string => String(value);
      const device = { deviceNumber: '70120', deviceNumberType: 'str' };
      fromMessage = false;
      await red.deploy(
        wholeFlow(oxe, {
          server: tlsNode,
          monitor: device,
          record: {
            ...device,
            mode: 'ip',
            ipRecorderAddr: '127.0.0.1',
            sentFlowPort: number(TARGET.sentFlowPort),
            sentFlowPortType: 'num',
            receivedFlowPort: number(TARGET.receivedFlowPort),
          },
          beep: {
            ...device,
            tone: '25',
            toneType: 'num',
            presenceDuration: '50',
            silenceDuration: '"15"',
            silenceDurationType: 'jsonata',
          },
        }).concat(secure ? (await red.flows()).filter(({ id }) => id === 'trust') : []),
      );
      assert.deepEqual(await steps(), byMessage);
    });

    it('gives a second events node copies of its own', async () => {
      await deploy({});
      const meddler = node(
        'meddler',
        'function',
        { func: 'msg.payload.meddled = true; return msg;', outputs: 1, libs: [] },
        'meddled',
      );
      const flows = (await red.flows()).map((each) =>
        each.id === 'node-events' ? { ...each, wires: [['meddler'], ['news']] } : each,
      );
      await red.deploy([
        ...flows,
        { ...meddler, z: 'tab' },
        {
          ...node(
            'second',
            'o2g-events',
            { server: 'server', selectors: [{ names: ['telephony'], ids: [] }] },
            'events',
            null,
          ),
          z: 'tab',
        },
        { ...node('meddled', 'probe-out', { name: 'meddled' }), z: 'tab' },
      ]);
      await oxe.emit({
        eventName: 'OnCallRemoved',
        loginName: 'oxe70120',
        callRef: '1',
        deviceCapabilities: [],
      });
      assert.equal((await red.told<{ meddled?: boolean }>('meddled')).payload.meddled, true);
      assert.deepEqual((await red.told('events')).payload, {
        eventName: 'OnCallRemoved',
        loginName: 'oxe70120',
        callRef: '1',
        deviceCapabilities: [],
      });
    });
  });
}
