import type { Node, NodeAPI, NodeDef } from 'node-red';
import { CallFollowing, readCallFilter, isEvent, invalid } from '../o2g';
import { attempt, type Config } from './lib/config';
import { deploymentOf, inFlightOf } from './lib/lifecycle';
import { onInput, ended, failed, inForce, NOT_CONFIGURED, statusOf, type FlowMessage } from './lib/node';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-calls', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    const following = followingOf(RED, this);
    const filter = attempt(() => readCallFilter(config.devices, config.changes));
    const inFlight = inFlightOf(RED);
    const show = statusOf(this);
    let shown: number | undefined;
    const showCount = (): void => {
      const count = following.size(filter());
      if (count !== shown) show(count > 0 ? inForce(String(count)) : ended('0'));
      shown = count;
    };
    try {
      showCount();
    } catch (error) {
      show(NOT_CONFIGURED);
      this.error(error, {});
    }
    onInput(
      this,
      (message) => {
        const { payload } = message;
        const wanted = filter();
        if (!isEvent(payload))
          throw invalid('payload', payload, 'an event of o2g-events, with its eventName');
        const changes = following.follow(payload, arrivedAt(message), wanted);
        showCount();
        // At once: followed is followed, and a deploy must not come between that and the telling.
        for (const change of changes)
          inFlight.send(this, 0, { ...message, topic: change.change, payload: change });
        return Promise.resolve(undefined);
      },
      (error) => {
        shown = undefined;
        show(failed(error));
      },
    );
  });
};

/**
 * The calls that a node follows. They outlive it over a deploy, whatever is changed in its properties: the events that were held meanwhile
 * go on with calls that the flow has been told of.
 */
function followingOf(RED: NodeAPI, node: Node): CallFollowing {
  const deployment = deploymentOf(RED);
  node.on('close', (removed: boolean, done: () => void) => {
    deployment.leave(node.id, removed).then(done, done);
  });
  return deployment.take(node.id, 'calls', () => ({
    following: new CallFollowing(),
    close: () => Promise.resolve(),
  })).following;
}

/** When the event came, as o2g-events says; for one from elsewhere it is now. */
function arrivedAt({ o2g }: FlowMessage): number {
  const told = typeof o2g === 'object' && o2g !== null && 'receivedAt' in o2g ? o2g.receivedAt : undefined;
  return typeof told === 'number' && Number.isFinite(told) ? told : Date.now();
}
