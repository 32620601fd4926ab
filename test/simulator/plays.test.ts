import assert from 'node:assert/strict';
import { PLAY_NAMES, type EventObject, type PlayName } from '../../simulator';
import { openSession, start, stopAll } from './support';

/** The causes that the events of a play tell, the first time each. */
const CAUSES: Readonly<Record<PlayName, readonly string[]>> = {
  incoming: [],
  outgoing: [],
  internal: [],
  secret: [],
  abandoned: ['ABANDONED'],
  unanswered: ['NOT_ANSWERED'],
  busy: ['BUSY'],
  transfer: ['TRANSFERRED'],
  blindTransfer: ['TRANSFERRED'],
  conference: ['CONFERENCED', 'PARTICIPANT_LEFT'],
  forward: ['FORWARDED'],
  redirect: ['REDIRECTED'],
  overflow: ['OVERFLOWN'],
  pickUp: ['PICKED_UP'],
  park: ['PARKED'],
  queue: ['DISTRIBUTED'],
};

const FAST = { everyMs: 60_000, ringMs: 1, talkMs: 1, holdMs: 1 };
const PATIENCE = { timeoutMs: 20_000 };
const DEVICES = ['70100', '70101', '70120', '70140', '70142'];

/** Calls of users that were created, and neither removed nor replaced. */
function alive(events: readonly EventObject[]): string[] {
  const calls = new Set<string>();
  for (const { eventName, loginName, callRef, previousCallRef } of events) {
    const key = (ref: unknown): string => `${String(loginName)} ${String(ref)}`;
    if (eventName === 'OnCallCreated') calls.add(key(callRef));
    if (eventName === 'OnCallRemoved')
      assert.ok(calls.delete(key(callRef)), `${key(callRef)} is removed, and was not there`);
    if (eventName !== 'OnCallModified') continue;
    if (previousCallRef !== undefined && calls.delete(key(previousCallRef))) calls.add(key(callRef));
    assert.ok(calls.has(key(callRef)), `${key(callRef)} is modified, and was not there`);
  }
  return [...calls];
}

describe('plays', () => {
  afterEach(stopAll);

  for (const name of PLAY_NAMES) {
    it(`${name}: from the first ring to the end of all its calls, in events of the specification`, async () => {
      const oxe = await start();
      const client = await openSession(oxe);
      const channel = await client.channel();
      await client.monitor(...DEVICES);
      const events = await channel.during(oxe, async () => {
        const stop = oxe.autoplay({ ...FAST, plays: [name], devices: ['70120'] });
        await oxe.once(() => oxe.callCount() > 0, { what: 'a call', ...PATIENCE });
        await oxe.once(() => oxe.callCount() === 0, { what: 'the end of all calls', ...PATIENCE });
        stop();
      });
      assert.deepEqual(alive(events), []);
      const told = events.filter(({ eventName }) => eventName.startsWith('OnCall'));
      assert.deepEqual(
        [...new Set(told.flatMap(({ cause }) => (typeof cause === 'string' ? cause : [])))],
        CAUSES[name],
      );
      if (name === 'secret')
        assert.ok(
          !JSON.stringify(told[0]?.participants).includes('phoneNumber'),
          'a secret party has no number',
        );
    });
  }

  it('take turns, and end with the simulator', async () => {
    const oxe = await start();
    const client = await openSession(oxe);
    const channel = await client.channel();
    await client.monitor(...DEVICES);
    oxe.autoplay({ ...FAST, everyMs: 1, plays: ['abandoned', 'unanswered', 'forward'] });
    const causes = ['ABANDONED', 'NOT_ANSWERED', 'FORWARDED'];
    await channel.until(
      () => causes.every((cause) => channel.events.some((event) => event.cause === cause)),
      'one call of each',
    );
  });
});
