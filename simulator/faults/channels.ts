import type { Splitter } from '../o2g';
import { seededRandom } from '../settings';
import type { Faults, FaultTargets } from './types';

type ChannelFaults = Pick<
  Faults,
  | 'dropChannel'
  | 'silenceChannel'
  | 'unsilenceChannel'
  | 'refuseChannel'
  | 'refuseSubscription'
  | 'writeRaw'
  | 'splitChannel'
  | 'duplicateEvents'
  | 'loseEvents'
>;

/** Longest piece of a random cut, in bytes: shorter and longer than an event. */
const MAX_SPLIT_BYTES = 600;

/** Faults of subscriptions and channels. */
export function channelFaults({ world, eventsPort, logFault }: FaultTargets): ChannelFaults {
  const { subscriptions, readiness } = world;
  return {
    dropChannel: (how = 'reset') => {
      eventsPort.endAll(how);
      logFault(`channels dropped (${how})`);
    },
    silenceChannel: (which = 'open') => {
      for (const channel of eventsPort.channels) channel.mute(true);
      eventsPort.faults.muteNew = which === 'all';
      logFault(`${which === 'all' ? 'all' : 'open'} channels are silent`);
    },
    unsilenceChannel: () => {
      eventsPort.faults.muteNew = false;
      for (const channel of eventsPort.channels) channel.mute(false);
      for (const subscription of subscriptions.all.values()) subscriptions.flush(subscription);
      logFault('channels speak again');
    },
    refuseChannel: (status, times = 1) => {
      eventsPort.faults.refuse = { status, left: times };
      logFault(`the next ${times} channels are refused with ${status}`);
    },
    refuseSubscription: (message) => {
      readiness.subscriptionRefusal = message;
      logFault(
        message === undefined ? 'subscriptions are accepted again' : `subscriptions are refused: ${message}`,
      );
    },
    writeRaw: (bytes) => {
      for (const channel of eventsPort.channels) channel.writeRaw(bytes);
    },
    splitChannel: (how) => {
      eventsPort.faults.splitter = how && splitterOf(how);
    },
    duplicateEvents: (copies) => {
      subscriptions.faults.extraCopies = copies;
    },
    loseEvents: (count) => {
      subscriptions.faults.loseCount = count;
    },
  };
}

function splitterOf(how: readonly number[] | { readonly seed: number }): Splitter {
  if ('seed' in how) {
    const random = seededRandom(how.seed);
    return { next: () => 1 + Math.floor(random() * MAX_SPLIT_BYTES) };
  }
  let index = 0;
  return { next: () => how[index++ % how.length] ?? 1 };
}
