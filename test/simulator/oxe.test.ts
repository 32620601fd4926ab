import assert from 'node:assert/strict';
import { numbersOf } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { usersOf } from '../../simulator/settings/population';
import { openSession, start, stopAll } from './support';
import type { ChannelReader, Client } from './support';

describe('the OXE behind the simulator', () => {
  let oxe: Simulator;
  let client: Client;
  let channel: ChannelReader;

  beforeEach(async () => {
    oxe = await start();
    client = await openSession(oxe);
    channel = await client.channel();
  });
  afterEach(stopAll);

  it('tells when a device goes out of service, and does not ring it', async () => {
    await client.monitor('70123');
    const events = await channel.during(oxe, async () => {
      await oxe.deviceState('70124', 'OUT_OF_SERVICE');
      await oxe.call({ from: '0390670000', to: '70123' }).ringing();
    });
    assert.deepEqual(events[0], {
      eventName: 'OnDeviceStateModified',
      loginName: 'oxe70123',
      deviceStates: [{ deviceId: '70124', state: 'OUT_OF_SERVICE' }],
    });
    assert.deepEqual(events[1]?.legs, [{ deviceId: '70123', state: 'RINGING_INCOMING' }]);
  });

  it('tells when a user changes, and answers with the new name', async () => {
    await client.monitor('70120');
    const [event] = await channel.during(oxe, () => oxe.changeUser('oxe70120', { lastName: 'Müller' }));
    assert.equal(event?.eventName, 'OnUserInfoChanged');
    assert.deepEqual(event.user, await client.ok('GET', '/users/70120'));
    assert.equal((event.user as { lastName: string }).lastName, 'Müller');
  });

  it('tells what an agent does, in events, snapshots and answers alike', async () => {
    await client.monitor('70141');
    const withdrawn = {
      mainState: 'LOG_ON',
      subState: 'WITHDRAW',
      proAcdDeviceNumber: '70140',
      pgNumber: '32000',
      withdrawReason: 5,
      withdrawn: true,
    } as const;
    const events = await channel.during(oxe, async () => {
      await oxe.agentState('oxe70141', withdrawn);
      await client.ok('POST', '/acd/agent/state/snapshot');
    });
    assert.deepEqual(
      events,
      [1, 2].map(() => ({ eventName: 'OnAgentStateChanged', loginName: 'oxe70141', state: withdrawn })),
    );
    assert.deepEqual(await client.ok('GET', '/acd/agent/state?loginName=oxe70141'), withdrawn);
  });

  it('finds no agent for a call when none is ready', async () => {
    for (const login of ['oxe70141', 'oxe70143']) await oxe.agentState(login, { mainState: 'LOG_OFF' });
    assert.throws(
      () => oxe.call({ from: '0390670000', to: '60141' }).distribute(),
      /no agent of group 32000 is ready/,
    );
  });

  it('takes new users while it runs', async () => {
    const link = await client.monitor();
    oxe.addUser({ number: '79999', firstName: 'New' });
    assert.deepEqual(await client.ok('POST', `${link}/monitor`, { deviceNumber: '79999' }), {
      userId: 'oxe79999',
    });
  });

  it('ends all calls at once', async () => {
    await client.monitor('70120', '70130');
    await oxe.call({ from: '0390670000', to: '70120' }).answered();
    oxe.call({ from: '70130', to: '0390670000' });
    const events = await channel.during(oxe, () => oxe.endCalls());
    assert.equal(events.filter(({ eventName }) => eventName === 'OnCallRemoved').length, 2);
    assert.equal(oxe.callCount(), 0);
  });

  it('plays calls by itself: to a recorded device first, ringing, talking, held, talking, over', async () => {
    const link = await client.monitor('70120', '70130');
    await client.ok('POST', `${link}/record`, {
      deviceNumber: '70130',
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: 9,
      receivedFlowPort: 9,
    });
    const from = channel.events.length;
    const stop = oxe.autoplay({ everyMs: 60_000, ringMs: 1, talkMs: 1, holdMs: 1 });
    await channel.until(
      () => channel.events.slice(from).some(({ eventName }) => eventName === 'OnCallRemoved'),
      'the end of a call',
    );
    stop();
    const states = channel.events
      .slice(from)
      .filter(({ eventName }) => eventName.startsWith('OnCall'))
      .map(({ loginName, callData }) => [loginName, (callData as { state?: string } | undefined)?.state]);
    assert.deepEqual(
      states,
      ['RINGING_INCOMING', 'ACTIVE', 'HELD', 'ACTIVE', 'RELEASING', undefined].map((state) => [
        'oxe70130',
        state,
      ]),
    );
  });

  it('calls back with every request that was answered, until told to stop', async () => {
    const seen: string[] = [];
    const stop = oxe.onRequest(({ method, status }) => seen.push(`${method} ${status}`));
    await client.ok('GET', '/sessions');
    stop();
    await client.ok('GET', '/sessions');
    assert.deepEqual(seen, ['GET 200']);
  });

  it('refuses nodes and numbers that make no sense', async () => {
    await assert.rejects(start({ devices: [{ number: '1', nodeId: 9 }] }), /no OXE node 9/);
    await assert.rejects(start({ devices: ['5-1'] }), /must run upwards/);
  });
});

describe('lists of numbers', () => {
  it('hold numbers and ranges, keep leading zeros, and may name the node', () => {
    assert.deepEqual(numbersOf('008-011, 70120,*12#'), ['008', '009', '010', '011', '70120', '*12#']);
    assert.deepEqual(usersOf(['1-2,8:3-4', { number: '5' }]), [
      { number: '1' },
      { number: '2' },
      { number: '3', nodeId: 8 },
      { number: '4', nodeId: 8 },
      { number: '5' },
    ]);
    assert.throws(() => numbersOf('1-'), RangeError);
  });
});
