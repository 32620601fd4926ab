import assert from 'node:assert/strict';
import { OPERATIONS, type Operation, type OperationName } from '../../../o2g/spec/operations';
import { ERROR_TYPES } from '../../../o2g/spec/errors';
import { ENUMERATIONS, REPRESENTATIONS, type RepresentationName } from '../../../o2g/spec/representations';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { BEEP, DEVICES, TARGET, wholeFlow } from '../flows';
import { instanceOf } from './instances';

/** Those of the event channel; OnServerStart comes by webhook only, and is told there. */
const EVENTS = (Object.keys(REPRESENTATIONS) as RepresentationName[]).filter(
  (name) => name.startsWith('On') && name !== 'OnServerStart',
);
const reachedOperations = new Set<string>();
const reachedTypes = new Set<string>();

/** Which operation a request was. */
function operationOf(method: string, path: string): string | undefined {
  const below = path.replace('/api/rest/1.0', '');
  return (Object.entries(OPERATIONS) as [OperationName, Operation][]).find(
    ([, operation]) =>
      operation.method === method &&
      new RegExp(`^${operation.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(below),
  )?.[0];
}

describe('the specification, through nodes in a real Node-RED', () => {
  let oxe: Simulator;
  let red: NodeRed;

  before(async () => {
    oxe = await startSimulator({
      devices: [...DEVICES, { number: '70140', agent: { pgNumber: '32000', proAcdDeviceNumber: '70120' } }],
      timeToLive: 8,
    });
    oxe.onRequest(({ method, path, status }) => {
      const name = operationOf(method, path);
      if (name !== undefined && status < 300) reachedOperations.add(name);
    });
    red = await startNodeRed({
      flows: wholeFlow(oxe, {
        link: { devices: '70120' },
        events: {
          dynamic: true,
          selectors: [{ names: ['telephony', 'user', 'userManagement', 'agent', 'system'], ids: [] }],
        },
      }),
    });
    await oxe.once(() => oxe.monitored(7).length === 1);
  });
  after(async () => {
    await stopAll();
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
    assert.deepEqual(
      Object.keys(OPERATIONS).filter((name) => !reachedOperations.has(name)),
      [],
      'every operation was exercised',
    );
    const types = [...Object.keys(REPRESENTATIONS), ...Object.keys(ENUMERATIONS)];
    assert.deepEqual(
      types.filter((name) => !reachedTypes.has(name)),
      ['OnServerStart'],
      'every representation and enumeration was carried',
    );
  });

  for (const name of EVENTS) {
    it(`${name} arrives with every field as it was sent`, async () => {
      const event = instanceOf(name, reachedTypes);
      await oxe.emit(event as never);
      const text = JSON.stringify(event);
      await red.told('events', ({ topic, payload }) => topic === name && JSON.stringify(payload) === text);
    });
  }

  for (const [query, name, parameters] of [
    ['system', 'getSystemStatus', {}],
    ['session', 'getSession', {}],
    ['links', 'getLinks', { oxeNode: 7 }],
    ['logins', 'getLogins', { nodeIds: [7, 8], onlyACD: true, onlyWithExtLogin: 'true' }],
    ['users', 'findUser', { companyPhone: '70120' }],
    ['user', 'getUser', { loginName: 'oxe70120' }],
    ['calls', 'getCalls', { loginName: 'oxe70120' }],
    ['call', 'getCall', { loginName: 'oxe70120', callRef: 'b7c1d2e321000800' }],
    ['devices', 'getDevices', { loginName: 'oxe70120' }],
    ['device', 'getDevice', { loginName: 'oxe70120', deviceId: '70120' }],
    ['telephony-state', 'getTelephonyState', { loginName: 'oxe70120' }],
    ['agent-state', 'getAgentState', { loginName: 'oxe70120' }],
  ] as const) {
    it(`${query} is answered with every field of ${OPERATIONS[name].response}`, async () => {
      const { method, path, response: answer } = OPERATIONS[name];
      const body = instanceOf(answer, reachedTypes);
      oxe.answerNext({
        method,
        path: new RegExp(`${path.replace(/\{\w+\}/g, '[^/]+')}$`),
        status: 200,
        body,
      });
      red.inject('in-status', { query, payload: parameters });
      assert.deepEqual((await red.told('out')).payload, body);
    });
  }

  it('the queries are accepted by a strict server, flags without a value, lists with commas', async () => {
    for (const [query, parameters] of [
      ['system', {}],
      ['session', {}],
      ['links', {}],
      ['logins', { nodeIds: '7', onlyWithExtLogin: false }],
      ['users', { companyPhone: 70120 }],
      ['user', { loginName: 'oxe70120' }],
      ['calls', { loginName: 'oxe70120' }],
      ['devices', { loginName: 'oxe70120' }],
      ['device', { loginName: 'oxe70120', deviceId: '70120' }],
      ['telephony-state', { loginName: 'oxe70120' }],
      ['telephony-snapshot', { loginName: 'oxe70120' }],
      ['telephony-snapshot', {}],
      ['agent-snapshot', {}],
    ] as const) {
      red.inject('in-status', { query, payload: parameters });
      const { payload } = await red.told('out');
      if (query.endsWith('snapshot')) assert.deepEqual(payload, { accepted: true });
    }
    red.inject('in-status', { query: 'logins', payload: { onlyACD: 'true', nodeIds: [7, 8] } });
    await red.told('out');
    assert.ok(
      oxe
        .requests()
        .some(
          ({ path, query }) => path.endsWith('/logins') && query.nodeIds === '7,8' && query.onlyACD === '',
        ),
    );
  });

  it('a message changes what is subscribed to, and the node gets no more than it asks for', async () => {
    const put = oxe.nextRequest({ method: 'PUT' });
    red.inject('in-events', { action: 'subscribe', payload: [{ names: ['OnTomorrow'], ids: [] }] });
    assert.ok(JSON.stringify((await put).body).includes('OnTomorrow'));
    await oxe.emit({ eventName: 'OnTomorrow', anything: 1 });
    assert.deepEqual((await red.told('events', ({ topic }) => topic === 'OnTomorrow')).payload, {
      eventName: 'OnTomorrow',
      anything: 1,
    });
    const again = oxe.nextRequest({ method: 'PUT' });
    red.inject('in-events', { action: 'unsubscribe', payload: [{ names: ['OnTomorrow'], ids: [] }] });
    await again;
    await oxe.emit({ eventName: 'OnTomorrow', anything: 2 });
    await oxe.emit({ eventName: 'OnUserDeleted', loginName: 'the last one' });
    await red.told(
      'events',
      ({ payload }) => (payload as { loginName?: string }).loginName === 'the last one',
    );
    assert.equal(red.received('events').filter(({ topic }) => topic === 'OnTomorrow').length, 1);
    red.inject('in-events', { action: 'resubscribe', payload: [] });
    assert.equal((await red.told('caught')).error?.code, 'INVALID_INPUT');
  });

  it('a call in progress can be asked for', async () => {
    const call = oxe.call({ from: '0390670000', to: '70120' });
    await call.answered();
    const { payload } = await red.told<{ callRef: string }>(
      'events',
      ({ topic, payload: event }) => topic === 'OnCallCreated' && event.callRef === call.callRef,
    );
    red.inject('in-status', { query: 'call', payload: { callRef: payload.callRef, loginName: 'oxe70120' } });
    assert.equal((await red.told<{ callRef: string }>('out')).payload.callRef, payload.callRef);
    await call.hangUp();
  });

  it("an agent's state can be asked for", async () => {
    red.inject('in-monitor', { action: 'start', payload: '70140' });
    await red.told('out');
    oxe.answerNext({ method: 'GET', path: /agent\/state$/, status: 200, body: { mainState: 'LOG_OFF' } });
    red.inject('in-status', { query: 'agent-state', payload: { loginName: 'oxe70140' } });
    assert.deepEqual((await red.told('out')).payload, { mainState: 'LOG_OFF' });
    reachedOperations.add('getAgentState');
  });

  it('recording by IP and TDM, beeps, and their ends are accepted, in every form of the message', async () => {
    for (const [node, message] of [
      ['monitor', { action: 'start', payload: { deviceNumbers: '70000-70001' } }],
      ['monitor', { action: 'start', payload: [70002, '70003', { deviceNumber: '70004' }] }],
      ['record', { action: 'start', payload: { deviceNumber: '70000', ...TARGET } }],
      [
        'record',
        {
          action: 'start',
          payload: [{ deviceNumber: '70001', mode: 'tdm', crystal: 2, board: '0', timeslot: '10' }],
        },
      ],
      ['beep', { action: 'start', payload: { deviceNumber: '70000', ...BEEP } }],
      ['beep', { action: 'stop', payload: ['70000'] }],
      ['record', { action: 'stop', payload: '70000, 70001' }],
      ['monitor', { action: 'stop', payload: { userId: 'oxe70000' } }],
    ] as const) {
      red.inject(`in-${node}`, message);
      const { payload } = await red.told<{ error?: object }[]>('out');
      assert.ok(
        [payload].flat().every(({ error }) => error === undefined),
        JSON.stringify(payload),
      );
    }
  });

  it('answers and requests of representations that only the library reads are carried too', async function carried() {
    this.timeout(40_000);
    // The server accepted every request body strictly; these are the representations on that way.
    for (const name of [
      'RoxeRestApiDescriptor',
      'SessionRequest',
      'SessionTokenInfo',
      'SubscriptionRequest',
      'Subscription',
      'RegisterServiceRequest',
      'ServiceRegistered',
      'MonitorRequest',
      'DeviceMonitored',
      'StartRecordRequest',
      'RecordingSrtpKeys',
      'StartTDMRecordRequest',
      'StartBeepRequest',
      'RestErrorInfo',
    ] as const)
      instanceOf(name, reachedTypes);
    await oxe.once(() => oxe.requests().some(({ path }) => path.endsWith('/keepalive')), {
      timeoutMs: 20_000,
      what: 'a keepalive',
    });
    red.inject('in-status', { query: 'session' });
    await red.told('out');
  });

  for (const type of Object.keys(ERROR_TYPES) as (keyof typeof ERROR_TYPES)[]) {
    for (const [node, message, path] of [
      ['monitor', { action: 'start', payload: '70010' }, /\/monitor$/],
      ['record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } }, /\/record$/],
      ['beep', { action: 'start', payload: { deviceNumber: '70120', ...BEEP } }, /\/beep$/],
      ['status', { query: 'system' }, /\/system\/status$/],
    ] as const) {
      it(`${type} on ${node} reaches a Catch node with code, cause and words`, async function refusal() {
        this.timeout(15_000);
        const status =
          { NOT_READY: 503, INVALID_SESSION: 403, NOT_ALLOWED: 403, NOT_FOUND: 404, SERVER_PROBLEM: 500 }[
            type as string
          ] ?? 400;
        const body = {
          httpStatus: 'WHATEVER',
          code: ERROR_TYPES[type],
          helpMessage: `Help for ${type}.`,
          type,
          innerMessage: 'inner words',
          canRetry: true,
        };
        // Repeated by us are these, a recording after its monitor, and repairs may meet them as well; the last answer is what the caller gets.
        oxe.answerNext({
          path,
          status,
          body,
          times: ['NOT_READY', 'INVALID_SESSION', 'NOT_EXPECTED'].includes(type) ? 4 : 1,
        });
        red.inject(`in-${node}`, message);
        const { error } = await red.told('caught', (caught) => caught.error?.source.id === `node-${node}`);
        assert.equal(error?.code, type);
        assert.match(error.message, new RegExp(`Help for ${type}\\. inner words`));
        assert.deepEqual(error.cause, body);
        oxe.clearAnswers();
        // What was refused for a moment only is wanted all the same: its repair must not meet the next test's refusal.
        if (node === 'status') return;
        red.inject(`in-${node}`, { action: 'stop', payload: message.payload });
        await red.told('out');
      });
    }
  }
});
