import assert from 'node:assert/strict';
import type { EventObject } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { openSession, start, stopAll, Storyteller } from './support';
import type { ChannelReader, Client } from './support';

/** Monitors devices, then tells what each step raises. */
describe('the events of a call', () => {
  let oxe: Simulator;
  let client: Client;
  let channel: ChannelReader;
  let story: Storyteller;
  const OUTSIDE = '0390670000';

  beforeEach(async () => {
    oxe = await start();
    client = await openSession(oxe);
    channel = await client.channel();
    story = new Storyteller();
  });
  afterEach(stopAll);

  const during = (step: () => unknown): Promise<EventObject[]> => channel.during(oxe, step);
  const told = async (step: () => unknown): Promise<string[]> => story.tell(await during(step));

  it('come in the order of the real capture: rings, answered, BUSY after it, released, removed, FREE last', async () => {
    assert.deepEqual(await told(() => client.monitor('70120')), [
      'OnUserCreated',
      'oxe70120 OnDeviceStateModified',
      'oxe70120 OnUserStateModified FREE',
    ]);
    const events = await told(async () => {
      const call = oxe.call({ from: '70100', to: '70120' });
      await call.answered();
      await call.hangUp('70100');
    });
    assert.deepEqual(events, [
      'oxe70120 OnCallCreated A RINGING_INCOMING with 70100',
      'oxe70120 OnCallModified A ACTIVE',
      'oxe70120 OnUserStateModified BUSY',
      'oxe70120 OnCallModified A RELEASING -70100',
      'oxe70120 OnCallRemoved A',
      'oxe70120 OnUserStateModified FREE',
    ]);
  });

  it('have the keys of the real capture, in its order, with empty lists and without false booleans', async () => {
    await client.monitor('70120');
    const [created, modified, , , removed] = await during(async () => {
      await (await oxe.call({ from: '70100', to: '70120' }).answered()).hangUp();
    });
    assert.deepEqual(Object.keys(created ?? {}), [
      'eventName',
      'loginName',
      'callRef',
      'callData',
      'initiator',
      'legs',
      'participants',
      'deviceCapabilities',
    ]);
    assert.deepEqual(created?.callData, {
      initialCalled: { id: { phoneNumber: '70120' } },
      state: 'RINGING_INCOMING',
      tags: [],
    });
    assert.deepEqual(created.participants, [
      {
        participantId: '70100',
        identity: {
          id: { loginName: 'oxe70100', phoneNumber: '70100' },
          firstName: 'Noémie',
          lastName: 'Lefèvre',
          type: { main: 'USER' },
        },
      },
    ]);
    assert.deepEqual(created.deviceCapabilities, [
      { deviceId: '70120', makeCall: true, makeBusinessCall: true, unParkCall: true },
    ]);
    assert.deepEqual(Object.keys(modified ?? {}), [
      'eventName',
      'loginName',
      'callRef',
      'callData',
      'modifiedLegs',
      'addedLegs',
      'removedLegs',
      'modifiedParticipants',
      'addedParticipants',
      'removedParticipantIds',
      'deviceCapabilities',
    ]);
    assert.deepEqual(modified?.removedLegs, []);
    assert.deepEqual(removed, {
      eventName: 'OnCallRemoved',
      loginName: 'oxe70120',
      callRef: created.callRef,
      deviceCapabilities: [],
    });
  });

  it('are those of users with a monitored device only', async () => {
    await client.monitor('70120');
    const events = await during(async () =>
      (await oxe.call({ from: '70100', to: '70101' }).answered()).hangUp(),
    );
    assert.deepEqual(events, []);
  });

  it('of an outgoing call begin at the caller, with the other party ringing', async () => {
    await client.monitor('70120');
    assert.deepEqual(
      await told(async () => (await oxe.call({ from: '70120', to: OUTSIDE }).answered()).hangUp()),
      [
        `oxe70120 OnCallCreated A RINGING_OUTGOING with ${OUTSIDE}`,
        'oxe70120 OnUserStateModified BUSY',
        'oxe70120 OnCallModified A ACTIVE',
        `oxe70120 OnCallModified A RELEASING -${OUTSIDE}`,
        'oxe70120 OnCallRemoved A',
        'oxe70120 OnUserStateModified FREE',
      ],
    );
  });

  it('tell dialling before ringing when the caller dials', async () => {
    await client.monitor('70120', '70130');
    assert.deepEqual(
      await told(async () => {
        const call = oxe.call({ from: '70120', to: '70130', dialing: true });
        await call.ringing();
        await call.hangUp();
      }),
      [
        'oxe70120 OnCallCreated A DIALING with 70130',
        'oxe70120 OnUserStateModified BUSY',
        'oxe70120 OnCallModified A RINGING_OUTGOING',
        'oxe70130 OnCallCreated A RINGING_INCOMING with 70120',
        'oxe70120 OnCallModified A RELEASING ABANDONED -70130',
        'oxe70130 OnCallModified A RELEASING ABANDONED -70120',
        'oxe70120 OnCallRemoved A ABANDONED',
        'oxe70120 OnUserStateModified FREE',
        'oxe70130 OnCallRemoved A ABANDONED',
      ],
    );
  });

  for (const cause of ['BUSY', 'INVALID_NUMBER', 'DO_NOT_DISTURB', 'ALL_TRUNK_BUSY'] as const) {
    it(`of a call that ends in ${cause} are the caller's alone`, async () => {
      await client.monitor('70120', '70130');
      assert.deepEqual(
        await told(async () => oxe.call({ from: '70120', to: '70130', fails: cause }).hangUp()),
        [
          'oxe70120 OnCallCreated A DIALING with 70130',
          'oxe70120 OnUserStateModified BUSY',
          `oxe70120 OnCallModified A DIALING ${cause}`,
          'oxe70120 OnCallModified A RELEASING -70130',
          'oxe70120 OnCallRemoved A',
          'oxe70120 OnUserStateModified FREE',
        ],
      );
    });
  }

  for (const [step, cause] of [
    ['abandon', 'ABANDONED'],
    ['noAnswer', 'NOT_ANSWERED'],
  ] as const) {
    it(`of an unanswered call say ${cause}, and nobody was ever busy`, async () => {
      await client.monitor('70120');
      assert.deepEqual(await told(() => oxe.call({ from: OUTSIDE, to: '70120' })[step]()), [
        `oxe70120 OnCallCreated A RINGING_INCOMING with ${OUTSIDE}`,
        `oxe70120 OnCallModified A RELEASING ${cause} -${OUTSIDE}`,
        `oxe70120 OnCallRemoved A ${cause}`,
      ]);
    });
  }

  it('tell hold and retrieve as HELD and ACTIVE of the one who does it', async () => {
    await client.monitor('70120', '70130');
    const call = await oxe.call({ from: '70120', to: '70130' }).answered();
    const events = await during(async () => {
      await call.hold('70120');
      await call.retrieve('70120');
    });
    assert.deepEqual(
      events.map(({ loginName, callData, modifiedLegs }) => [
        loginName,
        (callData as { state: string }).state,
        modifiedLegs,
      ]),
      [
        ['oxe70120', 'HELD', [{ deviceId: '70120', state: 'HELD' }]],
        ['oxe70120', 'ACTIVE', [{ deviceId: '70120', state: 'ACTIVE' }]],
      ],
    );
  });

  it('of a supervised transfer end both calls of the one who transfers, and give the others a new callRef', async () => {
    await client.monitor('70120', '70130');
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    assert.deepEqual(
      await told(async () => {
        await (await call.enquiry('70130')).answered();
        await call.transfer();
      }),
      [
        'oxe70120 OnCallModified A HELD',
        'oxe70120 OnCallCreated B RINGING_OUTGOING with 70130',
        'oxe70130 OnCallCreated B RINGING_INCOMING with 70120',
        'oxe70130 OnCallModified B ACTIVE',
        'oxe70130 OnUserStateModified BUSY',
        'oxe70120 OnCallModified B ACTIVE',
        `oxe70120 OnCallModified A RELEASING TRANSFERRED now C -${OUTSIDE}`,
        'oxe70120 OnCallRemoved A TRANSFERRED',
        'oxe70120 OnCallModified B RELEASING TRANSFERRED now C -70130',
        'oxe70120 OnCallRemoved B TRANSFERRED',
        'oxe70120 OnUserStateModified FREE',
        `oxe70130 OnCallModified C ACTIVE TRANSFERRED was B +${OUTSIDE} -70120`,
      ],
    );
    assert.deepEqual(await told(() => call.hangUp(OUTSIDE)), [
      `oxe70130 OnCallModified C RELEASING -${OUTSIDE}`,
      'oxe70130 OnCallRemoved C',
      'oxe70130 OnUserStateModified FREE',
    ]);
  });

  it('of a transfer before the answer let it ring on for the first caller', async () => {
    await client.monitor('70100', '70130');
    const call = await oxe.call({ from: '70100', to: '70120' }).answered();
    await call.enquiry('70130');
    assert.deepEqual(
      await told(async () => {
        await call.transfer();
        await call.answered();
      }),
      [
        'oxe70100 OnCallModified A RINGING_OUTGOING TRANSFERRED was B +70130 -70120',
        'oxe70130 OnCallModified A RINGING_INCOMING TRANSFERRED was C +70100 -70120',
        'oxe70130 OnCallModified A ACTIVE',
        'oxe70130 OnUserStateModified BUSY',
        'oxe70100 OnCallModified A ACTIVE',
      ],
    );
  });

  it('of a blind transfer create a ringing call at the target', async () => {
    await client.monitor('70120', '70130');
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    assert.deepEqual(await told(async () => (await call.blindTransfer('70130')).answered()), [
      `oxe70120 OnCallModified A RELEASING TRANSFERRED now B -${OUTSIDE}`,
      'oxe70120 OnCallRemoved A TRANSFERRED',
      'oxe70120 OnUserStateModified FREE',
      `oxe70130 OnCallCreated B RINGING_INCOMING TRANSFERRED with ${OUTSIDE}`,
      'oxe70130 OnCallModified B ACTIVE',
      'oxe70130 OnUserStateModified BUSY',
    ]);
  });

  it('of a conference merge the held call into a new one that replaces the enquiry', async () => {
    await client.monitor('70120', '70130');
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    await (await call.enquiry('70130')).answered();
    assert.deepEqual(await told(() => call.conference()), [
      `oxe70120 OnCallModified A ACTIVE CONFERENCED was B +${OUTSIDE}`,
      `oxe70120 OnCallModified C RELEASING CONFERENCED now A -${OUTSIDE}`,
      'oxe70120 OnCallRemoved C CONFERENCED',
      `oxe70130 OnCallModified A ACTIVE CONFERENCED was B +${OUTSIDE}`,
    ]);
    assert.deepEqual(await told(() => call.hangUp('70130')), [
      `oxe70130 OnCallModified A RELEASING -70120 -${OUTSIDE}`,
      'oxe70130 OnCallRemoved A',
      'oxe70130 OnUserStateModified FREE',
      'oxe70120 OnCallModified A ACTIVE PARTICIPANT_LEFT -70130',
    ]);
    assert.deepEqual(await told(() => call.hangUp(OUTSIDE)), [
      `oxe70120 OnCallModified A RELEASING -${OUTSIDE}`,
      'oxe70120 OnCallRemoved A',
      'oxe70120 OnUserStateModified FREE',
    ]);
  });

  it('of a conference of 29 keep its callRef while it grows, and a 30th party is refused', async () => {
    await client.monitor('70120');
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    const grow = async (number: number): Promise<void> => {
      await (await call.enquiry(String(number))).answered();
      await call.conference();
    };
    await grow(70000);
    const { callRef } = call;
    for (let number = 70001; number < 70027; number += 1) await grow(number);
    assert.equal(call.callRef, callRef);
    assert.equal(Object.keys(call.parties).length, 29);
    await assert.rejects(grow(70027), /at most 29 parties/);
  });

  it('tell a second pair of a conference what replaced their calls', async () => {
    await client.monitor('70130', '70100');
    const call = await oxe.call({ from: '70100', to: '70120' }).answered();
    await (await call.enquiry(OUTSIDE)).answered();
    await call.conference();
    await (await call.enquiry('70130')).answered();
    assert.deepEqual(await told(() => call.conference()), [
      'oxe70100 OnCallModified A ACTIVE CONFERENCED +70130',
      `oxe70130 OnCallModified A ACTIVE CONFERENCED was B +${OUTSIDE} +70100`,
    ]);
  });

  for (const [step, cause] of [
    ['forward', 'FORWARDED'],
    ['redirect', 'REDIRECTED'],
    ['overflow', 'OVERFLOWN'],
  ] as const) {
    it(`of a call that is ${cause} say where it went, and it rings there`, async () => {
      await client.monitor('70120', '70130', '70100');
      assert.deepEqual(await told(() => oxe.call({ from: '70100', to: '70120' })[step]('70130')), [
        'oxe70100 OnCallCreated A RINGING_OUTGOING with 70120',
        'oxe70100 OnUserStateModified BUSY',
        'oxe70120 OnCallCreated A RINGING_INCOMING with 70100',
        `oxe70120 OnCallRemoved A ${cause} to 70130`,
        `oxe70100 OnCallModified A RINGING_OUTGOING ${cause} +70130 -70120`,
        `oxe70130 OnCallCreated A RINGING_INCOMING ${cause} with 70100`,
      ]);
    });
  }

  it('of a pickup are active at once where it was picked up', async () => {
    await client.monitor('70120', '70130');
    assert.deepEqual(await told(() => oxe.call({ from: OUTSIDE, to: '70120' }).pickUp('70130')), [
      `oxe70120 OnCallCreated A RINGING_INCOMING with ${OUTSIDE}`,
      `oxe70120 OnCallModified A RELEASING PICKED_UP -${OUTSIDE}`,
      'oxe70120 OnCallRemoved A PICKED_UP to 70130',
      `oxe70130 OnCallCreated A ACTIVE PICKED_UP with ${OUTSIDE}`,
      'oxe70130 OnUserStateModified BUSY',
    ]);
  });

  it('of a parked call end it for the one who parks, until somebody takes it', async () => {
    await client.monitor('70120', '70130');
    const call = await oxe.call({ from: OUTSIDE, to: '70120' }).answered();
    assert.deepEqual(await told(async () => (await call.park()).unpark('70130')), [
      `oxe70120 OnCallModified A RELEASING PARKED -${OUTSIDE}`,
      'oxe70120 OnCallRemoved A PARKED',
      'oxe70120 OnUserStateModified FREE',
      `oxe70130 OnCallCreated A ACTIVE with ${OUTSIDE}`,
      'oxe70130 OnUserStateModified BUSY',
    ]);
  });

  it('of an ACD call ring at a ready agent with queue data, and the agent is busy, then in wrap-up', async () => {
    await client.monitor('70140', '70141');
    const events = await during(async () => {
      const call = oxe.call({ from: OUTSIDE, to: '60141' });
      await call.distribute();
      await call.answered();
      await call.hangUp();
    });
    assert.deepEqual(story.tell(events), [
      `oxe70140 OnCallCreated A RINGING_INCOMING DISTRIBUTED with ${OUTSIDE}`,
      'oxe70140 OnCallModified A ACTIVE',
      'oxe70140 OnUserStateModified BUSY',
      'oxe70141 OnAgentStateChanged',
      `oxe70140 OnCallModified A RELEASING -${OUTSIDE}`,
      'oxe70140 OnCallRemoved A',
      'oxe70140 OnUserStateModified FREE',
      'oxe70141 OnAgentStateChanged',
    ]);
    assert.deepEqual((events[0]?.callData as { acdCallData: unknown }).acdCallData, {
      callInfo: { queueWaitingTime: 12, globalWaitingTime: 15, agentGroup: '32000', local: true },
      queueData: { waitingTime: 20 },
      pilotNumber: '60141',
    });
    const states = events
      .filter(({ eventName }) => eventName === 'OnAgentStateChanged')
      .map(({ state }) => (state as { subState: string }).subState);
    assert.deepEqual(states, ['BUSY', 'WRAPUP']);
  });

  it('of a call sent into the distribution say so', async () => {
    await client.monitor('70120');
    assert.deepEqual(await told(() => oxe.call({ from: OUTSIDE, to: '70120' }).enterDistribution('60141')), [
      `oxe70120 OnCallCreated A RINGING_INCOMING with ${OUTSIDE}`,
      'oxe70120 OnCallRemoved A ACD_ENTER_DISTRIBUTION to 60141',
    ]);
  });

  it('of a user with two devices ring on both, and the one that answers is left', async () => {
    await client.monitor('70124');
    const [created, modified] = await during(() =>
      oxe.call({ from: OUTSIDE, to: '70123' }).answered('70124'),
    );
    assert.equal(created?.loginName, 'oxe70123');
    assert.deepEqual(created.legs, [
      { deviceId: '70123', state: 'RINGING_INCOMING' },
      { deviceId: '70124', state: 'RINGING_INCOMING' },
    ]);
    assert.deepEqual(modified?.modifiedLegs, [{ deviceId: '70124', state: 'ACTIVE' }]);
    assert.deepEqual(modified.removedLegs, [{ deviceId: '70123' }]);
  });

  it('carry trunk, correlator data, tags for those who may see them, and hide a secret number', async () => {
    await client.monitor('70120');
    const [created, correlated] = await during(async () => {
      const call = oxe.call({
        from: OUTSIDE,
        to: '70120',
        anonymous: true,
        trunk: { networkTimeslot: 12, trunkNeqt: [1021] },
        tags: [
          { name: 'shown', value: '1', visibilities: ['oxe70120'] },
          { name: 'hidden', visibilities: ['oxe70130'] },
        ],
      });
      await call.correlate('Zoë');
    });
    assert.ok(!JSON.stringify(created).includes(OUTSIDE));
    const [party] = created?.participants as { participantId: string; anonymous: boolean }[];
    assert.equal(party?.anonymous, true);
    assert.deepEqual(created?.callData, {
      initialCalled: { id: { phoneNumber: '70120' } },
      anonymous: true,
      state: 'RINGING_INCOMING',
      tags: [{ name: 'shown', value: '1', visibilities: ['oxe70120'] }],
      trunkIdentification: { networkTimeslot: 12, trunkNeqt: [1021] },
    });
    const data = correlated?.callData as Record<string, unknown>;
    assert.deepEqual([data.associateData, data.hexaBinaryAssociatedData], ['Zoë', '5a6fc3ab']);
  });

  it('agree with what GET and the snapshots answer, at every step', async () => {
    await client.monitor('70120');
    const check = async (state: string | undefined): Promise<void> => {
      const telephonic = await client.ok('GET', '/telephony/state?loginName=oxe70120');
      const [snapshot] = await during(() =>
        client.ok('POST', '/telephony/state/snapshot?loginName=oxe70120'),
      );
      assert.deepEqual(snapshot, { eventName: 'OnTelephonyState', loginName: 'oxe70120', state: telephonic });
      const { calls } = telephonic as { calls: { callRef: string; callData: { state: string } }[] };
      assert.deepEqual(await client.ok('GET', '/telephony/calls?loginName=oxe70120'), { calls });
      assert.equal(calls[0]?.callData.state, state);
      if (calls[0])
        assert.deepEqual(
          await client.ok('GET', `/telephony/calls/${calls[0].callRef}?loginName=oxe70120`),
          calls[0],
        );
    };
    await check(undefined);
    const call = oxe.call({ from: OUTSIDE, to: '70120' });
    await check('RINGING_INCOMING');
    await call.answered();
    await check('ACTIVE');
    await call.hold();
    await check('HELD');
    await call.hangUp();
    await check(undefined);
  });

  it('are refused steps that the state does not allow, and nothing is told', async () => {
    await client.monitor('70120');
    const call = oxe.call({ from: OUTSIDE, to: '70120' });
    await call.ringing();
    const events = await during(() => {
      assert.throws(() => call.hold(), /can't hold: it is RINGING_INCOMING/);
      assert.throws(() => call.transfer(), /has no enquiry call/);
      assert.throws(() => call.answered('70130'), /70130 rings in call/);
      assert.throws(() => oxe.call({ from: '70123', to: '70124' }), /same user/);
    });
    assert.deepEqual(events, []);
  });
});
