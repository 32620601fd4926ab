import type { CallHandle, CallOptions } from '../oxe';

/** What a play has to play with. */
export interface Stage {
  /** Number of the user whom the play is about, and of a party outside. */
  readonly user: string;
  readonly outside: string;
  /** Whether a plain call is held between. */
  readonly holds: boolean;
  /** Another user with nothing to do. @throws RangeError when there is none */
  readonly colleague: () => string;
  readonly call: (options: CallOptions) => CallHandle;
  /** Pauses for as long as it rings, is talked, or held. @throws RangeError when the play is over */
  readonly ring: () => Promise<void>;
  readonly talk: () => Promise<void>;
  readonly hold: () => Promise<void>;
}

type Play = (stage: Stage) => Promise<void>;

async function comesIn({ user, outside, call, ring, talk }: Stage): Promise<CallHandle> {
  const incoming = call({ from: outside, to: user });
  await ring();
  await incoming.answered();
  await talk();
  return incoming;
}

/** A call from outside is held while the user talks to a colleague. */
async function enquiry(stage: Stage): Promise<CallHandle> {
  const call = await comesIn(stage);
  const asked = await call.enquiry(stage.colleague(), { by: stage.user });
  await stage.ring();
  await asked.answered();
  await stage.talk();
  return call;
}

/** It rings, goes on elsewhere, is answered there. */
async function goesOn(
  stage: Stage,
  onwards: (call: CallHandle, to: string) => Promise<unknown>,
): Promise<void> {
  const call = stage.call({ from: stage.outside, to: stage.user });
  await stage.ring();
  await onwards(call, stage.colleague());
  await stage.ring();
  await call.answered();
  await stage.talk();
  await call.hangUp();
}

/** The pilot of the default population. */
const PILOT = '60141';

/** Whole calls, each by its name, in the sequences of events that an OXE has for them. */
export const PLAYS = {
  incoming: async (stage) => {
    const call = await comesIn(stage);
    if (stage.holds) {
      await call.hold();
      await stage.hold();
      await call.retrieve();
      await stage.talk();
    }
    await call.hangUp();
  },
  outgoing: async ({ user, outside, call, ring, talk }) => {
    const outgoing = call({ from: user, to: outside, dialing: true });
    await outgoing.ringing();
    await ring();
    await outgoing.answered();
    await talk();
    await outgoing.hangUp();
  },
  internal: async ({ user, colleague, call, ring, talk }) => {
    const internal = call({ from: colleague(), to: user });
    await ring();
    await internal.answered();
    await talk();
    await internal.hangUp();
  },
  abandoned: async ({ user, outside, call, ring }) => {
    const abandoned = call({ from: outside, to: user });
    await ring();
    await abandoned.abandon();
  },
  unanswered: async ({ user, outside, call, ring }) => {
    const unanswered = call({ from: outside, to: user });
    await ring();
    await unanswered.noAnswer();
  },
  busy: async ({ user, colleague, call, ring }) => {
    const busy = call({ from: user, to: colleague(), fails: 'BUSY' });
    await ring();
    await busy.hangUp();
  },
  secret: async ({ user, outside, call, ring, talk }) => {
    const secret = call({ from: outside, to: user, anonymous: true });
    await ring();
    await secret.answered();
    await talk();
    await secret.hangUp();
  },
  transfer: async (stage) => {
    const call = await enquiry(stage);
    await call.transfer(stage.user);
    await stage.talk();
    await call.hangUp();
  },
  blindTransfer: async (stage) => {
    const call = await comesIn(stage);
    await call.blindTransfer(stage.colleague(), stage.user);
    await stage.ring();
    await call.answered();
    await stage.talk();
    await call.hangUp();
  },
  conference: async (stage) => {
    const call = await enquiry(stage);
    await call.conference(stage.user);
    await stage.talk();
    await call.hangUp(stage.user);
    await stage.talk();
    await call.hangUp();
  },
  forward: (stage) => goesOn(stage, (call, to) => call.forward(to)),
  redirect: (stage) => goesOn(stage, (call, to) => call.redirect(to)),
  overflow: (stage) => goesOn(stage, (call, to) => call.overflow(to)),
  pickUp: async (stage) => {
    const call = stage.call({ from: stage.outside, to: stage.user });
    await stage.ring();
    await call.pickUp(stage.colleague());
    await stage.talk();
    await call.hangUp();
  },
  park: async (stage) => {
    const call = await comesIn(stage);
    await call.park(stage.user);
    await stage.hold();
    await call.unpark(stage.colleague());
    await stage.talk();
    await call.hangUp();
  },
  queue: async ({ outside, call, ring, talk }) => {
    const queued = call({ from: outside, to: PILOT, associateData: 'order 7' });
    await ring();
    await queued.distribute();
    await ring();
    await queued.answered();
    await talk();
    await queued.hangUp();
  },
} as const satisfies Record<string, Play>;

export type PlayName = keyof typeof PLAYS;
export const PLAY_NAMES = Object.keys(PLAYS) as PlayName[];
