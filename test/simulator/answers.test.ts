import assert from 'node:assert/strict';
import { OPERATIONS } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import type { OperationName, Operation } from '../../simulator/specification/operations';
import { problemsOf } from '../../simulator/specification/validate';
import { API, authenticate, openSession, send, start, stopAll } from './support';
import type { Client, Reply } from './support';

/** How to reach a right answer of each operation. LINK is a link with 70120 and 70141 monitored, 70120 recorded and beeped. */
const ASK: Readonly<
  Record<
    OperationName,
    (asking: {
      oxe: Simulator;
      client: Client;
      link: string;
      callRef: string;
      subscriptionId: string;
    }) => Promise<Reply>
  >
> = {
  getDescriptor: ({ oxe }) => send(`${oxe.url}/api/rest`, 'GET'),
  authenticate: ({ oxe }) => authenticate(oxe),
  openSession: async ({ oxe }) =>
    send(`${oxe.url}${API}/sessions`, 'POST', {
      cookie: String((await authenticate(oxe)).body.credential),
      body: { applicationName: 'x' },
    }),
  getSession: ({ client }) => client.send('GET', '/sessions'),
  keepalive: ({ client }) => client.send('POST', '/sessions/keepalive'),
  getLogins: ({ client }) => client.send('GET', '/logins?nodeIds=7,8&onlyACD'),
  findUser: ({ client }) => client.send('GET', '/users?companyPhone=70120'),
  getUser: ({ client }) => client.send('GET', '/users/oxe70120'),
  subscribe: ({ client }) =>
    client.send('POST', '/subscriptions', {
      version: '1.0',
      filter: { selectors: [{ names: ['telephony'], ids: ['oxe70120'] }] },
    }),
  updateSubscription: ({ client }) =>
    client.send('PUT', '/subscriptions', { selectors: [{ names: ['system'] }] }),
  unsubscribe: ({ client, subscriptionId }) => client.send('DELETE', `/subscriptions/${subscriptionId}`),
  getCalls: ({ client }) => client.send('GET', '/telephony/calls?loginName=oxe70120'),
  getCall: ({ client, callRef }) => client.send('GET', `/telephony/calls/${callRef}?loginName=oxe70120`),
  getDeviceStates: ({ client }) => client.send('GET', '/telephony/devices?loginName=oxe70120'),
  getDeviceState: ({ client }) => client.send('GET', '/telephony/devices/70120?loginName=oxe70120'),
  getTelephonicState: ({ client }) => client.send('GET', '/telephony/state?loginName=oxe70120'),
  askTelephonySnapshot: ({ client }) => client.send('POST', '/telephony/state/snapshot'),
  getAgentState: ({ client }) => client.send('GET', '/acd/agent/state?loginName=oxe70141'),
  askAgentSnapshot: ({ client }) => client.send('POST', '/acd/agent/state/snapshot'),
  getSystemStatus: ({ client }) => client.send('GET', '/system/status'),
  getLinks: ({ client }) => client.send('GET', '/iprecord/7/link'),
  registerLink: ({ client }) => client.send('POST', '/iprecord/7/link', { type: 'NICE', secured: true }),
  startMonitor: ({ client, link }) => client.send('POST', `${link}/monitor`, { deviceNumber: '70120' }),
  startRecord: ({ client, link }) =>
    client.send('POST', `${link}/record`, {
      deviceNumber: '70120',
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: 20000,
      receivedFlowPort: 20002,
    }),
  startBeep: ({ client, link }) =>
    client.send('POST', `${link}/beep`, {
      deviceNumber: '70120',
      tone: 25,
      presenceDuration: 50,
      silenceDuration: 15,
    }),
  stopBeep: ({ client, link }) => client.send('DELETE', `${link}/beep/70120`),
  startTdmRecord: ({ client, link }) =>
    client.send('POST', `${link}/tdmrecord`, { deviceNumber: '70120', crystal: 2, board: 0, timeslot: 10 }),
  stopRecord: ({ client, link }) => client.send('DELETE', `${link}/record/70120`),
  stopMonitor: ({ client, link }) => client.send('DELETE', `${link}/monitor/70141`),
  unregisterLink: ({ client, link }) => client.send('DELETE', link),
  closeSession: ({ client }) => client.send('DELETE', '/sessions'),
};

describe('an answer', () => {
  afterEach(stopAll);

  for (const [name, ask] of Object.entries(ASK) as [OperationName, (typeof ASK)[OperationName]][]) {
    const operation: Operation = OPERATIONS[name];
    const success = operation.answer !== undefined && name !== 'keepalive' ? 200 : 204;
    it(`of ${operation.method} ${operation.path || '/api/rest'} is ${success === 200 ? `a ${operation.answer ?? ''}` : 'empty'}`, async () => {
      const oxe = await start();
      const client = await openSession(oxe);
      const link = await client.monitor('70120', '70141');
      const recording = {
        deviceNumber: '70120',
        ipRecorderAddr: '127.0.0.1',
        sentFlowPort: 20000,
        receivedFlowPort: 20002,
      };
      await client.ok('POST', `${link}/record`, recording);
      await client.ok('POST', `${link}/beep`, {
        deviceNumber: '70120',
        tone: 21,
        presenceDuration: 0,
        silenceDuration: 255,
      });
      const { callRef } = await oxe.call({ from: '70100', to: '70120' }).answered();
      const subscriptionId =
        name === 'subscribe'
          ? ''
          : (new URL(await client.subscribe()).searchParams.get('subscriptionId') ?? '');
      const reply = await ask({ oxe, client, link, callRef, subscriptionId });
      assert.equal(reply.status, success, reply.text);
      if (success === 204) {
        assert.equal(reply.text, '');
        return;
      }
      assert.equal(reply.headers['content-type'], 'application/json');
      assert.deepEqual(problemsOf(reply.body, operation.answer ?? 'RestErrorInfo', 'refuse'), []);
    });
  }
});
