import type { CallHandle, CallOptions } from '../oxe';

/** What a play has to play with. */
export interface PlayContext {
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

type Play = (context: PlayContext) => Promise<void>;

async function answeredIncomingCall({ user, outside, call, ring, talk }: PlayContext): Promise<CallHandle> {
  const incoming = call({ from: outside, to: user });
  await ring();
  await incoming.answered();
  await talk();
  return incoming;
}

/** A call from outside is held while the user talks to a colleague. */
async function callWithEnquiry(context: PlayContext): Promise<CallHandle> {
  const call = await answeredIncomingCall(context);
  const enquiryCall = await call.enquiry(context.colleague(), { by: context.user });
  await context.ring();
  await enquiryCall.answered();
  await context.talk();
  return call;
}

/** It rings, goes on elsewhere, is answered there. */
async function playDiversion(
  context: PlayContext,
  divert: (call: CallHandle, to: string) => Promise<unknown>,
): Promise<void> {
  const call = context.call({ from: context.outside, to: context.user });
  await context.ring();
  await divert(call, context.colleague());
  await context.ring();
  await call.answered();
  await context.talk();
  await call.hangUp();
}

/** The pilot of the default population. */
const PILOT_NUMBER = '60141';

/** Whole calls, each by its name, in the sequences of events that an OXE has for them. */
export const PLAYS = {
  incoming: async (context) => {
    const call = await answeredIncomingCall(context);
    if (context.holds) {
      await call.hold();
      await context.hold();
      await call.retrieve();
      await context.talk();
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
  transfer: async (context) => {
    const call = await callWithEnquiry(context);
    await call.transfer(context.user);
    await context.talk();
    await call.hangUp();
  },
  blindTransfer: async (context) => {
    const call = await answeredIncomingCall(context);
    await call.blindTransfer(context.colleague(), context.user);
    await context.ring();
    await call.answered();
    await context.talk();
    await call.hangUp();
  },
  conference: async (context) => {
    const call = await callWithEnquiry(context);
    await call.conference(context.user);
    await context.talk();
    await call.hangUp(context.user);
    await context.talk();
    await call.hangUp();
  },
  forward: (context) => playDiversion(context, (call, to) => call.forward(to)),
  redirect: (context) => playDiversion(context, (call, to) => call.redirect(to)),
  overflow: (context) => playDiversion(context, (call, to) => call.overflow(to)),
  pickUp: async (context) => {
    const call = context.call({ from: context.outside, to: context.user });
    await context.ring();
    await call.pickUp(context.colleague());
    await context.talk();
    await call.hangUp();
  },
  park: async (context) => {
    const call = await answeredIncomingCall(context);
    await call.park(context.user);
    await context.hold();
    await call.unpark(context.colleague());
    await context.talk();
    await call.hangUp();
  },
  queue: async ({ outside, call, ring, talk }) => {
    const queued = call({ from: outside, to: PILOT_NUMBER, associateData: 'order 7' });
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
