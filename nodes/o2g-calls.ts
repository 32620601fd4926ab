import type { Node, NodeAPI, NodeDef } from 'node-red';
import { FilteredCallTracker, readCallFilter, isEvent, invalid } from '../o2g';
import { attempt, type Config } from './lib/config';
import { deploymentOf, inFlightOf } from './lib/lifecycle';
import {
  onInput,
  ended,
  failed,
  active,
  NOT_CONFIGURED,
  throttledStatus,
  type FlowMessage,
} from './lib/node';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-calls', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    const tracker = trackerOf(RED, this);
    const filter = attempt(() => readCallFilter(config.devices, config.changes));
    const inFlight = inFlightOf(RED);
    const showStatus = throttledStatus(this);
    let shownCount: number | undefined;
    const showCount = (): void => {
      const count = tracker.size(filter());
      if (count !== shownCount) showStatus(count > 0 ? active(String(count)) : ended('0'));
      shownCount = count;
    };
    try {
      showCount();
    } catch (error) {
      showStatus(NOT_CONFIGURED);
      this.error(error, {});
    }
    onInput(
      this,
      (message) => {
        const { payload } = message;
        const callFilter = filter();
        if (!isEvent(payload))
          throw invalid('payload', payload, 'an event of o2g-events, with its eventName');
        const changes = tracker.follow(payload, arrivedAt(message), callFilter);
        showCount();
        // At once: followed is followed, and a deploy must not come between that and the telling.
        for (const change of changes)
          inFlight.send(this, 0, { ...message, topic: change.change, payload: change });
        return Promise.resolve(undefined);
      },
      (error) => {
        shownCount = undefined;
        showStatus(failed(error));
      },
    );
  });
};

/**
 * The calls that a node follows. They outlive it over a deploy, whatever is changed in its properties: the events that were held meanwhile
 * go on with calls that the flow has been told of.
 */
function trackerOf(RED: NodeAPI, node: Node): FilteredCallTracker {
  const deployment = deploymentOf(RED);
  node.on('close', (removed: boolean, done: () => void) => {
    deployment.release(node.id, removed).then(done, done);
  });
  return deployment.acquire(node.id, 'calls', () => ({
    tracker: new FilteredCallTracker(),
    close: () => Promise.resolve(),
  })).tracker;
}

/** When the event came, as o2g-events says; for one from elsewhere it is now. */
function arrivedAt({ o2g }: FlowMessage): number {
  const receivedAt =
    typeof o2g === 'object' && o2g !== null && 'receivedAt' in o2g ? o2g.receivedAt : undefined;
  return typeof receivedAt === 'number' && Number.isFinite(receivedAt) ? receivedAt : Date.now();
}
